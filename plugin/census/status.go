package census

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sinkhole/plugin/pkg/judge"
	"sinkhole/plugin/pkg/option"
	"sinkhole/plugin/pkg/subscriber"
	"sinkhole/plugin/pkg/tally"
)

// crowd is what the active lines do, as of the last measuring.
type crowd struct {
	at      time.Time
	median  uint64 // of all classes, in queries an hour
	active  int
	classes [subscriber.Resolver + 1]judge.Crowd
	// suspects are the entries of lists that too many of them ask for.
	suspects map[judge.Entry]bool
}

func (c *crowd) of(class subscriber.Class) judge.Crowd { return c.classes[class] }

// measure counts the active lines. The caller holds c.work.
func (c *Census) measure(now time.Time) {
	p := c.tally.Population(tally.PaneOf(now), c.terms.Load().lines.LineClass)
	found := crowd{at: now, median: p.Median(), active: p.Active()}
	for class := range found.classes {
		h := p.Of(subscriber.Class(class))
		found.classes[class] = judge.Crowd{Active: h.Active(), Median: h.Median(), High: h.Quantile(judge.TopShare)}
	}
	c.warnOfBound(c.tally.Stats().ErrorBound)
	found.suspects = judge.Suspects(c.tally.Records(), found.active, tally.PaneOf(now))
	c.warnOf(found.suspects)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.crowd = found
}

// maxBound is the count at which a line gets a record: who may have asked so much
// more than is known may be missing from the report.
const maxBound = 500

func (c *Census) warnOfBound(queries uint64) {
	if queries < maxBound {
		c.well("memory")
		return
	}
	c.warn("memory", "memory is too small for the lines that ask: a line may have asked hundreds of queries an hour more than is known; want more than %s, or fewer forged sources",
		option.SizeText(c.terms.Load().Memory))
}

// maxSuspects is how many suspect entries a warning names.
const maxSuspects = 5

// warnOf says which entries of lists are suspect.
func (c *Census) warnOf(suspects map[judge.Entry]bool) {
	if len(suspects) == 0 {
		c.well("suspects")
		return
	}
	var names []string
	for e := range suspects {
		names = append(names, fmt.Sprintf("%s (%s)", e.Name, e.Category))
	}
	slices.Sort(names)
	more := ""
	if n := len(names) - maxSuspects; n > 0 {
		names, more = names[:maxSuspects], fmt.Sprintf(" and %d more", n)
	}
	c.warn("suspects", "list entries are suspect: %s%s; 5 in 1,000 of all active lines asked for such a name within ten minutes, so it is no evidence against any; look who lists it",
		strings.Join(names, ", "), more)
}

// Status is the census as `sinkhole status` shows it.
func (c *Census) Status() map[string]any {
	s := c.tally.Stats()
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	known, saved := c.crowd, c.saved
	flagged := map[string]int{}
	for l := judge.Watch; l <= judge.Confirmed; l++ {
		flagged[l.String()] = c.flagged[l]
	}
	status := map[string]any{
		"queries":             s.Queries,
		"lines":               s.Lines,
		"active_lines":        known.active,
		"promoted_lines":      s.Promoted,
		"flagged_lines":       flagged,
		"median_queries_hour": known.median,
		"error_bound":         s.ErrorBound,
		"evicted":             s.Evicted,
		"memory_bytes":        s.Bytes,
		"warmup":              c.warmingUp(now),
	}
	if !saved.at.IsZero() {
		status["checkpoint_age_seconds"] = int64(now.Sub(saved.at) / time.Second)
	}
	return status
}

// warmingUp: too little is known at that time for more than absolute thresholds.
func (c *Census) warmingUp(now time.Time) bool {
	return now.Before(c.first.Add(c.terms.Load().Warmup))
}

// Warnings are what an operator should know, in a fixed order.
func (c *Census) Warnings() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for _, subject := range slices.Sorted(maps.Keys(c.warnings)) {
		all = append(all, fmt.Sprintf("%s: %s", pluginName, c.warnings[subject]))
	}
	return all
}
