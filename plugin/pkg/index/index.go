// Package index holds listed names: exact, immutable, mapped from a file.
package index

import (
	"os"
	"runtime"
)

// Set is an immutable map from names to values, in octets that hold no pointer.
// Any number of goroutines may ask it. A nil Set is empty.
type Set struct {
	coder
	pages uint64
	index []byte // first line of each page, and the end
	lines []byte
	data  []byte
	first uint8 // labels of the shortest names that have nodes: 1 or 2
	root  *uint32
	names int
	meta  []byte
	image []byte
	file  *os.File // without a name, until Keep; nil: none
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
	return s.names
}

// Bytes is the size of the mapping, or of the memory in its place, in octets.
func (s *Set) Bytes() int {
	if s == nil {
		return 0
	}
	return len(s.image)
}

// Walk goes through the listed suffixes of name, shortest first: the root, if it
// is listed, comes before all. What is no whole name has none. The name must
// stay as it is meanwhile.
func (s *Set) Walk(name []byte) (w Walk) {
	w.set, w.name = s, name
	w.start()
	return w
}

// Walk is one walk, see Set.Walk. Its zero value finds nothing.
type Walk struct {
	Value  uint32 // of the suffix that Next found
	Labels uint8  // of that suffix, without the root's

	count  uint8 // labels of name
	last   uint8 // labels of the longest suffix worth a look
	level  uint8 // labels that are in hash
	rooted bool  // the root is still to come
	wide   bool  // a label may have shortLabels octets or more
	from   uint8 // where the suffix of level labels begins
	at     starts
	hash   uint64
	early  hashes
	name   []byte
	set    *Set
}

func (w *Walk) start() {
	at, n, all := split(w.name)
	s := w.set
	if s == nil || n < 0 {
		return
	}
	w.count, w.last, w.from, w.at = uint8(n), uint8(n), uint8(len(w.name)-1), at
	w.hash, w.rooted, w.wide = s.key.root(), s.root != nil, all >= shortLabels
}

// Next goes on to the next listed suffix and tells whether there was one.
func (w *Walk) Next() bool {
	s := w.set
	if w.rooted {
		w.rooted = false
		w.Value, w.Labels = *s.root, 0
		return true
	}
	for w.level < w.last {
		w.grow()
		if w.level < s.first {
			continue
		}
		value, listed, more := s.probe(w)
		if !more && w.level > 1 {
			w.last = w.level
		}
		if listed {
			w.Value, w.Labels = value, w.level
			runtime.KeepAlive(s)
			return true
		}
	}
	runtime.KeepAlive(s)
	return false
}

// grow takes one more label into the hash.
func (w *Walk) grow() {
	w.level++
	from := w.at.nth(int(w.level), w.name, int(w.count))
	w.hash = w.set.key.mix(w.hash, w.name[from:w.from])
	w.from = uint8(from)
	if w.level <= tailLabels {
		w.early[w.level-1] = w.hash
	}
}

// Find is the value of exactly this name.
func (s *Set) Find(name []byte) (uint32, bool) {
	w := s.Walk(name)
	switch {
	case w.count == 0:
		if !w.rooted {
			return 0, false
		}
		return *s.root, true
	case w.count < s.first:
		return 0, false
	}
	for w.level < w.count {
		w.grow()
	}
	value, listed, _ := s.probe(&w)
	runtime.KeepAlive(s)
	return value, listed
}
