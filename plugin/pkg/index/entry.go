package index

import (
	"encoding/binary"
	"math"
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
	if uint(p-8) >= uint(len(d)) || len(d)-p < dataSlack {
		return 0, false, false
	}
	heads := binary.LittleEndian.Uint64(d[p-8:]) // on its way from memory while the name is spelled
	var name spelling
	plain := name.spell(&s.coder, w)

	skipped := heads >> (64 - 8*uint(n)) & (longMark * ones)
	var head byte
	if n < 8 && (skipped+ones)&((longMark+1)*ones) == 0 {
		head = byte(heads >> (56 - 8*n))
		p += int(skipped * ones >> 56)
	} else if head, p = skip(d, p, n); p < 0 {
		return 0, false, false
	}
	if len(d)-p < dataSlack {
		return 0, false, false
	}
	size := int(head & longMark)
	if size == longMark {
		size, p = int(binary.LittleEndian.Uint16(d[p:])), p+longHead
	}
	value, k := s.decodeValue(head>>valueAt, d[p:])
	p, size = p+k, size-k
	if p+size+dataSlack > len(d) {
		return 0, false, false
	}
	deeper = head&deeperBit != 0
	if !plain {
		return value, deeper, size >= 0 && s.same(d[p:p+size], w)
	}
	return value, deeper, name.same(d, p, size)
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
			return 0, -1
		}
	}
	return d[p-1], at
}

// spelling is a tail and labels in bits, filled up with ones.
type spelling struct {
	words [spelledWords + 2]uint64
	n     int // bits, without those ones
}

// spelledWords hold what is not given up, of 64 bits each: some 100 characters.
const spelledWords = 8

// spell writes the suffix of the walk, unless it is one of those that are met
// seldom: of many labels or long ones, or with other octets. Within a suffix
// all octets are looked at alike. That of a length counts as end; where one of
// a label does, too, there are more of them than labels.
func (t *spelling) spell(c *coder, w *Walk) (plain bool) {
	level := int(w.level)
	if level > 8 || w.wide {
		return false
	}
	tail, known := c.longest(&w.early, w.name, w.at, 0, level)
	i, n := 0, uint(0)
	if c.tail.bits != nil {
		n = uint(c.tail.bits[tail])
		t.words[0] = uint64(c.tail.words[tail]) << (64 - n)
	}
	if known == level {
		t.fill(i, n)
		return true
	}
	till := len(w.name) - 1
	if known > 0 {
		till = w.at.nth(known, w.name, 0)
	}
	text, before, odd := w.name[int(w.from)+1:till], uint(end), uint(0)
	for ; len(text) >= 4; text = text[4:] {
		a, b, e, f := uint(kind[text[0]]), uint(kind[text[1]]), uint(kind[text[2]]), uint(kind[text[3]])
		odd += a>>6 + b>>6 + e>>6 + f>>6
		a, b, e, f = a&63, b&63, e&63, f&63
		pa, pb := uint64(c.pairs[before<<6|a]), uint64(c.pairs[a<<6|b])
		pe, pf := uint64(c.pairs[b<<6|e]), uint64(c.pairs[e<<6|f])
		before = f
		w1, k1 := pa>>4<<(pb&15)|pb>>4, pa&15+pb&15
		w2, k2 := pe>>4<<(pf&15)|pf>>4, pe&15+pf&15
		k := uint(k1 + k2)
		word := (w1<<(k2&63) | w2) << ((64 - k) & 63)
		t.words[i] |= word >> (n & 63)
		t.words[i+1] = word << (64 - n)
		n += k
		if i += int(n >> 6); i >= spelledWords {
			return false
		}
		n &= 63
	}
	for _, o := range text {
		a := uint(kind[o])
		odd += a >> 6
		a &= 63
		p := c.pairs[before<<6|a]
		before = a
		k := uint(p & 15)
		word := uint64(p>>4) << (64 - k)
		t.words[i] |= word >> (n & 63)
		t.words[i+1] = word << (64 - n)
		n += k
		i += int(n >> 6)
		n &= 63
	}
	t.fill(i, n)
	return odd == uint(level-known-1)*2
}

func (t *spelling) fill(i int, n uint) {
	t.n = 64*i + int(n)
	t.words[i] |= math.MaxUint64 >> (n & 63)
	t.words[i+1] = math.MaxUint64
}

// same compares with size octets of d from p on.
func (t *spelling) same(d []byte, p, size int) bool {
	if (t.n+7)>>3 != size {
		return false
	}
	b := d[p:]
	if size <= 16 {
		x := binary.BigEndian.Uint64(b) ^ t.words[0]
		y := binary.BigEndian.Uint64(b[8:]) ^ t.words[1]
		return x>>(64-8*min(uint(size), 8))|y>>(128-8*max(uint(size), 8)) == 0
	}
	for i := 0; size > 0; i, size = i+1, size-8 {
		x := binary.BigEndian.Uint64(b[8*i:]) ^ t.words[i]
		if x>>(64-8*min(uint(size), 8)) != 0 {
			return false
		}
	}
	return true
}

// maxEntry is more than a name of 255 octets takes.
const maxEntry = 8 + 255*(pairBits+8)/8

// same is for what has no spelling: the entry is written anew.
func (s *Set) same(entry []byte, w *Walk) bool {
	var room [maxEntry]byte
	t := writer{out: room[:0]}
	s.coder.writeName(&t, w.name[w.from:])
	return string(t.out) == string(entry)
}
