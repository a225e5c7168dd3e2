package tally

import (
	"bytes"
	"encoding/binary"
	"testing"
	"unsafe"

	"sinkhole/plugin/pkg/subscriber"
)

// TestSilence: what is kept of a line that falls silent, and for how long.
func TestSilence(t *testing.T) {
	const p = someDay
	for _, test := range []struct {
		name           string
		does           func(tl *Tally, l subscriber.Line)
		slot, record   Pane // how many panes they are kept at least
		gone, released Pane // and when they must be gone
	}{
		{"a quiet line", func(tl *Tally, l subscriber.Line) { tl.counts(l, 20, p) }, 5, 0, 6, 0},
		{"a busy line", func(tl *Tally, l subscriber.Line) { tl.counts(l, 600, p) }, keepPanes - 24, keepPanes - 24, keepPanes + 24, keepPanes + 24},
		{"a line at a level", func(tl *Tally, l subscriber.Line) {
			tl.counts(l, 600, p-Day)
			tl.Turn(p)
			tl.Mark(l, 1, Mark{p, 60})
		}, keepPanes, keepPanes, keepPanes + 1, keepPanes + 1},
		{"a line with a listed name", func(tl *Tally, l subscriber.Line) { tl.Hit(l, "c2", []byte("c2.example"), 100, false, p) }, Week, Week, Week + 1, Week + 1},
	} {
		tl := New(1 << 20)
		test.does(tl, someLine(1))
		for ago := Pane(1); ago < Week+10; ago++ {
			tl.Turn(p + ago)
			st := tl.Stats()
			if ago <= test.slot && st.Lines != 1 || ago >= test.gone && st.Lines != 0 {
				t.Fatalf("%s: %d places after %d panes", test.name, st.Lines, ago)
			}
			if ago <= test.record && st.Promoted != 1 || ago >= test.released && st.Promoted != 0 {
				t.Fatalf("%s: %d records after %d panes", test.name, st.Promoted, ago)
			}
		}
		check(t, tl)
		if len(tl.names.ids) != 0 {
			t.Errorf("%s: %d names are left", test.name, len(tl.names.ids))
		}
	}
}

// TestLineThatCalmsDown: a line that was busy and asks on, but little, goes back
// to its slot without a query lost.
func TestLineThatCalmsDown(t *testing.T) {
	tl := New(1 << 20)
	tl.counts(someLine(1), 700, someDay)
	for ago := Pane(1); ago < 3*Day; ago++ {
		tl.counts(someLine(1), 7, someDay+ago)
		tl.Turn(someDay + ago)
	}
	check(t, tl)
	if st := tl.Stats(); st.Promoted != 0 || known(tl, someLine(1)) != 42 {
		t.Errorf("%d records, %d queries known; want none and 42", st.Promoted, known(tl, someLine(1)))
	}
}

// TestNobodyTurns: without a word from the clock, old panes never come back as
// new ones, however far it is between two queries.
func TestNobodyTurns(t *testing.T) {
	for gap := Pane(1); gap < 200; gap++ {
		tl := fixed(1<<16, 1)
		for i := range 20 {
			tl.counts(someLine(i), 9, someDay)
		}
		for ago := Pane(0); ago < 3*stampSpan; ago += gap {
			tl.Count(someLine(99), 0, false, someDay+ago)
			want := uint64(9)
			if ago >= panes {
				want = 0
			}
			for i := range 20 {
				if got := known(tl, someLine(i)); got != want {
					t.Fatalf("in steps of %d: %d queries known after %d panes, want %d", gap, got, ago, want)
				}
			}
		}
		tl.Count(someLine(99), 0, false, someDay+Week)
		check(t, tl)
	}
}

// TestForget leaves nothing of lines that opted out: the memory is searched.
func TestForget(t *testing.T) {
	tl := fixed(1<<20, 1)
	for i := range 200 {
		tl.counts(someLine(i), 5, someDay)
		if i%4 == 0 {
			tl.counts(someLine(i), 600, someDay)
			tl.Hit(someLine(i), "c2", []byte("shared.example"), 100, false, someDay)
		}
		if i%8 == 0 {
			tl.Hit(someLine(i), "c2", []byte{'n', byte('a' + i/8)}, 100, false, someDay)
		}
	}
	tl.Forget(func(l subscriber.Line) bool { return l>>16%16 == 0 })
	check(t, tl)
	st := tl.Stats()
	if st.Lines != 187 || st.Promoted != 37 {
		t.Errorf("%d lines and %d records are left, want 187 and 37", st.Lines, st.Promoted)
	}
	memory := dump(tl)
	var saved bytes.Buffer
	if err := tl.Save(&saved, someDay); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		key := binary.LittleEndian.AppendUint64(nil, uint64(someLine(i)))
		want := i%16 != 0
		if bytes.Contains(memory, key) != want || bytes.Contains(saved.Bytes(), key) != want {
			t.Errorf("line %d is in memory %v and in the checkpoint %v, want %v", i, bytes.Contains(memory, key), bytes.Contains(saved.Bytes(), key), want)
		}
		if i%8 > 0 {
			continue
		}
		name := string([]byte{'n', byte('a' + i/8)})
		if _, ok := tl.names.find("c2", []byte(name)); ok != want {
			t.Errorf("the name of line %d is known %v, want %v", i, ok, want)
		}
	}
	if _, ok := tl.names.find("c2", []byte("shared.example")); !ok {
		t.Error("a name is gone that others asked for")
	}
	// Who comes back begins anew.
	tl.Count(someLine(0), 1, false, someDay)
	if got := known(tl, someLine(0)); got != 1 {
		t.Errorf("%d queries known of a line that came back, want 1", got)
	}
}

// dump is the tables of t as they lie in memory.
func dump(t *Tally) (all []byte) {
	for i := range t.shards {
		s := &t.shards[i]
		all = append(all, unsafe.Slice((*byte)(unsafe.Pointer(&s.buckets[0])), len(s.buckets)*int(unsafe.Sizeof(bucket{})))...)
		all = append(all, unsafe.Slice((*byte)(unsafe.Pointer(&s.records[0])), len(s.records)*int(unsafe.Sizeof(record{})))...)
		all = append(all, unsafe.Slice((*byte)(unsafe.Pointer(&s.sightings[0])), len(s.sightings)*int(unsafe.Sizeof(sighting{})))...)
	}
	return all
}

// TestClockJumps: a clock that is set neither loses nor ages what was counted,
// and what is shown is in its terms.
func TestClockJumps(t *testing.T) {
	const l = 1
	for _, test := range []struct {
		name string
		to   Pane
		age  Pane // of what was counted in the pane before, then
	}{
		{"back by ten minutes and a bit", someDay - 2, 1},
		{"back by an hour", someDay - 7, 1},
		{"back by years", 1_000_000, 1},
		{"to the epoch", 300, 1},
		{"ahead by ten minutes", someDay + 1, 2},
		{"ahead by an hour", someDay + 6, 7},
	} {
		tl := New(1 << 20)
		tl.counts(someLine(l), 5000, someDay-1)
		tl.Hit(someLine(l), "c2", []byte("c2.example"), 100, true, someDay-1)
		tl.Mark(someLine(l), 2, Mark{someDay - 1, 70})
		tl.counts(someLine(2), 40, someDay-1)
		tl.counts(someLine(l), 3, someDay)
		tl.Turn(test.to)
		tl.counts(someLine(l), 100, test.to)
		tl.counts(someLine(l), 200, test.to+1)
		tl.Turn(test.to + 1)
		check(t, tl)
		rec := recordOf(tl, someLine(l))
		at := test.to - test.age
		si := rec.Sightings[0]
		if rec.Pane() != test.to+1 || rec.Queries(test.to+1) != 200 || rec.Last() != test.to+1 {
			t.Errorf("%s: pane %d with %d queries, last %d", test.name, rec.Pane(), rec.Queries(rec.Pane()), rec.Last())
		}
		if got := rec.Queries(at); got != 5000 {
			t.Errorf("%s: %d queries %d panes ago, want 5000", test.name, got, test.age)
		}
		if rec.First() != at || rec.Mark(2) != (Mark{at, 70}) || si.First != at || !si.Panes.Has(at) || !si.Proven.Has(at) || si.Panes.Has(at+1) || si.Hits(at) != 1 {
			t.Errorf("%s: first %d, mark %v, sighting since %d; want all in %d", test.name, rec.First(), rec.Mark(2), si.First, at)
		}
		want := uint64(0)
		if test.age+1 < panes {
			want = 40
		}
		if got := known(tl, someLine(2)); got != want {
			t.Errorf("%s: %d queries known of a quiet line, want %d", test.name, got, want)
		}
		if pop := tl.Population(test.to+1, everybody); pop.Active() < 1 {
			t.Errorf("%s: nobody is active", test.name)
		}
	}
}

// TestClockComesBack: after a wrong year the panes go on, and nothing stands
// still.
func TestClockComesBack(t *testing.T) {
	tl := New(1 << 20)
	tl.counts(someLine(1), 600, someDay)
	tl.counts(someLine(1), 600, someDay+52_560)
	for n := range Pane(20) {
		tl.Turn(someDay + n)
		tl.counts(someLine(1), 100, someDay+n)
		rec := recordOf(tl, someLine(1))
		if rec.Pane() != someDay+n || rec.Queries(someDay+n) < 100 || n > 1 && rec.Queries(someDay+n) != 100 {
			t.Fatalf("pane %d: %d queries in pane %d", n, rec.Queries(someDay+n), rec.Pane()-someDay)
		}
	}
	if got := known(tl, someLine(1)); got != 600 {
		t.Errorf("%d queries in six panes, want 600", got)
	}
	check(t, tl)
}

// TestQueriesOnTheirWay: panes of queries that come late count in the running
// one, and set no clock.
func TestQueriesOnTheirWay(t *testing.T) {
	tl := New(1 << 20)
	tl.counts(someLine(1), 600, someDay)
	for late := range Pane(50) {
		tl.Count(someLine(1), 1, false, someDay-late)
		tl.Hit(someLine(1), "c2", []byte("c2.example"), 100, false, someDay-late)
	}
	tl.Turn(someDay)
	rec := recordOf(tl, someLine(1))
	if rec.Pane() != someDay || rec.Queries(someDay) != 650 || rec.Sightings[0].Panes.Count(0, someDay) != 1 {
		t.Errorf("pane %d, %d queries, sighted in %d panes", rec.Pane(), rec.Queries(someDay), rec.Sightings[0].Panes.Count(0, someDay))
	}
}
