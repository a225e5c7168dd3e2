package index

import (
	"encoding/binary"
	"iter"
	"runtime"

	"sinkhole/plugin/pkg/dnsname"
)

// All yields all names and their values, in no order that means anything. A name
// is good until the next one. It decodes every entry: for cold paths.
func (s *Set) All() iter.Seq2[[]byte, uint32] {
	return func(yield func([]byte, uint32) bool) {
		if s == nil {
			return
		}
		if s.root != nil && !yield([]byte{0}, *s.root) {
			return
		}
		d := newDecoder(s)
		for line := 0; line < len(s.lines); line += lineSize {
			if !d.line(s.lines[line:line+lineSize], yield) {
				break
			}
		}
		runtime.KeepAlive(s)
	}
}

// decoder is the way back of a coder.
type decoder struct {
	s     *Set
	pairs [symbols]book
	name  []byte
}

func newDecoder(s *Set) *decoder {
	d := &decoder{s: s, name: make([]byte, 0, dnsname.MaxLen)}
	for before := range d.pairs {
		var lengths [symbols]uint8
		for i := range lengths {
			lengths[i] = uint8(s.coder.pairs[before<<6|i] & 15)
		}
		d.pairs[before], _ = newBook(lengths[:]) // was right when the coder was made
	}
	return d
}

// line yields the names of a line, and tells whether to go on.
func (d *decoder) line(l []byte, yield func([]byte, uint32) bool) bool {
	base := binary.LittleEndian.Uint32(l[baseAt:])
	for sub := range subs {
		start := binary.LittleEndian.Uint16(l[subsAt+2*sub:])
		tag, till := int(start>>offsetBits), maxNodes
		if sub < subs-1 {
			till = int(binary.LittleEndian.Uint16(l[subsAt+2*sub+2:]) >> offsetBits)
		}
		head := int(base>>2) + int(start&maxOffset)<<(2*(base&3))
		for at := head; tag < till && l[tag] != 0 && l[tag]&marker == 0; tag++ {
			head--
			if head < 0 || len(d.s.data)-at < dataSlack {
				break
			}
			value, size, ok := d.entry(d.s.data[head], at)
			if !ok {
				break
			}
			if !yield(d.name, value) {
				return false
			}
			at += size
		}
	}
	return true
}

// entry decodes the entry at p, which has dataSlack octets, into d.name.
func (d *decoder) entry(head byte, p int) (value uint32, size int, ok bool) {
	b, before := d.s.data[p:], 0
	size = int(head & longMark)
	if size == longMark {
		size, b, before = int(binary.LittleEndian.Uint16(b)), b[longHead:], longHead
	}
	value, n := d.s.decodeValue(head>>valueAt, b)
	if n > size || size > len(b) {
		return 0, 0, false
	}
	return value, before + size, d.decodeName(b[n:size])
}

// decodeName decodes what writeName wrote.
func (d *decoder) decodeName(in []byte) bool {
	c, r := &d.s.coder, reader{in: in}
	i, n, ok := c.tail.decode(r.peek())
	if !ok || !r.take(n) {
		return false
	}
	d.name = d.name[:0]
	length, before := -1, end // place of the length of a label; before a label there is none
	for {
		s, n, ok := d.pairs[before].decode(r.peek())
		if !ok || !r.take(n) {
			break // the ones that fill up the last octet
		}
		if s == end {
			if length < 0 || d.name[length] == 0 {
				return false
			}
			length, before = -1, end
			continue
		}
		o := glyph[s]
		if s == other {
			o = byte(r.peek() >> 56)
			if !r.take(8) {
				return false
			}
		}
		if length < 0 {
			length = len(d.name)
			d.name = append(d.name, 0)
		}
		d.name = append(d.name, o)
		d.name[length]++
		if d.name[length] > dnsname.MaxLabel || len(d.name) >= dnsname.MaxLen {
			return false
		}
		before = s
	}
	if i > 0 {
		d.name = append(d.name, c.tailName(i)...)
	} else {
		d.name = append(d.name, 0)
	}
	return len(d.name) > 1 && len(d.name) <= dnsname.MaxLen
}

// reader reads bits, the highest of an octet first.
type reader struct {
	in   []byte
	skip int // bits
}

// peek is the next 57 bits or more; behind the end there are ones.
func (r *reader) peek() uint64 {
	b, n := r.in[r.skip>>3:], r.skip&7
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)<<n | 1<<n - 1
	}
	x := uint64(0)
	for _, o := range b {
		x = x<<8 | uint64(o)
	}
	x = ^(^x << (64 - 8*len(b)))
	return x<<n | 1<<n - 1
}

// take goes on by n bits, when there are so many.
func (r *reader) take(n int) bool {
	r.skip += n
	return r.skip <= 8*len(r.in)
}
