package tally

import (
	"math/rand/v2"
	"testing"
)

// TestRecordTwin plays weeks with gaps into a record and compares its sums with
// those of a map.
func TestRecordTwin(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 3))
		p := someDay + Pane(rng.IntN(100))
		r := record{line: someLine(1), first: p, last: p, pane: p}
		did := map[Pane]uint32{}
		for range 400 {
			switch rng.IntN(30) {
			case 0:
				p += Pane(rng.IntN(400))
			case 1:
				r.enter(p + 3) // a sweep, or a look
				p += 3
			default:
				p += Pane(rng.IntN(3))
			}
			for range rng.IntN(30) {
				r.count(p, 0, false)
				did[p]++
			}
		}
		r.enter(p)
		sum := func(end Pane) (n uint32) {
			for q := end - panes + 1; q <= end; q++ {
				n += did[q]
			}
			return n
		}
		rec := Record{Line: r.line, rec: r}
		for q := p - Week; q <= p+3; q++ {
			want := did[q]
			if q < rec.Oldest() || q > p {
				want = 0
			}
			if got := rec.Queries(q); got != want {
				t.Fatalf("seed %d: %d queries %d panes ago, want %d", seed, got, p-q, want)
			}
		}
		for ago := Pane(0); ago < Day; ago++ {
			want := uint32(0)
			for q := p - ago; q <= p; q++ {
				want = max(want, sum(q))
			}
			if got := rec.Highest(p - ago); got != uint64(want) {
				t.Fatalf("seed %d: highest since %d panes ago is %d, want %d", seed, ago, got, want)
			}
		}
		// Before that it is known by blocks: of those that first lies in, and of
		// windows that ended while something was asked.
		for ago := Day + Hour; ago < keepPanes; ago += 7 {
			first := p - ago
			low, high := uint32(0), uint32(0)
			for q := first / peakBlock * peakBlock; q <= p; q++ {
				high = max(high, sum(q))
				if q >= first && did[q] > 0 {
					low = max(low, sum(q))
				}
			}
			if got := rec.Highest(first); got < uint64(low) || got > uint64(high) {
				t.Fatalf("seed %d: highest since %d panes ago is %d, want %d to %d", seed, ago, got, low, high)
			}
		}
		r.forget(p - 50)
		rec.rec = r
		for q := rec.Oldest(); q <= p; q++ {
			want := did[q]
			if q < p-50 {
				want = 0
			}
			if got := rec.Queries(q); got != want {
				t.Fatalf("seed %d: after forgetting, %d queries %d panes ago, want %d", seed, got, p-q, want)
			}
		}
	}
}

func TestRecordSaturates(t *testing.T) {
	r := record{pane: someDay}
	r.queries[ring(someDay)], r.sure[ring(someDay)] = 1<<32-1, 1<<16-1
	r.queries[ring(someDay-1)] = 1<<32 - 1
	r.count(someDay, 0, true)
	if r.at(someDay) != 1<<32-1 || r.sure[ring(someDay)] != 1<<16-1 || r.sum(someDay) != 1<<32-1 || r.highest(0) != 1<<32-1 {
		t.Errorf("got %d, %d, sum %d, highest %d", r.at(someDay), r.sure[ring(someDay)], r.sum(someDay), r.highest(0))
	}
}

// TestStorm: one name that makes a pane, in the running one and in those before.
func TestStorm(t *testing.T) {
	// asks is so many queries in a hundred for one name, and the others for many.
	asks := func(tl *Tally, n, share int, p Pane) {
		for i := range n {
			name := uint64(1)
			if i%100 >= share {
				name = uint64(i)
			}
			tl.Count(someLine(1), name, false, p)
		}
	}
	const p = someDay
	for _, test := range []struct {
		name string
		does func(tl *Tally)
		now  bool // a storm in the running pane
		then bool // and in the one before
	}{
		{"a television asks for one name", func(tl *Tally) { asks(tl, 3000, 100, p) }, true, false},
		{"it still did ten minutes ago", func(tl *Tally) { asks(tl, 3000, 95, p-1); asks(tl, 3000, 40, p) }, false, true},
		{"one name is most, others are many", func(tl *Tally) { asks(tl, 3000, 70, p) }, false, false},
		{"a pane of few queries says nothing", func(tl *Tally) { asks(tl, 3000, 20, p-1); asks(tl, stormFloor-1, 100, p) }, false, false},
		{"the name is listed with full weight", func(tl *Tally) {
			for range 3000 {
				asks(tl, 1, 100, p)
				tl.Hit(someLine(1), "c2", []byte("c2.example"), 100, false, p)
			}
		}, false, false},
		{"the name is listed with half the weight", func(tl *Tally) {
			for range 3000 {
				asks(tl, 1, 100, p)
				tl.Hit(someLine(1), "malware", []byte("m.example"), 50, false, p)
			}
		}, true, false},
		{"a few listed names beside it change nothing", func(tl *Tally) {
			asks(tl, 3000, 95, p)
			for range 20 {
				asks(tl, 1, 0, p)
				tl.Hit(someLine(1), "c2", []byte("c2.example"), 100, false, p)
			}
		}, true, false},
	} {
		tl := New(1 << 20)
		test.does(tl)
		tl.Turn(p)
		rec := recordOf(tl, someLine(1))
		if rec == nil {
			t.Fatalf("%s: no record", test.name)
		}
		if rec.Storm(p) != test.now || rec.Storm(p-1) != test.then || rec.Storm(p+1) || rec.Storm(p-Week) {
			t.Errorf("%s: a storm now %v, before %v; want %v, %v", test.name, rec.Storm(p), rec.Storm(p-1), test.now, test.then)
		}
	}
}

// TestShareTwin: of random panes, none is called a storm that is none, and none
// is missed in which one name has 9 in 10.
func TestShareTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	storms := 0
	for range 3000 {
		var s share
		seen, n := map[uint64]int{}, stormFloor+rng.IntN(400)
		part := rng.Float64()
		for range n {
			name := 1 + rng.Uint64N(1+rng.Uint64N(100))
			if rng.Float64() < part {
				name = 1
			}
			s.add(name)
			seen[name]++
		}
		most := 0
		for _, c := range seen {
			most = max(most, c)
		}
		if s.storm() {
			storms++
		}
		if s.storm() && most*100 < n*stormShare || !s.storm() && most*100 >= n*90 {
			t.Fatalf("%d of %d for one name: a storm %v", most, n, s.storm())
		}
	}
	if storms < 300 {
		t.Errorf("%d storms were tried", storms)
	}
}
