// Package index holds the listed names: exact, immutable, mapped from a file.
//
// A Builder takes names and values and keeps what does not fit a few megabytes
// in a file; a Set is what it built, in octets without a pointer. A Set is only
// read, any number of goroutines may ask it, and it is unmapped when nobody
// holds it any more. Replacing lists builds a new Set beside the old one.
//
// # Layout
//
// Names are a trie of labels whose nodes are found by hash. The hash of a name is
// that of its parent mixed with its first label, under a key that was drawn for
// this file. A node is there for each listed name, and for each name of two
// labels and more that is above a listed one; the latter, a marker, has no name.
//
//	+--------+------------------------------------------------------------+
//	| header | 128 octets, see file.go                                    |
//	+--------+------------------------------------------------------------+
//	| lines  | 64 octets each: 48 tags | 6 subs × 2 octets | base 4       |
//	+--------+------------------------------------------------------------+
//	| data   | by sub: heads, last first, 1 octet each; then the entries  |
//	+--------+------------------------------------------------------------+
//	| pages  | 4 octets each: the number of their first line              |
//	+--------+------------------------------------------------------------+
//	| code   | what values and ends of names are common, lengths of words |
//	+--------+------------------------------------------------------------+
//	| meta   | the caller's                                               |
//	+--------+------------------------------------------------------------+
//
// The hash chooses a page, in it a line, in that one of six subs, and has 7 bits
// left for the tag. So a label costs one line, which is a cache line. A page has
// as many lines as it takes for none to be over-full. A sub says where its tags
// and its entries begin; names stand before markers, so the n-th tag belongs to
// the n-th entry. A head has the size of the entry, whether there are deeper
// names, and which value.
//
// An entry is the name in bits: the word of its end, where that is a common one
// such as com, and the labels before it from left to right, each character by
// the one before it, as a sample of the names suggested. A look-up writes the
// name that is asked in the same bits and compares; it decodes nothing. Neither
// hash nor tag decide: what is found was compared, and a marker that is not one
// costs the look at one more label.
//
// # Example
//
// Three names with the value 1, bad.example, evil.example and ok.a.example, and
// www.bad.example with 2 (TestLayoutExample). The code has a word of no bits for
// none of the ends and 1 for example. All fit one line:
//
//	tags 2a 12 fe 0f 68 00 …   ok.a, evil, a (marker: fe is 7e and the mark), www.bad, bad
//	subs 0.1 1.4 2.6 3.6 3.7 4.12   first tag and place of the entries, from base on
//	base 24   behind what may be read before the first entry
//	data 02 c05f | 02 b03f | c4 fc02d041 | 21 83
//
// Next of a Walk for www.bad.example first asks for bad.example, tag 68: in the
// last sub tag 4 is equal, its head before place 12 is 21: one octet, deeper
// names, the commonest value. The octet 83 is example and bad. Then it asks for
// www.bad.example, tag 0f: head c4, four octets and a value of its own, fc 02.
// For www.good.example there is no tag that is equal among those of its sub: it
// ends there, as it would for 127 labels.
//
// # Cost
//
// 1,000,000 real names: 11.5 octets each, 2.0 of lines, 9.5 of heads and entries
// (TestReal); 10,000: 12.5. BenchmarkLookUp measures beside a Go map: a name that
// is not listed takes one line, a listed one a line for each label and what its
// entry touches. TestLookUpsAllocateNothing holds both to that. Building takes
// 0.25 s a million and 10 MB besides what it makes (BenchmarkBuild).
// What else was tried is in DESIGN.md.
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
