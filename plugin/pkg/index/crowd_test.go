package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
)

// weak is a key under which crowd finds names that meet, as who knew the key
// could: where a word of a label takes away what is behind it, the hash is 0
// whatever follows.
var weak = key{0x0123456789abcdef, 0xfedcba9876543210}

// crowd makes n names that all have the hash 0 under weak.
func crowd(n int) (names [][]byte) {
	for len(names) < n {
		parent := []byte{2, 'a' + byte(len(names)%26), 'a' + byte(len(names)/26), 0}
		h := weak.mix(weak.root(), parent, 0, 3)
		// fold(last^h, first^k): last = h makes 0. The length must be what is first.
		label := binary.LittleEndian.AppendUint64([]byte{15, 'x', 'y', 'z', 0, 0, 0, 0}, h)
		copy(label[4:8], fmt.Sprintf("%04d", len(names)))
		name := append(label, parent...)
		if weak.mix(h, name, 0, 16) != 0 {
			panic("the hash is another")
		}
		names = append(names, name)
	}
	return names
}

func TestNamesOfOneHash(t *testing.T) {
	const n = maxNodes
	b := newBuilder(Options{}, weak)
	m := twin{}
	for i, name := range crowd(n) {
		below := append([]byte("\x05below"), name...)
		for range 2 { // the second is merged
			if err := b.Add(name, uint32(i)); err != nil {
				t.Fatal(err)
			}
		}
		m[string(name)] = uint32(i)
		if i%2 == 0 {
			b.Add(below, 100)
			m[string(below)] = 100
		}
	}
	s, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.coder.key != weak {
		t.Fatal("another key was drawn; the names were to meet")
	}
	mustEqual(t, s, m, crowd(n + 5)[n:]...)
}

// TestCrowdedLineDrawsAnotherKey adds more names of one hash than a line holds,
// and others.
func TestCrowdedLineDrawsAnotherKey(t *testing.T) {
	for where, dir := range map[string]string{"memory": "", "file": t.TempDir()} {
		t.Run(where, func(t *testing.T) {
			b := newBuilder(Options{Dir: dir, Merge: func(old, new uint32) uint32 { return old*2 + new }}, weak)
			m := twin{}
			for _, name := range append(append(synthetic(2000), crowd(maxNodes+1)...), []byte{0}) {
				for i := range uint32(3) {
					if err := b.Add(name, i); err != nil {
						t.Fatal(err)
					}
					m.add(name, i, b.o.Merge)
				}
			}
			s, err := b.Build(nil)
			if err != nil {
				t.Fatal(err)
			}
			if s.coder.key == weak {
				t.Error("the key is the same")
			}
			mustEqual(t, s, m)
		})
	}
}

// TestNoKeyHelps holds that building ends where all keys that are drawn are bad:
// here none is drawn.
func TestNoKeyHelps(t *testing.T) {
	l := &layout{b: newBuilder(Options{}, weak), pages: 1}
	if err := l.writePage(make([]node, maxNodes+1)); !errors.Is(err, ErrCrowded) {
		t.Errorf("a page of one hash: %v, want %v", err, ErrCrowded)
	}
}
