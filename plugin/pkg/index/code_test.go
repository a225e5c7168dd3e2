package index

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestHuffman holds lengths to Kraft's inequality with equality, to their bound,
// and, unless the bound made them alike, to the order of the weights.
func TestHuffman(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 300 {
		weight := make([]int, 2+r.IntN(254))
		for j := range weight {
			weight[j] = r.IntN(1 << r.IntN(30))
			if i == 0 {
				weight[j] = 1 << min(j, 40) // as long as words get
			}
		}
		most := 8 + r.IntN(8)
		lengths := huffman(weight, most)
		sum, flat := 0, int(slices.Max(tree(weight))) > most
		for j, l := range lengths {
			if int(l) > most || l == 0 {
				t.Fatalf("a word of %d bits, at most %d", l, most)
			}
			sum += 1 << (most - int(l))
			for k := range j {
				if !flat && weight[k] > weight[j] && lengths[k] > l {
					t.Fatalf("weight %d has %d bits, %d has %d", weight[k], lengths[k], weight[j], l)
				}
			}
		}
		if sum != 1<<most {
			t.Fatalf("words take %d of %d", sum, 1<<most)
		}
		if _, err := newBook(lengths); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSpare holds every table to what fills up an entry: no word of seven bits
// or fewer is all ones.
func TestSpare(t *testing.T) {
	for what, m := range map[string]twin{"no names": {}, "one": {"\x01a\x00": 1}, "some": someNames(500)} {
		c := &m.build(t, "").coder
		for i, p := range c.pairs {
			if n := p & 15; n > 0 && n < 8 && p>>4 == 1<<n-1 {
				t.Errorf("%s: pair %d is %d ones", what, i, n)
			}
		}
	}
}

func someNames(n int) twin {
	m := twin{}
	for i, name := range synthetic(n) {
		m[string(name)] = uint32(i % 3)
	}
	return m
}

// TestSpellAgreesWithWriting is the twin of spell: what it takes for plain has
// the bits that the coder writes.
func TestSpellAgreesWithWriting(t *testing.T) {
	s := someNames(3000).build(t, "")
	r := rand.New(rand.NewPCG(2, 9))
	plain := 0
	for _, name := range synthetic(6000) {
		if r.IntN(4) == 0 {
			name[1+r.IntN(len(name)-1)] = byte(r.IntN(256))
			if !whole(name) {
				continue
			}
		}
		w := s.Walk(name)
		at, count, _ := split(name)
		s.key.hashes(&w.early, name, at, count)
		w.level, w.from = w.count, 0
		spelled, ok := s.coder.spell(&w)
		if !ok {
			continue
		}
		plain++
		written := append(make([]byte, 24), s.coder.writeName(nil, name)...)
		if !spelled.same(written, len(written), len(written)-24) {
			t.Fatalf("%q is spelled as %+v and written as %x", name, spelled, written[24:])
		}
	}
	if plain < 3000 {
		t.Errorf("only %d names were spelled", plain)
	}
}

// TestNamesAreTheirBits holds that what is written reads back, and that no two
// names are written alike.
func TestNamesAreTheirBits(t *testing.T) {
	s := someNames(3000).build(t, "")
	d := newDecoder(s)
	seen := map[string]string{}
	for n := range someNames(6000) {
		written := s.coder.writeName(nil, []byte(n))
		if !d.decodeName(written) || !bytes.Equal(d.name, []byte(n)) {
			t.Fatalf("%q reads back as %q", n, d.name)
		}
		if other, dup := seen[string(written)]; dup {
			t.Fatalf("%q and %q are written alike", n, other)
		}
		seen[string(written)] = n
	}
}
