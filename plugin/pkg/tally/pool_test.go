package tally

import (
	"math/rand/v2"
	"testing"

	"sinkhole/plugin/pkg/subscriber"
)

// withRecords is a roomy tally of one shard with so many records.
func withRecords(n int) *Tally {
	tl := fixed(1<<20, 1)
	tl.shards[0].pool = newPool(n)
	return tl
}

// TestHeavyIsNeverLost: where more lines ask for records than there are, whoever
// asks more than 10,000 times in six panes has one in the end, with what it
// asked, and keeps it for two days.
func TestHeavyIsNeverLost(t *testing.T) {
	const heavy, busy = 20, 400
	tl, tr := withRecords(2*heavy), newTruth()
	p := Pane(someDay)
	hour := func(rate func(i int) int) {
		for range panes {
			tl.Turn(p)
			for k := range 3000 { // queries in turns, so that no line is first
				for i := range heavy + busy {
					if k < rate(i) {
						tl.Count(someLine(i), uint64(k), false, p)
						tr.count(someLine(i), false, p)
					}
				}
			}
			p++
		}
	}
	hour(func(i int) int {
		if i < heavy {
			return 1700 + i
		}
		return 505 + i // up to 5,500 an hour
	})
	check(t, tl)
	first := p - 1
	seen := func(when string) {
		t.Helper()
		for i := range heavy {
			rec := recordOf(tl, someLine(i))
			if rec == nil {
				t.Fatalf("%s: line %d is lost", when, i)
			}
			// A line that had no record at first is known less 15 a pane.
			if got, want := rec.Highest(first), tr.sum(rec.Line, first); got > want || got+wideLoss < want || got <= heavyQueries {
				t.Errorf("%s: line %d asked %d times, known are %d", when, i, want, got)
			}
		}
	}
	seen("in the hour")
	for h := range 46 {
		hour(func(i int) int {
			if i < heavy || i > 4*heavy {
				return 0
			}
			return (600 + (i+h*37)%400) * (h % 2)
		})
		if h%9 == 0 {
			check(t, tl)
			seen("later")
		}
	}
	seen("at last")
	if st := tl.Stats(); st.PromotedDropped == 0 || st.ErrorBound < wideLoss {
		t.Errorf("got %+v", st)
	}
}

// TestRecordsGoToThoseThatStandOut fills all records, and sees who goes.
func TestRecordsGoToThoseThatStandOut(t *testing.T) {
	const p = someDay
	name := []byte("c2.example")
	for _, test := range []struct {
		name string
		// has gives the line its record, comes is what a newcomer does.
		has, comes func(tl *Tally, l subscriber.Line)
		stays      bool
	}{
		{"busy, for one that is busier",
			func(tl *Tally, l subscriber.Line) { tl.counts(l, 510, p) },
			func(tl *Tally, l subscriber.Line) { tl.counts(l, 900, p) }, false},
		{"busy, for one that is hardly more so",
			func(tl *Tally, l subscriber.Line) { tl.counts(l, 900, p) },
			func(tl *Tally, l subscriber.Line) { tl.counts(l, 1000, p) }, true},
		{"busy and proven, for one that is busier and could be forged",
			func(tl *Tally, l subscriber.Line) { tl.counts(l, 600, p); tl.Count(l, 1, true, p) },
			func(tl *Tally, l subscriber.Line) { tl.counts(l, 1100, p) }, true},
		{"busy, for a listed name",
			func(tl *Tally, l subscriber.Line) { tl.counts(l, 9000, p) },
			func(tl *Tally, l subscriber.Line) { tl.Hit(l, "c2", name, 100, false, p) }, false},
		{"at a level, for one that is busy",
			func(tl *Tally, l subscriber.Line) { tl.counts(l, 510, p); tl.Mark(l, 0, Mark{p, 15}) },
			func(tl *Tally, l subscriber.Line) { tl.counts(l, 9000, p) }, true},
		{"a listed name, for one that is busy",
			func(tl *Tally, l subscriber.Line) { tl.Hit(l, "malware", name, 50, false, p) },
			func(tl *Tally, l subscriber.Line) { tl.counts(l, 9000, p) }, true},
		{"a listed name, for one that weighs more",
			func(tl *Tally, l subscriber.Line) { tl.Hit(l, "malware", name, 50, false, p) },
			func(tl *Tally, l subscriber.Line) { tl.Hit(l, "c2", name, 100, false, p) }, false},
		{"a listed name, for the same",
			func(tl *Tally, l subscriber.Line) { tl.Hit(l, "c2", name, 100, false, p) },
			func(tl *Tally, l subscriber.Line) { tl.Hit(l, "c2", name, 100, false, p) }, true},
		{"a listed name, for the same and proven",
			func(tl *Tally, l subscriber.Line) { tl.Hit(l, "c2", name, 100, false, p) },
			func(tl *Tally, l subscriber.Line) { tl.Hit(l, "c2", name, 100, true, p) }, false},
		{"a listed name in two panes, for one in one",
			func(tl *Tally, l subscriber.Line) {
				tl.Hit(l, "c2", name, 100, false, p-1)
				tl.Hit(l, "c2", name, 100, false, p)
			},
			func(tl *Tally, l subscriber.Line) { tl.counts(l, 400, p); tl.Hit(l, "c2", name, 100, false, p) }, true},
		{"a listed name, for one above 10,000",
			func(tl *Tally, l subscriber.Line) { tl.Hit(l, "c2", name, 100, true, p) },
			func(tl *Tally, l subscriber.Line) { tl.counts(l, heavyQueries+1, p) }, false},
		{"above 10,000, for a listed name",
			func(tl *Tally, l subscriber.Line) { tl.counts(l, heavyQueries+1, p) },
			func(tl *Tally, l subscriber.Line) { tl.Hit(l, "c2", name, 100, true, p) }, true},
		{"above 10,000, for one that asks half as much again",
			func(tl *Tally, l subscriber.Line) { tl.counts(l, heavyQueries+1, p) },
			func(tl *Tally, l subscriber.Line) { tl.counts(l, heavyQueries*3/2, p) }, false},
		{"a name without weight, for one that is busy",
			func(tl *Tally, l subscriber.Line) { tl.counts(l, 510, p); tl.Hit(l, "phishing", name, 0, false, p) },
			func(tl *Tally, l subscriber.Line) { tl.counts(l, 600, p) }, false},
	} {
		tl := withRecords(1)
		test.has(tl, someLine(1))
		if recordOf(tl, someLine(1)) == nil {
			t.Fatalf("%s: no record", test.name)
		}
		before := known(tl, someLine(1))
		test.comes(tl, someLine(2))
		check(t, tl)
		had, got := recordOf(tl, someLine(1)), recordOf(tl, someLine(2))
		if (had != nil) != test.stays || (got == nil) != test.stays {
			t.Errorf("%s: the record stays %v, comes to the newcomer %v; want it to stay: %v", test.name, had != nil, got != nil, test.stays)
		}
		if after := known(tl, someLine(1)); after > before || after+15 < min(before, wideMax) {
			t.Errorf("%s: the line asked %d times, and %d are known", test.name, before, after)
		}
	}
}

// TestHeavyBeforeTheSweep: a line stays heavy when its six panes have passed and
// no sweep has come yet.
func TestHeavyBeforeTheSweep(t *testing.T) {
	tl := withRecords(1)
	tl.counts(someLine(1), heavyQueries+1, someDay)
	tl.counts(someLine(2), heavyQueries-1, someDay+panes)
	tl.Hit(someLine(3), "c2", []byte("c2.example"), 100, true, someDay+panes)
	if rec := recordOf(tl, someLine(1)); rec == nil || rec.Highest(0) != heavyQueries+1 {
		t.Errorf("got %+v", rec)
	}
}

// TestLeast holds the search for the least record to looking at all of them.
func TestLeast(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	tl := withRecords(40)
	s, p := &tl.shards[0], Pane(someDay)
	for range 2000 {
		l := someLine(rng.IntN(80))
		switch rng.IntN(12) {
		case 0:
			p += Pane(rng.IntN(3))
			tl.Turn(p)
		case 1:
			tl.Hit(l, "c2", []byte{'a' + byte(rng.IntN(20))}, 50*rng.IntN(3), rng.IntN(2) == 0, p)
		case 2:
			tl.Mark(l, rng.IntN(Levels), Mark{p, 9})
		case 3:
			tl.Forget(func(o subscriber.Line) bool { return o == l })
		default:
			tl.counts(l, rng.IntN(1200), p)
		}
		if s.promoted() == 0 {
			continue
		}
		want := uint64(noRecord)
		for i := range s.records {
			if s.records[i].line != 0 {
				want = min(want, s.worth(&s.records[i]))
			}
		}
		if i, got := s.least(); got != want || s.worth(&s.records[i]) != want {
			t.Fatalf("the least record is worth %x, want %x", got, want)
		}
		check(t, tl)
	}
}

// TestEightWithRecords: where all lines that may lie in two buckets have records,
// the least of them goes, unless it stands out.
func TestEightWithRecords(t *testing.T) {
	for _, hit := range []bool{false, true} {
		tl := newTally(1<<20, 1, func(subscriber.Line) uint64 { return 1 << 40 })
		tl.shards[0].buckets = tl.shards[0].buckets[:1]
		for i := range ways {
			tl.counts(someLine(i), 600+100*i, someDay)
			if hit {
				tl.Hit(someLine(i), "c2", []byte("c2.example"), 100, false, someDay)
			}
		}
		tl.counts(someLine(9), 20_000, someDay)
		check(t, tl)
		got := known(tl, someLine(9))
		if hit && got != 0 || !hit && (got == 0 || known(tl, someLine(0)) != 0 || known(tl, someLine(3)) != 900) {
			t.Errorf("with listed names %v: %d queries known of the newcomer", hit, got)
		}
		tl.Hit(someLine(8), "c2", []byte("c2.example"), 100, true, someDay)
		check(t, tl)
		if st := tl.Stats(); hit && (st.PromotedDropped != 1 || st.Promoted != ways) {
			t.Errorf("a hit of a line without a place: %+v", st)
		}
	}
}
