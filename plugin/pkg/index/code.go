package index

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
)

// The symbols that labels are written in. What stands before a symbol is a
// symbol, too: at the beginning of a name's first label it is end.
const (
	end     = 38 // of a label that another follows
	other   = 39 // the octet itself follows, in 8 bits
	symbols = 40

	tailBits = 15 // longest word of a tail, in bits
	pairBits = 12 // longest word of a symbol: word and length fit 16 bits

	// spare is what all words of a table leave unused of its 1<<pairBits: eight
	// ones. An entry is filled up with ones, and no word hides in seven of them.
	spare = 1 << (pairBits - 8)

	maxTails   = 255 // tails of a set, without the escape
	tailLabels = 3   // of a tail, at most
	tailSlots  = 1024
	maxValues  = nearValues + wideValue // values of a set that take an octet or less
)

// symbol of an octet; glyph is the way back. kind is the symbol of an octet of a
// name that may be a length: below 45, the lowest of the alphabet, it is. It has
// bit 7 for an end and bit 6 for another octet.
var symbol, glyph, kind = func() (s [256]uint8, g [symbols]byte, k [256]uint8) {
	for i := range s {
		s[i], k[i] = other, other|1<<6
		if i < shortLabels {
			k[i] = end | 1<<7
		}
	}
	for i, c := range []byte("abcdefghijklmnopqrstuvwxyz0123456789-_") {
		s[c], k[c], g[i] = uint8(i), uint8(i), c
	}
	return s, g, k
}()

// shortLabels have fewer octets: no length of theirs is a hyphen or a digit.
const shortLabels = '-'

// coder writes values and names.
//
// A value is one of four kinds, in the head of its entry: the first three are
// the commonest values. The fourth has an octet before the name: the number of
// another common value, or wideValue+n and n+1 octets of the value.
//
// A name is bits, filled up with ones to whole octets:
//
//	the word of the longest known tail of it, or of none
//	the labels before it from left to right, each symbol in a word that hangs on
//	the symbol before; between labels there is end
//
// Words are canonical: their lengths are all that the file holds of them.
type coder struct {
	key    key
	values []uint32          // common ones
	pairs  [64 << 6]uint16   // word<<4 | length, by the symbol before and the symbol
	tails  []tail            // the first stands for none
	text   []byte            // names of the tails
	slots  [tailSlots]uint16 // hashes of tails: 8 other bits of it, and number; 0 is empty
	tail   book              // for the way back
}

const (
	nearValues = 3
	wideValue  = 252
)

// tail is an end that many names have: com, duckdns.org.
type tail struct {
	octets uint64 // of its name without the root, when there are no more than 8
	at     uint16 // in text
	n      uint8  // octets of its name, without the root
	deeper bool   // another tail ends in this one
	bits   uint8  // of its word
	word   uint16
}

func (c *coder) addTail(name []byte) {
	t := tail{at: uint16(len(c.text)), n: uint8(len(name) - 1)}
	if t.n <= 8 {
		t.octets = few(name[:t.n])
	}
	c.tails = append(c.tails, t)
	c.text = append(c.text, name...)
}

func (c *coder) tailName(i int) []byte {
	t := &c.tails[i]
	return c.text[t.at : int(t.at)+int(t.n)+1]
}

// book is a prefix code of at most 256 words.
type book struct {
	bits  []uint8 // lengths, by symbol; nil: one symbol, 0, which takes no bit
	words []uint16
	limit [tailBits + 1]uint64 // words of this length and shorter lie below, as 63-bit fractions
	delta [tailBits + 1]int    // from a word to its place in order
	order []uint8
}

var errBook = errors.New("lengths of no prefix code")

func newBook(lengths []uint8) (b book, err error) {
	if len(lengths) < 2 {
		return b, nil
	}
	b.bits, b.words = lengths, make([]uint16, len(lengths))
	word := uint64(0)
	for n := 1; n <= tailBits; n++ {
		word <<= 1
		b.delta[n] = len(b.order) - int(word)
		for i, l := range lengths {
			if int(l) == n {
				b.words[i] = uint16(word)
				b.order = append(b.order, uint8(i))
				word++
			}
		}
		if word > 1<<n {
			return b, errBook
		}
		b.limit[n] = word << (63 - n)
	}
	if len(b.order) != len(lengths) {
		return b, errBook
	}
	return b, nil
}

// decode reads the word that x begins with. Bits that are no word are ok false.
func (b *book) decode(x uint64) (symbol, n int, ok bool) {
	if b.bits == nil {
		return 0, 0, true
	}
	for n := 1; n <= tailBits; n++ {
		if x>>1 < b.limit[n&15] {
			return int(b.order[int(x>>(64-n))+b.delta[n&15]]), n, true
		}
	}
	return 0, 0, false
}

// decodeValue reads the value of a kind, and how many octets of b it takes. b has
// five or more.
func (c *coder) decodeValue(kind byte, b []byte) (value uint32, n int) {
	i := int(kind)
	if kind == nearValues {
		if n = int(b[0]) - wideValue; n >= 0 {
			return binary.LittleEndian.Uint32(b[1:]) & (math.MaxUint32 >> (24 - 8*n)), n + 2
		}
		i, n = nearValues+int(b[0]), 1
	}
	if i >= len(c.values) {
		return 0, n
	}
	return c.values[i], n
}

// hashes are those of the first suffixes of a name: of one label and more.
type hashes [tailLabels]uint64

// longest is the tail that most labels of a name's suffix belong to: its number
// (0 when there is none) and how many labels. The suffix has level labels, and
// the name that it ends has count.
func (c *coder) longest(h *hashes, name []byte, at starts, count, level int) (tail, labels int) {
	for l := 1; l <= min(level, tailLabels); l++ {
		i := c.find(h[l-1], name, at.nth(l, name, count))
		if i == 0 {
			break
		}
		if tail, labels = i, l; !c.tails[i].deeper {
			break
		}
	}
	return tail, labels
}

// find is the number of the tail name[from:], 0 when it is none.
func (c *coder) find(h uint64, name []byte, from int) int {
	for slot := h >> 54; ; slot++ {
		i := c.slots[slot%tailSlots]
		if i == 0 {
			return 0
		}
		if i&0xff00 == uint16(h&0xff00) && c.is(int(i&0xff), name, from) {
			return int(i & 0xff)
		}
	}
}

// is tells whether the tail is name[from:].
func (c *coder) is(i int, name []byte, from int) bool {
	t := &c.tails[i]
	n := len(name) - 1 - from
	if n != int(t.n) {
		return false
	}
	if n > 8 || len(name) < 9 {
		return string(c.tailName(i)) == string(name[from:])
	}
	return binary.LittleEndian.Uint64(name[len(name)-9:])>>(64-8*uint(n)) == t.octets
}

// setWords makes the tables of the lengths.
func (c *coder) setWords(tails []uint8, pairs *[symbols * symbols]uint8) (err error) {
	if c.tail, err = newBook(tails); err != nil {
		return err
	}
	for i := range c.tail.bits {
		c.tails[i].bits, c.tails[i].word = c.tail.bits[i], c.tail.words[i]
	}
	for before := range symbols {
		b, err := newBook(pairs[before*symbols : (before+1)*symbols])
		if err != nil || !spares(b.bits) {
			return errBook
		}
		for i, w := range b.words {
			c.pairs[before<<6|i] = w<<4 | uint16(b.bits[i])
		}
	}
	return nil
}

// placeTails puts the tails into the slots by their hashes, shorter ones first:
// only those are found whose own end is one of them.
func (c *coder) placeTails() {
	short := make([]int, len(c.tails)-1)
	for i := range short {
		short[i] = i + 1
	}
	slices.SortStableFunc(short, func(a, b int) int { return cmp.Compare(c.tails[a].n, c.tails[b].n) })
	for _, i := range short {
		name := c.tailName(i)
		at, count, _ := split(name)
		var h hashes
		c.key.hashes(&h, name, at, count)
		for l := 1; l < count; l++ {
			c.tails[c.find(h[l-1], name, at.nth(l, name, count))].deeper = true
		}
		slot := h[count-1] >> 54
		for c.slots[slot%tailSlots] != 0 {
			slot++
		}
		c.slots[slot%tailSlots] = uint16(h[count-1]&0xff00) | uint16(i)
	}
}

// spares tells whether the lengths leave what fills up an entry.
func spares(lengths []uint8) bool {
	sum := 0
	for _, l := range lengths {
		if l > pairBits {
			return false
		}
		sum += 1 << (pairBits - l)
	}
	return sum <= 1<<pairBits-spare
}

// writer collects bits, the first one in the highest bit of an octet. It is a
// value, so that the room behind out may stay on the stack.
type writer struct {
	out  []byte
	last uint64 // not yet in out
	n    int    // how many bits, below 8 between calls
}

func (w writer) put(word uint64, n int) writer {
	w.last, w.n = w.last<<n|word, w.n+n
	for ; w.n >= 8; w.n -= 8 {
		w.out = append(w.out, byte(w.last>>(w.n-8)))
	}
	return w
}

// writeValue appends the octets of a value, and says which kind it is. words are
// the places of values in c.values.
func (c *coder) writeValue(out []byte, value uint32, words map[uint32]int) ([]byte, byte) {
	i, ok := words[value]
	switch {
	case !ok:
		n := max(1, (bits.Len32(value)+7)/8)
		out = binary.LittleEndian.AppendUint32(append(out, byte(wideValue+n-1)), value)
		return out[:len(out)-4+n], nearValues
	case i < nearValues:
		return out, byte(i)
	}
	return append(out, byte(i-nearValues)), nearValues
}

// writeName appends a name and fills up the last octet.
func (c *coder) writeName(out, name []byte) []byte {
	at, count, _ := split(name)
	var h hashes
	c.key.hashes(&h, name, at, count)
	tail, known := c.longest(&h, name, at, count, count)
	w := writer{out: out}.put(uint64(c.tails[tail].word), int(c.tails[tail].bits))
	before, from := end, 0
	for l := count; l > known; l-- {
		if l < count {
			w, before = c.writeSymbol(w, before, end), end
		}
		label := name[from+1 : from+1+int(name[from])]
		for _, o := range label {
			s := int(symbol[o])
			w, before = c.writeSymbol(w, before, s), s
			if s == other {
				w = w.put(uint64(o), 8)
			}
		}
		from += 1 + len(label)
	}
	if w.n > 0 {
		w = w.put(0xff>>w.n, 8-w.n)
	}
	return w.out
}

func (c *coder) writeSymbol(w writer, before, s int) writer {
	p := c.pairs[before<<6|s]
	return w.put(uint64(p>>4), int(p&15))
}

// append writes the coder for the file, decodeCoder reads it:
//
//	values, tails (counts of 2 and 1 octets)
//	values × 4 octets, tails × { length, name }
//	lengths of the words: tails+1 octets, symbols² half octets
//
// Without tails they have no lengths.
func (c *coder) append(out []byte) []byte {
	out = binary.LittleEndian.AppendUint16(out, uint16(len(c.values)))
	out = append(out, byte(len(c.tails)-1))
	for _, v := range c.values {
		out = binary.LittleEndian.AppendUint32(out, v)
	}
	for i := range c.tails[1:] {
		name := c.tailName(i + 1)
		out = append(append(out, byte(len(name))), name...)
	}
	out = append(out, c.tail.bits...)
	for before := range symbols {
		for i := 0; i < symbols; i += 2 {
			p := c.pairs[before<<6|i:]
			out = append(out, byte(p[0]&15|p[1]&15<<4))
		}
	}
	return out
}

// decodeCoder fills c, whose key is set.
func decodeCoder(c *coder, b []byte) error {
	bad := false
	take := func(n int) (part []byte) {
		if bad = bad || n > len(b); bad {
			return make([]byte, n)
		}
		part, b = b[:n], b[n:]
		return part
	}
	values, tails := int(binary.LittleEndian.Uint16(take(2))), int(take(1)[0])
	c.tails = make([]tail, 1, 1+tails)
	for range min(values, maxValues) {
		c.values = append(c.values, binary.LittleEndian.Uint32(take(4)))
	}
	for range tails {
		name := take(int(take(1)[0]))
		_, count, _ := split(name)
		if bad = bad || count < 1 || count > tailLabels; bad {
			return ErrFormat
		}
		c.addTail(name)
	}
	var lengths []uint8
	if tails > 0 {
		lengths = slices.Clone(take(tails + 1))
	}
	var pairs [symbols * symbols]uint8
	for i, n := range take(len(pairs) / 2) {
		pairs[2*i], pairs[2*i+1] = n&15, n>>4
	}
	if bad || len(b) > 0 || values > maxValues || c.setWords(lengths, &pairs) != nil {
		return ErrFormat
	}
	c.placeTails()
	return nil
}
