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
	h, from := w.hash, int(w.from)
	for w.level < w.last {
		w.level++
		till := from
		from = w.at.nth(int(w.level), w.name, int(w.count))
		h = s.key.mix(h, w.name, from, till)
		if w.level <= tailLabels {
			w.early[w.level-1] = h
		}
		if w.level < s.first {
			continue
		}
		n, some := s.probe(h)
		if !some {
			if w.level > 1 {
				w.last = w.level
			}
			continue
		}
		w.hash, w.from = h, uint8(from)
		value, listed, more := s.compare(w, n)
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

// Find is the value of exactly this name.
func (s *Set) Find(name []byte) (value uint32, ok bool) {
	w := s.Walk(name)
	switch {
	case w.count == 0:
		if w.rooted {
			return *s.root, true
		}
		return 0, false
	case w.count < s.first:
		return 0, false
	}
	h, till := w.hash, len(name)-1
	for level := 1; level <= int(w.count); level++ {
		from := w.at.nth(level, name, int(w.count))
		h, till = s.key.mix(h, name, from, till), from
		if level <= tailLabels {
			w.early[level-1] = h
		}
	}
	if n, some := s.probe(h); some {
		w.level, w.from, w.hash = w.count, 0, h
		value, ok, _ = s.compare(&w, n)
	}
	runtime.KeepAlive(s)
	return value, ok
}
