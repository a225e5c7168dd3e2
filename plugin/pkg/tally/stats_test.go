package tally

import "testing"

// TestErrorBound: what may be unknown of a line, and why.
func TestErrorBound(t *testing.T) {
	for _, test := range []struct {
		name      string
		does      func() *Tally
		low, high uint64
	}{
		{"there is room for all", func() *Tally {
			tl := New(1 << 20)
			for i := range 1000 {
				tl.counts(someLine(i), i/3, someDay)
			}
			return tl
		}, 0, 0},
		{"all records are taken", func() *Tally {
			tl := withRecords(1)
			tl.counts(someLine(1), 600, someDay)
			return tl
		}, wideLoss, wideLoss},
		{"a slot cannot count on", func() *Tally {
			tl := withRecords(1)
			tl.counts(someLine(1), 100_000, someDay)
			tl.counts(someLine(2), wideMax+5000, someDay)
			return tl
		}, 5000 + wideLoss, 5001 + wideLoss},
		{"that was an hour ago", func() *Tally {
			tl := withRecords(1)
			tl.counts(someLine(1), 100_000, someDay)
			tl.counts(someLine(2), wideMax+5000, someDay)
			tl.Turn(someDay + panes)
			return tl
		}, wideLoss, wideLoss},
		{"lines wait that weigh 10", func() *Tally {
			tl := fixed(4096, 1)
			for i := range 10_000 {
				tl.counts(someLine(i%150), 10, someDay)
			}
			return tl
		}, 8 * 11, 8 * 4000},
	} {
		if got := test.does().Stats().ErrorBound; got < test.low || got > test.high {
			t.Errorf("%s: %d, want %d to %d", test.name, got, test.low, test.high)
		}
	}
}

// TestEvicted counts who lost what.
func TestEvicted(t *testing.T) {
	tl := fixed(4096, 1) // 128 slots
	for i := range 128 * 4 {
		tl.Count(someLine(i), 0, false, someDay)
	}
	st := tl.Stats()
	if st.Lines != 128 || st.Evicted == 0 || st.Evicted > 400 || st.Queries != 512 || st.PromotedDropped != 0 {
		t.Errorf("got %+v", st)
	}
	tl = withRecords(1)
	tl.counts(someLine(1), 600, someDay)
	tl.counts(someLine(2), 1200, someDay)
	if st := tl.Stats(); st.Evicted != 1 || st.PromotedDropped != 1 || st.Lines != 2 || st.Promoted != 1 {
		t.Errorf("got %+v", st)
	}
}
