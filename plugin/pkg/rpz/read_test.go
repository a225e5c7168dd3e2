package rpz

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/list"
)

// partsOf opens parts from a map.
func partsOf(parts map[string]string) ReadOptions {
	return ReadOptions{Part: func(rel string) (io.ReadCloser, error) {
		text, ok := parts[rel]
		if !ok {
			return nil, fmt.Errorf("%s: %w", rel, fs.ErrNotExist)
		}
		return io.NopCloser(strings.NewReader(text)), nil
	}}
}

// TestReadRefuses: what refuses a zone as a whole, and what does not.
func TestReadRefuses(t *testing.T) {
	rules := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "bad%d.example CNAME .\n", i)
		}
		return b.String()
	}
	const soa = "@ SOA a. b. 1 2 3 4 5\n"
	tests := map[string]struct {
		text string
		want error
	}{
		"a zone":                         {soa + rules(3), nil},
		"a zone without SOA":             {rules(1), nil},
		"a zone without rules":           {soa + " NS a.\n", nil},
		"nothing at all":                 {"", list.ErrEmpty},
		"only comments":                  {"; nothing\n\n  ; more\n", list.ErrEmpty},
		"only directives":                {"$TTL 60\n$ORIGIN x.\n", list.ErrEmpty},
		"a page":                         {"<!DOCTYPE html><html><body>", list.ErrHTML},
		"binary":                         {"\x00\x01\x02", list.ErrBinary},
		"UTF-16":                         {"\xff\xfeb\x00", list.ErrBinary},
		"a list of names":                {strings.Repeat("bad.example\n", 20), list.ErrUnreadable},
		"one of ten is junk":             {rules(9) + "junk\n", nil},
		"two of eleven are junk":         {rules(9) + "junk\njunk\n", list.ErrUnreadable},
		"two of three are junk":          {rules(1) + "junk\njunk\n", nil},
		"junk alone":                     {"Too many requests\n", list.ErrNoEntry},
		"half is out of the zone":        {rules(9) + strings.Repeat("out.example. CNAME .\n", 9), nil},
		"all is out of the zone":         {soa + strings.Repeat("out.example. CNAME .\n", 9), ErrOutside},
		"all was made for another zone":  {strings.Repeat("out.rpz.example. CNAME .\n", 9), ErrOutside},
		"unknown actions do not count":   {rules(1) + strings.Repeat("bad.example CNAME rpz-x.\n", 20), nil},
		"duplicates do not count":        {rules(1) + strings.Repeat("bad0.example CNAME .\n", 20), nil},
		"records of DNSSEC do not count": {rules(1) + strings.Repeat("bad0.example DS 1 2 3 4\n", 20), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			z, res, err := Read(context.Background(), "rpz/test.zone", fileOf(tt.text), ReadOptions{})
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) || (z == nil) != (err != nil) {
				t.Errorf("got %v, want %v; %+v", err, tt.want, res)
			}
		})
	}
}

// TestPacked: zones come packed as lists do.
func TestPacked(t *testing.T) {
	const text = "@ SOA a. b. 1 2 3 4 5\nbad.example CNAME .\n"
	var gz, zs bytes.Buffer
	g := gzip.NewWriter(&gz)
	io.WriteString(g, text)
	g.Close()
	z, err := zstd.NewWriter(&zs, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(z, text)
	z.Close()
	for name, tt := range map[string]struct {
		text string
		max  int64
		want error
	}{
		"gzip":            {gz.String(), 0, nil},
		"zstd":            {zs.String(), 0, nil},
		"broken off":      {gz.String()[:gz.Len()-6], 0, list.ErrBroken},
		"over the limit":  {gz.String(), 10, list.ErrSize},
		"as it is, over":  {text, 10, list.ErrSize},
		"at the limit":    {text, int64(len(text)), nil},
		"with BOM and CR": {"\xef\xbb\xbf" + strings.ReplaceAll(text, "\n", "\r\n"), 0, nil},
	} {
		zone, res, err := Read(context.Background(), "rpz/test.zone", fileOf(tt.text), ReadOptions{MaxSize: tt.max})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
		if err == nil && (res.Entries != 1 || res.Refused > 0 || zone.SOA() == nil) {
			t.Errorf("%s: %+v", name, res)
		}
	}
}

// TestTTL: where the time to live of local data comes from, and the SOA's.
func TestTTL(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want string // of the SOA, then of records
	}{
		"its own":                         {"$TTL 60\n@ SOA a. b. 1 2 3 4 5\na 7 A 192.0.2.1\n", "60 7"},
		"$TTL":                            {"$TTL 60\n@ 9 SOA a. b. 1 2 3 4 5\na 7 A 192.0.2.1\nb A 192.0.2.1", "9 7 60"},
		"$TTL counts from there":          {"@ 9 SOA a. b. 1 2 3 4 5\na A 192.0.2.1\n$TTL 2m\nb A 192.0.2.1", "9 9 120"},
		"the record before":               {"@ 9 SOA a. b. 1 2 3 4 5\na A 192.0.2.1\nb 8 A 192.0.2.1\nc A 192.0.2.1", "9 9 8 8"},
		"the SOA's minimum":               {"@ SOA a. b. 1 2 3 4 5\na A 192.0.2.1\n", "5 5"},
		"the SOA's minimum, with a class": {"@ IN SOA a. b. 1 2 3 4 5\na IN A 192.0.2.1\n", "5 5"},
		"nowhere":                         {"a A 192.0.2.1\n", "none 60"},
		"units":                           {"$TTL 1w2d3h4m5s\n@ SOA a. b. 1 2 3 4 5\na 1M A 192.0.2.1\nb 1h1 A 192.0.2.1", "788645 60 3601"},
		"in a part too":                   {"@ SOA a. b. 1 2 3 4 5\n$INCLUDE ttl.inc\nb A 192.0.2.1\n", "5 77 77"},
		"a CNAME in between":              {"@ 9 SOA a. b. 1 2 3 4 5\nx 6 CNAME .\na A 192.0.2.1", "9 6"},
	} {
		o := partsOf(map[string]string{"rpz/ttl.inc": "$TTL 77\na A 192.0.2.1\n"})
		z, res, err := Read(context.Background(), "rpz/test.zone", fileOf(tt.text), o)
		if err != nil || res.Refused > 0 {
			t.Fatalf("%s: %+v, %v", name, res, err)
		}
		got := "none"
		if soa := z.SOA(); soa != nil {
			got = fmt.Sprint(soa.Hdr.Ttl)
		}
		for _, name := range []string{"a", "b", "c"} {
			if r, ok := z.QName(wire(t, name)); ok {
				got += fmt.Sprint(" ", z.Data(r)[0].Header().Ttl)
			}
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

// TestZoneNamed: which zone a file is, and where its rules are in it.
func TestZoneNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		name string // of the zone
		rule string // that it has
	}{
		"by the SOA":                         {"rpz.example. SOA a. b. 1 2 3 4 5\nbad.example.rpz.example. CNAME .", "rpz.example", "bad.example"},
		"by the SOA at the origin":           {"$ORIGIN rpz.example.\n@ SOA a. b. 1 2 3 4 5\nbad.example CNAME .", "rpz.example", "bad.example"},
		"by the SOA, in upper case":          {"RPZ.Example. SOA a. b. 1 2 3 4 5\n$ORIGIN rpz.EXAMPLE.\nBAD.example CNAME .", "rpz.example", "bad.example"},
		"by the file":                        {"bad.example CNAME .", "test", "bad.example"},
		"by the file, absolute":              {"bad.example.test. CNAME .", "test", "bad.example"},
		"by the file, at another origin":     {"$ORIGIN rpz.example.\nbad.example CNAME .", "test", "bad.example"},
		"by the SOA behind rules":            {"bad.example.rpz.example. CNAME .\nrpz.example. SOA a. b. 1 2 3 4 5", "rpz.example", "bad.example"},
		"by the SOA behind rules that agree": {"bad.example CNAME .\n@ SOA a. b. 1 2 3 4 5", "test", "bad.example"},
		"by the first of two":                {"@ SOA a. b. 1 2 3 4 5\nbad.example CNAME .\nx. SOA a. b. 1 2 3 4 5", "test", "bad.example"},
		"by the SOA, and so is the origin":   {"rpz.example. SOA a. b. 1 2 3 4 5\nbad.example CNAME .", "rpz.example", "bad.example"},
		"also before it":                     {"bad.example CNAME .\nrpz.example. SOA a. b. 1 2 3 4 5", "rpz.example", "bad.example"},
		"also before an $ORIGIN":             {"bad.example CNAME .\n$ORIGIN rpz.example.\n@ SOA a. b. 1 2 3 4 5", "rpz.example", "bad.example"},
		"but for an $ORIGIN told before it":  {"$ORIGIN example.\nrpz.example. SOA a. b. 1 2 3 4 5\nbad.example.rpz CNAME .", "rpz.example", "bad.example"},
		"by the SOA, below the file's name":  {"rpz SOA a. b. 1 2 3 4 5\nbad.example.rpz CNAME .", "rpz.test", "bad.example"},
		"by that behind rules":               {"bad.example.rpz CNAME .\nrpz SOA a. b. 1 2 3 4 5", "rpz.test", "bad.example"},
		"by the SOA, absolute below it":      {"rpz.test. SOA a. b. 1 2 3 4 5\nbad.example CNAME .", "rpz.test", "bad.example"},
		"the root, and so is the origin":     {". SOA a. b. 1 2 3 4 5\nbad.example CNAME .", ".", "bad.example"},
		"the root":                           {". SOA a. b. 1 2 3 4 5\nbad.example. CNAME .", ".", "bad.example"},
		"one that looks like an action":      {"rpz-feed. SOA a. b. 1 2 3 4 5\nbad.example.rpz-feed. CNAME garden.rpz-feed.", "rpz-feed", "bad.example"},
	} {
		z, res, err := Read(context.Background(), "rpz/test.zone", fileOf(tt.text), ReadOptions{})
		if err != nil || res.Refused > 0 {
			t.Errorf("%s: %+v, %v", name, res, err)
			continue
		}
		if _, ok := z.QName(wire(t, tt.rule)); !ok || z.Name() != tt.name {
			t.Errorf("%s: zone %q, rule %v", name, z.Name(), ok)
		}
	}
	var many strings.Builder
	for i := range maxBefore {
		fmt.Fprintf(&many, "a%d.example.test. CNAME .\n", i)
	}
	for n, want := range map[int]string{maxBefore - 1: "late.example", maxBefore: "test"} {
		lines := strings.SplitAfterN(many.String(), "\n", n+1)
		text := strings.Join(lines[:n], "") + "late.example. SOA a. b. 1 2 3 4 5\nx.late.example. CNAME .\n"
		z, _, err := Read(context.Background(), "rpz/test.zone", fileOf(text), ReadOptions{})
		if z.Name() != want {
			t.Errorf("an SOA behind %d records: zone %q, %v; want %q", n, z.Name(), err, want)
		}
		scanned := 0
		Scan("rpz/test.zone", fileOf(text), ReadOptions{}, func(Entry) { scanned++ })
		if rules := z.Stats().Rules[QName]; scanned != rules {
			t.Errorf("%d rules scanned, %d read", scanned, rules)
		}
	}
	z, _, err := Read(context.Background(), "rpz/test.zone", fileOf("bad.example CNAME ."), ReadOptions{Name: "given.example"})
	if err != nil || z.Name() != "given.example" {
		t.Errorf("zone %q, %v; want the name that was given", z.Name(), err)
	}
}

// TestInclude: what a part is, and what it may not do.
func TestInclude(t *testing.T) {
	deep := map[string]string{"rpz/broken.inc": "\x1f\x8b\x08", "rpz/page.inc": "<html>", "rpz/a/x.inc": "x CNAME .\n$INCLUDE ../y.inc", "rpz/y.inc": "y CNAME ."}
	for i := range 12 {
		deep[fmt.Sprintf("rpz/%d.inc", i)] = fmt.Sprintf("d%d CNAME .\n$INCLUDE %d.inc\n", i, i+1)
	}
	for name, tt := range map[string]struct {
		text string
		o    ReadOptions
		want string // entries and notes, or why the whole is refused
	}{
		"relative to the part": {"$INCLUDE a/x.inc\n", partsOf(deep), "2"},
		"quoted":               {"$INCLUDE \"a/x.inc\"\n", partsOf(deep), "2"},
		"no deeper than eight": {"z CNAME .\n$INCLUDE 0.inc\n", partsOf(deep), "9 rpz/7.inc:2: files include files over 8 deep"},
		"none there":           {"z CNAME .\n$INCLUDE none.inc\n", partsOf(deep), "1 rpz/test.zone:2: there is no rpz/none.inc"},
		"no parts at all":      {"z CNAME .\n$INCLUDE none.inc\n", ReadOptions{}, "1 rpz/test.zone:2: files are not included here"},
		"out of the folder":    {"z CNAME .\n$INCLUDE ../x.inc\n", partsOf(deep), "1 rpz/test.zone:2: a file outside of the folder of zones"},
		"out and in again":     {"z CNAME .\n$INCLUDE ../rpz/y.inc\n", partsOf(deep), "2"},
		"the folder itself":    {"z CNAME .\n$INCLUDE .\n", partsOf(deep), "1 rpz/test.zone:2: a file outside of the folder of zones"},
		"itself":               {"z CNAME .\n$INCLUDE test.zone\n", partsOf(deep), "1 rpz/test.zone:2: the file is being read already"},
		"a broken one":         {"z CNAME .\n$INCLUDE broken.inc\n", partsOf(deep), "rpz/broken.inc: the compressed data is broken or cut off: unexpected EOF"},
		"a page":               {"z CNAME .\n$INCLUDE page.inc\n", partsOf(deep), "rpz/page.inc: an HTML or XML page, not a list"},
	} {
		res, err := Check("rpz/test.zone", fileOf(tt.text), tt.o)
		got := fmt.Sprint(res.Entries)
		for _, n := range res.Notes {
			if !n.Warning {
				got += fmt.Sprintf(" %s:%d: %s", n.File, n.Line, n.Why)
			}
		}
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
	many := ReadOptions{Part: func(string) (io.ReadCloser, error) { return fileOf("part CNAME .\n")() }}
	res, err := Check("rpz/test.zone", fileOf(strings.Repeat("$INCLUDE a.inc\n", maxParts+2)), many)
	if err != nil || res.Refused != 2 {
		t.Errorf("%+v, %v; want two refused", res, err)
	}
	if _, err := Check("rpz/test.zone", fileOf("z CNAME .\n"+strings.Repeat("$INCLUDE a.inc\n", 9)), ReadOptions{Part: many.Part, MaxSize: 200}); !errors.Is(err, list.ErrSize) {
		t.Errorf("got %v, want a refusal of what is too much together", err)
	}
}

// TestRootOf: zones lie in the folder rpz, wherever that is.
func TestRootOf(t *testing.T) {
	for file, want := range map[string]string{
		"rpz/a.zone": "rpz", "rpz/b/c/a.zone": "rpz", "/srv/rpz/b/a.zone": "/srv/rpz", "a.zone": ".", "/tmp/x/a.zone": "/tmp/x", "rpz/rpz/a.zone": "rpz/rpz",
	} {
		if got := rootOf(file); got != want {
			t.Errorf("%s: got %s, want %s", file, got, want)
		}
	}
}

// TestGenerate spells numbers as BIND does.
func TestGenerate(t *testing.T) {
	for pattern, want := range map[string]string{
		"a$": "a11", `a\$$`: "a$11", "a$$": "a$", "${1}": "12", "${-1}": "10", "${0,4}": "0011", "${0,4,d}": "0011",
		"${0,0,x}": "b", "${0,4,X}": "000B", "${0,0,o}": "13", "${5,2,x}-$": "10-11",
		"${0,0,n}": "b", "${0,5,n}": "b.0.0", "${244,0,n}": "f.f", "${244,0,N}": "F.F", `x\.y$`: `x\.y11`,
		"${": "", "${}": "", "${x}": "", "${0,x}": "", "${0,0,q}": "", "${0,0,d,0}": "", "${0,999}": "",
	} {
		text, ok := expand([]byte(pattern), 11)
		if string(text) != want && ok || ok != (want != "") {
			t.Errorf("%s: got %s, %v; want %s", pattern, text, ok, want)
		}
	}
	for s, want := range map[string]string{
		"1-3": "1 3 1 true", "0-10/2": "0 10 2 true", "3-1": "false", "1": "false", "1-": "false", "-1-3": "false", "1-3/0": "false", "1-3/x": "false", "1-99999999999": "false",
	} {
		from, to, step, ok := countOf(s)
		got := fmt.Sprint(from, to, step, ok)
		if !ok {
			got = "false"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", s, got, want)
		}
	}
	r := newReader(context.Background(), "rpz/test.zone", ReadOptions{}.filled("rpz/test.zone"))
	r.made = maxMade - 3
	if err := r.run(fileOf("$GENERATE 1-3 a$ CNAME .\n$GENERATE 1-1 b$ CNAME .\n")); err != nil || r.res.Entries != 3 || r.res.Refused != 1 {
		t.Errorf("%v, %+v; want the last line refused", err, r.res)
	}
	r = newReader(context.Background(), "rpz/test.zone", ReadOptions{}.filled("rpz/test.zone"))
	r.madeText = maxMadeText - len("a1.x CNAME .")
	if err := r.run(fileOf("$GENERATE 1-2 a$.x CNAME .\n")); err != nil || r.res.Entries != 1 || r.res.Refused != 1 {
		t.Errorf("%v, %+v; want the second record refused", err, r.res)
	}
}

// TestRecordsBounded: one name holds no more than an answer can.
func TestRecordsBounded(t *testing.T) {
	var together, apart strings.Builder
	for i := range maxRecords + 10 {
		fmt.Fprintf(&together, "a.example A 192.0.%d.%d\n", i/256, i%256)
		fmt.Fprintf(&apart, "a.example A 192.0.%d.%d\nb%d.example CNAME .\n", i/256, i%256, i)
	}
	for name, text := range map[string]string{"together": together.String(), "apart": apart.String()} {
		z, res, err := Read(context.Background(), "rpz/test.zone", fileOf(text), ReadOptions{})
		if name == "together" {
			if !errors.Is(err, nil) || res.Refused != 10 {
				t.Errorf("%s: %v, %d refused, want 10", name, err, res.Refused)
			}
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r, _ := z.QName(wire(t, "a.example")); len(z.Data(r)) != maxRecords {
			t.Errorf("%s: %d records, want %d", name, len(z.Data(r)), maxRecords)
		}
	}
}

// TestParenthesesBounded: an entry that is never closed costs its own lines and
// no others, whatever comes.
func TestParenthesesBounded(t *testing.T) {
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "good%d.example CNAME .\n", i)
		if i%100 == 50 {
			b.WriteString("bad.example CNAME . (\n")
		}
	}
	res, err := Check("rpz/test.zone", fileOf(b.String()), ReadOptions{})
	if err != nil || res.Entries != 2000 || res.Refused != 20 {
		t.Errorf("%v, %+v; want all but the twenty", err, res)
	}
	res, err = Check("rpz/test.zone", fileOf("a.example CNAME .\n"+strings.Repeat("(\n", 100_000)), ReadOptions{})
	if err == nil {
		t.Errorf("%+v; want a refusal", res)
	}
	res, err = Check("rpz/test.zone", fileOf("a.example CNAME .\nlong.example TXT ( \""+strings.Repeat("x", 70_000)+"\" )\nb.example CNAME .\n"), ReadOptions{})
	if err != nil || res.Entries != 2 || res.Refused != 1 {
		t.Errorf("%v, %+v; want the long line refused", err, res)
	}
}

// TestCancelled: building stops when nobody waits for it.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	z, _, err := Read(ctx, "rpz/test.zone", fileOf(strings.Repeat("bad.example CNAME .\n", 10_000)), ReadOptions{})
	if z != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", z, err)
	}
}

// TestData: records are made anew for each call.
func TestData(t *testing.T) {
	z := zoneOf(t, "a.example 7 A 192.0.2.1\na.example 8 TXT \"x\"\nb.example 7 A 192.0.2.1\nc.example CNAME .")
	r, _ := z.QName(wire(t, "a.example"))
	all := z.Data(r)
	if len(all) != 2 || all[0].String() != ".\t7\tIN\tA\t192.0.2.1" || all[1].Header().Ttl != 8 {
		t.Fatalf("got %v", all)
	}
	all[0].(*dns.A).A[0] = 10
	all[0].Header().Name = "a.example."
	if again := z.Data(r); again[0].String() != ".\t7\tIN\tA\t192.0.2.1" {
		t.Errorf("got %v behind a change", again)
	}
	c, _ := z.QName(wire(t, "c.example"))
	if z.Data(c) != nil || z.Data(Rule{Action: Data, Data: 99}) != nil {
		t.Error("data without a rule that has some")
	}
}

// TestStats counts.
func TestStats(t *testing.T) {
	z := zoneOf(t, "a.example CNAME .\n*.a.example CNAME .\na.rpz-nsdname CNAME .\n32.1.2.0.192.rpz-ip CNAME .\n32.1.2.0.192.rpz-nsip CNAME .\n32.1.2.0.192.rpz-client-ip CNAME .\n32.2.2.0.192.rpz-client-ip CNAME .")
	if s := z.Stats(); s.Rules != [triggers]int{2, 2, 1, 1, 1} || s.Bytes < 50 {
		t.Errorf("got %+v", s)
	}
}

// TestAskAllocatesNothing: what is asked for every query.
func TestAskAllocatesNothing(t *testing.T) {
	z := zoneOf(t, "*.bad.example CNAME .\nok.bad.example CNAME rpz-passthru.\n*.ns.example.rpz-nsdname CNAME .\n24.0.2.0.192.rpz-ip CNAME .\n32.zz.db8.2001.rpz-client-ip CNAME .")
	name, ns, other := wire(t, "www.bad.example"), wire(t, "a.ns.example"), wire(t, "www.other.test")
	v4, v6 := netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	hits := 0
	count := func(_ Rule, ok bool) {
		if ok {
			hits++
		}
	}
	n := testing.AllocsPerRun(100, func() {
		hits = 0
		count(z.QName(name))
		count(z.QName(other))
		count(z.NSDName(ns))
		count(z.NSDName(other))
		count(z.Addr(IP, v4))
		count(z.Addr(ClientIP, v6))
		count(z.Addr(NSIP, v6))
	})
	if n != 0 || hits != 4 {
		t.Errorf("%v allocations, %d hits; want 0 and 4", n, hits)
	}
}

// TestReadAllocates: for a rule nothing but what dnsname.SuffixOf needs.
func TestReadAllocates(t *testing.T) {
	const lines = 10_000
	for name, tt := range map[string]struct {
		line string
		most float64 // a line
	}{
		"exact":            {"n%d.bad.example CNAME .", 1},
		"wildcard":         {"*.n%d.bad.example CNAME .", 1},
		"with a comment":   {"n%d.bad.example CNAME . ; why", 1},
		"passthru":         {"n%d.bad.example 60 IN CNAME rpz-passthru.", 1},
		"to a garden":      {"n%d.bad.example CNAME garden.example.", 1},
		"names of servers": {"n%d.bad.example.rpz-nsdname CNAME .", 0},
		"comments":         {"; n%d.bad.example", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			text.WriteString("@ SOA a. b. 1 2 3 4 5\n")
			for i := range lines {
				fmt.Fprintf(&text, tt.line+"\n", i)
			}
			open := fileOf(text.String())
			n := testing.AllocsPerRun(3, func() { Check("rpz/test.zone", open, ReadOptions{}) })
			if a := n / lines; a > tt.most+0.5 { // the pool of dnsname loses some under the race detector
				t.Errorf("%.2f allocations a line, want at most %v", a, tt.most)
			}
		})
	}
}
