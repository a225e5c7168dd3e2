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

// home is the buckets that a line may lie in. It is looked for in both, so that
// a few busy ones in one bucket do not keep it out.
type home struct{ first, second uint32 }

// each yields the buckets.
func (h home) each(yield func(uint32) bool) { _ = yield(h.first) && yield(h.second) }

// find is the slot of a line.
func (s *shard) find(at home, l subscriber.Line) (n uint32, ok bool) {
	if n, ok = s.in(at.first, l); ok {
		return n, true
	}
	return s.in(at.second, l)
}

// in is the slot of a line in one bucket. One branch, and not one a slot: while
// memory is waited for, a guess that goes wrong would fetch the other bucket.
func (s *shard) in(b uint32, l subscriber.Line) (n uint32, ok bool) {
	bk, i := &s.buckets[b], uint32(0)
	if bk[1].key == l {
		i = 1
	}
	if bk[2].key == l {
		i = 2
	}
	if bk[3].key == l {
		i = 3
	}
	return b*ways + i, bk[i].key == l
}

// count counts one query in the running pane.
func (s *shard) count(at home, l subscriber.Line, name uint64, proven bool) {
	s.queries++
	n, ok := s.find(at, l)
	if !ok {
		if n, ok = s.admit(at); ok {
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
	if w.running() < promoteAt {
		return
	}
	if worth := worthOf(w); worth > s.bar {
		if r := s.promote(n, worth); r != nil {
			r.share.add(name)
			return
		}
	}
	if w.running() == wideMax {
		s.overflow[s.pane%panes]++
	}
}

// admit finds a place for a newcomer: a free one, or by chance that of the
// lightest line at home there, the less likely the more that one weighs (RAP:
// with probability 1/(c+1); Ben-Basat et al., 2016). Promoted lines stay, unless
// all eight are.
func (s *shard) admit(at home) (n uint32, ok bool) {
	n, weight, ok := s.lightest(at)
	if ok && weight == 0 {
		return n, true
	}
	if !ok {
		if n, weight, ok = s.lightestRecord(at); !ok {
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

// lightest is the slot of the lightest line without a record; weight 0 is a free
// one.
func (s *shard) lightest(at home) (n, weight uint32, ok bool) {
	for b := range at.each {
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
