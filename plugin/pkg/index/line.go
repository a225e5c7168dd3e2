package index

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Parts of a line, in octets, and what it can hold.
const (
	lineSize = 64
	maxNodes = 48 // tags
	subsAt   = maxNodes
	subs     = 6
	baseAt   = subsAt + 2*subs

	marker = 0x80 // in a tag: a node without a name

	// A base has 30 bits, of octets, below 2 bits for the unit of the offsets in
	// this line: 1, 4, 16 or 64 octets.
	baseBits = 30
	// MaxData bounds what the entries of a Set take: 1 GiB, some 100 million names.
	MaxData = 1 << baseBits

	// A sub begins at a node (6 bits) and at an offset of its entries (10 bits).
	offsetBits = 10
	maxOffset  = 1<<offsetBits - 1
)

// tagOf is 1 to 127; 0 is an empty place.
func tagOf(h uint64) uint8 { return uint8((h&127)*127>>7) + 1 }

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// equal marks, by their highest bit, the octets of tags that are those of want
// when the mark of a marker is left out.
func equal(tags, want uint64) uint64 {
	x := (tags ^ want) &^ highs
	return (highs - x) & highs
}

// probe looks for the node of the walk's hash. listed is sure, for the name was
// compared; more, that there are deeper names, may be wrong when it is true.
func (s *Set) probe(w *Walk) (value uint32, listed, more bool) {
	h := w.hash
	page, rest := bits.Mul64(h, s.pages)
	x := binary.LittleEndian.Uint64(s.index[4*page:])
	from := x & math.MaxUint32
	if n := x>>32 - from; n == 0 {
		return 0, false, false
	} else {
		page, rest = bits.Mul64(rest, n)
	}
	l := (*[lineSize]byte)(s.lines[(from+page)*lineSize:])

	sub, _ := bits.Mul64(rest, subs)
	starts := binary.LittleEndian.Uint32(l[subsAt+2*sub:])
	a, b := int(uint16(starts))>>offsetBits, int(starts>>(16+offsetBits))
	if sub == subs-1 {
		b = maxNodes
	}
	want := ones * uint64(tagOf(h))
	for i := a; i < b; i += 8 {
		tags := binary.LittleEndian.Uint64(l[i:])
		hits := equal(tags, want)
		if i+8 > b {
			hits &= 1<<(8*(b-i)) - 1
		}
		for ; hits != 0; hits &= hits - 1 {
			bit := bits.TrailingZeros64(hits)
			if tags>>bit&1 != 0 { // bit is the highest of its octet
				more = true
				continue
			}
			base := binary.LittleEndian.Uint32(l[baseAt:])
			p := int(base>>2) + int(starts&maxOffset)<<(2*(base&3))
			v, deeper, ok := s.entry(p, i-a+bit>>3, w)
			if ok {
				value, listed = v, true
				more = more || deeper
			}
		}
	}
	return value, listed, more
}
