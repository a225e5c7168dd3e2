package tally

import "testing"

// FuzzWord holds a slot to six numbers. ops are pairs: what is done, and how
// often.
func FuzzWord(f *testing.F) {
	f.Add([]byte{0, 200, 1, 1, 0, 200, 1, 3, 2, 1, 1, 9})
	f.Add([]byte{0, 255, 0, 255, 0, 20, 1, 1, 0, 3, 1, 5})
	f.Add([]byte{3, 255, 3, 255, 3, 255, 1, 1, 3, 255, 1, 1, 0, 9, 1, 1})
	f.Fuzz(func(t *testing.T, ops []byte) {
		p := Pane(someDay)
		w, proven := newcomer(p, 0, false), false
		var want [panes]uint32
		want[0] = 1
		most := uint32(0)
		for i := 0; i+1 < len(ops); i += 2 {
			n := int(ops[i+1])
			switch ops[i] % 4 {
			case 0, 2:
				proven = proven || ops[i]%4 == 2
				for range n {
					w = w.add(ops[i]%4 == 2)
				}
				if n == 0 {
					proven = w.proven()
				}
				want[0] += uint32(n)
			case 1:
				n %= stampSpan
				p += Pane(n)
				w = w.at(p)
				var shifted [panes]uint32
				copy(shifted[min(n, panes):], want[:])
				want = shifted
			case 3:
				for range 16 * n {
					w = w.add(false)
				}
				want[0] += uint32(16 * n)
			}
			for _, c := range want {
				most = max(most, c)
			}
			for ago, got := range w.counts() {
				loss := uint32(0)
				if most > paneMax && ago > 0 {
					loss = wideUnit - 1
				}
				if c := want[ago]; got > c || got+loss < min(c, wideOldMax*wideUnit) || ago == 0 && got != min(c, wideMax) {
					t.Fatalf("%d panes ago: %d, want %d (most so far %d)", ago, got, c, most)
				}
			}
			if w.proven() != proven || w.promoted() || w.age(p) != 0 {
				t.Fatalf("%x: proven %v, want %v", w, w.proven(), proven)
			}
		}
	})
}

// TestNewcomer: what a newcomer is lent weighs, is no count, and ends with the
// pane.
func TestNewcomer(t *testing.T) {
	w := newcomer(someDay, 300, false)
	if w.sum() != 1 || w.weight() != 301 {
		t.Errorf("at first: %d queries, weight %d; want 1 and 301", w.sum(), w.weight())
	}
	w = w.add(true).at(someDay)
	if w.sum() != 2 || w.weight() != 304 {
		t.Errorf("proven: %d queries, weight %d; want 2 and 304", w.sum(), w.weight())
	}
	w = w.at(someDay + 1)
	if w.sum() != 2 || w.weight() != 4 {
		t.Errorf("in the next pane: %d queries, weight %d; want 2 and 4", w.sum(), w.weight())
	}
	if w = w.at(someDay + 4); w.sum() != 2 || w.weight() != 1 {
		t.Errorf("later: %d queries, weight %d; want 2 and 1", w.sum(), w.weight())
	}
	if w := newcomer(someDay, 100_000, false); w.sum() != 1 || w.weight() != 1+paneMax {
		t.Errorf("after a giant: %d queries, weight %d; want 1 and %d", w.sum(), w.weight(), 1+paneMax)
	}
}

// TestPack: what a record knows goes into a slot, exactly where it fits.
func TestPack(t *testing.T) {
	for _, test := range []struct {
		name    string
		in, out [panes]uint32
		wide    bool
	}{
		{"small", [panes]uint32{1, 2, 3, 4, 5, 6}, [panes]uint32{1, 2, 3, 4, 5, 6}, false},
		{"as much as fits", [panes]uint32{511, 511, 511, 511, 511, 511}, [panes]uint32{511, 511, 511, 511, 511, 511}, false},
		{"a busy pane costs the others up to 15", [panes]uint32{512, 15, 16, 47, 100, 511}, [panes]uint32{512, 0, 16, 32, 96, 496}, true},
		{"a busy pane of before", [panes]uint32{3, 1700, 0, 0, 0, 0}, [panes]uint32{3, 1696, 0, 0, 0, 0}, true},
		{"beyond all", [panes]uint32{1 << 20, 1 << 20, 0, 0, 0, 0}, [panes]uint32{16_383, 4080, 0, 0, 0, 0}, true},
	} {
		w := pack(someDay, test.in, true)
		if w.counts() != test.out || w.wide() != test.wide || !w.proven() {
			t.Errorf("%s: got %d, wide %v; want %d, %v", test.name, w.counts(), w.wide(), test.out, test.wide)
		}
	}
}
