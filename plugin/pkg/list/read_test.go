package list

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sinkhole/plugin/pkg/dnsname"
)

// FuzzRead reads any bytes: what must hold of every file, whatever is in it.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"a.example\n0.0.0.0 b.example c.example\n*.d.example\n||e.example^\n@@||f.example^\n192.0.2.0/24\n",
		"# sinkhole: subdomains=off shadow\r\nbücher.example\r\n\"q.example\"\r\nco.uk\r\n",
		"\xef\xbb\xbfa.example\nb..c\nhttp://x.example/\naddress=/x.example/\n\xff\xfe\n",
		"||", "@@", "|", "*", ".", "[", "[]", "#", "/", "\"", "''", "$", "^", "\\", "\\0", "0 ", "::/0", "fe80::1%", "##", "#@#", "a$$",
	} {
		f.Add([]byte(text), false)
		f.Add([]byte(text), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, allow bool) {
		o := ReadOptions{Allow: allow}
		lines := bytes.Count(data, []byte("\n")) + 1
		n, last := 0, 0
		res, err := Read("feed.txt", fileOf(string(data)), o, func(r Rule) {
			n++
			whole := bytes.Contains(data, r.Text)
			switch {
			case (r.Name == nil) != r.Prefix.IsValid():
				t.Fatalf("line %d: %q and %v", r.Line, r.Name, r.Prefix)
			case r.Name != nil && (!dnsname.Valid(r.Name) || len(r.Name) < 2):
				t.Fatalf("line %d: %q is no name", r.Line, r.Name)
			case r.Name == nil && (r.Prefix != r.Prefix.Masked() || r.Prefix.Addr().Is4In6()):
				t.Fatalf("line %d: %v is not in its least form", r.Line, r.Prefix)
			case allow && !r.Except:
				t.Fatalf("line %d: %s in an allow file", r.Line, say(r))
			case r.Name != nil && !r.Except && dnsname.SuffixOf(r.Name) != dnsname.NoSuffix && dnsname.SuffixOf(r.Name) != dnsname.Private:
				t.Fatalf("line %d: %s is %s", r.Line, say(r), dnsname.SuffixOf(r.Name))
			case r.Line < last || r.Line > lines || !whole:
				t.Fatalf("line %d of %d, behind line %d: %q", r.Line, lines, last, r.Text)
			}
			last = r.Line
		})
		passed := 0
		for _, p := range res.Passed {
			passed += p
		}
		kept := res.Refused + res.Warnings
		if n != res.Entries || passed != res.PassedOver || res.GuardRefused > res.Refused || len(res.Notes) != min(kept, MaxNotes) {
			t.Fatalf("%d rules, %d passed over: %+v", n, passed, res)
		}
		for _, note := range res.Notes {
			if len(note.Text) > maxText || note.Line < 1 || note.Line > lines || note.Why == "" {
				t.Fatalf("note %+v", note)
			}
		}
		otherEnds(t, data, o, err)
	})
}

// otherEnds reads the same lines with CRLF and a BOM: nothing may change.
func otherEnds(t *testing.T, data []byte, o ReadOptions, err error) {
	if bytes.Contains(data, []byte("\r")) || bytes.HasPrefix(data, bom) || err != nil {
		return
	}
	rules, res, _ := read(string(data), o)
	again, resAgain, errAgain := read(string(bom)+strings.ReplaceAll(string(data), "\n", "\r\n"), o)
	if !slices.Equal(rules, again) || fmt.Sprint(res) != fmt.Sprint(resAgain) || errAgain != nil {
		t.Fatalf("with CRLF: %q, %+v, %v; without %q, %+v", again, resAgain, errAgain, rules, res)
	}
}

// TestReadAllocates: nothing for a line, but what dnsname.SuffixOf needs for a
// name.
func TestReadAllocates(t *testing.T) {
	const lines = 10_000
	for name, tt := range map[string]struct {
		line string
		most float64 // a line
	}{
		"plain":      {"n%d.bad.example", 1},
		"upper case": {"N%d.BAD.Example.", 1},
		"a note":     {"n%d.bad.example # a note", 1},
		"hosts":      {"0.0.0.0 n%d.bad.example", 1},
		"wildcard":   {"*.n%d.bad.example", 1},
		"Adblock":    {"||n%d.bad.example^", 1},
		"exceptions": {"@@||n%d.bad.example^", 0},
		"comments":   {"# n%d.bad.example", 0},
		"cosmetic":   {"n%d.bad.example##.ad", 0},
		"modifiers":  {"||n%d.bad.example^$image", 0},
		"important":  {"||n%d.bad.example^$important,dnstype=A", 1},
		"rewrites":   {"||n%d.bad.example^$dnsrewrite=NOERROR;A;192.0.2.1", 1},
		"URLs":       {"http://n%d.bad.example/x", 0},
		"paths":      {"n%d.bad.example/x", 0},
		"real hosts": {"10.1.2.3 n%d.home-lan", 0},
		"addresses":  {"2001:db8::%d", 1},
	} {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			for i := range lines {
				fmt.Fprintf(&text, tt.line+"\n", i)
			}
			open := fileOf(text.String())
			n := testing.AllocsPerRun(3, func() { Read("feed.txt", open, ReadOptions{}, func(Rule) {}) })
			if a := n / lines; a > tt.most+0.5 { // the pool of dnsname loses some under the race detector
				t.Errorf("%.2f allocations a line, want at most %v", a, tt.most)
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	const lines = 100_000
	for _, form := range []string{"n%d.bad.example", "0.0.0.0 n%d.bad.example", "*.n%d.bad.example", "||n%d.bad.example^", "n%d.bad.example # a note", "http://n%d.bad.example/x", "2001:db8::%x"} {
		var text strings.Builder
		for i := range lines {
			fmt.Fprintf(&text, form+"\n", i%65536)
		}
		open := fileOf(text.String())
		b.Run(strings.ReplaceAll(form, "/", "|"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Read("feed.txt", open, ReadOptions{}, func(Rule) {})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lines, "ns/line")
		})
	}
}
