package index

import (
	"cmp"
	"encoding/binary"
	"iter"
	"math/bits"
	"slices"
)

// record is where in an arena a name or marker is, and its hash.
type record struct {
	hash uint64
	at   int // of the name, or the 0 of a marker
	size int // of the name
}

func (r record) name(arena []byte) []byte  { return arena[r.at : r.at+r.size] }
func (r record) value(arena []byte) uint32 { return binary.LittleEndian.Uint32(arena[r.at+r.size:]) }
func (r record) marker() bool              { return r.size == 1 }

// records are those of arena from an octet on.
func records(arena []byte, from int) iter.Seq[record] {
	return func(yield func(record) bool) {
		for at := from; at < len(arena); {
			r := record{hash: binary.LittleEndian.Uint64(arena[at:]), at: at + 8}
			for at += 8; arena[at] != 0; at += 1 + int(arena[at]) {
			}
			at++
			r.size = at - r.at
			if !r.marker() {
				at += 4
			}
			if !yield(r) {
				return
			}
		}
	}
}

// sorter brings records in order of their hashes; equal ones stay in order.
type sorter struct {
	in, out []record
	counts  []int
}

// sort distributes by the bits behind the first skip, which all have alike, and
// then orders what has those alike, too: a few, unless names came many times.
func (s *sorter) sort(arena []byte, from int, skip int) []record {
	s.in = s.in[:0]
	for r := range records(arena, from) {
		s.in = append(s.in, r)
	}
	width := max(1, bits.Len(uint(len(s.in))))
	bin := func(r record) uint64 { return r.hash << skip >> (64 - width) }
	s.counts = append(s.counts[:0], make([]int, 1<<width+1)...)
	for _, r := range s.in {
		s.counts[bin(r)+1]++
	}
	for i := 1; i < len(s.counts); i++ {
		s.counts[i] += s.counts[i-1]
	}
	s.out = slices.Grow(s.out[:0], len(s.in))[:len(s.in)]
	for _, r := range s.in {
		b := bin(r)
		s.out[s.counts[b]] = r
		s.counts[b]++
	}
	from = 0
	for i := 1; i <= len(s.out); i++ {
		if i == len(s.out) || bin(s.out[i]) != bin(s.out[from]) {
			order(s.out[from:i])
			from = i
		}
	}
	return s.out
}

func order(r []record) {
	if len(r) > 16 {
		slices.SortStableFunc(r, func(a, b record) int { return cmp.Compare(a.hash, b.hash) })
		return
	}
	for i := 1; i < len(r); i++ {
		for j := i; j > 0 && r[j].hash < r[j-1].hash; j-- {
			r[j], r[j-1] = r[j-1], r[j]
		}
	}
}

// node is one of the trie: of a name, or of a marker when size is 0.
type node struct {
	hash   uint64
	at     int
	size   int
	value  uint32
	deeper bool
}

// merge appends the nodes of sorted records. Names are compared, for different
// ones may have one hash; a marker of that hash counts for all of them.
func merge(nodes []node, sorted []record, arena []byte, join func(old, new uint32) uint32) []node {
	for len(sorted) > 0 {
		h, from, deeper := sorted[0].hash, len(nodes), false
	next:
		for len(sorted) > 0 && sorted[0].hash == h {
			r := sorted[0]
			sorted = sorted[1:]
			if r.marker() {
				deeper = true
				continue
			}
			name, value := r.name(arena), r.value(arena)
			for i := from; i < len(nodes); i++ {
				if n := &nodes[i]; string(arena[n.at:n.at+n.size]) == string(name) {
					if join != nil {
						n.value = join(n.value, value)
					}
					continue next
				}
			}
			nodes = append(nodes, node{hash: h, at: r.at, size: r.size, value: value})
		}
		if from == len(nodes) {
			nodes = append(nodes, node{hash: h})
		}
		for i := from; i < len(nodes); i++ {
			nodes[i].deeper = deeper
		}
	}
	return nodes
}
