package policy

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/list"
)

// realList is one of the real lists that stand beside the repository on some
// machines; elsewhere a made-up one, for made-up names do not weigh like real
// ones but decide like them.
func realList(t testing.TB, name string) File {
	t.Helper()
	path := filepath.Join("..", "..", "..", "..", "shared", "lists", filepath.FromSlash(name))
	if _, err := os.Stat(path); err == nil {
		return File{Name: "c2/" + filepath.Base(name), Open: func() (io.ReadCloser, error) { return os.Open(path) }}
	}
	t.Log("no real lists beside the repository; a made-up one instead")
	var text strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&text, "n%d.bad.example\n", i)
	}
	return File{Name: "c2/made.txt", Open: source(text.String())}
}

// TestFormsOfOneList: the same names in several forms decide alike, as far as
// each form says that it reaches.
func TestFormsOfOneList(t *testing.T) {
	listed := names(t, realList(t, "wildcard/hagezi-fake.txt"), list.ReadOptions{})
	policies := map[string]*Policy{}
	for form, line := range map[string]string{"wildcard": "*.%s\n", "plain": "%s\n", "Adblock": "||%s^\n", "hosts": "0.0.0.0 %s\n", "exact": "|%s^\n"} {
		var text strings.Builder
		for _, n := range listed {
			fmt.Fprintf(&text, line, dnsname.String(n))
		}
		p, err := buildOf(testConfig(), []File{{Name: "c2/a.txt", Open: source(text.String())}})
		if err != nil {
			t.Fatal(err)
		}
		policies[form] = p
	}
	for i, stranger := range strangers(listed) {
		below := append([]byte("\x03abc"), listed[i]...)
		for form, p := range policies {
			reaches := form != "hosts" && form != "exact"
			for _, q := range []struct {
				name []byte
				want bool
			}{{listed[i], true}, {below, reaches}, {stranger, false}} {
				if got := p.Decide(Query{Name: q.name}).Blocks(); got != q.want {
					t.Fatalf("%s: %q is blocked: %v, want %v", form, q.name, got, q.want)
				}
			}
		}
	}
}

// realLists are the real lists of all formats, less the million.
func realLists(t *testing.T) (files []File) {
	root := filepath.Join("..", "..", "..", "..", "shared", "lists")
	paths, _ := filepath.Glob(filepath.Join(root, "*", "*"))
	for i, path := range paths {
		format, name := filepath.Base(filepath.Dir(path)), filepath.Base(path)
		if format == "rpz" || strings.HasPrefix(name, "real-million") {
			continue
		}
		folder := []string{"c2", "malware", "nxdomain", "nodata", "parked"}[i%5]
		if format == "adblock" && strings.Contains(name, "allow") {
			folder = allowFolder
		}
		f := File{Name: folder + "/" + format + "-" + name, SHA256: name, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
		if _, err := list.Read(f.Name, f.Open, list.ReadOptions{Allow: folder == allowFolder}, func(list.Rule) {}); err == nil {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		t.Skip("no real lists beside the repository")
	}
	return files
}

// TestRealListsChange: real lists that come one after the other, and go and come
// back, decide like all of them at once, and as all entries have it.
func TestRealListsChange(t *testing.T) {
	files := realLists(t)
	full, err := Build(t.Context(), testConfig(), files, nil, Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p, err := Build(t.Context(), testConfig(), files[:len(files)/2], nil, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for i := len(files) / 2; i < len(files); i += 12 {
		n := min(i+12, len(files))
		without := slices.Concat(files[:i/3], files[i/3+1:n]) // one goes, and is back with the next
		for _, lists := range [][]File{without, files[:n]} {
			if p, err = p.Update(t.Context(), lists, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := p.Save(dir); err != nil {
		t.Fatal(err)
	}
	resumed, ok := Resume(testConfig(), files, nil, dir)
	if !ok {
		t.Fatal("not resumed")
	}
	if p.Stats().Names != full.Stats().Names {
		t.Errorf("%d names, want %d", p.Stats().Names, full.Stats().Names)
	}
	t.Logf("%d lists, %d names, %d of them beside the index", len(files), p.Stats().Names, len(p.delta))
	asks, names := 0, 0
	for name := range full.base.names.All() {
		if names++; names%4 != 0 {
			continue
		}
		below := append([]byte("\x03abc"), name...)
		if len(below) > dnsname.MaxLen {
			below = name
		}
		for _, q := range []Query{{Name: name, Type: dns.TypeA}, {Name: below, Type: dns.TypeAAAA}} {
			want := spell(full, full.Decide(q))
			if got := spell(p, p.Decide(q)); got != want {
				t.Fatalf("%q: %s after Updates, %s at once", q.Name, got, want)
			}
			if got := spell(resumed, resumed.Decide(q)); got != want {
				t.Fatalf("%q: %s resumed, %s before", q.Name, got, want)
			}
			if asks++; asks%50 == 0 {
				a := asked{q.Name, q.Type}
				if got, want := p.find(a.name, a.qtype), p.rank(p.hits(nil, a.name), a); got != want {
					t.Fatalf("%q: %+v on the quick way, %+v by all entries", q.Name, got, want)
				}
			}
		}
	}
}

// spell is a verdict in words that mean the same in any Policy.
func spell(p *Policy, v Verdict) string {
	said := fmt.Sprint(v.Action, v.Allowed, v.Labels, p.File(v.Rule), p.File(v.Shadow))
	if v.Action == LocalData {
		said += fmt.Sprint(p.Data(v))
	}
	return said
}

// million is a million real names, where they stand beside the repository.
func million(b *testing.B) File {
	f := realList(b, "plain/real-million.txt.zst")
	f.SHA256 = "million"
	return f
}

// BenchmarkBuild reads and builds a million real names; an op is all of it, from
// the packed file to a Policy that may be put in force, checked and saved.
func BenchmarkBuild(b *testing.B) {
	lists := []File{million(b)}
	for what, dir := range map[string]string{"memory": "", "disk": b.TempDir()} {
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p, err := Build(b.Context(), testConfig(), lists, nil, Options{Dir: dir})
				if err != nil {
					b.Fatal(err)
				}
				if dir != "" {
					if err := p.Save(dir); err != nil {
						b.Fatal(err)
					}
				}
				s := p.Stats()
				b.ReportMetric(float64(s.Bytes)/float64(s.Names), "octets/name")
			}
		})
	}
}

// BenchmarkDecide asks names in an order that no cache foresees, beside a million
// that are listed: also with a delta that is nearly full, and names that rank
// decides.
func BenchmarkDecide(b *testing.B) {
	lists := []File{million(b), {Name: "allow/o.txt", SHA256: "1", Open: source("good.example")}}
	dir := b.TempDir()
	plain, err := Build(b.Context(), testConfig(), lists, nil, Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	listed := names(b, lists[0], list.ReadOptions{})
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(listed), func(i, j int) { listed[i], listed[j] = listed[j], listed[i] })
	listed = listed[:min(len(listed), 200_000)]

	var more, except strings.Builder
	for i := range maxChanged * 9 / 10 {
		fmt.Fprintf(&more, "n%d.changed.example\n", i)
	}
	for _, name := range listed {
		fmt.Fprintf(&except, "@@|%s^\n", dnsname.String(name))
	}
	changed, err := plain.Update(b.Context(), append(lists, File{Name: "c2/more.txt", SHA256: "1", Open: source(more.String())}), nil)
	if err != nil {
		b.Fatal(err)
	}
	ranked, err := Build(b.Context(), testConfig(), append(lists, File{Name: "c2/except.txt", SHA256: "1", Open: source(except.String())}), nil, Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	for _, bb := range []struct {
		what  string
		p     *Policy
		asked [][]byte
	}{
		{"listed", plain, listed},
		{"stranger", plain, strangers(listed)},
		{"listed, delta", changed, listed},
		{"stranger, delta", changed, strangers(listed)},
		{"listed, ranked", ranked, listed},
	} {
		b.Run(bb.what, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				bb.p.Decide(Query{Name: bb.asked[i%len(bb.asked)], Type: dns.TypeA})
			}
		})
	}
}

// BenchmarkUpdate changes one line of a small file: beside a million names, and
// beside ten thousand files.
func BenchmarkUpdate(b *testing.B) {
	var many []File
	for i := range 10_000 {
		many = append(many, File{Name: fmt.Sprintf("c2/%d.txt", i), SHA256: "1", Open: source(fmt.Sprintf("n%d.example\nshared%d.example", i, i%1000))})
	}
	for what, beside := range map[string][]File{"a million names": {million(b)}, "10,000 files": many} {
		b.Run(what, func(b *testing.B) {
			small := func(i int) []File {
				return append(beside, File{Name: "allow/o.txt", SHA256: fmt.Sprint(i), Open: source(fmt.Sprintf("good.example\nn%d.example", i))})
			}
			p, err := Build(b.Context(), testConfig(), small(0), nil, Options{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				if p, err = p.Update(b.Context(), small(i), nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkResume takes up a million names that were saved.
func BenchmarkResume(b *testing.B) {
	lists, dir := []File{million(b)}, b.TempDir()
	p, err := Build(b.Context(), testConfig(), lists, nil, Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Save(dir); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Resume(testConfig(), lists, nil, dir); !ok {
			b.Fatal("not resumed")
		}
	}
}

// BenchmarkExplain finds lines of a million: of one name, and of a hundred.
func BenchmarkExplain(b *testing.B) {
	lists := []File{million(b)}
	p, err := buildOf(testConfig(), lists)
	if err != nil {
		b.Fatal(err)
	}
	listed := names(b, lists[0], list.ReadOptions{})
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var asked []Asked
			for i := range n {
				asked = append(asked, Asked{Query: Query{Name: listed[len(listed)/(n+1)*i]}})
			}
			for b.Loop() {
				all, err := p.ExplainMany(asked)
				if err != nil || all[n-1].Decides == nil {
					b.Fatal(err)
				}
			}
		})
	}
}
