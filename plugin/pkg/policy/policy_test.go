package policy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/list"
)

// source is a file with that text.
func source(text string) list.Source {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewBufferString(text)), nil }
}

// filesOf reads "NAME: LINE | LINE" lines: files of the drop folder.
func filesOf(text string) (files []File) {
	for line := range strings.Lines(text) {
		name, lines, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			continue
		}
		files = append(files, File{Name: name, Open: source(strings.ReplaceAll(lines, " | ", "\n"))})
	}
	return files
}

// testConfig has a category for each action, in this order, and before them c2
// and malware, which have the default one.
func testConfig() Config {
	cfg := Config{Protect: [][]byte{[]byte("\x03www\x03isp\x07example\x00")}}
	for _, name := range []string{"c2", "malware", "nxdomain", "nodata", "refused", "drop", "truncate", "passthru"} {
		action, _ := ParseAction(name)
		cfg.Categories = append(cfg.Categories, Category{Name: name, Action: action})
	}
	return cfg
}

// buildOf builds in memory, without zones.
func buildOf(cfg Config, files []File) (*Policy, error) {
	return Build(context.Background(), cfg, files, nil, Options{})
}

func build(t testing.TB, text string) *Policy {
	t.Helper()
	p, err := buildOf(testConfig(), filesOf(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wire makes a name for a test.
func wire(t testing.TB, text string) []byte {
	t.Helper()
	name, err := dnsname.Append(nil, text)
	if err != nil {
		t.Fatalf("Append(%q): %v", text, err)
	}
	return name
}

// askedOf reads "NAME", "NAME TYPE" or an address.
func askedOf(t testing.TB, words ...string) (Query, netip.Addr) {
	t.Helper()
	if a, err := netip.ParseAddr(words[0]); err == nil {
		return Query{}, a
	}
	q := Query{Name: wire(t, words[0])}
	if len(words) > 1 {
		q.Type = dns.StringToType[words[1]]
	}
	return q, netip.Addr{}
}

// explained puts what decides a name into words, with what was passed over.
func explained(t *testing.T, p *Policy, ask string) string {
	t.Helper()
	q, a := askedOf(t, strings.Fields(ask)...)
	all, err := p.ExplainMany([]Asked{{q, a}})
	if err != nil {
		t.Fatal(err)
	}
	e := all[0]
	if v := p.Decide(q); !a.IsValid() && v != e.Verdict {
		t.Errorf("%s: explained %+v, decided %+v", ask, e.Verdict, v)
	}
	said := e.String()
	if e.Verdict.Action == LocalData {
		d := p.Data(e.Verdict)
		said += fmt.Sprintf(": %s %s", dns.RcodeToString[d.Rcode], d.CNAME)
		for _, rr := range d.Records {
			said += strings.TrimPrefix(rr.String(), rr.Header().String()) + " "
		}
		said = strings.TrimSpace(said)
	}
	if f := p.File(e.Verdict.Shadow); f != "" {
		said += "; would be by " + f
	}
	for _, l := range e.PassedOver {
		said += fmt.Sprintf("\nnot %s:%d %q: %s", l.File, l.Line, l.Text, l.Why)
	}
	return said
}

// TestDecide is the manual of which rule decides.
func TestDecide(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lists string
		ask   string
		want  string
	}{
		{name: "a name on no list passes",
			lists: `c2/a.txt: bad.example`, ask: "good.example", want: "pass"},
		{name: "so does a name above a listed one",
			lists: `c2/a.txt: bad.example`, ask: "example", want: "pass"},
		{name: "matching is by label",
			lists: `c2/a.txt: bad.example`, ask: "verybad.example", want: "pass"},
		{name: "a plain name is blocked",
			lists: `c2/a.txt: bad.example`, ask: "bad.example", want: "sinkhole by c2/a.txt:1, category c2"},
		{name: "and all below it",
			lists: `c2/a.txt: bad.example`, ask: "x.y.z.bad.example", want: "sinkhole by c2/a.txt:1, category c2"},
		{name: "a hosts line is that name only",
			lists: `c2/a.txt: 0.0.0.0 bad.example`, ask: "www.bad.example", want: "pass"},
		{name: "a file can say that its names are exact",
			lists: `c2/a.txt: # sinkhole: subdomains=off | bad.example`, ask: "www.bad.example", want: "pass"},
		{name: "a file beside the folders is malware",
			lists: `a.txt: bad.example`, ask: "bad.example", want: "sinkhole by a.txt:1, category malware"},
		{name: "a file can name its category",
			lists: `a.txt: # sinkhole: category=nxdomain | bad.example`, ask: "bad.example", want: "nxdomain by a.txt:2, category nxdomain"},
		{name: "a folder that the Corefile does not name",
			lists: `parked/a.txt: bad.example`, ask: "bad.example", want: "sinkhole by parked/a.txt:1, category parked"},
		{name: "folders in folders count for the first",
			lists: `nodata/feeds/x/a.txt: bad.example`, ask: "bad.example", want: "nodata by nodata/feeds/x/a.txt:1, category nodata"},

		{name: "the longest name decides, whatever the category",
			lists: `c2/a.txt: bad.example
				nxdomain/b.txt: www.bad.example`,
			ask: "a.www.bad.example",
			want: `nxdomain by nxdomain/b.txt:1, category nxdomain
				not c2/a.txt:1 "bad.example": what decides is longer`},
		{name: "on a tie the category that stands first in the Corefile",
			lists: `malware/a.txt: bad.example
				c2/z.txt: bad.example`,
			ask: "bad.example",
			want: `sinkhole by c2/z.txt:1, category c2
				not malware/a.txt:1 "bad.example": category c2 stands before malware`},
		{name: "those it does not name stand behind, by name",
			lists: `zoo/a.txt: bad.example
				ads/b.txt: bad.example
				passthru/c.txt: bad.example`,
			ask: "bad.example",
			want: `passthru by passthru/c.txt:1, category passthru
				not ads/b.txt:1 "bad.example": category passthru stands before ads
				not zoo/a.txt:1 "bad.example": category passthru stands before zoo`},
		{name: "then by the file's name",
			lists: `c2/b.txt: bad.example
				c2/a.txt: bad.example`,
			ask: "bad.example",
			want: `sinkhole by c2/a.txt:1, category c2
				not c2/b.txt:1 "bad.example": of the same category c2/a.txt stands before it`},
		{name: "exact and subtree are the same name",
			lists: `malware/a.txt: bad.example
				c2/a.txt: 0.0.0.0 bad.example`,
			ask: "bad.example",
			want: `sinkhole by c2/a.txt:1, category c2
				not malware/a.txt:1 "bad.example": category c2 stands before malware`},
		{name: "below it only the subtree is left",
			lists: `malware/a.txt: bad.example
				c2/a.txt: 0.0.0.0 bad.example`,
			ask: "www.bad.example", want: "sinkhole by malware/a.txt:1, category malware"},
		{name: "a name said twice is the first line's",
			lists: `c2/a.txt: bad.example | 0.0.0.0 bad.example | BAD.example.`,
			ask:   "bad.example",
			want: `sinkhole by c2/a.txt:1, category c2
				not c2/a.txt:2 "0.0.0.0 bad.example": its file says it once more
				not c2/a.txt:3 "BAD.example.": its file says it once more`},

		{name: "an allowed name is left alone",
			lists: `c2/a.txt: bad.example
				allow/o.txt: bad.example`,
			ask: "bad.example",
			want: `allow by allow/o.txt:1
				not c2/a.txt:1 "bad.example": allow/o.txt allows it`},
		{name: "and what is below it, though a longer name is listed",
			lists: `c2/a.txt: www.bad.example | @@||mail.bad.example^
				allow/o.txt: bad.example | 0.0.0.0 www.bad.example
				allow/p.txt: x.www.bad.example`,
			ask: "www.bad.example",
			want: `allow by allow/o.txt:2
				not allow/o.txt:1 "bad.example": allowed already by the line that decides
				not c2/a.txt:1 "www.bad.example": allow/o.txt allows it`},
		{name: "an exact allow does not reach below",
			lists: `c2/a.txt: bad.example
				allow/o.txt: |bad.example^`,
			ask: "www.bad.example", want: "sinkhole by c2/a.txt:1, category c2"},
		{name: "a top-level domain can be allowed",
			lists: `c2/a.txt: bad.example
				allow/o.txt: example`,
			ask: "bad.example",
			want: `allow by allow/o.txt:1
				not c2/a.txt:1 "bad.example": allow/o.txt allows it`},

		{name: "an exception exempts from its own file",
			lists: `c2/a.txt: bad.example | @@||ok.bad.example^ | 0.0.0.0 www.ok.bad.example`,
			ask:   "www.ok.bad.example",
			want: `pass
				not c2/a.txt:2 "@@||ok.bad.example^": exempts from the other rules of its file
				not c2/a.txt:3 "0.0.0.0 www.ok.bad.example": its own file has an exception for it
				not c2/a.txt:1 "bad.example": its own file has an exception for it`},
		{name: "and from no other",
			lists: `c2/a.txt: bad.example | @@||ok.bad.example^
				malware/b.txt: 0.0.0.0 ok.bad.example`,
			ask: "ok.bad.example",
			want: `sinkhole by malware/b.txt:1, category malware
				not c2/a.txt:2 "@@||ok.bad.example^": exempts from the other rules of its file
				not c2/a.txt:1 "bad.example": its own file has an exception for it`},
		{name: "an exact exception does not reach below",
			lists: `c2/a.txt: bad.example | @@|ok.bad.example^`,
			ask:   "www.ok.bad.example", want: "sinkhole by c2/a.txt:1, category c2"},
		{name: "the next best counts where the best is exempt",
			lists: `nxdomain/a.txt: www.bad.example | @@||bad.example^
				nodata/b.txt: bad.example`,
			ask: "www.bad.example",
			want: `nodata by nodata/b.txt:1, category nodata
				not nxdomain/a.txt:2 "@@||bad.example^": exempts from the other rules of its file
				not nxdomain/a.txt:1 "www.bad.example": its own file has an exception for it`},

		{name: "a shadow file blocks nothing, and is counted",
			lists: `c2/a.txt: # sinkhole: shadow | bad.example`, ask: "bad.example",
			want: `pass; would be by c2/a.txt
				not c2/a.txt:2 "bad.example": its file is shadow: counted, and blocks nothing`},
		{name: "also where it would decide in place of another",
			lists: `c2/a.txt: # sinkhole: shadow | www.bad.example
				nxdomain/b.txt: bad.example`,
			ask: "www.bad.example",
			want: `nxdomain by nxdomain/b.txt:1, category nxdomain; would be by c2/a.txt
				not c2/a.txt:2 "www.bad.example": its file is shadow: counted, and blocks nothing`},
		{name: "but not where it would not",
			lists: `malware/a.txt: # sinkhole: shadow | bad.example
				c2/b.txt: bad.example`,
			ask: "bad.example",
			want: `sinkhole by c2/b.txt:1, category c2
				not malware/a.txt:2 "bad.example": its file is shadow: counted, and blocks nothing`},
		{name: "nor where the name is allowed",
			lists: `c2/a.txt: # sinkhole: shadow | bad.example
				allow/o.txt: bad.example`,
			ask: "bad.example",
			want: `allow by allow/o.txt:1
				not c2/a.txt:2 "bad.example": allow/o.txt allows it`},
		{name: "passthru decides like any action",
			lists: `passthru/a.txt: www.bad.example
				c2/b.txt: bad.example`,
			ask: "www.bad.example",
			want: `passthru by passthru/a.txt:1, category passthru
				not c2/b.txt:1 "bad.example": what decides is longer`},

		{name: "a protected name is taken from no list",
			lists: `c2/a.txt: www.isp.example | other.example`, ask: "www.isp.example", want: "pass"},
		{name: "nor by way of what is above it",
			lists: `c2/a.txt: isp.example | other.example`, ask: "www.isp.example", want: "pass"},
		{name: "but what is above it, by itself",
			lists: `c2/a.txt: 0.0.0.0 isp.example`, ask: "isp.example", want: "sinkhole by c2/a.txt:1, category c2"},
		{name: "nor what is below it",
			lists: `c2/a.txt: hacked.www.isp.example | other.example`, ask: "hacked.www.isp.example", want: "pass"},

		{name: "octets of any value, and names of the greatest depth",
			lists: `c2/a.txt: ` + strings.Repeat("a.", 123) + `example`,
			ask:   strings.Repeat("a.", 123) + "example", want: `sinkhole by c2/a.txt:1, category c2`},

		{name: "an address is listed by its longest prefix",
			lists: `c2/a.txt: 192.0.2.0/24
				nxdomain/b.txt: 192.0.2.128/25`,
			ask: "192.0.2.200",
			want: `nxdomain by nxdomain/b.txt:1, category nxdomain
				not c2/a.txt:1 "192.0.2.0/24": what decides is longer`},
		{name: "on a tie by category",
			lists: `nxdomain/b.txt: 2001:db8::/32
				c2/a.txt: 2001:db8::/32`,
			ask: "2001:db8::1",
			want: `sinkhole by c2/a.txt:1, category c2
				not nxdomain/b.txt:1 "2001:db8::/32": category c2 stands before nxdomain`},
		{name: "an allowed prefix holds for all in it",
			lists: `c2/a.txt: 192.0.2.7
				allow/o.txt: 192.0.2.0/24`,
			ask: "192.0.2.7",
			want: `allow by allow/o.txt:1
				not c2/a.txt:1 "192.0.2.7": allow/o.txt allows it`},
		{name: "an exception too, in its own file",
			lists: `c2/a.txt: 192.0.2.0/24 | @@||192.0.2.7^
				nodata/b.txt: 192.0.2.0/25`,
			ask: "192.0.2.7",
			want: `nodata by nodata/b.txt:1, category nodata
				not c2/a.txt:2 "@@||192.0.2.7^": exempts from the other rules of its file
				not c2/a.txt:1 "192.0.2.0/24": its own file has an exception for it`},
		{name: "IPv4 in IPv6 is IPv4",
			lists: `c2/a.txt: 192.0.2.7`, ask: "::ffff:192.0.2.7", want: "sinkhole by c2/a.txt:1, category c2"},
		{name: "an address in no prefix passes",
			lists: `c2/a.txt: 192.0.2.0/24`, ask: "198.51.100.1", want: "pass"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := strings.ReplaceAll(tt.want, "\t", "")
			if got := explained(t, build(t, tt.lists), tt.ask); got != want {
				t.Errorf("%s\ngot  %s\nwant %s", tt.ask, got, want)
			}
		})
	}
}

// TestActions: every category gives its action; on a stream truncate passes.
func TestActions(t *testing.T) {
	for _, c := range testConfig().Categories {
		p := build(t, c.Name+"/a.txt: bad.example")
		want := max(c.Action, Sinkhole)
		q := Query{Name: wire(t, "bad.example")}
		if got := p.Decide(q); got.Action != want || got.Trigger != QName {
			t.Errorf("%s: %v by %v, want %v by qname", c.Name, got.Action, got.Trigger, want)
		}
		if want == Truncate {
			want = Passthru
		}
		q.Stream = true
		if got := p.Decide(q); got.Action != want || got.Blocks() != (want != Passthru) {
			t.Errorf("%s on a stream: %v, want %v", c.Name, got.Action, want)
		}
	}
}

func TestWords(t *testing.T) {
	for a := Sinkhole; a <= Passthru; a++ {
		if back, ok := ParseAction(a.String()); back != a || !ok {
			t.Errorf("%v reads back as %v, %v", a, back, ok)
		}
	}
	for _, word := range []string{"", "pass", "NXDOMAIN", "block"} {
		if a, ok := ParseAction(word); ok {
			t.Errorf("%q is taken for %v", word, a)
		}
	}
	for tr := NoTrigger; tr <= ResponseIP; tr++ {
		if tr.String() == "" {
			t.Errorf("trigger %d has no word", tr)
		}
	}
}

func TestCategoryOf(t *testing.T) {
	tests := map[string]string{
		"feed.txt":                 "malware false true",
		"c2/feed.txt":              "c2 false true",
		"c2/a/b/feed.txt":          "c2 false true",
		"allow/ours.txt":           " true true",
		"allow/c2/ours.txt":        " true true",
		"clients/opt-out/a.txt":    " false false",
		"clients/cgn/a.txt":        " false false",
		"rpz/zone.rpz":             " false false",
		"allow":                    "malware false true",
		"allowed/x.txt":            "allowed false true",
		"c2/../allow/x.txt":        " true true",
		"no \xff label/of/it.txt":  "no _ label false true",
		"two\nlines\x7f/of/it.txt": "two_lines_ false true",
	}
	for rel, want := range tests {
		category, allow, wanted := CategoryOf(rel)
		if got := fmt.Sprint(category, " ", allow, " ", wanted); got != want {
			t.Errorf("%q: %s, want %s", rel, got, want)
		}
	}
}

func TestGuard(t *testing.T) {
	if Guard(nil) != nil {
		t.Error("a guard of nothing")
	}
	guard := Guard([][]byte{wire(t, "www.isp.example"), wire(t, "isp.example"), wire(t, "mail.other.example")})
	tests := map[string]struct {
		name  string
		reach list.Reach
		want  string
	}{
		"the name itself":                  {"www.isp.example", list.Exact, whyProtected},
		"with what is below it":            {"www.isp.example", list.Subtree, whyProtected},
		"protected, and above one":         {"isp.example", list.Subtree, whyProtected},
		"above one":                        {"other.example", list.Subtree, "covers mail.other.example, a protected name; want it without the names below it"},
		"above one, but not what is below": {"other.example", list.Exact, ""},
		"high above":                       {"example", list.Subtree, "covers www.isp.example, a protected name; want it without the names below it"},
		"below":                            {"a.www.isp.example", list.Subtree, whyBelow},
		"far below, that name only":        {"a.b.www.isp.example", list.Exact, whyBelow},
		"beside":                           {"xisp.example", list.Subtree, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := guard(wire(t, tt.name), tt.reach); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNil(t *testing.T) {
	var p *Policy
	q := Query{Name: wire(t, "bad.example")}
	v, at := p.Review(q, nil, nil)
	e, err := p.Explain(q)
	if p.Decide(q) != (Verdict{}) || v != (Verdict{}) || at != 0 || e.Decides != nil || err != nil ||
		p.Category(v) != nil || p.File(v.Rule) != "" || p.Stats().Names != 0 || p.Categories() != nil {
		t.Error("a nil Policy lists something")
	}
	if e, err := p.ExplainMany([]Asked{{Addr: netip.MustParseAddr("192.0.2.1")}}); len(e) != 1 || e[0].Decides != nil || err != nil {
		t.Error("a nil Policy lists an address")
	}
	if empty, err := buildOf(Config{}, nil); err != nil || empty.Decide(q) != (Verdict{}) {
		t.Errorf("a Policy of no files: %v, %v", empty.Decide(q), err)
	}
}

func TestStats(t *testing.T) {
	p := build(t, `c2/b.txt: bad.example | 192.0.2.1 | www.bad.example
		parked/a.txt: # sinkhole: shadow | bad.example
		allow/o.txt: good.example | 192.0.2.1`)
	s := p.Stats()
	if s.Names != 3 || s.Addresses != 1 || s.Bytes <= 0 {
		t.Errorf("%+v; want 3 names, 1 address", s)
	}
	var got []string
	for _, f := range s.Files {
		got = append(got, fmt.Sprintf("%s of %q: %d, allow %v, shadow %v", f.File, f.Category, f.Result.Entries, f.Allow, f.Shadow))
	}
	want := []string{
		`allow/o.txt of "": 2, allow true, shadow false`,
		`c2/b.txt of "c2": 3, allow false, shadow false`,
		`parked/a.txt of "parked": 1, allow false, shadow true`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestDefaults: a category that nobody names is like the default, but for its name.
func TestDefaults(t *testing.T) {
	addr := netip.MustParseAddr("192.0.2.53")
	p, err := buildOf(Config{
		Categories: []Category{{Name: "c2", EDEText: "botnet"}, {Name: "ads", Action: NODATA}},
		Default:    Category{Action: NXDOMAIN, Addr4: addr, TTL: 60, EDE: -1, Record: true},
	}, filesOf(`x/a.txt: a.example
		x/b.txt: b.example
		c2/a.txt: c.example`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Category{
		{Name: "c2", Action: Sinkhole, EDEText: "botnet"},
		{Name: "ads", Action: NODATA, EDEText: "ads"},
		{Name: "x", Action: NXDOMAIN, EDEText: "x", Addr4: addr, TTL: 60, EDE: -1, Record: true},
	}
	if got := p.Categories(); !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if c := p.Category(p.Decide(Query{Name: wire(t, "b.example")})); c == nil || *c != want[2] {
		t.Errorf("b.example is of %+v", c)
	}
}

// TestGroups: names in the same files in the same way share a group.
func TestGroups(t *testing.T) {
	p := build(t, `c2/a.txt: a.example | b.example | c.example | a.example | 0.0.0.0 a.example | a.example
		malware/b.txt: b.example | a.example | d.example | e.example`)
	// In a.txt below, exact, or both; in b.txt; in b.txt and one of the first and the third.
	if n := len(p.groups) - 1; n != 6 {
		t.Errorf("%d groups: %v", n, p.groups[1:])
	}
}
