package tally

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"sinkhole/plugin/pkg/subscriber"
)

// names is the listed names of a line, sorted, with the panes it asked in.
func names(t *Tally, l subscriber.Line) (out []string) {
	rec := recordOf(t, l)
	if rec == nil {
		return nil
	}
	for _, si := range rec.Sightings {
		out = append(out, fmt.Sprintf("%s/%s %d in %d", si.Category, si.Name, si.Weight, si.Panes.Count(0, 1<<31)))
	}
	slices.Sort(out)
	return out
}

func TestHit(t *testing.T) {
	const p = someDay
	l := someLine(1)
	many := func(tl *Tally, category string, weight, n int, p Pane) {
		for i := range n {
			tl.Hit(l, category, fmt.Appendf(nil, "%s%d.example", category, i), weight, false, p)
		}
	}
	for _, test := range []struct {
		name string
		does func(tl *Tally)
		want []string
	}{
		{"one name, often", func(tl *Tally) {
			for range 1000 {
				tl.Hit(l, "c2", []byte("c2.example"), 100, false, p)
			}
		}, []string{"c2/c2.example 100 in 1"}},
		{"one name in two categories", func(tl *Tally) {
			tl.Hit(l, "c2", []byte("x.example"), 100, false, p)
			tl.Hit(l, "malware", []byte("x.example"), 50, false, p+1)
		}, []string{"c2/x.example 100 in 1", "malware/x.example 50 in 1"}},
		{"a name without weight, of a line like any other", func(tl *Tally) {
			tl.Count(l, 1, false, p)
			tl.Hit(l, "phishing", []byte("p.example"), 0, true, p)
		}, nil},
		{"a name without weight, of a line with a record", func(tl *Tally) {
			tl.counts(l, 600, p)
			tl.Hit(l, "phishing", []byte("p.example"), 0, true, p)
		}, []string{"phishing/p.example 0 in 1"}},
		{"a name that gains weight", func(tl *Tally) {
			tl.counts(l, 600, p)
			tl.Hit(l, "x", []byte("x.example"), 0, false, p)
			tl.Hit(l, "x", []byte("x.example"), 100, false, p+1)
			tl.Hit(l, "x", []byte("x.example"), 500, false, p+1)
		}, []string{"x/x.example 255 in 2"}},
		{"more names than a line has room for", func(tl *Tally) {
			many(tl, "c2", 100, 30, p)
			many(tl, "c2", 100, 30, p+1)
		}, []string{"c2/ 100 in 2", "c2/c20.example 100 in 2", "c2/c21.example 100 in 2", "c2/c22.example 100 in 2", "c2/c23.example 100 in 2", "c2/c24.example 100 in 2", "c2/c25.example 100 in 2", "c2/c26.example 100 in 2"}},
		{"names without weight make room", func(tl *Tally) {
			tl.counts(l, 600, p)
			many(tl, "ads", 0, 7, p)
			many(tl, "c2", 100, 2, p)
			many(tl, "c2", 100, 2, p+1)
		}, []string{"ads/ads0.example 0 in 1", "ads/ads1.example 0 in 1", "ads/ads2.example 0 in 1", "ads/ads3.example 0 in 1", "ads/ads4.example 0 in 1", "c2/c20.example 100 in 2", "c2/c21.example 100 in 2"}},
		{"a second category beyond the room takes turns with the first", func(tl *Tally) {
			many(tl, "c2", 100, 9, p)
			many(tl, "dga", 100, 1, p)
		}, []string{"c2/c20.example 100 in 1", "c2/c21.example 100 in 1", "c2/c22.example 100 in 1", "c2/c23.example 100 in 1", "c2/c24.example 100 in 1", "c2/c25.example 100 in 1", "c2/c26.example 100 in 1", "dga/ 100 in 1"}},
		{"a name that is too long is any name", func(tl *Tally) {
			tl.Hit(l, "c2", bytes.Repeat([]byte("x"), maxText+1), 100, false, p)
			tl.Hit(l, "c2", nil, 100, false, p+1)
		}, []string{"c2/ 100 in 2"}},
	} {
		tl := fixed(1<<20, 1)
		test.does(tl)
		tl.Turn(p + 2)
		check(t, tl)
		if got := names(tl, l); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// TestHitWithoutCounts: where volume is not counted, listed names are.
func TestHitWithoutCounts(t *testing.T) {
	tl := New(1 << 20)
	tl.Hit(someLine(1), "c2", []byte("c2.example"), 100, true, someDay)
	tl.Hit(someLine(1), "c2", []byte("c2.example"), 100, false, someDay+40)
	tl.Turn(someDay + 50)
	rec := recordOf(tl, someLine(1))
	if rec == nil || rec.First() != someDay || rec.Last() != someDay+40 || rec.Highest(0) != 0 {
		t.Fatalf("got %+v", rec)
	}
	si := rec.Sightings[0]
	if si.First != someDay || !si.Proven.Has(someDay) || si.Proven.Has(someDay+40) || si.Panes.Count(someDay, someDay+50) != 2 {
		t.Errorf("got %+v", si)
	}
	if si.Hits(someDay) != 2 || si.Hits(someDay+40) != 1 || si.Hits(someDay+80) != 0 {
		t.Errorf("hits: %d, %d, %d; want 2, 1, 0", si.Hits(someDay), si.Hits(someDay+40), si.Hits(someDay+80))
	}
}

// TestSightingsRunOut: of more contacts than there is room for, those of most
// weight and panes stay, and all are counted.
func TestSightingsRunOut(t *testing.T) {
	tl := fixed(1<<20, 1)
	tl.shards[0].sights = newSights(20, tl.names)
	for i := range 20 {
		tl.Hit(someLine(i), "malware", []byte("m.example"), 50, false, someDay)
	}
	for i := range 10 {
		tl.Hit(someLine(i), "malware", []byte("m.example"), 50, i%2 == 0, someDay+1)
	}
	tl.Hit(someLine(90), "malware", []byte("m.example"), 50, false, someDay+1) // as good as the least: no
	for i := range 10 {
		tl.Hit(someLine(100+i), "c2", []byte("c2.example"), 100, false, someDay+1)
	}
	check(t, tl)
	for i := range 20 {
		if got := len(names(tl, someLine(i))); (got == 1) != (i < 10) {
			t.Errorf("line %d, which asked in %d panes, has %d names", i, 1+max(0, 10-i)/10, got)
		}
	}
	for i := range 10 {
		if got := names(tl, someLine(100+i)); !slices.Equal(got, []string{"c2/c2.example 100 in 1"}) {
			t.Errorf("line %d has %q", 100+i, got)
		}
	}
	if st := tl.Stats(); st.SightingsDropped != 11 {
		t.Errorf("%d sightings dropped, want 11", st.SightingsDropped)
	}
}

// TestNames: names are held once, given up with the last who asked, and bounded.
func TestNames(t *testing.T) {
	l := newListed(1000)
	a := l.take("c2", []byte("a.example"))
	if again := l.take("c2", []byte("a.example")); again != a || len(l.ids) != 1 {
		t.Errorf("the same name is %d and %d", a, again)
	}
	if other := l.take("dga", []byte("a.example")); other == a {
		t.Error("two categories share a name")
	}
	room := l.room
	ids := []uint32{}
	for i := range 20 {
		ids = append(ids, l.take("c2", fmt.Appendf(nil, "%d.example", i)))
	}
	text, category := l.name(ids[19])
	if text != "" || category != "c2" || l.room < 0 || l.room >= nameCost*2 || ids[19] != ids[18] {
		t.Errorf("the last is %q of %q, %d octets left", text, category, l.room)
	}
	for _, id := range ids {
		l.drop(id)
	}
	if l.room != room || len(l.ids) != 2 {
		t.Errorf("%d octets are left and %d names, want %d and 2", l.room, len(l.ids), room)
	}
	l.drop(a)
	if text, _ := l.name(a); text != "a.example" {
		t.Error("a name is gone that is held")
	}
	l.drop(a)
	if text, category := l.name(a); text+category != "" {
		t.Errorf("%q of %q is still there", text, category)
	}
	for i := range maxUnnamed + 5 {
		l.takeUnnamed(fmt.Sprint("category ", i))
	}
	if id := l.takeUnnamed("one more"); id != 0 {
		t.Errorf("one category too many has the number %d", id)
	}
	l.drop(0)
}
