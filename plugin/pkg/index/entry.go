package index

import (
	"encoding/binary"

	"sinkhole/plugin/pkg/dnsname"
)

// The entries of a sub stand behind each other, and their heads before them in
// reverse: the place of the entries is that of the first, and the head of the
// n-th is n+1 octets before. So eight heads are read at once.
//
// A head says how many octets the entry has (5 bits), whether there are deeper
// names (1 bit) and which value (2 bits). An entry of more than 30 octets is
// long: the head has 31, and the entry begins with how many follow in 16 bits.
const (
	sizeBits  = 5
	longMark  = 1<<sizeBits - 1
	longHead  = 2 // octets
	deeperBit = 1 << sizeBits
	valueAt   = sizeBits + 1 // bit
)

// entry compares the suffix that the walk is at with the n-th entry behind p.
// No name is decoded: the suffix is spelled as its writer would.
func (s *Set) entry(p, n int, w *Walk) (value uint32, deeper, ok bool) {
	d := s.data
	if uint(p) >= uint(len(d)) || p < dataSlack || len(d)-p < dataSlack {
		return 0, false, false
	}
	heads := binary.LittleEndian.Uint64(d[p-8:]) // on its way from memory while the name is spelled
	name, plain := s.coder.spell(w)

	skipped := heads >> (64 - 8*uint(n)) & (longMark * ones)
	var head byte
	if n < 8 && (skipped+ones)&((longMark+1)*ones) == 0 {
		head = byte(heads >> (56 - 8*n))
		p += int(skipped * ones >> 56)
	} else {
		head, p = skip(d, p, n)
	}
	if uint(p+dataSlack) > uint(len(d)) {
		return 0, false, false
	}
	size := int(head & longMark)
	if size == longMark {
		size, p = int(binary.LittleEndian.Uint16(d[p:])), p+longHead
	}
	value, k := s.decodeValue(head>>valueAt, d[p:])
	p, size = p+k, size-k
	if size < 0 || p+size > len(d) {
		return 0, false, false
	}
	if !plain {
		var room [maxName]byte
		return value, head&deeperBit != 0, string(s.writeName(room[:0], w.name[w.from:])) == string(d[p:p+size])
	}
	return value, head&deeperBit != 0, name.same(d, p+size, size)
}

// skip goes over n entries, one by one, to the head and the place of the next.
func skip(d []byte, p, n int) (head byte, at int) {
	at = p
	for ; n > 0; n-- {
		size := int(d[p-1] & longMark)
		if size == longMark {
			size = longHead + int(binary.LittleEndian.Uint16(d[at:]))
		}
		p--
		if at += size; p == 0 || len(d)-at < dataSlack {
			return 0, len(d)
		}
	}
	return d[p-1], at
}

// spelling is a name in bits, a number of 192 bits of which n are used, the
// last one lowest. Some 45 characters fit.
type spelling struct {
	high, mid, low uint64
	n              uint
}

// add appends k bits, 1 to 63.
func (t *spelling) add(word uint64, k uint) {
	t.high = t.high<<(k&63) | t.mid>>((64-k)&63)
	t.mid = t.mid<<(k&63) | t.low>>((64-k)&63)
	t.low = t.low<<(k&63) | word
	t.n += k
}

// spell writes the suffix of the walk as the coder does, unless it is one of
// those that are met seldom: long ones, of many labels, or with other octets.
// Behind the first length all octets up to the tail are looked at alike, and a
// length counts as end. Where an octet of a label does, too, there are more ends
// than labels.
func (c *coder) spell(w *Walk) (t spelling, plain bool) {
	level := int(w.level)
	if level > 8 || w.wide {
		return t, false
	}
	tail, known := c.longest(&w.early, w.name, w.at, 0, level)
	if known == 0 {
		return t, false
	}
	t.low, t.n = uint64(c.tails[tail].word), uint(c.tails[tail].bits)
	if known == level {
		return t, true
	}
	// Four at a time, of which the last may be the tail's: they count for nothing.
	text, rest := w.name[int(w.from)+1:], w.at.nth(known, w.name, 0)-int(w.from)-1
	before, odd := uint64(end), uint64(0)
	for ; rest > 0 && len(text) >= 4; rest, text = rest-4, text[4:] {
		a, b, e, f := uint64(kind[text[0]]), uint64(kind[text[1]]), uint64(kind[text[2]]), uint64(kind[text[3]])
		pa, pb := uint64(c.pairs[before<<6|a&63]), uint64(c.pairs[a&63<<6|b&63])
		pe, pf := uint64(c.pairs[b&63<<6|e&63]), uint64(c.pairs[e&63<<6|f&63])
		before = f & 63
		if rest < 4 {
			keepB, keepE := uint64(int64(1-rest)>>63), uint64(int64(2-rest)>>63)
			b, pb, e, pe, f, pf = b&keepB, pb&keepB, e&keepE, pe&keepE, 0, 0
		}
		odd += a>>6 + b>>6 + e>>6 + f>>6
		w1, k1 := pa>>4<<(pb&15)|pb>>4, pa&15+pb&15
		w2, k2 := pe>>4<<(pf&15)|pf>>4, pe&15+pf&15
		t.add(w1<<(k2&63)|w2, uint(k1+k2))
	}
	return t, odd == uint64(level-known-1)*2 && t.n <= 192-8
}

// same compares with an entry of size octets that ends at p, filled up with ones.
func (t *spelling) same(d []byte, p, size int) bool {
	if fill := -t.n & 7; fill > 0 {
		t.add(1<<fill-1, fill)
	}
	if t.n != 8*uint(size) {
		return false
	}
	b := d[p-24 : p]
	x := t.low ^ binary.BigEndian.Uint64(b[16:])
	y := t.mid ^ binary.BigEndian.Uint64(b[8:])
	z := t.high ^ binary.BigEndian.Uint64(b)
	return x<<(64-min(t.n, 64))|y<<(128-min(max(t.n, 64), 128))|z<<(192-max(t.n, 128)) == 0
}

// maxName is more than a name of 255 octets takes in an entry.
const maxName = 8 + dnsname.MaxLen*(pairBits+8)/8
