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

// nodes are some of a line: those of a sub.
type nodes struct {
	line  *[lineSize]byte
	begin uint16 // of the sub, as it stands in the line
	end   uint16 // tag behind the last
	want  uint64 // the tag that is looked for, in every octet
}

// probe finds the nodes among which the one of a hash must be, and whether one
// of them has its tag. Most names that are not listed end here; up to 16 nodes,
// which nearly every sub has, no branch hangs on how many there are.
func (s *Set) probe(h uint64) (n nodes, some bool) {
	page, rest := bits.Mul64(h, s.pages)
	x := binary.LittleEndian.Uint64(s.index[4*page:])
	from := x & math.MaxUint32
	line, rest := bits.Mul64(rest, x>>32-from)
	at := (from + line) * lineSize
	if at >= uint64(len(s.lines)) {
		return n, false // the last page may be empty
	}
	l := (*[lineSize]byte)(s.lines[at:])
	sub, _ := bits.Mul64(rest, subs)
	starts := binary.LittleEndian.Uint32(l[subsAt+2*sub:])
	n = nodes{l, uint16(starts), uint16(starts >> (16 + offsetBits)), ones * uint64(tagOf(h))}
	if sub == subs-1 {
		n.end = maxNodes
	}
	a := uint(n.begin >> offsetBits)
	k := uint(n.end) - a
	hits := equal(binary.LittleEndian.Uint64(l[a:]), n.want) & (1<<(8*k) - 1)
	hits |= equal(binary.LittleEndian.Uint64(l[a+8:]), n.want) & (1<<(8*max(k, 8)-64) - 1)
	return n, hits != 0 || k > 16
}

// compare looks at the nodes that have the tag. listed is sure, for the names
// were compared; more, that there are deeper names, may be wrong when it is true.
func (s *Set) compare(w *Walk, n nodes) (value uint32, listed, more bool) {
	a, b := uint(n.begin>>offsetBits), uint(n.end)
	base := binary.LittleEndian.Uint32(n.line[baseAt:])
	p := int(base>>2) + int(n.begin&maxOffset)<<(2*(base&3))
	for i := a; i < b; i += 8 {
		tags := binary.LittleEndian.Uint64(n.line[i:])
		hits := equal(tags, n.want) & (1<<(8*(b-i)) - 1)
		for ; hits != 0; hits &= hits - 1 {
			bit := bits.TrailingZeros64(hits)
			if tags>>bit&1 != 0 { // bit is the highest of its octet
				more = true
				continue
			}
			v, deeper, ok := s.entry(p, int(i-a)+bit>>3, w)
			if ok {
				value, listed = v, true
				more = more || deeper
			}
		}
	}
	return value, listed, more
}
