package tally

import (
	"math/bits"

	"sinkhole/plugin/pkg/subscriber"
)

// histogramBuckets is two buckets an octave of 32 bits.
const histogramBuckets = 64

// Histogram tells how many lines asked how much in six panes: by buckets of half
// an octave, and in each the number of lines and what they asked together. So a
// quantile is the mean of its bucket: exact where all of it asked alike, and
// never more than half off.
type Histogram struct {
	lines [histogramBuckets]uint64
	sums  [histogramBuckets]uint64
}

// histogramBucket is the bucket of n: [2^k, 1.5·2^k) or [1.5·2^k, 2^(k+1)).
func histogramBucket(n uint64) int {
	n = min(n, 1<<32-1)
	if n < 2 {
		return 0
	}
	k := bits.Len64(n) - 1
	return 2*k + int(n>>(k-1)&1)
}

// bucketStart is the least n of a bucket.
func bucketStart(b int) uint64 {
	k := b / 2
	if k == 0 {
		return 1
	}
	return 1<<k + uint64(b%2)<<(k-1)
}

func (h *Histogram) count(n uint64) {
	b := histogramBucket(n)
	h.lines[b]++
	h.sums[b] += n
}

// add counts n lines in a bucket of which no more is known.
func (h *Histogram) add(b int, n uint64) {
	h.lines[b] += n
	h.sums[b] += n * (bucketStart(b) + bucketStart(b)/4)
}

// Active is how many lines it holds.
func (h *Histogram) Active() int {
	n := uint64(0)
	for _, c := range h.lines {
		n += c
	}
	return int(n)
}

// Median is what half of the lines asked, at most.
func (h *Histogram) Median() uint64 { return h.Quantile(0.5) }

// Quantile is what a share q of the lines asked, at most; 0 where there are none.
func (h *Histogram) Quantile(q float64) uint64 {
	rank := uint64(q * float64(h.Active()))
	for b, n := range h.lines {
		if n > rank {
			return (h.sums[b] + n/2) / n
		}
		rank -= n
	}
	for b := histogramBuckets - 1; b >= 0; b-- {
		if h.lines[b] > 0 {
			return (h.sums[b] + h.lines[b]/2) / h.lines[b]
		}
	}
	return 0
}

// Population is what the active lines asked in the last six panes: those that
// asked at all, with and without a record.
type Population struct {
	all     Histogram
	classes [subscriber.Resolver + 1]Histogram
}

// Active is how many lines were active.
func (p *Population) Active() int { return p.all.Active() }

// Median is what the median of all classes asked.
func (p *Population) Median() uint64 { return p.all.Median() }

// Of is the histogram of a class.
func (p *Population) Of(c subscriber.Class) *Histogram { return &p.classes[c] }

// asked is a line and what it asked in six panes.
type asked struct {
	line subscriber.Line
	sum  uint64
}

// Population looks at all lines, as of pane p. Lines that class says have opted
// out are left out.
func (t *Tally) Population(p Pane, class func(subscriber.Line) (subscriber.Class, bool)) Population {
	var pop Population
	now := t.clock.look(p)
	var some []asked
	for i := range t.shards {
		s := &t.shards[i]
		for from := 0; from < len(s.buckets); from += slice {
			some = s.asked(from, now, some[:0])
			for _, a := range some {
				c, out := class(a.line)
				if out {
					continue
				}
				pop.all.count(a.sum)
				pop.classes[min(c, subscriber.Resolver)].count(a.sum)
			}
		}
	}
	return pop
}

// asked appends the active lines of one slice of buckets.
func (s *shard) asked(from int, now Pane, some []asked) []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(now)
	if s.lines == 0 {
		return nil
	}
	for b := from; b < min(from+slice, len(s.buckets)); b++ {
		for i := range s.buckets[b] {
			sl := &s.buckets[b][i]
			if sl.key == 0 {
				continue
			}
			sum := uint32(0)
			if sl.word.promoted() {
				sum = s.records[sl.word.record()].sum(s.pane)
			} else {
				sum = sl.word.at(s.pane).sum()
			}
			if sum > 0 {
				some = append(some, asked{sl.key, uint64(sum)})
			}
		}
	}
	return some
}
