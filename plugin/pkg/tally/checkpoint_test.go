package tally

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"sinkhole/plugin/pkg/subscriber"
)

// lived is a tally with lines of all kinds, as of someDay, and some of the days
// before.
func lived(memory int64, seed uint64) *Tally {
	tl, rng := fixed(memory, seed), rand.New(rand.NewPCG(seed, 8))
	for p := Pane(someDay - 300); p <= someDay; p += 1 + Pane(rng.IntN(5)) {
		tl.Turn(p)
		for i := range 120 {
			l := someLine(i)
			switch {
			case i < 20:
				tl.counts(l, rng.IntN(900), p)
			case i < 30:
				tl.Count(l, 1, rng.IntN(3) == 0, p)
				tl.Hit(l, []string{"c2", "malware"}[rng.IntN(2)], fmt.Appendf(nil, "n%d.example", rng.IntN(12)), 50+50*rng.IntN(2), rng.IntN(2) == 0, p)
			default:
				tl.counts(l, rng.IntN(40), p)
			}
			if i == 5 || i == 25 {
				tl.Mark(l, rng.IntN(Levels), Mark{p, uint8(rng.IntN(100))})
			}
		}
	}
	tl.Turn(someDay)
	return tl
}

func saved(t testing.TB, tl *Tally, p Pane) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := tl.Save(&buf, p); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// state is all that is shown of a tally: its records without the leading names,
// and its lines by what they asked.
func state(t *Tally) (map[subscriber.Line]Record, map[subscriber.Line]uint64) {
	records, lines := map[subscriber.Line]Record{}, map[subscriber.Line]uint64{}
	for rec := range t.Records() {
		c := *rec
		c.Sightings = slices.Clone(rec.Sightings)
		slices.SortFunc(c.Sightings, func(a, b Sighting) int { return strings.Compare(a.Category+"/"+a.Name, b.Category+"/"+b.Name) })
		if len(c.Sightings) == 0 {
			c.Sightings = nil
		}
		c.rec.slot, c.rec.head, c.rec.share = 0, 0, share{}
		records[rec.Line] = c
	}
	running, ahead := t.clock.read()
	t.Population(running-ahead, func(l subscriber.Line) (subscriber.Class, bool) {
		lines[l] = known(t, l)
		return 0, true
	})
	return records, lines
}

func same(t *testing.T, what string, a, b *Tally) {
	t.Helper()
	ar, al := state(a)
	br, bl := state(b)
	if !reflect.DeepEqual(al, bl) {
		t.Errorf("%s: lines are %v, want %v", what, bl, al)
	}
	if len(ar) != len(br) {
		t.Errorf("%s: %d records, want %d", what, len(br), len(ar))
	}
	for l := range ar {
		if !reflect.DeepEqual(ar[l], br[l]) {
			t.Fatalf("%s: the record of line %x is\n%+v, want\n%+v", what, l, br[l], ar[l])
		}
	}
}

// TestSaveLoad: nothing is lost between them, into a tally of the same memory or
// of more, in a process with other keys.
func TestSaveLoad(t *testing.T) {
	from := lived(1<<20, 1)
	file := saved(t, from, someDay)
	for _, memory := range []int64{1 << 20, 1<<20 + 12345, 8 << 20} {
		to := fixed(memory, 99)
		to.counts(someLine(7777), 900, someDay+50) // is replaced
		file = saved(t, from, someDay)
		if err := to.Load(iotest.OneByteReader(bytes.NewReader(file)), someDay); err != nil {
			t.Fatal(err)
		}
		check(t, to)
		same(t, fmt.Sprint(memory), from, to)
		from.Turn(someDay)
		// Counting goes on where it was, in the running pane too.
		for _, tl := range []*Tally{from, to} {
			tl.counts(someLine(1), 10, someDay)
		}
		same(t, "counting on", from, to)
	}
	// The same keys give the same octets.
	again := fixed(1<<20, 1)
	if err := again.Load(bytes.NewReader(file), someDay); err != nil {
		t.Fatal(err)
	}
	third := fixed(1<<20, 1)
	if err := third.Load(bytes.NewReader(saved(t, again, someDay)), someDay); err != nil {
		t.Fatal(err)
	}
	same(t, "twice", again, third)
	empty := New(1 << 20)
	if err := empty.Load(bytes.NewReader(saved(t, New(1<<20), someDay)), someDay); err != nil || empty.Stats().Lines != 0 {
		t.Errorf("an empty one: %v, %+v", err, empty.Stats())
	}
}

// TestLoadLater: what was saved ages while nobody counts, by a clock that was
// wrong then or is now.
func TestLoadLater(t *testing.T) {
	for _, test := range []struct {
		name  string
		saved Pane // by the clock of then
		now   Pane // by that of now
		age   Pane
	}{
		{"at once", someDay, someDay, 0},
		{"after ten minutes", someDay, someDay + 1, 1},
		{"after half a day", someDay, someDay + 72, 72},
		{"the clock is behind now", someDay, someDay - 5000, 0},
		{"the clock was behind, and is", someDay - 3000, someDay - 2999, 1},
		{"the clock was behind, and is right now", someDay - 3000, someDay + 1, 1},
	} {
		from := New(1 << 20)
		from.counts(someLine(1), 800, someDay)
		from.Hit(someLine(1), "c2", []byte("c2.example"), 100, true, someDay)
		from.Turn(test.saved)
		to := New(1 << 20)
		if err := to.Load(bytes.NewReader(saved(t, from, test.saved)), test.now); err != nil {
			t.Fatal(err)
		}
		check(t, to)
		rec := recordOf(to, someLine(1))
		at := test.now - test.age
		if rec.Pane() != test.now || rec.Queries(at) != 800 || rec.First() != at || !rec.Sightings[0].Proven.Has(at) || rec.Highest(test.now) > 0 != (test.age < panes) {
			t.Errorf("%s: pane %d (%d queries), first %d, sighted %d; want all in %d", test.name, rec.Pane(), rec.Queries(at), rec.First(), rec.Sightings[0].First, at)
		}
	}
	from := New(1 << 20)
	from.counts(someLine(1), 9000, someDay)
	to := New(1 << 20)
	if err := to.Load(bytes.NewReader(saved(t, from, someDay)), someDay+Week); err != nil {
		t.Fatal(err)
	}
	to.Turn(someDay + Week)
	if st := to.Stats(); st.Lines != 0 {
		t.Errorf("after a week: %+v", st)
	}
}

// TestLoadIntoLess keeps the heaviest, of lines, records and sightings.
func TestLoadIntoLess(t *testing.T) {
	from := fixed(4<<20, 1)
	for i := range 2000 {
		n := 1 + i%400
		if i < 100 {
			n = 1000 + 200*i
		}
		from.counts(someLine(i), n, someDay)
	}
	for p := range Pane(4) {
		for i := 100 + 10*int(p); i < 140; i++ {
			from.Hit(someLine(i), "c2", []byte("c2.example"), 100, false, someDay+p)
		}
	}
	file := saved(t, from, someDay+3)
	to := fixed(128<<10, 1)
	to.shards[0].pool, to.shards[0].sights = newPool(75), newSights(20, to.names)
	if err := to.Load(bytes.NewReader(file), someDay+3); err != nil {
		t.Fatal(err)
	}
	check(t, to)
	st := to.Stats()
	if st.Promoted != 75 || st.Lines < 1990 {
		t.Errorf("got %+v", st)
	}
	for i := range 140 {
		rec := recordOf(to, someLine(i))
		switch {
		case i >= 46 && i < 100, i >= 120:
			// 54 above 10,000, 20 with names for which there is room.
			if rec == nil || rec.Highest(0) != known(from, someLine(i)) || i >= 120 && len(rec.Sightings) != 1 {
				t.Errorf("line %d, which asked %d times, is lost", i, known(from, someLine(i)))
			}
		case i < 40:
			if rec != nil {
				t.Errorf("line %d, which asked %d times, has a record", i, known(from, someLine(i)))
			}
		}
	}
	tiny := fixed(4096, 1)
	if err := tiny.Load(bytes.NewReader(file), someDay+3); err != nil {
		t.Fatal(err)
	}
	check(t, tiny)
	// 32 buckets of four: nearly all of the heaviest 128 are there, but without a
	// record they are known to 4,080 a pane.
	sum, all := uint64(0), []uint64{}
	for i := range 2000 {
		sum += known(tiny, someLine(i))
		all = append(all, min(known(from, someLine(i)), wideOldMax*wideUnit))
	}
	slices.Sort(all)
	best := uint64(0)
	for _, n := range all[len(all)-128:] {
		best += n
	}
	if tiny.Stats().Lines != 128 || sum*10 < best*9 {
		t.Errorf("%d lines that asked %d times are kept, of %d at best", tiny.Stats().Lines, sum, best)
	}
}

// TestLoadBroken cuts and changes a checkpoint everywhere.
func TestLoadBroken(t *testing.T) {
	from := fixed(1<<16, 1)
	from.counts(someLine(1), 600, someDay)
	from.Hit(someLine(1), "c2", []byte("c2.example"), 100, true, someDay)
	for i := range 20 {
		from.counts(someLine(10+i), 3, someDay)
	}
	file := saved(t, from, someDay)
	to := fixed(1<<16, 2)
	refused := func(what string, file []byte) {
		t.Helper()
		err := to.Load(bytes.NewReader(file), someDay)
		if err == nil {
			t.Fatalf("%s: loaded", what)
		}
		if st := to.Stats(); st.Lines+st.Promoted != 0 || len(to.names.ids) != 0 {
			t.Fatalf("%s: %v, and %+v is left", what, err, st)
		}
	}
	for i := range file {
		refused(fmt.Sprint("cut at ", i), file[:i])
		for _, bit := range []byte{1, 0x80} {
			b := slices.Clone(file)
			b[i] ^= bit
			refused(fmt.Sprint("changed at ", i), b)
		}
	}
	refused("something behind it", append(slices.Clone(file), 0))
	refused("another version", bytes.Replace(file, []byte("tally 1"), []byte("tally 2"), 1))
	refused("something else", []byte("<html>"))
	check(t, to)
	to.counts(someLine(1), 700, someDay)
	if got := known(to, someLine(1)); got != 700 {
		t.Errorf("after all that, %d queries are counted, want 700", got)
	}
	if err := to.Load(bytes.NewReader(file), someDay); err != nil {
		t.Fatal(err)
	}
	same(t, "after all that", from, to)
}

func TestLoadErrors(t *testing.T) {
	file := saved(t, lived(1<<20, 1), someDay)
	bad := errors.New("disk on fire")
	for _, test := range []struct {
		name string
		in   io.Reader
		want string
	}{
		{"nothing", strings.NewReader(""), "no checkpoint of counts of this version"},
		{"another version", strings.NewReader("sinkhole tally 9\n............"), "no checkpoint of counts of this version"},
		{"cut", bytes.NewReader(file[:len(file)-20]), "cut off"},
		{"changed", bytes.NewReader(append(slices.Clone(file[:300]), make([]byte, 3000)...)), "broken"},
		{"the reader's own", io.MultiReader(bytes.NewReader(file[:300]), iotest.ErrReader(bad)), "disk on fire"},
	} {
		if err := New(1<<20).Load(test.in, someDay); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
	if err := lived(1<<20, 1).Save(&fullDisk{room: 10_000}, someDay); err == nil || err.Error() != "full" {
		t.Errorf("a full disk: got %v", err)
	}
}

type fullDisk struct{ room int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.room -= len(p); d.room < 0 {
		return 0, errors.New("full")
	}
	return len(p), nil
}

// TestSaveBeside saves while lines are counted, promoted and let go, over panes.
// Each line is saved once, with no more than it asked and no less than it had
// when saving began.
func TestSaveBeside(t *testing.T) {
	tl := New(1 << 20)
	const lines = 3000
	for i := range lines {
		tl.counts(someLine(i), 300, someDay)
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for g := range 2 {
		wg.Go(func() {
			for n := 0; ; n++ {
				for i := g; i < lines; i += 2 {
					tl.Count(someLine(i), 1, false, someDay+min(3, Pane(n/200)))
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for range 5 {
		var file bytes.Buffer
		if err := tl.Save(&file, someDay); err != nil {
			t.Error(err)
		}
		to := New(1 << 20)
		if err := to.Load(&file, someDay+3); err != nil {
			t.Error(err)
		}
		check(t, to)
		if st := to.Stats(); st.Lines < lines {
			t.Errorf("%d lines were saved, want %d", st.Lines, lines)
		}
		for i := range lines {
			if got := known(to, someLine(i)); got+wideLoss < 300 {
				t.Errorf("%d queries of line %d were saved, want 300 or more", got, i)
			}
		}
	}
	close(stop)
	wg.Wait()
}

// TestSaveOverThePane has a pane begin while shards are written, in some of them
// sooner than in others.
func TestSaveOverThePane(t *testing.T) {
	tl := fixed(8<<20, 1)
	for i := range 500 {
		tl.counts(someLine(i), 10, someDay)
	}
	w := &busyWriter{tl: tl}
	if err := tl.Save(w, someDay); err != nil {
		t.Fatal(err)
	}
	to := fixed(8<<20, 2)
	if err := to.Load(&w.Buffer, someDay+1); err != nil {
		t.Fatal(err)
	}
	check(t, to)
	for i := range 500 {
		if got := known(to, someLine(i)); got < 10 || got > 11 {
			t.Errorf("line %d: %d queries, want 10 or 11", i, got)
		}
	}
}

// busyWriter counts one query in the second shard, once a block of the first has
// been written.
type busyWriter struct {
	bytes.Buffer
	tl *Tally
	n  int
}

func (w *busyWriter) Write(p []byte) (int, error) {
	w.n++
	for i := 0; w.n == 5 && i < 500; i++ { // the title, and two writes a block
		l := someLine(i)
		if s, _ := w.tl.place(l); s == &w.tl.shards[1] {
			w.tl.Count(l, 1, false, someDay+1)
			break
		}
	}
	return w.Buffer.Write(p)
}

// TestNoNamesInTheCheckpoint: of a name that is on no list, not even the hash is
// saved.
func TestNoNamesInTheCheckpoint(t *testing.T) {
	tl := New(1 << 20)
	secret := tl.Hash([]byte("\x06secret\x07example\x00"))
	for range 2000 {
		tl.Count(someLine(1), secret, false, someDay)
	}
	file := saved(t, tl, someDay)
	if bytes.Contains(file, binary.LittleEndian.AppendUint64(nil, secret)) || bytes.Contains(file, binary.AppendUvarint(nil, secret)) {
		t.Error("a hash of a name is in the checkpoint")
	}
	// That it was a storm is.
	to := New(1 << 20)
	if err := to.Load(bytes.NewReader(file), someDay); err != nil {
		t.Fatal(err)
	}
	to.counts(someLine(1), stormFloor-1, someDay)
	if rec := recordOf(to, someLine(1)); !rec.Storm(someDay) {
		t.Error("the storm is forgotten")
	}
	to.counts(someLine(1), 100, someDay)
	if rec := recordOf(to, someLine(1)); rec.Storm(someDay) {
		t.Error("the storm goes on")
	}
}

// FuzzLoad gives blocks with right checksums and any content.
func FuzzLoad(f *testing.F) {
	blocks := func(file []byte) (out []byte) {
		file = file[len(checkpointTitle):]
		for len(file) > 0 {
			n := binary.LittleEndian.Uint32(file)
			out = binary.LittleEndian.AppendUint16(out, uint16(n))
			out = append(out, file[8:8+n]...)
			file = file[8+n:]
		}
		return out
	}
	small := fixed(4096, 1)
	small.counts(someLine(1), 3, someDay)
	f.Add(blocks(saved(f, small, someDay)))
	small.Hit(someLine(1), "c2", []byte("c2.example"), 100, true, someDay)
	small.Mark(someLine(1), 1, Mark{someDay, 50})
	whole := blocks(saved(f, small, someDay))
	f.Add(whole)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		broken := slices.Clone(whole)
		for range 1 + rng.IntN(4) {
			broken[rng.IntN(len(broken))] = byte(rng.Uint32())
		}
		f.Add(broken)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file := []byte(checkpointTitle)
		for len(data) >= 2 {
			n := min(int(binary.LittleEndian.Uint16(data)), len(data)-2)
			block := data[2 : 2+n]
			file = binary.LittleEndian.AppendUint32(file, uint32(n))
			file = binary.LittleEndian.AppendUint32(file, crc32.Checksum(block, castagnoli))
			file = append(file, block...)
			data = data[2+n:]
		}
		tl := fixed(64<<10, 1)
		err := tl.Load(bytes.NewReader(file), someDay)
		check(t, tl)
		if st := tl.Stats(); err != nil && (st.Lines > 0 || len(tl.names.ids) > 0) {
			t.Fatalf("%v, and %+v is left", err, st)
		}
		// Whatever was taken in can be lived with.
		for p := Pane(someDay); p < someDay+40; p += 13 {
			tl.Turn(p)
			for rec := range tl.Records() {
				use(rec)
			}
			tl.counts(someLine(1), 600, p)
			tl.Hit(someLine(2), "c2", []byte("c2.example"), 100, true, p)
			tl.Population(p, everybody)
			check(t, tl)
		}
		again := fixed(64<<10, 2)
		if err := again.Load(bytes.NewReader(saved(t, tl, someDay+40)), someDay+40); err != nil {
			t.Fatalf("what was loaded and saved is refused: %v", err)
		}
	})
}

// use looks at all that a record shows.
func use(rec *Record) {
	rec.Highest(0)
	for p := rec.Oldest(); p <= rec.Pane(); p++ {
		rec.Storm(p)
		_ = rec.Queries(p) + rec.Proven(p)
	}
	for i := range rec.Sightings {
		si := &rec.Sightings[i]
		si.Hits(si.First)
		si.Panes.Count(0, rec.Pane())
		si.Proven.Count(0, rec.Pane())
	}
	for l := range Levels {
		rec.Mark(l)
	}
}
