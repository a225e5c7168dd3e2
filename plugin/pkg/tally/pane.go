package tally

import (
	"iter"
	"time"
)

// Pane is ten minutes of UTC: floor(unix / 600). Nothing finer is ever kept.
type Pane uint32

// Lengths in panes.
const (
	PaneLength = 10 * time.Minute

	Hour Pane = 6
	Day  Pane = 144
	Week Pane = 1008
)

// PaneOf is the pane that t lies in.
func PaneOf(t time.Time) Pane { return Pane(t.Unix() / int64(PaneLength/time.Second)) }

// Start is the first moment of p.
func (p Pane) Start() time.Time {
	return time.Unix(int64(p)*int64(PaneLength/time.Second), 0).UTC()
}

// Less is p moved back by n panes, and no further than to pane 0.
func (p Pane) Less(n Pane) Pane { return p - min(n, p) }

// PaneSet is a set of panes of the last week and a bit: 1,024 of them, up to the
// newest one noted. The zero PaneSet is empty.
//
// Pane p is bit p mod 1024; noting a newer pane clears the bits between.
type PaneSet struct {
	bits   [paneSetLength / 64]uint64
	newest Pane
	// behind is what the tally's panes are ahead of the clock's (Tally.ahead).
	behind Pane
}

const paneSetLength = 1024

func (s *PaneSet) note(p Pane) {
	switch {
	case p >= s.newest+paneSetLength:
		s.bits, s.newest = [paneSetLength / 64]uint64{}, p
	case p > s.newest:
		for q := s.newest + 1; q <= p; q++ {
			s.bits[q%paneSetLength/64] &^= 1 << (q % 64)
		}
		s.newest = p
	case p+paneSetLength <= s.newest:
		return
	}
	s.bits[p%paneSetLength/64] |= 1 << (p % 64)
}

// Has reports whether p was noted.
func (s *PaneSet) Has(p Pane) bool {
	p += s.behind
	if p > s.newest || p+paneSetLength <= s.newest {
		return false
	}
	return s.bits[p%paneSetLength/64]&(1<<(p%64)) != 0
}

// Within yields the panes noted from first to last, both included, in order.
func (s *PaneSet) Within(first, last Pane) iter.Seq[Pane] {
	return func(yield func(Pane) bool) {
		if s.newest == 0 {
			return
		}
		top := s.newest.Less(s.behind)
		for p := max(first, (top + 1).Less(paneSetLength)); p <= min(last, top); p++ {
			if s.Has(p) && !yield(p) {
				return
			}
		}
	}
}

// Count is how many panes were noted from first to last, both included.
func (s *PaneSet) Count(first, last Pane) int {
	n := 0
	for range s.Within(first, last) {
		n++
	}
	return n
}
