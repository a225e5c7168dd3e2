package tally

import "sinkhole/plugin/pkg/subscriber"

// word is the second half of a slot, of 64 bits from the left:
//
//	        1   1        1   1      6             54
//	      +---+--------+---+------+-------------+---------------------------------+
//	slot  | 0 | proven | 0 | lent | pane mod 64 | six panes of 9, running lowest  |
//	wide  | 0 | proven | 1 | 0    | pane mod 64 | five of 8 in sixteens, then 14  |
//	      +---+--------+---+------+-------------+---------------------------------+
//	      | 1 | proven | 0 | 0    | 0           | index of the record, 32         |
//	      +---+--------+---+------+-------------+---------------------------------+
//
// lent: the oldest pane is no count but what the line before had; the newcomer
// stands on it until the pane ends, or it would be the next to go.
//
// wide: a pane has more than 511, and no record was to be had. The running pane
// goes on exactly to 16,383; the five behind it lose up to 15 each.
type word uint64

const (
	panes    = 6
	paneBits = 9
	paneMax  = 1<<paneBits - 1
	lentAt   = (panes - 1) * paneBits

	wideBits    = 14
	wideMax     = 1<<wideBits - 1
	wideOldBits = 8
	wideOldMax  = 1<<wideOldBits - 1
	wideUnit    = 16
	// wideLoss is what the six panes of a wide slot may hold less than was asked.
	wideLoss = (panes - 1) * (wideUnit - 1)

	countBits = panes * paneBits
	countMask = 1<<countBits - 1

	stampMask = 63
	// stampSpan is how many panes a slot may be left alone: its stamp wraps.
	stampSpan = stampMask

	lentBit   = 1 << 60
	wideBit   = 1 << 61
	provenBit = 1 << 62
	recordBit = 1 << 63

	// promoteAt is the count of a pane at which a line gets a record: 3,000 an
	// hour, which 2 in 100 lines ask in the evening. It is below paneMax, so that
	// the panes of a line without a record are exact while records are to be had.
	promoteAt = 500
)

// slot is a line and its last six panes. Key 0 is an empty slot: 0 is no line.
type slot struct {
	key  subscriber.Line
	word word
}

// bucket is one cache line (64 octets on every machine we run on).
type bucket [ways]slot

const ways = 4

func (w word) promoted() bool { return w&recordBit != 0 }
func (w word) proven() bool   { return w&provenBit != 0 }
func (w word) wide() bool     { return w&wideBit != 0 }
func (w word) record() uint32 { return uint32(w) }

func recordWord(index uint32, proven bool) word {
	return word(recordBit) | word(index) | provenIf(proven)
}

func provenIf(proven bool) word {
	if proven {
		return provenBit
	}
	return 0
}

func stamp(p Pane) word { return word(p&stampMask) << countBits }

// age is how many panes w is behind p. Sweeps keep it below stampSpan.
func (w word) age(p Pane) uint { return (uint(p) - uint(w>>countBits)) & stampMask }

// at is w as of pane p: panes older than six fall off, and so does what was lent.
func (w word) at(p Pane) word {
	a := w.age(p)
	switch {
	case a == 0:
		return w
	case a >= panes:
		return w&provenBit | stamp(p)
	case w.wide():
		counts := w.counts()
		var shifted [panes]uint32
		copy(shifted[a:], counts[:])
		return pack(p, shifted, w.proven())
	}
	return w&provenBit | stamp(p) | w<<(a*paneBits)&countMask
}

// add is w, which is as of the running pane, with one query more.
func (w word) add(proven bool) word {
	w |= provenIf(proven)
	switch {
	case w.wide():
		if w&wideMax < wideMax {
			w++
		}
	case w&paneMax < paneMax:
		w++
	default:
		counts := w.counts()
		counts[0]++
		w = pack(Pane(w>>countBits), counts, w.proven())
	}
	return w
}

// running is the count of the running pane.
func (w word) running() uint32 {
	if w.wide() {
		return uint32(w & wideMax)
	}
	return uint32(w & paneMax)
}

// counts is the six panes, the running one first.
func (w word) counts() (counts [panes]uint32) {
	if w.wide() {
		counts[0] = w.running()
		for n := 1; n < panes; n++ {
			counts[n] = uint32(w>>(wideBits+(n-1)*wideOldBits)&wideOldMax) * wideUnit
		}
		return counts
	}
	if w&lentBit != 0 {
		w &^= paneMax << lentAt
	}
	for n := range counts {
		counts[n] = uint32(w >> (n * paneBits) & paneMax)
	}
	return counts
}

// sum is the count of all six panes.
func (w word) sum() (s uint32) {
	for _, c := range w.counts() {
		s += c
	}
	return s
}

// lent is what the slot stands on beside its counts.
func (w word) lent() uint32 {
	if w&lentBit == 0 {
		return 0
	}
	return uint32(w >> lentAt & paneMax)
}

// weight is what admission compares: the running pane and the one before, so
// that a late starter has little to beat; proven lines count double, so that
// forged sources go first; and what was lent. A line that asked before weighs
// something.
func (w word) weight() uint32 {
	s := w.running()
	if w.wide() {
		s += w.counts()[1]
	} else {
		s += uint32(w >> paneBits & paneMax)
	}
	if w.proven() {
		s *= 2
	}
	s += w.lent()
	if s == 0 && w.sum() > 0 {
		return 1
	}
	return s
}

// newcomer is the word of a line that takes the place of one that weighed so
// much.
func newcomer(p Pane, weight uint32, proven bool) word {
	w := stamp(p) | provenIf(proven) | 1
	if weight > 0 {
		w |= lentBit | word(min(weight, paneMax))<<lentAt
	}
	return w
}

// pack is the word of a line whose six panes, the running one first, are known.
func pack(p Pane, counts [panes]uint32, proven bool) word {
	w := stamp(p) | provenIf(proven)
	most := uint32(0)
	for _, c := range counts {
		most = max(most, c)
	}
	if most <= paneMax {
		for n, c := range counts {
			w |= word(c) << (n * paneBits)
		}
		return w
	}
	w |= wideBit | word(min(counts[0], wideMax))
	for n := 1; n < panes; n++ {
		w |= word(min(counts[n]/wideUnit, wideOldMax)) << (wideBits + (n-1)*wideOldBits)
	}
	return w
}
