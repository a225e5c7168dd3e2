package policy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"sinkhole/plugin/pkg/list"
)

// edit changes the files in one drawn way, and says how.
func edit(files []*twinFile, r *rand.Rand) ([]*twinFile, string) {
	i := r.IntN(len(files))
	f := *files[i]
	files = slices.Clone(files)
	files[i] = &f
	drawn := func() twinRule {
		rule := twinRuleOf(byte(r.IntN(256)), byte(r.IntN(256)))
		if f.category == "" {
			rule.rewrite = ""
		}
		return rule
	}
	switch r.IntN(10) {
	case 0: // deleted, or back again
		if len(files) == 1 {
			return files, "nothing"
		}
		return slices.Delete(files, i, i+1), "delete " + f.name
	case 1:
		name := twinFileNames[r.IntN(len(twinFileNames))]
		if slices.ContainsFunc(files, func(g *twinFile) bool { return g.name == name }) {
			return files, "nothing"
		}
		g := newTwinFile(slices.Index(twinFileNames, name))
		if (g.category == "") != (f.category == "") || r.IntN(2) == 0 {
			return append(files, g), "new " + name
		}
		g.rules = f.rules
		files[i] = g
		return files, "rename " + f.name + " " + name
	case 2:
		if f.category != "" {
			f.shadow = !f.shadow
		}
		return files, "shadow " + f.name
	case 3:
		if f.category != "" {
			f.category = []string{"c2", "malware", "zoo", "parked", "passthru"}[r.IntN(5)]
		}
		return files, "category " + f.name
	case 4:
		f.rules = nil
		return files, "empty " + f.name
	case 5, 6:
		if n := len(f.rules); n > 0 {
			at := r.IntN(n)
			f.rules = slices.Delete(slices.Clone(f.rules), at, at+1)
		}
		return files, "one rule less " + f.name
	case 7:
		f.rules = slices.Clone(f.rules)
		r.Shuffle(len(f.rules), func(i, j int) { f.rules[i], f.rules[j] = f.rules[j], f.rules[i] })
		return files, "other order " + f.name
	}
	f.rules = slices.Clone(f.rules)
	for range 1 + r.IntN(4) {
		f.rules = append(f.rules, drawn())
	}
	return files, "more rules " + f.name
}

// TestUpdateModel edits files at random and brings a Policy up to date, edit by
// edit: it must be what a full Build would be, and what the twin says. Now and
// then it is saved, and resumed by a later set of files; now and then the old
// version of a file cannot be read any more.
func TestUpdateModel(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 9))
		files := twinFilesOf(twinData(r))
		dir := t.TempDir()
		p, err := Build(t.Context(), testConfig(), shuffled(files, r), nil, Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		var log []string
		for step := range 60 {
			var what string
			files, what = edit(files, r)
			log = append(log, what)
			if r.IntN(4) == 0 {
				lose(p, r)
			}
			in := shuffled(files, r)
			if r.IntN(10) == 0 {
				if err := p.Save(dir); err != nil {
					t.Fatal(err)
				}
				var ok bool
				if p, ok = Resume(testConfig(), in, nil, dir); !ok {
					t.Fatalf("seed %d, %q: not resumed", seed, log)
				}
				log = append(log, "resumed")
			} else if p, err = p.update(t.Context(), in, nil); err != nil {
				t.Fatalf("seed %d, %q: %v", seed, log, err)
			}
			full, err := buildOf(testConfig(), in)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(fmt.Sprintf("seed %d, step %d, %s", seed, step, what), func(t *testing.T) {
				compare(t, p, files)
				compareRanked(t, p)
				compareStats(t, p, full)
				if step%20 == 19 {
					explainTwin(t, p, files, "A")
				}
			})
			if t.Failed() {
				t.Fatalf("%q", log)
			}
		}
	}
}

// FuzzUpdate: edits in any order come to what a full Build comes to.
func FuzzUpdate(f *testing.F) {
	f.Add([]byte("\x02\x01\x0b\x05\x00\x09"), uint64(1))
	f.Add([]byte{}, uint64(2))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		if len(data) > 300 {
			return
		}
		r := rand.New(rand.NewPCG(seed, 1))
		files := twinFilesOf(data)
		p, err := buildOf(testConfig(), shuffled(files, r))
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			files, _ = edit(files, r)
			if p, err = p.update(t.Context(), shuffled(files, r), nil); err != nil {
				t.Fatal(err)
			}
		}
		compare(t, p, files)
		compareRanked(t, p)
	})
}

// lose makes a file of p one that cannot be read, or not as it was.
func lose(p *Policy, r *rand.Rand) {
	f := &p.files[r.IntN(len(p.files))]
	switch r.IntN(3) {
	case 0:
		f.Open = nil
	case 1:
		f.Open = func() (io.ReadCloser, error) { return nil, os.ErrNotExist }
	case 2:
		f.Open = source("another.test")
	}
}

// compareStats holds an updated Policy to what a full Build counts.
func compareStats(t *testing.T, p, full *Policy) {
	t.Helper()
	got, want := p.Stats(), full.Stats()
	if got.Names != want.Names || got.Addresses != want.Addresses || !slices.Equal(p.Categories(), full.Categories()) {
		t.Errorf("%d names, %d addresses, %v; want %d, %d, %v", got.Names, got.Addresses, p.Categories(), want.Names, want.Addresses, full.Categories())
	}
	for i := range want.Files {
		g, w := got.Files[i], want.Files[i]
		if g.File != w.File || g.Category != w.Category || g.Shadow != w.Shadow || g.Result.Entries != w.Result.Entries {
			t.Errorf("%+v, want %+v", g, w)
		}
	}
	for name := range p.delta {
		if base, _ := p.base.names.Find([]byte(name)); base == p.delta[name] {
			t.Errorf("%q stands in delta as it does in base", name)
		}
	}
}

// counting counts how often a file is opened.
func counting(name string, open list.Source, reads map[string]int) list.Source {
	return func() (io.ReadCloser, error) { reads[name]++; return open() }
}

// TestUpdateReadsWhatChanged: and nothing else.
func TestUpdateReadsWhatChanged(t *testing.T) {
	reads := map[string]int{}
	file := func(name, sum, text string) File {
		return File{Name: name, SHA256: sum, Open: counting(name+" "+sum, source(text), reads)}
	}
	large := file("c2/large.txt", "1", strings.Repeat("large.example\n", 1000))
	p, err := buildOf(testConfig(), []File{large, file("c2/small.txt", "1", "one.example"), file("c2/gone.txt", "1", "two.example")})
	if err != nil {
		t.Fatal(err)
	}
	clear(reads)
	next, err := p.Update(t.Context(), []File{large, file("c2/small.txt", "2", "three.example"), file("allow/new.txt", "1", "large.example")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Twice each: for its options, and for its rules.
	want := map[string]int{"c2/small.txt 1": 2, "c2/small.txt 2": 2, "c2/gone.txt 1": 2, "allow/new.txt 1": 2}
	if fmt.Sprint(reads) != fmt.Sprint(want) {
		t.Errorf("read %v, want %v", reads, want)
	}
	if next.base != p.base || len(next.delta) != 4 {
		t.Errorf("%d names beside the index, want 4 and the same index", len(next.delta))
	}
	for name, want := range map[string]string{"one.example": "pass", "two.example": "pass", "three.example": "sinkhole", "large.example": "pass"} {
		if got := next.Decide(Query{Name: wire(t, name)}).Action.String(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if old := p.Decide(Query{Name: wire(t, name)}); old.Blocks() == (name == "three.example") {
			t.Errorf("the old Policy says %s of %s", old.Action, name)
		}
	}
}

// TestUpdateOfMuch: what is too much is built anew, and it shows when that comes
// near.
func TestUpdateOfMuch(t *testing.T) {
	text := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "n%d.example\n", i)
		}
		return b.String()
	}
	p, err := buildOf(testConfig(), []File{{Name: "c2/a.txt", SHA256: "0", Open: source("one.example")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		names   int
		same    bool // the index is the same
		crowded bool
	}{
		{100, true, false},
		{maxChanged/2 + 10, true, true},
		{maxChanged - 10, true, true},
		{maxChanged + 10, false, false},
	} {
		lists := []File{{Name: "c2/a.txt", SHA256: "0", Open: source("one.example")}, {Name: "c2/b.txt", SHA256: fmt.Sprint(tt.names), Open: source(text(tt.names))}}
		next, err := p.Update(t.Context(), lists, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := next.base == p.base; got != tt.same || next.Crowded() != tt.crowded || next.Stats().Names != tt.names+1 {
			t.Errorf("%d names: same index %v, crowded %v, %d names; want %v, %v", tt.names, got, next.Crowded(), next.Stats().Names, tt.same, tt.crowded)
		}
	}
	// One name comes and goes: what that leaves behind is bounded too.
	one := []File{{Name: "c2/a.txt", SHA256: "0", Open: source("one.example")}}
	next := p
	for i := range 300 {
		lists := append(one, File{Name: fmt.Sprintf("c2/%d.txt", i), SHA256: "1", Open: source("two.example\n192.0.2.1")})
		if next, err = next.Update(t.Context(), lists, nil); err != nil {
			t.Fatal(err)
		}
	}
	if next.changed() < 250 {
		t.Errorf("%d left over, want them counted", next.changed())
	}
}

// TestUpdatePrefixes: few of them share the table, many have a copy; the old
// Policy stays as it is.
func TestUpdatePrefixes(t *testing.T) {
	for _, n := range []int{1, fewPrefixes, fewPrefixes + 1, 250} {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "198.51.100.%d\n", i)
		}
		some := File{Name: "c2/a.txt", SHA256: "1", Open: source("192.0.2.0/24\n2001:db8::/32")}
		many := File{Name: "nodata/b.txt", SHA256: "1", Open: source(text.String())}
		without, err := buildOf(testConfig(), []File{some})
		if err != nil {
			t.Fatal(err)
		}
		with, err := without.update(t.Context(), []File{some, many}, nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := with.update(t.Context(), []File{some}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for what, tt := range map[string]struct {
			p      *Policy
			listed int
		}{"before": {without, 0}, "with": {with, n}, "again without": {again, 0}} {
			listed := 0
			for i := range 256 {
				if tt.p.address(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), Query{}).Action == NODATA {
					listed++
				}
			}
			if listed != tt.listed || tt.p.Stats().Addresses != tt.listed+2 || !tt.p.address(netip.MustParseAddr("192.0.2.1"), Query{}).Blocks() {
				t.Errorf("%d prefixes, %s: %d listed, %d counted; want %d", n, what, listed, tt.p.Stats().Addresses, tt.listed)
			}
		}
	}
}

// TestUpdateRefuses: a file that is no list, and a context that has ended; p
// stays as it is.
func TestUpdateRefuses(t *testing.T) {
	p := build(t, "c2/a.txt: bad.example")
	if _, err := p.Update(t.Context(), filesOf("c2/b.txt: <html>"), nil); err == nil || err.Error() != "c2/b.txt: an HTML or XML page, not a list" {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Update(ctx, filesOf("c2/b.txt: other.example"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := Build(ctx, testConfig(), filesOf("c2/b.txt: other.example"), nil, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Build: got %v", err)
	}
	if !p.Decide(Query{Name: wire(t, "bad.example")}).Blocks() {
		t.Error("the old Policy has changed")
	}
}
