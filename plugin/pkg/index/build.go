package index

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

const (
	// pageNodes is how many nodes a page has, roughly. A page has as many lines
	// as its fullest line needs; the smaller, the less that costs, and the more
	// the places of pages do.
	pageNodes = 1 << 10
	// sampleNames is how many names the code is made for, at least, when there
	// are so many.
	sampleNames = 16 << 10
	// thin is how many nodes a line must have on average. A page that cannot
	// keep to it is crowded.
	thin = 12
)

// layout is one way through all parts.
type layout struct {
	b       *Builder
	arena   []byte // records that nodes point into
	nodes   []node // sorted, not yet written
	sorter  sorter
	coder   *coder
	words   map[uint32]int // places of the coder's values
	pages   int            // power of two
	page    int            // being collected
	names   int
	index   []byte
	lines   stream
	data    stream
	scratch scratch
}

func (b *Builder) build(meta []byte) (*Set, error) {
	l := &layout{b: b, lines: stream{spill: b.spill}, data: stream{spill: b.spill}}
	if err := l.data.write(make([]byte, dataSlack)); err != nil {
		return nil, err
	}
	for i := range parts {
		b.o.Pause()
		from := len(l.arena)
		var err error
		if l.arena, err = b.load(l.arena, i); err != nil {
			return nil, err
		}
		l.nodes = merge(l.nodes, l.sorter.sort(l.arena, from, 8), l.arena, b.o.Merge)
		if l.coder == nil {
			if len(l.nodes) < sampleNames && i < parts-1 {
				continue
			}
			l.plan(i + 1)
		}
		if err := l.write(i + 1); err != nil {
			return nil, err
		}
	}
	return l.finish(meta)
}

// plan decides on pages and code, by the nodes of the first parts.
func (l *layout) plan(seen int) {
	all := len(l.nodes) * parts / seen
	l.pages = 1 << max(0, bits.Len(uint(all/pageNodes)))
	l.coder = learn(l.b.key, l.nodes, l.arena, l.b.o.Pause)
	l.words = make(map[uint32]int, len(l.coder.values))
	for i, v := range l.coder.values {
		l.words[v] = i
	}
}

// write writes the pages that are complete when so many parts were loaded.
func (l *layout) write(loaded int) error {
	complete := l.pages * loaded / parts
	at := 0
	for ; l.page < complete; l.page++ {
		from := at
		for at < len(l.nodes) {
			if page, _ := bits.Mul64(l.nodes[at].hash, uint64(l.pages)); int(page) != l.page {
				break
			}
			at++
		}
		if err := l.writePage(l.nodes[from:at]); err != nil {
			return err
		}
	}
	if at == len(l.nodes) {
		l.arena, l.nodes = l.arena[:0], l.nodes[:0]
	} else {
		l.nodes = slices.Delete(l.nodes, 0, at)
	}
	return nil
}

// writePage takes the fewest lines that hold the nodes of each.
func (l *layout) writePage(nodes []node) error {
	l.index = binary.LittleEndian.AppendUint32(l.index, uint32(l.lines.size/lineSize))
	for n := (len(nodes) + maxNodes - 1) / maxNodes; n > 0; n++ {
		if n > 1 && n*thin > len(nodes) {
			return ErrCrowded
		}
		if l.fits(nodes, n) {
			return l.writeLines(nodes, n)
		}
	}
	return nil
}

func lineOf(h uint64, pages, n int) (line int, rest uint64) {
	_, rest = bits.Mul64(h, uint64(pages))
	hi, rest := bits.Mul64(rest, uint64(n))
	return int(hi), rest
}

func (l *layout) fits(nodes []node, n int) bool {
	last, count := 0, 0
	for i := range nodes {
		line, _ := lineOf(nodes[i].hash, l.pages, n)
		if line != last {
			last, count = line, 0
		}
		if count++; count > maxNodes {
			return false
		}
	}
	return true
}

func (l *layout) writeLines(nodes []node, n int) error {
	at := 0
	for line := range n {
		from := at
		for at < len(nodes) {
			if i, _ := lineOf(nodes[at].hash, l.pages, n); i != line {
				break
			}
			at++
		}
		if err := l.writeLine(nodes[from:at], n); err != nil {
			return err
		}
	}
	return nil
}

// scratch is what writing a line needs.
type scratch struct {
	subs [subs]struct{ heads, entries []byte }
	out  []byte
}

// writeLine writes a line and its entries. In a sub names come before markers,
// so that the place of a tag is that of its entry.
func (l *layout) writeLine(nodes []node, n int) error {
	var line [lineSize]byte
	var starts [subs]int
	tags, at := 0, 0
	for sub := range subs {
		starts[sub] = tags
		s := &l.scratch.subs[sub]
		s.heads, s.entries = s.heads[:0], s.entries[:0]
		from := at
		for ; at < len(nodes) && subOf(nodes[at].hash, l.pages, n) == sub; at++ {
			if m := &nodes[at]; m.size > 0 {
				line[tags] = tagOf(m.hash)
				tags++
				head := byte(0)
				s.entries, head = l.appendEntry(s.entries, m)
				s.heads = append(s.heads, head)
			}
		}
		for _, m := range nodes[from:at] {
			if m.size == 0 {
				line[tags] = tagOf(m.hash) | marker
				tags++
			}
		}
		slices.Reverse(s.heads)
	}
	out, offsets, unit := l.scratch.align()
	if l.data.size+len(out) > MaxData {
		return ErrLarge
	}
	binary.LittleEndian.PutUint32(line[baseAt:], uint32(l.data.size)<<2|uint32(unit))
	for sub := range subs {
		binary.LittleEndian.PutUint16(line[subsAt+2*sub:], uint16(starts[sub]<<offsetBits|offsets[sub]))
	}
	if err := l.data.write(out); err != nil {
		return err
	}
	return l.lines.write(line[:])
}

func subOf(h uint64, pages, n int) int {
	_, rest := lineOf(h, pages, n)
	s, _ := bits.Mul64(rest, subs)
	return int(s)
}

// align puts the subs behind each other, the entries of each at a multiple of
// the smallest unit in which their offsets fit.
func (s *scratch) align() (out []byte, offsets [subs]int, unit int) {
	for ; unit < 4; unit++ {
		s.out = s.out[:0]
		for i := range s.subs {
			sub := &s.subs[i]
			for (len(s.out)+len(sub.heads))&(1<<(2*unit)-1) != 0 {
				s.out = append(s.out, 0)
			}
			s.out = append(s.out, sub.heads...)
			offsets[i] = len(s.out) >> (2 * unit)
			s.out = append(s.out, sub.entries...)
		}
		if offsets[subs-1] <= maxOffset {
			return s.out, offsets, unit
		}
	}
	panic("index: a line of more than all names can take")
}

// appendEntry appends an entry and says its head.
func (l *layout) appendEntry(out []byte, n *node) ([]byte, byte) {
	l.names++
	at := len(out)
	out, kind := l.coder.writeValue(out, n.value, l.words)
	out = l.coder.writeName(out, l.arena[n.at:n.at+n.size])
	head := kind << valueAt
	if n.deeper {
		head |= deeperBit
	}
	size := len(out) - at
	if size < longMark {
		return out, head | byte(size)
	}
	return slices.Insert(out, at, byte(size), byte(size>>8)), head | longMark
}
