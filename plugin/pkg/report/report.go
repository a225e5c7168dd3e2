// Package report is the report of flagged clients as programs and people read it.
//
// The census builds a Report from findings and hands it out as JSON; the verb
// reads that JSON and shows it, as it is or as the rows of a table. The two may
// be different builds: keys are added and never renamed.
//
// # Form
//
//	{generated_at, window, node, error_bound, median_queries_hour, clients: [
//	  {client, level, label, score, queries_hour, times_median, c2_hits,
//	   first_seen, last_seen, evidence: [
//	     {signal, count, window, threshold, proven, first, last, text}]}]}
//
// Times are RFC 3339 in UTC and name the beginning of a pane of ten minutes:
// nothing finer is kept. address stands behind client once it was revealed, and
// only the verb that holds the private key can put it there.
package report

import (
	"cmp"
	"math"
	"slices"
	"time"

	"sinkhole/plugin/pkg/judge"
)

// Report is the flagged clients, the worst first.
type Report struct {
	GeneratedAt time.Time `json:"generated_at"`
	// Window is how far it looks back.
	Window string `json:"window"`
	Node   string `json:"node"`
	// ErrorBound is by how many queries an hour a line may have asked more than
	// is known of it.
	ErrorBound uint64 `json:"error_bound"`
	// MedianQueriesHour is what the median of the active lines asked in the last
	// hour.
	MedianQueriesHour uint64   `json:"median_queries_hour"`
	Clients           []Client `json:"clients"`
}

// Client is one flagged line.
type Client struct {
	Client      string     `json:"client"`
	Address     string     `json:"address,omitempty"`
	Level       string     `json:"level"`
	Label       string     `json:"label"`
	Score       int        `json:"score"`
	QueriesHour uint64     `json:"queries_hour"`
	TimesMedian float64    `json:"times_median"`
	C2Hits      uint64     `json:"c2_hits"`
	FirstSeen   time.Time  `json:"first_seen"`
	LastSeen    time.Time  `json:"last_seen"`
	Evidence    []Evidence `json:"evidence"`
}

// Evidence is one signal that fired.
type Evidence struct {
	Signal    string    `json:"signal"`
	Count     uint64    `json:"count"`
	Window    string    `json:"window"`
	Threshold uint64    `json:"threshold"`
	Proven    uint64    `json:"proven"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Text      string    `json:"text"`
}

// Query is how much of a report is wanted.
type Query struct {
	Lowest judge.Level // and above; None is all
	Since  time.Duration
	Limit  int // 0 is all
}

// Head is what a report says beside its clients.
type Head struct {
	At         time.Time
	Node       string
	ErrorBound uint64
	Median     uint64
}

// Build makes a report of findings. client gives the identifier a finding's line
// is shown under; it is called for those that are shown.
func Build(head Head, q Query, findings []judge.Finding, client func(judge.Finding) (string, error)) (*Report, error) {
	r := &Report{
		GeneratedAt:       head.At.UTC().Truncate(time.Second),
		Window:            duration(q.Since),
		Node:              head.Node,
		ErrorBound:        head.ErrorBound,
		MedianQueriesHour: head.Median,
		Clients:           []Client{},
	}
	shown := slices.DeleteFunc(slices.Clone(findings), func(f judge.Finding) bool {
		return f.Level == judge.None || f.Level < q.Lowest
	})
	slices.SortFunc(shown, worse)
	if q.Limit > 0 && len(shown) > q.Limit {
		shown = shown[:q.Limit]
	}
	for _, f := range shown {
		id, err := client(f)
		if err != nil {
			return nil, err
		}
		r.Clients = append(r.Clients, newClient(id, f, head.Median))
	}
	return r, nil
}

// worse orders findings by level, score and number of queries; the line comes
// last, so that the same findings always give the same report.
func worse(a, b judge.Finding) int {
	return cmp.Or(
		cmp.Compare(b.Level, a.Level),
		cmp.Compare(b.Score, a.Score),
		cmp.Compare(b.Busiest, a.Busiest),
		cmp.Compare(b.Hits, a.Hits),
		cmp.Compare(a.Line, b.Line),
	)
}

func newClient(id string, f judge.Finding, median uint64) Client {
	c := Client{
		Client:      id,
		Level:       f.Level.String(),
		Label:       f.Label,
		Score:       f.Score,
		QueriesHour: f.Busiest,
		TimesMedian: times(f.Busiest, median),
		C2Hits:      f.Hits,
		FirstSeen:   f.First.Start(),
		LastSeen:    f.Last.Start(),
		Evidence:    []Evidence{},
	}
	for _, e := range f.Evidence {
		c.Evidence = append(c.Evidence, Evidence{
			Signal:    e.Signal,
			Count:     e.Count,
			Window:    duration(e.Window),
			Threshold: e.Threshold,
			Proven:    e.Proven,
			First:     e.First.Start(),
			Last:      e.Last.Start(),
			Text:      e.Text(),
		})
	}
	return c
}

// times is how many times the median n is, to a tenth. A median of nearly
// nothing counts as 50.
func times(n, median uint64) float64 {
	return math.Round(10*float64(n)/float64(judge.Floored(median))) / 10
}

// duration is d without the zeros that time.Duration.String puts behind: "24h".
func duration(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if n := len(s) - len(zero); n > 0 && s[n:] == zero {
			s = s[:n+1]
		}
	}
	return s
}
