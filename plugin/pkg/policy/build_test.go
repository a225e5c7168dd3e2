package policy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/list"
)

// TestBuildRefuses: a refusal names the file, and nothing is built.
func TestBuildRefuses(t *testing.T) {
	gone := File{Name: "c2/gone.txt", Open: func() (io.ReadCloser, error) { return nil, os.ErrNotExist }}
	tests := map[string]struct {
		cfg   Config
		files []File
		is    error
		want  string
	}{
		"a file that is not there": {
			files: append(filesOf("c2/a.txt: bad.example"), gone),
			is:    os.ErrNotExist, want: "c2/gone.txt: file does not exist",
		},
		"a file that is no list": {
			files: []File{{Name: "x.txt", Open: source("<html>")}},
			is:    list.ErrHTML, want: "x.txt: an HTML or XML page, not a list",
		},
		"a file over the size limit": {
			cfg:   Config{MaxSize: 20},
			files: []File{{Name: "x.txt", Open: source(strings.Repeat("bad.example\n", 3))}},
			is:    list.ErrSize, want: "x.txt: over the size limit of 20 octets unpacked",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := buildOf(tt.cfg, tt.files)
			if p != nil || !errors.Is(err, tt.is) || err.Error() != tt.want {
				t.Errorf("%v, %v; want %s", p, err, tt.want)
			}
		})
	}
}

// TestCheckFindsFaults: what Build checks for itself is found when it is there.
func TestCheckFindsFaults(t *testing.T) {
	name, prefix := wire(t, "bad.example"), filesOf("c2/a.txt: bad.example | 192.0.2.0/24 | nothing.example")
	faults := map[string]struct {
		plant func(*Policy)
		want  string
	}{
		"none":                         {func(*Policy) {}, ""},
		"a name that was lost":         {func(p *Policy) { p.base.names = nil }, `c2/a.txt: "bad.example": read, but not to be found`},
		"a name of another file":       {func(p *Policy) { p.groups[1].file = 2 }, `c2/a.txt: "bad.example": read, but not to be found`},
		"a face that is not the group": {func(p *Policy) { p.faces[1].own.block = 2 }, `c2/a.txt: "bad.example": {Action:pass`},
		"a prefix that was lost":       {func(p *Policy) { p.table.Delete(p.addrs[0].prefix) }, `c2/a.txt: "192.0.2.0/24": read, but not to be found`},
	}
	for what, tt := range faults {
		t.Run(what, func(t *testing.T) {
			p, err := buildOf(testConfig(), append(prefix, filesOf("c2/b.txt: other.example")...))
			if err != nil {
				t.Fatal(err)
			}
			samples := []sample{
				{name: name, entry: entry{file: 1, kinds: blockSubtree}},
				{prefix: p.addrs[0].prefix, entry: entry{file: 1, kinds: blockExact}},
			}
			tt.plant(p)
			err = p.check(samples)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestBuildChecksASample: of every file, in all its length.
func TestBuildChecksASample(t *testing.T) {
	b := newBuilder(context.Background(), testConfig(), Options{})
	for f := range 3 {
		var text strings.Builder
		for i := range 3 * checkEvery {
			fmt.Fprintf(&text, "n%d.f%d.example\n", i, f)
		}
		if err := b.read(File{Name: fmt.Sprintf("c2/%d.txt", f), Open: source(text.String())}); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.samples) != 9 {
		t.Errorf("%d samples of 3 files of %d rules, want 9", len(b.samples), 3*checkEvery)
	}
}

// TestMemory holds what a name costs, all included.
func TestMemory(t *testing.T) {
	var text strings.Builder
	const names = 100_000
	for i := range names {
		fmt.Fprintf(&text, "name-%d.bad.example\n", i)
	}
	p, err := buildOf(testConfig(), []File{{Name: "c2/a.txt", Open: source(text.String())}})
	if err != nil {
		t.Fatal(err)
	}
	if each := float64(p.Stats().Bytes) / names; each > 20 {
		t.Errorf("%.2f octets a name, want at most 20", each)
	}
}

// TestTogether asks one Policy from many sides, for the race detector.
func TestTogether(t *testing.T) {
	p := build(t, `c2/a.txt: bad.example | @@||ok.bad.example^ | 192.0.2.66
		allow/o.txt: good.example`)
	m := answerOf(t, "www.example. A", "www.example. CNAME x.bad.example.")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				p.Decide(Query{Name: []byte("\x02ok\x03bad\x07example\x00")})
				v, at := p.Review(queryOf(t, m), m, nil)
				p.Listed(v, queryOf(t, m), m, at)
				p.Stats()
			}
			p.Explain(Query{Name: []byte("\x02ok\x03bad\x07example\x00")})
			next, err := p.Update(t.Context(), filesOf("c2/a.txt: other.example | ||bad.example^$dnstype=A"), nil)
			if err != nil {
				t.Error(err)
			}
			next.Decide(Query{Name: []byte("\x02ok\x03bad\x07example\x00")})
			if err := next.Save(t.TempDir()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestAllocatesNothing(t *testing.T) {
	lists := filesOf(`c2/a.txt: bad.example | @@||ok.bad.example^ | 192.0.2.66 | 2001:db8::/32
		c2/b.txt: ||cond.example^$dnstype=A,denyallow=x.example | ||rewrite.example^$dnsrewrite=192.0.2.9 | @@||rewrite.example^$dnsrewrite=192.0.2.8
		malware/b.txt: bad.example
		allow/o.txt: good.example`)
	p, err := buildOf(testConfig(), lists)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := p.Update(t.Context(), append(lists[1:], filesOf("nodata/new.txt: ||fresh.example^$dnstype=A | ||fresh.example^$important")...), nil)
	if err != nil || len(changed.delta) == 0 {
		t.Fatal(err)
	}
	long := wire(t, strings.Repeat("a.", 117)+"bad.example")
	m := answerOf(t, "www.example. A", `www.example. CNAME two.example.
		two.example. CNAME three.example.
		three.example. A 198.51.100.1
		three.example. A 198.51.100.2
		three.example. AAAA 2001:db8::1`)
	q := queryOf(t, m)
	https := answerOf(t, "www.example. HTTPS", "www.example. HTTPS 1 cdn.example. alpn=h2 ipv4hint=198.51.100.1 ipv6hint=::1")
	addresses := answerOf(t, "www.example. A", "www.example. A 198.51.100.1\nwww.example. AAAA 2001:db9::1")
	bad, ok, good := wire(t, "www.bad.example"), wire(t, "www.ok.bad.example"), wire(t, "www.good.example")
	cond, rewrite, fresh := wire(t, "www.cond.example"), wire(t, "rewrite.example"), wire(t, "x.fresh.example")
	hit := p.Decide(Query{Name: bad})
	for what, f := range map[string]func(){
		"Decide, listed":           func() { p.Decide(Query{Name: bad}) },
		"Decide, with exceptions":  func() { p.Decide(Query{Name: ok}) },
		"Decide, allowed":          func() { p.Decide(Query{Name: good}) },
		"Decide, deep":             func() { p.Decide(Query{Name: long}) },
		"Decide, a condition":      func() { p.Decide(Query{Name: cond, Type: dns.TypeA}) },
		"Decide, a rewrite":        func() { p.Decide(Query{Name: rewrite, Type: dns.TypeA}) },
		"Decide, beside the index": func() { changed.Decide(Query{Name: bad}) },
		"Decide, changed ranked":   func() { changed.Decide(Query{Name: fresh, Type: dns.TypeA}) },
		"Decide, changed deep":     func() { changed.Decide(Query{Name: long}) },
		"Listed once more":         func() { p.Listed(hit, Query{Name: bad}, nil, 0) },
		"Review, addresses":        func() { p.Review(q, addresses, nil) },
		"Review, no answer at all": func() { p.Review(q, nil, nil) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
	// The room for names, once.
	for what, f := range map[string]func(){
		"Review, a chain":         func() { p.Review(q, m, nil) },
		"Review, an HTTPS record": func() { p.Review(q, https, nil) },
	} {
		if n := testing.AllocsPerRun(100, f); n > 1 {
			t.Errorf("%s: %v allocations, want 1", what, n)
		}
	}
}

func BenchmarkReview(b *testing.B) {
	p := build(b, `c2/a.txt: bad.example | 192.0.2.66
		allow/o.txt: good.example`)
	for what, up := range map[string]string{
		"an address":           "www.example. A 198.51.100.1",
		"two links, addresses": "www.example. CNAME two.example.\ntwo.example. CNAME three.example.\nthree.example. A 198.51.100.1\nthree.example. A 198.51.100.2",
	} {
		b.Run(what, func(b *testing.B) {
			m := answerOf(b, "www.example. A", up)
			q := queryOf(b, m)
			b.ReportAllocs()
			for b.Loop() {
				p.Review(q, m, nil)
			}
		})
	}
}

// names reads a list into wire names, for asking.
func names(t testing.TB, f File, o list.ReadOptions) (all [][]byte) {
	t.Helper()
	_, err := list.Read(f.Name, f.Open, o, func(r list.Rule) {
		if r.Name != nil {
			all = append(all, append([]byte(nil), r.Name...))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// strangers are names below nothing that is listed, as deep as those.
func strangers(listed [][]byte) (all [][]byte) {
	for _, n := range listed {
		labels := dnsname.Labels(n)
		text := strings.Repeat("x.", max(labels-2, 0)) + fmt.Sprintf("n%d.example", len(all))
		name, _ := dnsname.Append(nil, text)
		all = append(all, name)
	}
	return all
}
