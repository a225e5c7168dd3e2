// Package index holds listed names: exact, immutable, mapped from a file.
package index

import (
	"iter"
)

// Set is an immutable map from names to values. A nil Set is empty. Any number
// of goroutines may ask it.
type Set struct {
	meta  []byte
	names map[string]uint32
}

// Meta is what Build was given to keep.
func (s *Set) Meta() []byte {
	if s == nil {
		return nil
	}
	return s.meta
}

// Len is how many names s holds.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.names)
}

// Bytes is the size of the mapping, in octets.
func (s *Set) Bytes() int {
	if s == nil {
		return 0
	}
	return 40 * len(s.names)
}

// Find is the value of exactly this name.
func (s *Set) Find(name []byte) (uint32, bool) {
	if s == nil {
		return 0, false
	}
	v, ok := s.names[string(name)]
	return v, ok
}

// Walk goes through the listed suffixes of name, shortest first: the root, if it
// is listed, comes first of all. The name must stay as it is meanwhile.
func (s *Set) Walk(name []byte) Walk {
	w := Walk{set: s, name: name}
	i := 0
	for i < len(name) && name[i] != 0 && w.count < 127 {
		w.at[w.count] = uint8(i)
		w.count++
		i += int(name[i]) + 1
	}
	if i != len(name)-1 || len(name) > 255 {
		w.next = w.count + 1
	}
	return w
}

// Walk is one walk, see Set.Walk.
type Walk struct {
	Value  uint32 // of the suffix that Next found
	Labels uint8  // of that suffix, without the root's

	set   *Set
	name  []byte
	at    [127]uint8
	count uint8
	next  uint8
}

// Next finds the next listed suffix and tells whether there was one.
func (w *Walk) Next() bool {
	for w.next <= w.count {
		at := len(w.name) - 1
		if w.next > 0 {
			at = int(w.at[w.count-w.next])
		}
		w.next++
		if v, ok := w.set.Find(w.name[at:]); ok {
			w.Value, w.Labels = v, w.next-1
			return true
		}
	}
	return false
}

// All yields all names and their values, in no order that means anything. A name
// is good until the next one.
func (s *Set) All() iter.Seq2[[]byte, uint32] {
	return func(yield func([]byte, uint32) bool) {
		if s == nil {
			return
		}
		for n, v := range s.names {
			if !yield([]byte(n), v) {
				return
			}
		}
	}
}
