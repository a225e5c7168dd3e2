package tally

import (
	"slices"
	"testing"
	"time"
)

func TestPaneOf(t *testing.T) {
	at := time.Date(2026, 2, 16, 12, 9, 59, 999, time.UTC)
	p := PaneOf(at)
	if got, want := p.Start(), time.Date(2026, 2, 16, 12, 0, 0, 0, time.UTC); got != want {
		t.Errorf("pane %d starts at %s, want %s", p, got, want)
	}
	if PaneOf(at.Add(time.Second)) != p+1 || p.Start().Add(PaneLength) != (p+1).Start() {
		t.Error("the next pane does not follow")
	}
	if Pane(5).Less(3) != 2 || Pane(5).Less(9) != 0 {
		t.Error("Less is wrong")
	}
}

// FuzzPaneSet holds a set of panes to a map. Each octet moves the clock by as
// many panes, backwards where it is odd, and notes where it stands.
func FuzzPaneSet(f *testing.F) {
	f.Add([]byte{2, 2, 1, 4, 254, 254, 254, 254, 254, 254, 254, 254, 254, 255}, uint8(0))
	f.Add([]byte{10, 0, 0, 11, 200, 201}, uint8(9))
	f.Fuzz(func(t *testing.T, moves []byte, behind uint8) {
		var s PaneSet
		p, newest, noted := Pane(100_000), Pane(0), map[Pane]bool{}
		for _, m := range moves[:min(len(moves), 300)] {
			if m%2 == 1 {
				p -= Pane(m)
			} else {
				p += Pane(m)
			}
			s.note(p)
			newest = max(newest, p)
			noted[p] = true
		}
		shown := s.behindBy(Pane(behind))
		n := 0
		for q := newest.Less(3000); q <= newest+10; q++ {
			want := noted[q] && q+paneSetLength > newest
			if s.Has(q) != want || shown.Has(q-Pane(behind)) != want {
				t.Fatalf("pane %d: %v and %v, want %v", q, s.Has(q), shown.Has(q-Pane(behind)), want)
			}
			if want {
				n++
			}
		}
		if got := s.Count(0, newest+10); got != n || s.len() != n {
			t.Errorf("%d panes counted and %d set, want %d", got, s.len(), n)
		}
		if all := slices.Collect(shown.Within(0, newest+10)); len(all) != n || !slices.IsSorted(all) {
			t.Errorf("within are %d, want %d in order", all, n)
		}
	})
}
