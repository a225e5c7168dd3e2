package tally

import (
	"math/bits"

	"sinkhole/plugin/pkg/subscriber"
)

// Histogram counts lines by their queries in the last six panes: exactly up to
// 16, then in eight parts of each octave, so that a quantile is off by at most
// one part in sixteen. The zero Histogram is empty; histograms merge by adding.
type Histogram struct {
	lines   [histogramSize]uint32
	active  int
	highest uint32
}

const (
	histogramExact = 16
	octaveParts    = 8
	histogramSize  = histogramExact + (32-4)*octaveParts
)

func (h *Histogram) add(queries uint32) {
	h.lines[partOf(queries)]++
	h.active++
	h.highest = max(h.highest, queries)
}

func (h *Histogram) merge(o *Histogram) {
	for i, n := range o.lines {
		h.lines[i] += n
	}
	h.active += o.active
	h.highest = max(h.highest, o.highest)
}

// partOf is the part that a count falls into.
func partOf(n uint32) int {
	if n < histogramExact {
		return int(n)
	}
	octave := bits.Len32(n) - 5 // 16..31 is the first
	return histogramExact + octave*octaveParts + int(n>>(octave+1))&(octaveParts-1)
}

// valueOf is the middle of a part.
func valueOf(part int) uint64 {
	if part < histogramExact {
		return uint64(part)
	}
	octave, k := (part-histogramExact)/octaveParts, (part-histogramExact)%octaveParts
	return (uint64(octaveParts+k)<<(octave+1) + (uint64(1)<<(octave+1)-1)/2)
}

// Active is how many lines asked at all.
func (h *Histogram) Active() int { return h.active }

// Median is the count of the line in the middle, 0 where there is none.
func (h *Histogram) Median() uint64 { return h.Quantile(0.5) }

// Quantile is the count that a part x of the lines does not exceed.
func (h *Histogram) Quantile(x float64) uint64 {
	if h.active == 0 {
		return 0
	}
	rank := int(x * float64(h.active-1))
	for part, n := range h.lines {
		if rank -= int(n); rank < 0 {
			return min(valueOf(part), uint64(h.highest))
		}
	}
	return uint64(h.highest)
}

// Population is the histograms of all classes in one hour.
type Population struct {
	Histogram // of all classes together
	classes   [subscriber.Resolver + 1]Histogram
}

// Of is the histogram of one class.
func (p *Population) Of(c subscriber.Class) *Histogram { return &p.classes[c] }

// Population looks at every line, also those without a record. class says what a
// line is, and whether it opted out; it must not use the Tally.
func (t *Tally) Population(p Pane, class func(subscriber.Line) (subscriber.Class, bool)) *Population {
	now := t.at(p)
	all := &Population{}
	var lines []active
	for i := range t.shards {
		s := &t.shards[i]
		for first := 0; first < len(s.buckets); first += sweepBuckets {
			lines = s.active(lines[:0], first, now)
			for _, l := range lines {
				if c, out := class(l.line); !out && int(c) < len(all.classes) {
					all.classes[c].add(l.queries)
				}
			}
		}
	}
	for c := range all.classes {
		all.merge(&all.classes[c])
	}
	return all
}

type active struct {
	line    subscriber.Line
	queries uint32
}

// active appends the lines of some buckets that asked in the last six panes.
func (s *shard) active(dst []active, first int, now Pane) []active {
	s.mu.Lock()
	defer s.mu.Unlock()
	for b := first; b < min(first+sweepBuckets, len(s.buckets)); b++ {
		for i := range s.buckets[b] {
			sl := &s.buckets[b][i]
			if sl.key == 0 {
				continue
			}
			n := uint32(0)
			if sl.word.promoted() {
				n = s.records[sl.word.record()].sum(now)
			} else {
				n = sl.word.at(now).sum()
			}
			if n > 0 {
				dst = append(dst, active{sl.key, n})
			}
		}
	}
	return dst
}
