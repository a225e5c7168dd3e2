package index

import (
	"encoding/binary"
	"math"
	"math/bits"
)

const (
	// MaxBytes bounds the records of a Set: their places have 32 bits. At 23
	// octets a record that is some 180 million names.
	MaxBytes = math.MaxUint32

	// loadNum / loadDen of the slots may be taken.
	loadNum, loadDen = 4, 5

	// building is the width of values until the largest is known.
	building = 4

	// typical is what we expect of a record while building, in octets: 21.7 for
	// a real name and 4 for its value.
	typical = 26
)

// Builder collects names for a Set. Its zero value is not ready; see NewBuilder.
// It is for one goroutine.
type Builder struct {
	table
	len     int
	names   []byte
	refused int
}

// NewBuilder expects about hint names. More are welcome, at the price of growing;
// a good hint saves all copies.
func NewBuilder(hint int) *Builder {
	hint = min(max(hint, 0), MaxBytes/typical)
	b := &Builder{names: make([]byte, 0, hint*typical)}
	b.table = newTable(slots(hint))
	return b
}

// slots is how many n names need: at the full load, and one slot that is empty.
func slots(n int) int { return n*loadDen/loadNum + 2 }

func newTable(n int) table {
	return table{tags: make([]uint16, n), at: make([]uint32, n)}
}

// Add gives name a value, unless it has one: that one is kept and returned.
// What is no whole wire name, and what comes after MaxBytes, is left out and
// counted, see Refused.
func (b *Builder) Add(name []byte, value uint32) (old uint32, dup bool) {
	hash := Hash(name)
	if at, ok := b.find(hash, name, b.names, building); ok {
		return binary.LittleEndian.Uint32(b.names[at:]), true
	}
	b.append(hash, name, value)
	return 0, false
}

// Set gives name a value, whether it has one or not.
func (b *Builder) Set(name []byte, value uint32) {
	hash := Hash(name)
	if at, ok := b.find(hash, name, b.names, building); ok {
		binary.LittleEndian.PutUint32(b.names[at:], value)
		return
	}
	b.append(hash, name, value)
}

// Refused is how many calls of Add and Set left nothing.
func (b *Builder) Refused() int { return b.refused }

func (b *Builder) append(hash uint64, name []byte, value uint32) {
	if !whole(name) || len(b.names)+building+len(name) > MaxBytes {
		b.refused++
		return
	}
	if slots(b.len+1) > len(b.tags) {
		b.table = newTable(slots(2 * (b.len + 1)))
		b.table.fill(b.names, building)
	}
	b.insert(hash, len(b.names))
	b.names = binary.LittleEndian.AppendUint32(b.names, value)
	b.names = append(b.names, name...)
	b.len++
}

// fill puts all records into an empty table.
func (t *table) fill(names []byte, width int) {
	for at := 0; at < len(names); {
		end := at + width + wireLen(names[at+width:])
		t.insert(Hash(names[at+width:end]), at)
		at = end
	}
}

// Build makes the Set. The Builder is spent: it is empty afterwards.
func (b *Builder) Build() *Set {
	names, n := b.names, b.len
	*b = Builder{table: newTable(slots(0))}

	width := valueWidth(names)
	s := &Set{len: n, width: width, names: shrink(names, width, n)}
	names = nil // the collector may have them before the table is made
	s.table = newTable(slots(n))
	s.fill(s.names, width)
	return s
}

// valueWidth is how many octets the largest value needs.
func valueWidth(names []byte) int {
	var all uint32
	for at := 0; at < len(names); at += building + wireLen(names[at+building:]) {
		all |= binary.LittleEndian.Uint32(names[at:])
	}
	return (bits.Len32(all) + 7) / 8
}

// shrink copies n records with values of width octets.
func shrink(names []byte, width, n int) []byte {
	short := make([]byte, 0, len(names)-n*(building-width))
	for at := 0; at < len(names); {
		name := at + building
		end := name + wireLen(names[name:])
		short = append(short, names[at:at+width]...)
		short = append(short, names[name:end]...)
		at = end
	}
	return short
}
