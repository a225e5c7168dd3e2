package judge

import (
	"fmt"
	"testing"

	"sinkhole/plugin/pkg/subscriber"
	"sinkhole/plugin/pkg/tally"
)

// TestSuspects lets a share of a network's lines ask for a listed name.
func TestSuspects(t *testing.T) {
	for _, test := range []struct {
		name          string
		lines, active int
		panes         int // over which they are spread
		want          bool
	}{
		{"1 in 100 lines ask for it: the list is wrong", 60, 6_000, 1, true},
		{"5 in 1,000 do", 30, 6_000, 1, true},
		{"fewer do: a botnet", 29, 6_000, 1, false},
		{"20 lines of a small network do", 20, 100, 1, true},
		{"19 lines of a small network do", 19, 100, 1, false},
		{"1 in 100 do, but not at once", 60, 6_000, 3, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			counts := tally.New(1 << 20)
			for pane := range test.panes {
				p := noon - 3 + tally.Pane(pane)
				counts.Turn(p)
				for i := range test.lines {
					if i%test.panes == pane {
						counts.Hit(someLine+subscriber.Line(i<<16), "c2", []byte("www.example"), 100, true, p)
					}
				}
			}
			suspects := Suspects(counts.Records(), test.active, noon)
			if got := suspects[Entry{"c2", "www.example"}]; got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			for rec := range counts.Records() {
				f := Judge(rec, environment(func(e *Environment) { e.Suspects = suspects }))
				if (f.Level == None) != test.want {
					t.Errorf("a line that asks for it is %q", said(f))
				}
				break
			}
		})
	}
}

// TestSuspectIsNoExcuse: other names of the line count as ever.
func TestSuspectIsNoExcuse(t *testing.T) {
	rec := line{}.hits("c2", "www.example", every(3, 12)...).hits("c2", "c2.example", 3).record(tally.New(1 << 20))
	f := Judge(rec, environment(func(e *Environment) { e.Suspects = map[Entry]bool{{"c2", "www.example"}: true} }))
	if got, want := said(f), "watch 30, listed name: c2-1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := fmt.Sprint(f.Evidence[0].names); got != "[c2.example]" {
		t.Errorf("the evidence names %s", got)
	}
}
