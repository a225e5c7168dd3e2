// Package index holds the listed names: exact, immutable, without pointers.
//
// A Builder takes names and values, a Set is what it built. A Set is only read;
// any number of goroutines may ask it. Replacing lists builds a new Set beside
// the old one.
//
// # Layout
//
//	+-------+-----------------------------------------------------+
//	| tags  | n × 2 octets   low half-word of the hash, 0 = empty |
//	+-------+-----------------------------------------------------+
//	| at    | n × 4 octets   where the record of that slot begins |
//	+-------+-----------------------------------------------------+
//	| names | { value 0..4 octets | wire name } …                 |
//	+-------+-----------------------------------------------------+
//
// A name's first slot is the upper half of the product of its hash and n, so n
// need not be a power of two and the load is what we choose: 4/5. A slot that is
// taken sends the search to the next one, up to an empty tag. Tags stand alone
// because most names asked are not listed: a search that fails reads some 13
// tags in one or two cache lines of a table of 2.5 MB, and nothing else.
// The tag spares the other trips for 65,535 of 65,536 strangers, but never
// decides: Find compares the bytes.
//
// A value takes as many octets as the largest value needs, little-endian. Wire
// names end themselves, so a record holds no length and records can be walked.
//
// # Example
//
// Two names with the values 1 and 2, n = 3:
//
//	names  01 03 b a d 07 e x a m p l e 00 02 04 e v i l 07 e x a m p l e 00
//	at      0                              14
//
// Find(Hash(n), n) for n = evil.example goes to slot hash×3>>64, meets its tag
// there or behind, reads at = 14, compares 14 octets from 15 on and answers 2.
//
// # Cost
//
// For 1,000,000 real names of 21.7 octets on the wire: 7.5 MB of tags and
// places, 21.7 MB of names and 0 to 4 MB of values: 30.2 octets a name where
// values fit one octet. BenchmarkFind measures the lookup beside a Go map,
// TestFindAllocatesNothing holds it to 0 allocations. Building walks the names
// again when the table grows and once at the end; at no time does it hold more
// than two copies of them.
package index

import (
	"hash/maphash"
	"iter"
	"math/bits"
)

// seed is drawn at start: who writes lists cannot make names that meet in one
// slot, and a hash means nothing outside this process.
var seed = maphash.MakeSeed()

// Hash is the hash that Find wants. A caller that asks several sets, or the same
// name twice, hashes once.
func Hash(name []byte) uint64 { return maphash.Bytes(seed, name) }

// Set is an immutable map from names to values. A nil Set is empty.
type Set struct {
	table
	len   int
	width int    // octets of a value, 0 to 4
	names []byte // records
}

// table is the open-addressed part: places of records, found by hash.
type table struct {
	tags []uint16
	at   []uint32
}

// slot is the first slot of a hash among n.
func slot(hash uint64, n int) int {
	hi, _ := bits.Mul64(hash, uint64(n))
	return int(hi)
}

// tag is never 0, for 0 marks an empty slot.
func tag(hash uint64) uint16 {
	t := uint16(hash)
	if t == 0 {
		return 1
	}
	return t
}

// find is the place of name's record, whose name begins width octets later.
// There must be an empty slot.
func (t *table) find(hash uint64, name, names []byte, width int) (at int, ok bool) {
	want := tag(hash)
	for i := slot(hash, len(t.tags)); ; i++ {
		if i == len(t.tags) {
			i = 0
		}
		switch t.tags[i] {
		case 0:
			return 0, false
		case want:
			at := int(t.at[i])
			if same(names[at+width:], name) {
				return at, true
			}
		}
	}
}

// same tells whether a record's name is name. Wire names are prefix-free, so a
// whole name that is a prefix of what stands there is all of it; bytes that are
// no whole name are nobody's.
func same(record, name []byte) bool {
	return len(name) <= len(record) && string(record[:len(name)]) == string(name) && whole(name)
}

// whole tells whether the bytes are labels up to a root label at their very end.
func whole(name []byte) bool {
	i := 0
	for i < len(name) && name[i] != 0 {
		i += int(name[i]) + 1
	}
	return i == len(name)-1
}

// insert takes the first empty slot for a record that is not in the table.
func (t *table) insert(hash uint64, at int) {
	i := slot(hash, len(t.tags))
	for t.tags[i] != 0 {
		if i++; i == len(t.tags) {
			i = 0
		}
	}
	t.tags[i], t.at[i] = tag(hash), uint32(at)
}

// Find is the value of name, whose Hash the caller has.
func (s *Set) Find(hash uint64, name []byte) (uint32, bool) {
	if s == nil || s.len == 0 {
		return 0, false
	}
	at, ok := s.find(hash, name, s.names, s.width)
	if !ok {
		return 0, false
	}
	return value(s.names[at:], s.width), true
}

// value reads width octets, little-endian.
func value(record []byte, width int) (v uint32) {
	for i := width - 1; i >= 0; i-- {
		v = v<<8 | uint32(record[i])
	}
	return v
}

// Len is how many names s holds.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return s.len
}

// Bytes is the memory that s holds, in octets.
func (s *Set) Bytes() int {
	if s == nil {
		return 0
	}
	return 2*cap(s.tags) + 4*cap(s.at) + cap(s.names)
}

// All yields names and values in the order in which the names were added. The
// names are parts of s: they stay, and must not be written to.
func (s *Set) All() iter.Seq2[[]byte, uint32] {
	return func(yield func([]byte, uint32) bool) {
		if s == nil {
			return
		}
		for rest := s.names; len(rest) > 0; {
			end := s.width + wireLen(rest[s.width:])
			if !yield(rest[s.width:end:end], value(rest, s.width)) {
				return
			}
			rest = rest[end:]
		}
	}
}

// wireLen is the length of the whole name that b begins with.
func wireLen(b []byte) int {
	i := 0
	for b[i] != 0 {
		i += int(b[i]) + 1
	}
	return i + 1
}
