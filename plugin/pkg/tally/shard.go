package tally

import (
	"math/bits"
	"math/rand/v2"
	"sync"

	"sinkhole/plugin/pkg/subscriber"
)

// shard is one part of the lines, under one lock.
type shard struct {
	mu   sync.Mutex
	pane Pane // running; never goes back
	// swept is the pane as of which all slots were last brought up to date.
	swept Pane
	// tidied is the pane in which all records were last looked at.
	tidied Pane
	rng    rand.PCG

	buckets []bucket
	pool
	sights

	queries  uint64
	lines    int // slots that are taken
	evicted  uint64
	waiting  [panes]levels // by pane mod 6
	overflow [panes]uint64 // queries that a full wide slot did not count, likewise
}

// levels counts the queries that found their bucket full, by what the least line
// in it weighed, in buckets of Histogram.
type levels [histogramBuckets]uint32

// enter makes p the running pane.
func (s *shard) enter(p Pane) {
	if p <= s.pane {
		return
	}
	if p-s.swept >= stampSpan {
		s.freshen(0, len(s.buckets), p)
		s.swept = p
	}
	for q := max(s.pane+1, p.Less(panes-1)); q <= p; q++ {
		s.waiting[q%panes] = levels{}
		s.overflow[q%panes] = 0
	}
	s.pane = p
	s.bar = 0
}

// freshen brings the slots of some buckets up to pane p, and empties those of
// lines that were silent for six panes.
func (s *shard) freshen(from, to int, p Pane) {
	for b := from; b < to; b++ {
		for i := range s.buckets[b] {
			sl := &s.buckets[b][i]
			if sl.key == 0 || sl.word.promoted() {
				continue
			}
			sl.word = sl.word.at(s.pane)
			if p-s.pane < panes {
				sl.word = sl.word.at(p)
			}
			if p-s.pane >= panes || sl.word.sum() == 0 {
				*sl = slot{}
				s.lines--
			}
		}
	}
}

// at is the slot with a number, bucket*4 + way.
func (s *shard) at(n uint32) *slot { return &s.buckets[n/ways][n%ways] }

// find is the slot of a line in bucket b.
func (s *shard) find(b uint32, l subscriber.Line) (n uint32, ok bool) {
	bk := &s.buckets[b]
	for i := range bk {
		if bk[i].key == l {
			return b*ways + uint32(i), true
		}
	}
	return 0, false
}

// count counts one query in the running pane.
func (s *shard) count(b uint32, l subscriber.Line, name uint64, proven bool) {
	s.queries++
	n, ok := s.find(b, l)
	if !ok {
		if n, ok = s.admit(b); ok {
			s.seat(n, l, newcomer(s.pane, s.leave(n), proven))
		}
		return
	}
	sl := s.at(n)
	if sl.word.promoted() {
		sl.word |= provenIf(proven)
		s.records[sl.word.record()].count(s.pane, name, proven)
		return
	}
	w := sl.word.at(s.pane).add(proven)
	sl.word = w
	if w.running() < promoteAt || worthOf(w) <= s.bar {
		return
	}
	if r := s.promote(n, worthOf(w)); r != nil {
		r.share.add(name)
	} else if w.running() == wideMax {
		s.overflow[s.pane%panes]++
	}
}

// admit finds a place in a bucket for a newcomer: a free one, or by chance that
// of the least line, the less likely the more that one weighs (RAP: with
// probability 1/(c+1); Ben-Basat et al., 2016). Promoted lines stay, unless all
// four are.
func (s *shard) admit(b uint32) (n uint32, ok bool) {
	n, weight, ok := s.lightest(b)
	if ok && weight == 0 {
		return n, true
	}
	if !ok {
		if n, weight, ok = s.lightestRecord(b); !ok {
			return 0, false
		}
	}
	s.waiting[s.pane%panes][histogramBucket(uint64(weight))]++
	if !s.once(uint64(weight) + 1) {
		return 0, false
	}
	if sl := s.at(n); sl.word.promoted() {
		s.demote(sl.word.record())
	}
	return n, true
}

// once is true once in n times.
func (s *shard) once(n uint64) bool {
	hi, _ := bits.Mul64(s.rng.Uint64(), n)
	return hi == 0
}

// lightest is the slot of the least line of a bucket that has no record; weight 0
// is a free one.
func (s *shard) lightest(b uint32) (n, weight uint32, ok bool) {
	for i := range s.buckets[b] {
		sl := &s.buckets[b][i]
		if sl.key == 0 {
			return b*ways + uint32(i), 0, true
		}
		if sl.word.promoted() {
			continue
		}
		if w := sl.word.at(s.pane).weight(); !ok || w < weight {
			n, weight, ok = b*ways+uint32(i), w, true
		}
	}
	return n, weight, ok
}

// leave empties a slot for another line, and is what the line weighed that had
// it.
func (s *shard) leave(n uint32) (weight uint32) {
	sl := s.at(n)
	if sl.key == 0 {
		return 0
	}
	weight = sl.word.at(s.pane).weight()
	if weight > 0 {
		s.evicted++
	}
	s.lines--
	*sl = slot{}
	return weight
}

// seat gives an empty slot to a line.
func (s *shard) seat(n uint32, l subscriber.Line, w word) {
	*s.at(n) = slot{l, w}
	s.lines++
}
