package policy

import (
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"sinkhole/plugin/pkg/list"
)

// realList is a list of those that stand beside the repository on some machines.
func realList(t testing.TB, name string) File {
	t.Helper()
	path := filepath.Join("..", "..", "..", "..", "shared", "lists", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skip("no real lists beside the repository")
	}
	return File{Name: "c2/" + filepath.Base(name), Open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

// TestFormsOfOneList: the same list in several forms decides alike, as far as
// each form says that it reaches.
func TestFormsOfOneList(t *testing.T) {
	wildcard := realList(t, "wildcard/hagezi-fake.txt")
	policies := map[string]*Policy{}
	for _, form := range []string{"wildcard/hagezi-fake.txt", "adblock/hagezi-fake.txt", "plain/hagezi-fake.txt.zst", "hosts/hagezi-fake.txt.zst"} {
		p, err := Build(testConfig(), []File{realList(t, form)})
		if err != nil {
			t.Fatal(err)
		}
		policies[form] = p
	}
	listed := names(t, wildcard, list.ReadOptions{})
	asked := append(strangers(listed), listed...)
	for _, n := range listed {
		asked = append(asked, append([]byte("\x03abc"), n...))
	}
	blocked := 0
	for _, n := range asked {
		want := policies["wildcard/hagezi-fake.txt"].Decide(Query{Name: n}).Blocks()
		for form, p := range policies {
			got := p.Decide(Query{Name: n}).Blocks()
			if form == "hosts/hagezi-fake.txt.zst" && string(n[:4]) == "\x03abc" {
				continue // hosts lines do not reach below
			}
			if got != want {
				t.Fatalf("%s: %q is blocked: %v, by the wildcard list: %v", form, n, got, want)
			}
		}
		if want {
			blocked++
		}
	}
	if blocked != 2*len(listed) {
		t.Errorf("%d of %d names blocked, want %d", blocked, len(asked), 2*len(listed))
	}
}

// BenchmarkBuild reads and builds a million real names; an op is all of it.
func BenchmarkBuild(b *testing.B) {
	million := realList(b, "plain/real-million.txt.zst")
	for what, entries := range map[string]int{"hinted": 1_000_000, "grown": 0} {
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			million.Entries = entries
			for b.Loop() {
				p, err := Build(testConfig(), []File{million})
				if err != nil {
					b.Fatal(err)
				}
				s := p.Stats()
				b.ReportMetric(float64(s.Bytes)/float64(s.Names), "octets/name")
			}
		})
	}
}

// BenchmarkDecide asks a million names in an order that no cache foresees.
func BenchmarkDecide(b *testing.B) {
	million := realList(b, "plain/real-million.txt.zst")
	million.Entries = 1_000_000
	p, err := Build(testConfig(), append([]File{million}, filesOf("allow/o.txt: good.example")...))
	if err != nil {
		b.Fatal(err)
	}
	listed := names(b, million, list.ReadOptions{})
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(listed), func(i, j int) { listed[i], listed[j] = listed[j], listed[i] })
	listed = listed[:200_000]
	for what, asked := range map[string][][]byte{"listed": listed, "stranger": strangers(listed)} {
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				p.Decide(Query{Name: asked[i%len(asked)]})
			}
		})
	}
}

// BenchmarkExplain finds one line of a million.
func BenchmarkExplain(b *testing.B) {
	million := realList(b, "plain/real-million.txt.zst")
	p, err := Build(testConfig(), []File{million})
	if err != nil {
		b.Fatal(err)
	}
	listed := names(b, million, list.ReadOptions{})
	for b.Loop() {
		if e, err := p.Explain(Query{Name: listed[len(listed)/2]}); err != nil || e.Decides == nil {
			b.Fatal(e, err)
		}
	}
}
