package tally

import "sinkhole/plugin/pkg/subscriber"

// ringPanes is how many panes of a record are kept one by one: a day, and an
// hour so that a window of six that ends a day ago is whole.
const ringPanes = int(Day + Hour)

// record is what is kept of a promoted line. Flat: no pointers, 1.1 KiB.
type record struct {
	line   subscriber.Line // 0: free
	slot   uint32          // where the line's slot is, bucket*4 + way
	head   uint32          // first sighting, index+1; 0: none
	listed bool            // one of them has weight
	proven bool            // some query could not be forged

	first, last Pane // seen
	pane        Pane // running

	queries [ringPanes]uint32
	sure    [ringPanes]uint16 // of those, could not be forged; saturates
	storm   [(ringPanes + 63) / 64]uint64
	share   share

	// peaks holds the highest sum of six successive panes by blocks of four hours,
	// for what the ring forgot. peak is the highest of all that is kept, without
	// the running pane and as of the last sweep or later.
	peaks [13]uint32
	peak  uint32

	marks [Levels]Mark
}

// Levels is how many levels a line's record remembers.
const Levels = 3

// Mark says when a line last stood at a level or above, and the highest score of
// that stay. Pane 0: never.
type Mark struct {
	Pane  Pane
	Score uint8
}

const peakBlock = 4 * Hour

func ring(p Pane) int { return int(p % Pane(ringPanes)) }

// enter makes p the running pane.
func (r *record) enter(p Pane) {
	if p <= r.pane {
		return
	}
	r.close()
	if p-r.pane >= Pane(ringPanes) {
		clear(r.queries[:])
		clear(r.sure[:])
		clear(r.storm[:])
	} else {
		for q := r.pane + 1; q <= p; q++ {
			i := ring(q)
			r.queries[i], r.sure[i] = 0, 0
			r.storm[i/64] &^= 1 << (i % 64)
		}
	}
	block, old := p/peakBlock, r.pane/peakBlock
	for q := max(old+1, block.Less(Pane(len(r.peaks)-1))); q <= block; q++ {
		r.peaks[q%Pane(len(r.peaks))] = 0
	}
	r.pane = p
}

// close ends the running pane: its storm and its hour's sum are noted.
func (r *record) close() {
	r.noteStorm()
	r.share = share{}
	b, sum := r.pane/peakBlock%Pane(len(r.peaks)), r.sum(r.pane)
	r.peaks[b] = max(r.peaks[b], sum)
	r.peak = max(r.peak, sum)
}

// noteStorm writes down whether the running pane is a storm. A share that began
// in the middle of the pane, after a restart, says nothing until it has seen
// enough, and what was known before stays.
func (r *record) noteStorm() {
	i := ring(r.pane)
	if r.share.storm() {
		r.storm[i/64] |= 1 << (i % 64)
	} else if r.share.total >= stormFloor {
		r.storm[i/64] &^= 1 << (i % 64)
	}
}

func (r *record) count(p Pane, name uint64, proven bool) {
	r.enter(p)
	i := ring(r.pane)
	if r.queries[i] < 1<<32-1 {
		r.queries[i]++
	}
	if proven {
		r.proven = true
		if r.sure[i] < 1<<16-1 {
			r.sure[i]++
		}
	}
	r.last = r.pane
	r.share.add(name)
}

// in reports whether the ring holds p.
func (r *record) in(p Pane) bool { return p <= r.pane && p+Pane(ringPanes) > r.pane }

func (r *record) at(p Pane) uint32 {
	if !r.in(p) {
		return 0
	}
	return r.queries[ring(p)]
}

// sum is the count of the six panes that end with p.
func (r *record) sum(p Pane) uint32 {
	s := uint64(0)
	for n := range Pane(panes) {
		if n <= p {
			s += uint64(r.at(p - n))
		}
	}
	return uint32(min(s, 1<<32-1))
}

// highest is the highest sum of six in the ring that ends from first on.
func (r *record) highest(first Pane) uint32 {
	best, sum := uint64(0), uint64(0)
	start := max((r.pane + 1).Less(Pane(ringPanes)), first.Less(panes-1))
	for p := start; p <= r.pane; p++ {
		sum += uint64(r.at(p))
		if p >= start+panes {
			sum -= uint64(r.at(p - panes))
		}
		if p >= first {
			best = max(best, sum)
		}
	}
	return uint32(min(best, 1<<32-1))
}

// forget clears the panes before p.
func (r *record) forget(p Pane) {
	for q := (r.pane + 1).Less(Pane(ringPanes)); q < p && q <= r.pane; q++ {
		i := ring(q)
		r.queries[i], r.sure[i] = 0, 0
		r.storm[i/64] &^= 1 << (i % 64)
	}
	oldest := (r.pane/peakBlock + 1).Less(Pane(len(r.peaks)))
	for b := oldest; b < p/peakBlock; b++ {
		r.peaks[b%Pane(len(r.peaks))] = 0
	}
}

// six is the last six panes, the running one first, for the slot of a line that
// loses its record.
func (r *record) six() (counts [panes]uint32) {
	for n := range counts {
		counts[n] = r.at(r.pane.Less(Pane(n)))
	}
	return counts
}
