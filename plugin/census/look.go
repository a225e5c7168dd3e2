package census

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/judge"
	"sinkhole/plugin/pkg/report"
	"sinkhole/plugin/pkg/seal"
	"sinkhole/plugin/pkg/subscriber"
	"sinkhole/plugin/pkg/tally"
)

// lookBack is how far a report looks back unless it is told, and how far the
// metric of flagged lines does.
const lookBack = 24 * time.Hour

// look judges all records as of the pane now, notes in each what level it
// reached, and hands the flagged ones to each. The caller holds c.work.
func (c *Census) look(now, since tally.Pane, each func(judge.Finding)) {
	t := c.terms.Load()
	env := judge.Environment{
		Now:      now,
		Since:    since,
		Warmup:   c.warmingUp(now.Start()),
		Trusted:  t.lines.SourcesTrusted(),
		Suspects: c.crowd.suspects,
		Settings: &t.Settings,
	}
	for rec := range c.tally.Records() {
		class, out := t.lines.LineClass(rec.Line)
		if out {
			continue
		}
		env.Class, env.Crowd, env.Block = class, c.crowd.of(class), t.isBlock(class, rec.Line)
		f := judge.Judge(rec, env)
		f.Marks(rec, now, func(level int, m tally.Mark) { c.tally.Mark(rec.Line, level, m) })
		if f.Level > judge.None {
			each(f)
		}
	}
}

// firstOf is the first pane of a look back: an hour is the last six panes, the
// running one included.
func firstOf(now tally.Pane, since time.Duration) tally.Pane {
	panes := min((since+tally.PaneLength-1)/tally.PaneLength, math.MaxUint32)
	return now.Less(tally.Pane(panes) - 1)
}

// watch judges all records for the metric and for what the records remember. The
// caller holds c.work.
func (c *Census) watch(now tally.Pane) {
	var flagged [judge.Confirmed + 1]int
	c.look(now, firstOf(now, lookBack), func(f judge.Finding) { flagged[f.Level]++ })
	for l := judge.Watch; l <= judge.Confirmed; l++ {
		flaggedLines.WithLabelValues(l.String()).Set(float64(flagged[l]))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flagged = flagged
}

// Report is the report as JSON. The running pane counts.
func (c *Census) Report(r control.ReportRequest) (json.RawMessage, error) {
	q := report.Query{Since: r.Since, Limit: r.Limit}
	if q.Since <= 0 {
		q.Since = lookBack
	}
	if r.Level != "" {
		var ok bool
		if q.Lowest, ok = judge.ParseLevel(r.Level); !ok {
			return nil, fmt.Errorf("level %q: want watch, suspected or confirmed", r.Level)
		}
	}
	now := time.Now()
	pane := tally.PaneOf(now)
	c.work.Lock()
	defer c.work.Unlock()
	c.measure(now)
	var found []judge.Finding
	c.look(pane, firstOf(pane, q.Since), func(f judge.Finding) { found = append(found, f) })
	head := report.Head{At: now, Node: c.node, ErrorBound: c.tally.Stats().ErrorBound, Median: c.crowd.median}
	rep, err := report.Build(head, q, found, func(f judge.Finding) (string, error) {
		id, err := c.keys.Identify(c.terms.Load().lines.LineText(f.Line), now)
		if err == nil {
			c.shown.add(id, f.Line)
		}
		return id, err
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(rep)
}

// Reveal writes the audit log, and then seals the prefixes of clients for who
// holds the private reveal key. Clients that are no line any more are left out.
func (c *Census) Reveal(who, reason string, clients []string) (map[string][]byte, error) {
	now := time.Now()
	entry := seal.Entry{At: now.UTC(), Who: who, Action: "reveal", Reason: reason, Clients: clients}
	if err := c.audit.Append(entry); err != nil {
		return nil, err
	}
	c.work.Lock()
	defer c.work.Unlock()
	t := c.terms.Load()
	boxes := map[string][]byte{}
	for client, line := range c.identified(clients, now) {
		if t.optedOut(line) {
			continue
		}
		box, err := c.keys.SealIdentity(client, t.lines.LineText(line))
		if err != nil {
			return nil, err
		}
		boxes[client] = box
	}
	return boxes, nil
}

// identified finds the lines that identifiers mean: those that a report showed
// of late, also when their record has gone since, and those with a record.
func (c *Census) identified(clients []string, now time.Time) map[string]subscriber.Line {
	found := map[string]subscriber.Line{}
	wanted := map[string]bool{}
	for _, client := range clients {
		if line, ok := c.shown.find(client); ok {
			found[client] = line
		} else {
			wanted[client] = true
		}
	}
	if len(wanted) == 0 {
		return found
	}
	t := c.terms.Load()
	for rec := range c.tally.Records() {
		if id, err := c.keys.Identify(t.lines.LineText(rec.Line), now); err == nil && wanted[id] {
			found[id] = rec.Line
		}
	}
	return found
}

// shown remembers which lines reports have shown in this pane and the last one.
type shown struct{ fresh, old map[string]subscriber.Line }

func (s *shown) add(client string, l subscriber.Line) {
	if s.fresh == nil {
		s.fresh = map[string]subscriber.Line{}
	}
	s.fresh[client] = l
}

func (s *shown) find(client string) (subscriber.Line, bool) {
	if l, ok := s.fresh[client]; ok {
		return l, true
	}
	l, ok := s.old[client]
	return l, ok
}

// turn forgets what was shown before the last pane.
func (s *shown) turn() { s.fresh, s.old = nil, s.fresh }

// forget drops lines.
func (s *shown) forget(drop func(subscriber.Line) bool) {
	for _, m := range []map[string]subscriber.Line{s.fresh, s.old} {
		for client, l := range m {
			if drop(l) {
				delete(m, client)
			}
		}
	}
}
