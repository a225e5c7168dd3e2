package policy

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
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
