package tally

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"sinkhole/plugin/pkg/subscriber"
)

// fixed is a tally whose buckets and chances are those of a seed.
func fixed(memory int64, seed uint64) *Tally {
	return newTally(memory, seed, func(l subscriber.Line) uint64 {
		hi, lo := bits.Mul64(uint64(l)^seed*0x9e3779b97f4a7c15, 0xd1b54a32d192ed03)
		hi, lo = bits.Mul64(hi^lo^0x8bb84b93962eacc9, 0x2d358dccaa6c78a5)
		return hi ^ lo
	})
}

// counts counts n queries of a line for as many names.
func (t *Tally) counts(l subscriber.Line, n int, p Pane) {
	for i := range n {
		t.Count(l, uint64(i), false, p)
	}
}

// known is what the last six panes hold of a line.
func known(t *Tally, l subscriber.Line) uint64 {
	s, at := t.place(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.find(at, l)
	if !ok {
		return 0
	}
	w := s.at(n).word
	if w.promoted() {
		return uint64(s.records[w.record()].sum(s.pane))
	}
	return uint64(w.at(s.pane).sum())
}

// recordOf is a copy of the record of a line, nil where it has none.
func recordOf(t *Tally, l subscriber.Line) *Record {
	for rec := range t.Records() {
		if rec.Line == l {
			c := *rec
			c.Sightings = slices.Clone(rec.Sightings)
			return &c
		}
	}
	return nil
}

// check holds t to what is true of it at any time.
func check(t *testing.T, tl *Tally) {
	t.Helper()
	held := map[uint32]int{}
	for i := range tl.shards {
		s := &tl.shards[i]
		lines, promoted := 0, 0
		for b := range s.buckets {
			for k := range s.buckets[b] {
				sl := s.buckets[b][k]
				if sl.key == 0 {
					if sl.word != 0 {
						t.Errorf("an empty slot holds %x", sl.word)
					}
					continue
				}
				lines++
				if found, at := tl.place(sl.key); found != s || at.first != uint32(b) && at.second != uint32(b) {
					t.Errorf("line %x lies where it is not looked for", sl.key)
				}
				if !sl.word.promoted() {
					continue
				}
				promoted++
				r := &s.records[sl.word.record()]
				if r.line != sl.key || s.at(r.slot).key != sl.key {
					t.Errorf("line %x and the record of line %x do not belong together", sl.key, r.line)
				}
			}
		}
		if lines != s.lines || promoted != s.promoted() {
			t.Errorf("%d lines and %d records are in the slots, counted were %d and %d", lines, promoted, s.lines, s.promoted())
		}
		chained := 0
		for k := range s.records {
			r := &s.records[k]
			if r.line == 0 {
				if *r != (record{}) || s.worths[k] != noRecord {
					t.Errorf("a free record holds something")
				}
				continue
			}
			n, listed := 0, false
			for at := r.head; at != 0; at = s.sightings[at-1].next {
				si := &s.sightings[at-1]
				n++
				held[si.name]++
				listed = listed || si.weight > 0
				if int(si.record) != k || s.measures[at-1] != si.measure() {
					t.Errorf("sighting %d: of record %d, measure %x; want %d and %x", at-1, si.record, s.measures[at-1], k, si.measure())
				}
			}
			chained += n
			if n > maxSightings || listed != r.listed {
				t.Errorf("record with %d sightings, listed %v; want at most %d and %v", n, r.listed, maxSightings, listed)
			}
			if w := s.worth(r); s.ranked == s.pane && s.worths[k] > w {
				t.Errorf("a record worth %x is remembered as %x", w, s.worths[k])
			}
		}
		if chained+len(s.freeSight) != len(s.sightings) {
			t.Errorf("%d sightings are chained and %d free, of %d", chained, len(s.freeSight), len(s.sightings))
		}
	}
	for id, n := range tl.names.names {
		if n.text != "" && n.held != held[uint32(id)] {
			t.Errorf("%s is held %d times, and counted %d times", n.text, held[uint32(id)], n.held)
		}
	}
}

// truth is the slow twin: what was asked, without bounds.
type truth struct {
	queries, proven map[subscriber.Line]map[Pane]uint32
	hits            map[subscriber.Line]map[string]map[Pane]bool // true: proven
}

func newTruth() *truth {
	return &truth{
		queries: map[subscriber.Line]map[Pane]uint32{},
		proven:  map[subscriber.Line]map[Pane]uint32{},
		hits:    map[subscriber.Line]map[string]map[Pane]bool{},
	}
}

func add[K comparable](m map[K]map[Pane]uint32, k K, p Pane) {
	if m[k] == nil {
		m[k] = map[Pane]uint32{}
	}
	m[k][p]++
}

func (tr *truth) count(l subscriber.Line, proven bool, p Pane) {
	add(tr.queries, l, p)
	if proven {
		add(tr.proven, l, p)
	}
}

func (tr *truth) hit(l subscriber.Line, name string, proven bool, p Pane) {
	if tr.hits[l] == nil {
		tr.hits[l] = map[string]map[Pane]bool{}
	}
	if tr.hits[l][name] == nil {
		tr.hits[l][name] = map[Pane]bool{}
	}
	tr.hits[l][name][p] = tr.hits[l][name][p] || proven
}

// sum is what a line asked in the six panes that end with p.
func (tr *truth) sum(l subscriber.Line, p Pane) (n uint64) {
	for q := p.Less(panes - 1); q <= p; q++ {
		n += uint64(tr.queries[l][q])
	}
	return n
}

// TestTwin plays three days of lines of all tempers into a roomy tally, and
// compares all that is kept of them with what they did.
func TestTwin(t *testing.T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 1))
		tl, tr := fixed(1<<20, seed), newTruth()
		rates := make([]int, 60)
		for i := range rates {
			rates[i] = []int{1, 20, 300, 900}[rng.IntN(4)]
		}
		p := Pane(someDay)
		for range 250 {
			p += Pane(1 + rng.IntN(2)*rng.IntN(4))
			if rng.IntN(3) > 0 {
				tl.Turn(p)
			}
			for i, rate := range rates {
				if rng.IntN(4) == 0 {
					continue
				}
				l := someLine(i)
				for range rng.IntN(rate + 1) {
					proven := i%3 == 0 && rng.IntN(2) == 0
					tl.Count(l, rng.Uint64N(50), proven, p)
					tr.count(l, proven, p)
				}
				if i%5 == 0 && rng.IntN(10) == 0 {
					name, proven := fmt.Sprintf("n%d.example", rng.IntN(6)), rng.IntN(2) == 0
					tl.Hit(l, "c2", []byte(name), 100, proven, p)
					tr.hit(l, name, proven, p)
				}
			}
		}
		tl.Turn(p)
		check(t, tl)
		promoted := 0
		for rec := range tl.Records() {
			promoted++
			compare(t, tr, rec, p)
		}
		if st := tl.Stats(); promoted < 20 || st.Promoted != promoted || st.Evicted != 0 || st.ErrorBound != 0 {
			t.Errorf("seed %d: %d records, %+v", seed, promoted, st)
		}
		for i := range rates {
			if got, want := known(tl, someLine(i)), tr.sum(someLine(i), p); got != want {
				t.Errorf("seed %d: line %d asked %d times, counted are %d", seed, i, want, got)
			}
		}
	}
}

// compare compares a record with what its line did. Panes before the record are
// known only if the slot held them.
func compare(t *testing.T, tr *truth, rec *Record, now Pane) {
	t.Helper()
	if rec.Pane() != now {
		t.Errorf("the running pane is %d, want %d", rec.Pane(), now)
	}
	for p := max(rec.Oldest(), rec.First()); p <= now; p++ {
		if got, want := rec.Queries(p), tr.queries[rec.Line][p]; got != want {
			t.Errorf("line %x, pane %d: %d queries, want %d", rec.Line, p, got, want)
		}
		// Which of the first 500 were proven, the slot does not tell.
		if got, want := rec.Proven(p), tr.proven[rec.Line][p]; got > want || got+promoteAt < want {
			t.Errorf("line %x, pane %d: %d proven, want %d", rec.Line, p, got, want)
		}
	}
	for p := rec.Last() + 1; p <= now; p++ {
		if tr.queries[rec.Line][p] > 0 {
			t.Errorf("line %x asked last in %d, and in %d", rec.Line, rec.Last(), p)
		}
	}
	highest := uint64(0)
	for p := max(rec.Oldest(), rec.First()); p <= now; p++ {
		highest = max(highest, tr.sum(rec.Line, p))
	}
	if got := rec.Highest(max(rec.Oldest()+Hour, rec.First())); got > highest {
		t.Errorf("line %x: highest %d, want %d at most", rec.Line, got, highest)
	}
	if len(rec.Sightings) > len(tr.hits[rec.Line]) {
		t.Errorf("line %x: %d listed names, want %d", rec.Line, len(rec.Sightings), len(tr.hits[rec.Line]))
	}
	for _, si := range rec.Sightings {
		for p := max(si.First, now.Less(Week)); p <= now; p++ {
			proven, asked := tr.hits[rec.Line][si.Name][p]
			if si.Panes.Has(p) != asked || si.Proven.Has(p) != proven {
				t.Errorf("line %x, %s, pane %d: %v and proven %v, want %v and %v", rec.Line, si.Name, p, si.Panes.Has(p), si.Proven.Has(p), asked, proven)
			}
		}
	}
}

// TestMemory adds up the package comment.
func TestMemory(t *testing.T) {
	for _, memory := range []int64{64 << 10, 1 << 20, 5_000_000, 64e6, 64 << 20, 640e6} {
		tl := New(memory)
		st, lines := tl.Stats(), int(memory/lineCost)
		if st.Bytes > memory && memory >= 1<<20 || st.Bytes < memory*9/10 {
			t.Errorf("New(%d) takes %d octets", memory, st.Bytes)
		}
		slots, records, sightings := 0, 0, 0
		for i := range tl.shards {
			s := &tl.shards[i]
			slots += len(s.buckets) * ways
			records += len(s.records)
			sightings += len(s.sightings)
		}
		for what, got := range map[string][2]int{
			"slots":     {slots, 2 * lines},
			"records":   {records, lines / 50},
			"sightings": {sightings, lines * 15 / 1000},
		} {
			if got[0] > got[1]+1 || got[0] < got[1]*98/100-1 {
				t.Errorf("New(%d): %d %s, want %d", memory, got[0], what, got[1])
			}
		}
	}
}

// TestTiny: the smallest of tallies counts what it can.
func TestTiny(t *testing.T) {
	for _, memory := range []int64{-1, 0, 1, 64, 4096} {
		tl := New(memory)
		for i := range 100 {
			tl.counts(someLine(i), 600, someDay)
			tl.Hit(someLine(i), "c2", []byte("c2.example"), 100, true, someDay)
		}
		tl.Turn(someDay + 1)
		check(t, tl)
		if st := tl.Stats(); st.Queries != 60_000 || st.Lines == 0 || st.Promoted == 0 {
			t.Errorf("New(%d): %+v", memory, st)
		}
	}
}

func TestAMillionLines(t *testing.T) {
	tl := New(64e6)
	for i := range 1_000_000 {
		tl.Count(someLine(i), 0, false, someDay)
	}
	if n := tl.Stats().Lines; n < 995_000 {
		t.Errorf("%d of a million lines have a place, want 995,000", n)
	}
}

// TestNoLine: 0 is no line, and nothing is counted for it.
func TestNoLine(t *testing.T) {
	tl := New(1 << 20)
	tl.Count(0, 1, false, someDay)
	tl.Hit(0, "c2", []byte("c2.example"), 100, false, someDay)
	tl.Mark(0, 1, Mark{someDay, 1})
	if st := tl.Stats(); st.Queries+uint64(st.Lines) != 0 {
		t.Errorf("got %+v", st)
	}
}

func TestHash(t *testing.T) {
	one, two := New(1<<20), New(1<<20)
	name, again, other := []byte("\x01a\x00"), []byte("\x01a\x00"), []byte("\x01b\x00")
	if one.Hash(name) != one.Hash(again) || one.Hash(name) == one.Hash(other) {
		t.Error("names and hashes do not belong together")
	}
	if one.Hash(name) == two.Hash(name) {
		t.Error("a hash means something in another tally")
	}
}

func TestCountAllocatesNothing(t *testing.T) {
	tl := New(1 << 20)
	tl.counts(someLine(1), 600, someDay)
	name := []byte("a-long-listed-name-that-fits-no-small-buffer.example")
	tl.Hit(someLine(1), "c2", name, 100, false, someDay)
	p, i := Pane(someDay), 0
	for what, do := range map[string]func(){
		"a line with a record": func() { tl.Count(someLine(1), 7, true, p) },
		"many lines, promoted and evicted": func() {
			for range 100 {
				tl.Count(someLine(i%60_000), 7, i%2 == 0, p)
				i++
			}
		},
		"panes that turn":     func() { p++; tl.Count(someLine(2), 7, false, p) },
		"a hit that is known": func() { tl.Hit(someLine(1), "c2", name, 100, false, p) },
		"a hash":              func() { tl.Hash(name) },
	} {
		if n := testing.AllocsPerRun(1000, do); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}

// TestBeside has everything done at once; the race detector looks on.
func TestBeside(t *testing.T) {
	tl, queries := New(1<<20), 0
	var wg sync.WaitGroup
	for g := range 4 {
		rng := rand.New(rand.NewPCG(uint64(g), 9))
		queries += 40_000
		wg.Go(func() {
			for i := range 40_000 {
				p := someDay + Pane(i/4000)
				l := someLine(int(rng.ExpFloat64() * 200))
				tl.Count(l, rng.Uint64N(9), g == 0, p)
				if i%97 == 0 {
					tl.Hit(l, "c2", fmt.Appendf(nil, "n%d.example", rng.IntN(40)), 100, g == 0, p)
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 20 {
			p := someDay + Pane(i/2)
			tl.Turn(p)
			for rec := range tl.Records() {
				tl.Mark(rec.Line, i%Levels, Mark{p, uint8(i)})
			}
			tl.Population(p, everybody)
			if err := tl.Save(discard{}, p); err != nil {
				t.Error(err)
			}
			tl.Forget(func(l subscriber.Line) bool { return l == someLine(i) })
			tl.Stats()
		}
	})
	wg.Wait()
	check(t, tl)
	if n := tl.Stats().Queries; n != uint64(queries) {
		t.Errorf("%d queries counted, want %d", n, queries)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func everybody(subscriber.Line) (subscriber.Class, bool) { return subscriber.Fixed, false }
