package policy

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

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

// BenchmarkBuild reads and builds a million real names; an op is all of it.
func BenchmarkBuild(b *testing.B) {
	million := realList(b, "plain/real-million.txt.zst")
	for what, entries := range map[string]int{"hinted": 1_000_000, "grown": 0} {
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			million.Entries = entries
			for b.Loop() {
				p, err := buildOf(testConfig(), []File{million})
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
	p, err := buildOf(testConfig(), append([]File{million}, filesOf("allow/o.txt: good.example")...))
	if err != nil {
		b.Fatal(err)
	}
	listed := names(b, million, list.ReadOptions{})
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(listed), func(i, j int) { listed[i], listed[j] = listed[j], listed[i] })
	listed = listed[:min(len(listed), 200_000)]
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
	p, err := buildOf(testConfig(), []File{million})
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
