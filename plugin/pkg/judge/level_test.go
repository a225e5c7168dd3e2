package judge

import (
	"testing"

	"sinkhole/plugin/pkg/tally"
)

// judged judges a record and hands its marks back to the tally, as a census does.
func judged(t *testing.T, counts *tally.Tally, now, since tally.Pane) Finding {
	t.Helper()
	for rec := range counts.Records() {
		f := Judge(rec, environment(func(e *Environment) { e.Now, e.Since = now, since }))
		f.Marks(rec, now, func(level int, m tally.Mark) { counts.Mark(rec.Line, level, m) })
		return f
	}
	t.Fatal("no record")
	return Finding{}
}

// TestLevelReachedSince lets a suspicion pass, and looks back over it.
func TestLevelReachedSince(t *testing.T) {
	counts := tally.New(1 << 20)
	// Ten contacts by TCP within two hours and a loud hour: suspected.
	line{}.hitsByTCP("c2", "c2.example", every(1, 10)...).asksByTCP(1_667, 5, 6).record(counts)
	if got, want := said(judged(t, counts, noon, noon)), "suspected 60, C2 contact: c2-2 c2-1 rate-2 rate-1"; got != want {
		t.Fatalf("at noon: got %q, want %q", got, want)
	}
	// From then on the line is silent.
	const later = noon + 20*tally.Hour
	for p := noon + 1; p <= later; p++ {
		counts.Turn(p)
		judged(t, counts, p, p)
	}
	for _, test := range []struct {
		name  string
		since tally.Pane
		want  string
	}{
		{"within the day it was suspected, with the score of then", later - tally.Day, "suspected 60, C2 contact: c2-2 c2-1 rate-2 rate-1"},
		{"within the last hour it was watched", later - tally.Hour, "watch 59, C2 contact: c2-2 c2-1 rate-2 rate-1"},
	} {
		if got := said(judged(t, counts, later, test.since)); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestMarksHoldTheHighestScoreOfAStay(t *testing.T) {
	counts := tally.New(1 << 20)
	asks(10_000, 0, 1).record(counts)
	var last Finding
	for p := noon; p < noon+tally.Day; p++ {
		counts.Turn(p)
		last = judged(t, counts, p, noon)
	}
	if last.Level != Watch || last.Score != 15 {
		t.Errorf("got %s %d, want the 15 points of the first pane", last.Level, last.Score)
	}
}

func TestBusiestAndHits(t *testing.T) {
	counts := tally.New(1 << 20)
	does := asks(3_000, 100, 6).asks(1_700, 5, 6)
	does.hits("c2", "c2.example", 90, 3, 3).hits("phishing", "p.example", 2).record(counts)
	f := judged(t, counts, noon, noon-tally.Day)
	if f.Busiest != 18_000 || f.Hits != 4 {
		t.Errorf("over the day: %d queries, %d hits; want 18000 and 4", f.Busiest, f.Hits)
	}
	f = judged(t, counts, noon, noon-tally.Hour)
	if f.Busiest != 10_203 || f.Hits != 3 {
		t.Errorf("over the last hour: %d queries, %d hits; want 10203 and 3", f.Busiest, f.Hits)
	}
}

func TestParse(t *testing.T) {
	for l := Watch; l <= Confirmed; l++ {
		if got, ok := ParseLevel(l.String()); !ok || got != l {
			t.Errorf("ParseLevel(%q) = %v, %v", l, got, ok)
		}
	}
	if _, ok := ParseLevel("infected"); ok {
		t.Error("infected is a level")
	}
	for s := range signals {
		if got, ok := ParseSignal(s.String()); !ok || got != s {
			t.Errorf("ParseSignal(%q) = %v, %v", s, got, ok)
		}
	}
	if _, ok := ParseSignal("nx-1"); ok {
		t.Error("nx-1 is a signal")
	}
}

func TestWeights(t *testing.T) {
	for category, want := range map[string]int{
		"c2": 100, "dga": 100, "proxy-sdk": 100, "sinkholed": 100,
		"malware": 50, "malware-download": 50,
		"phishing": 0, "ads": 0, "": 0,
	} {
		if got := Weight(category); got != want {
			t.Errorf("Weight(%q) = %d, want %d", category, got, want)
		}
	}
}
