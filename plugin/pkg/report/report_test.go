package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sinkhole/plugin/pkg/judge"
	"sinkhole/plugin/pkg/subscriber"
	"sinkhole/plugin/pkg/tally"
)

// noon is the running pane of the tests: twelve o'clock UTC on 16 February 2026.
const noon = 20_500*tally.Day + 12*tally.Hour

// Lines of the tests: 192.0.2.1, 192.0.2.2 and so on.
func someLine(n uint64) subscriber.Line { return subscriber.Line(0xff04_c0000200_0000 + n<<16) }

// findings are those of a small network: a line that keeps contact by TCP, a
// broken television, a loud line, a line with one contact, and one that is like
// all others.
func findings() []judge.Finding {
	counts := tally.New(1 << 20)
	for p := noon - 33; p <= noon; p++ {
		counts.Turn(p)
		if (noon-p)%3 == 0 {
			counts.Count(someLine(1), 1, true, p)
			counts.Hit(someLine(1), "c2", []byte("c2.example"), 100, true, p)
		}
	}
	counts.Count(someLine(4), 1, false, noon)
	counts.Hit(someLine(4), "c2", []byte(`\127odd.example`), 100, false, noon)
	for i := range 14_500 {
		counts.Count(someLine(2), 7, false, noon)
		counts.Count(someLine(3), uint64(i%500), false, noon)
		if i < 600 {
			counts.Count(someLine(5), uint64(i), false, noon)
		}
	}
	settings := judge.Defaults()
	var all []judge.Finding
	for rec := range counts.Records() {
		all = append(all, judge.Judge(rec, judge.Environment{
			Now: noon, Since: noon - tally.Day, Settings: &settings,
			Crowd: judge.Crowd{Active: 4000, Median: 120, High: 2500},
		}))
	}
	return all
}

func client(f judge.Finding) (string, error) { return fmt.Sprintf("c-%010d", f.Line>>16&0xff), nil }

func build(t *testing.T, q Query, median uint64) *Report {
	t.Helper()
	if q.Since == 0 {
		q.Since = 24 * time.Hour
	}
	head := Head{At: noon.Start().Add(123456789), Node: "node.example", ErrorBound: 3, Median: median}
	r, err := Build(head, q, findings(), client)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// update writes the goldens anew, for a person to read before they are kept.
var update = flag.Bool("update", false, "write the files in testdata")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(filepath.Join("testdata", name), got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestJSON(t *testing.T) {
	text, err := json.MarshalIndent(build(t, Query{}, 120), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", append(text, '\n'))
}

func TestCSV(t *testing.T) {
	r := build(t, Query{}, 120)
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.Write(Columns(false))
	w.WriteAll(r.Rows(false))
	golden(t, "report.csv", out.Bytes())
}

func TestRevealed(t *testing.T) {
	r := build(t, Query{Limit: 2}, 120)
	r.Reveal(map[string]string{r.Clients[0].Client: "192.0.2.1/32"})
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.Write(Columns(true))
	w.WriteAll(r.Rows(true))
	golden(t, "revealed.csv", out.Bytes())
}

// TestSchema holds the keys that programs rely on, and their kinds.
func TestSchema(t *testing.T) {
	text, err := json.Marshal(build(t, Query{}, 120))
	if err != nil {
		t.Fatal(err)
	}
	var r map[string]any
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	kinds(t, "report", r, map[string]string{
		"generated_at": "time", "window": "text", "node": "text", "error_bound": "number",
		"median_queries_hour": "number", "clients": "list",
	})
	for _, c := range r["clients"].([]any) {
		c := c.(map[string]any)
		kinds(t, "client", c, map[string]string{
			"client": "text", "level": "text", "label": "text", "score": "number", "queries_hour": "number",
			"times_median": "number", "c2_hits": "number", "first_seen": "time", "last_seen": "time", "evidence": "list",
		})
		for _, e := range c["evidence"].([]any) {
			kinds(t, "evidence", e.(map[string]any), map[string]string{
				"signal": "text", "count": "number", "window": "text", "threshold": "number",
				"proven": "number", "first": "time", "last": "time", "text": "text",
			})
		}
	}
}

func kinds(t *testing.T, what string, got map[string]any, want map[string]string) {
	t.Helper()
	for key, kind := range want {
		v, ok := got[key]
		if !ok {
			t.Errorf("%s: no key %s", what, key)
			continue
		}
		is := map[string]bool{}
		switch v := v.(type) {
		case string:
			is["text"] = true
			at, err := time.Parse(time.RFC3339, v)
			is["time"] = err == nil && strings.HasSuffix(v, "Z") && at.Nanosecond() == 0
		case float64:
			is["number"] = true
		case []any:
			is["list"] = true
		}
		if !is[kind] {
			t.Errorf("%s: %s is %v, want a %s", what, key, v, kind)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			t.Errorf("%s: the key %s is new", what, key)
		}
	}
}

// TestColumns holds the header that spreadsheets and scripts are built on.
func TestColumns(t *testing.T) {
	if got, want := strings.Join(Columns(false), ","), "client,level,label,score,queries_hour,times_median,c2_hits,first_seen,last_seen,evidence"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := strings.Join(Columns(true)[:3], ","), "client,address,level"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, revealed := range []bool{false, true} {
		for _, row := range build(t, Query{}, 120).Rows(revealed) {
			if len(row) != len(Columns(revealed)) {
				t.Errorf("a row of %d cells under %d columns", len(row), len(Columns(revealed)))
			}
		}
	}
}

func TestQuery(t *testing.T) {
	for _, test := range []struct {
		name string
		q    Query
		want string
	}{
		{"all, the worst first", Query{}, "c-0000000001 c-0000000004 c-0000000003 c-0000000002"},
		{"a level and above", Query{Lowest: judge.Suspected}, "c-0000000001"},
		{"so many", Query{Limit: 2}, "c-0000000001 c-0000000004"},
		{"more than there are", Query{Limit: 20}, "c-0000000001 c-0000000004 c-0000000003 c-0000000002"},
	} {
		if got := strings.Join(build(t, test.q, 120).Identifiers(), " "); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

func TestTimesMedian(t *testing.T) {
	for _, test := range []struct {
		n, median uint64
		want      float64
	}{
		{15_000, 150, 100},
		{15_000, 3, 300}, // a median of nearly nothing counts as 50
		{15_000, 0, 300},
		{125, 50, 2.5},
		{1, 1000, 0},
	} {
		if got := times(test.n, test.median); got != test.want {
			t.Errorf("times(%d, %d) = %v, want %v", test.n, test.median, got, test.want)
		}
	}
	// The median itself is shown as it is.
	if got := build(t, Query{}, 3).MedianQueriesHour; got != 3 {
		t.Errorf("the median is shown as %d, want 3", got)
	}
}

func TestEmptyReportIsAList(t *testing.T) {
	r, err := Build(Head{At: noon.Start()}, Query{Since: time.Hour}, nil, client)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(r)
	if !bytes.Contains(text, []byte(`"clients":[]`)) {
		t.Errorf("got %s", text)
	}
	if rows := r.Rows(false); len(rows) != 0 {
		t.Errorf("got %v", rows)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		24 * time.Hour: "24h", 10 * time.Minute: "10m", 168 * time.Hour: "168h",
		90 * time.Minute: "1h30m", 30 * time.Second: "30s", time.Hour + 30*time.Second: "1h0m30s",
	} {
		if got := duration(d); got != want {
			t.Errorf("duration(%v) = %q, want %q", d, got, want)
		}
	}
}

// TestReportReadsBack: what the server writes is what the verb reads.
func TestReportReadsBack(t *testing.T) {
	r := build(t, Query{}, 120)
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	got, want := back.Rows(false), r.Rows(false)
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %q, want %q", got, want)
	}
}
