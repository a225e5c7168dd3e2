package rpz

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/list"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fileOf is a file with that text.
func fileOf(text string) list.Source {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
}

// zoneOf is the zone of a text, which must be read without a refusal.
func zoneOf(t testing.TB, text string) *Zone {
	t.Helper()
	z, res, err := Read(context.Background(), "rpz/test.zone", fileOf(text), ReadOptions{})
	if err != nil || res.Refused > 0 {
		t.Fatalf("%v, %+v", err, res)
	}
	return z
}

func wire(t testing.TB, text string) []byte {
	t.Helper()
	name, err := dnsname.Append(nil, text)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// say puts a rule into words.
func say(z *Zone, r Rule, ok bool) string {
	if !ok {
		return "nothing"
	}
	what := fmt.Sprintf("%s %s", r.Trigger, r.Action)
	switch {
	case r.Prefix.IsValid():
		what += " " + r.Prefix.String()
	case r.Wild:
		what += fmt.Sprintf(" * below %d labels", r.Labels)
	default:
		what += fmt.Sprintf(" of %d labels", r.Labels)
	}
	for _, rr := range z.Data(r) {
		what += "; " + dataOf(rr)
	}
	return what
}

func dataOf(rr dns.RR) string {
	return strings.Join(strings.Fields(strings.TrimPrefix(rr.String(), ".")), " ")
}

func sayEntry(e Entry) string {
	what := e.Prefix.String()
	if e.Name != nil {
		what = dnsname.String(e.Name)
		if e.Wild {
			what = "*." + what
		}
	}
	return strings.TrimSpace(fmt.Sprintf("%s:%d: %s %s %s %s", e.File, e.Line, e.Trigger, what, e.Action, e.Data))
}

// protect refuses protected.example and what is below it, and *.above.example.
func protect(name []byte, reach list.Reach) string {
	s := "." + dnsname.String(name)
	if strings.HasSuffix(s, ".protected.example") || reach == list.Subtree && s == ".above.example" {
		return "a protected name; want another one"
	}
	return ""
}

func openPart(rel string) (io.ReadCloser, error) {
	return os.Open(filepath.Join("testdata", filepath.FromSlash(rel)))
}

// TestGolden reads a zone for each way to write one. The golden files have what
// check says and every rule.
func TestGolden(t *testing.T) {
	for _, name := range []string{"feed", "records", "addresses", "directives", "parentheses", "transfer", "bare", "late"} {
		t.Run(name, func(t *testing.T) {
			file := "rpz/" + name + ".zone"
			open := func() (io.ReadCloser, error) { return openPart(file) }
			o := ReadOptions{Part: openPart, Protected: protect}
			z, res, err := Read(context.Background(), file, open, o)
			checked, checkErr := Check(file, open, o)
			if fmt.Sprint(res, err) != fmt.Sprint(checked, checkErr) {
				t.Errorf("Check says %+v, %v; Read %+v, %v", checked, checkErr, res, err)
			}
			var got bytes.Buffer
			fmt.Fprintf(&got, "zone %s %v\n", z.Name(), z.SOA())
			fmt.Fprintf(&got, "entries %d, refused %d (%d by a guard), passed over %d %v, warnings %d, expires %v, %v\n",
				res.Entries, res.Refused, res.GuardRefused, res.PassedOver, res.Passed, res.Warnings, res.Options.Expires, err)
			for _, n := range res.Notes {
				fmt.Fprintln(&got, n)
			}
			scanErr := Scan(file, open, o, func(e Entry) { fmt.Fprintf(&got, "%s\n\t%q\n", sayEntry(e), e.Text) })
			if fmt.Sprint(scanErr) != fmt.Sprint(err) {
				t.Errorf("Scan says %v, Read %v", scanErr, err)
			}
			compareGolden(t, filepath.Join("testdata", name+".golden"), got.Bytes())
		})
	}
}

func compareGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		g, w := append(g, ""), append(w, "")
		if a, b := g[min(i, len(g)-1)], w[min(i, len(w)-1)]; a != b {
			t.Fatalf("%s:%d:\ngot  %s\nwant %s", path, i+1, a, b)
		}
	}
}

// TestNames asks as RFC 4592 has it.
func TestNames(t *testing.T) {
	tests := map[string]struct {
		zone string
		asks map[string]string
	}{
		"an exact rule is that name's": {
			"bad.example CNAME .",
			map[string]string{
				"bad.example":      "qname nxdomain of 2 labels",
				"www.bad.example":  "nothing",
				"notbad.example":   "nothing",
				"example":          "nothing",
				".":                "nothing",
				"BAD.example.test": "nothing",
			},
		},
		"a wildcard is not the name that it hangs from": {
			"*.bad.example CNAME *.",
			map[string]string{
				"bad.example":      "nothing",
				"a.bad.example":    "qname nodata * below 2 labels",
				"b.a.bad.example":  "qname nodata * below 2 labels",
				"*.bad.example":    "qname nodata * below 2 labels",
				"*.a.bad.example":  "qname nodata * below 2 labels",
				"a.notbad.example": "nothing",
			},
		},
		"exact beats wildcard, whatever the order": {
			"*.bad.example CNAME .\nok.bad.example CNAME rpz-passthru.\nbad.example CNAME rpz-drop.",
			map[string]string{
				"ok.bad.example":   "qname passthru of 3 labels",
				"a.bad.example":    "qname nxdomain * below 2 labels",
				"bad.example":      "qname drop of 2 labels",
				"a.ok.bad.example": "nothing",
			},
		},
		"a name that is only there for those below hides the wildcard above": {
			"*.example CNAME .\na.b.c.example CNAME .",
			map[string]string{
				"c.example":       "nothing",
				"b.c.example":     "nothing",
				"x.b.c.example":   "nothing",
				"x.c.example":     "nothing",
				"a.b.c.example":   "qname nxdomain of 4 labels",
				"x.a.b.c.example": "nothing",
				"d.example":       "qname nxdomain * below 1 labels",
				"x.d.example":     "qname nxdomain * below 1 labels",
			},
		},
		"the wildcard with the most labels": {
			"* CNAME *.\n*.example CNAME .\n*.a.example CNAME rpz-drop.",
			map[string]string{
				"x.a.example": "qname drop * below 2 labels",
				"x.b.example": "qname nxdomain * below 1 labels",
				"a.example":   "nothing",
				"example":     "nothing",
				"test":        "qname nodata * below 0 labels",
				"x.test":      "qname nodata * below 0 labels",
				".":           "nothing",
				"*":           "qname nodata * below 0 labels",
			},
		},
		"an asterisk inside a name is a label like any other": {
			"*.example CNAME .\na.*.b.example CNAME .\na*.example CNAME *.",
			map[string]string{
				"a.*.b.example": "qname nxdomain of 4 labels",
				"a.x.b.example": "nothing",
				"x.b.example":   "nothing",
				"*.b.example":   "nothing",
				"b.example":     "nothing",
				"ab.example":    "qname nxdomain * below 1 labels",
				"a*.example":    "qname nodata of 2 labels",
			},
		},
		"a wildcard that has names below itself": {
			"*.example CNAME .\na.*.example CNAME *.",
			map[string]string{
				"*.example":   "qname nxdomain * below 1 labels",
				"x.example":   "qname nxdomain * below 1 labels",
				"a.*.example": "qname nodata of 3 labels",
				"b.*.example": "nothing",
				"b.x.example": "qname nxdomain * below 1 labels",
			},
		},
		"records of one name come together, the first CNAME stays alone": {
			"a.example A 192.0.2.1\nb.example CNAME x.\na.example A 192.0.2.2\na.example A 192.0.2.1\na.example CNAME .\nb.example A 192.0.2.1\nb.example CNAME y.",
			map[string]string{
				"a.example": "qname local-data of 2 labels; 60 IN A 192.0.2.1; 60 IN A 192.0.2.2",
				"b.example": "qname local-data of 2 labels; 60 IN CNAME x.",
			},
		},
		"names of servers are names of their own": {
			"ns.example.rpz-nsdname CNAME .\n*.ns.test.rpz-nsdname CNAME .\nbad.example CNAME .",
			map[string]string{
				"ns.example":             "nothing",
				"ns.example.rpz-nsdname": "nothing",
				"a.ns.test":              "nothing",
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			z := zoneOf(t, tt.zone)
			for ask, want := range tt.asks {
				r, ok := z.QName(wire(t, strings.ToLower(ask)))
				if got := say(z, r, ok); got != want {
					t.Errorf("%s: got %s, want %s", ask, got, want)
				}
			}
		})
	}
	z := zoneOf(t, "ns.example.rpz-nsdname CNAME .\n*.ns.test.rpz-nsdname CNAME *.\nbad.example CNAME .")
	for ask, want := range map[string]string{
		"ns.example":   "nsdname nxdomain of 2 labels",
		"a.ns.example": "nothing",
		"a.ns.test":    "nsdname nodata * below 2 labels",
		"ns.test":      "nothing",
		"bad.example":  "nothing",
	} {
		r, ok := z.NSDName(wire(t, ask))
		if got := say(z, r, ok); got != want {
			t.Errorf("server %s: got %s, want %s", ask, got, want)
		}
	}
}

// TestAddresses asks for the longest prefix.
func TestAddresses(t *testing.T) {
	z := zoneOf(t, strings.Join([]string{
		"24.0.2.0.192.rpz-ip CNAME .",
		"32.1.2.0.192.rpz-ip CNAME rpz-passthru.",
		"25.128.2.0.192.rpz-ip CNAME *.",
		"32.zz.db8.2001.rpz-ip A 192.0.2.9",
		"32.zz.db8.2001.rpz-ip AAAA 2001:db8::9",
		"24.0.100.51.198.rpz-client-ip CNAME rpz-drop.",
		"1.zz.8000.rpz-nsip CNAME .",
	}, "\n"))
	for _, tt := range []struct {
		trigger Trigger
		ask     string
		want    string
	}{
		{IP, "192.0.2.1", "response-ip passthru 192.0.2.1/32"},
		{IP, "::ffff:192.0.2.1", "response-ip passthru 192.0.2.1/32"},
		{IP, "192.0.2.2", "response-ip nxdomain 192.0.2.0/24"},
		{IP, "192.0.2.200", "response-ip nodata 192.0.2.128/25"},
		{IP, "192.0.3.1", "nothing"},
		{IP, "2001:db8::1%eth0", "response-ip local-data 2001:db8::/32; 60 IN A 192.0.2.9; 60 IN AAAA 2001:db8::9"},
		{IP, "198.51.100.1", "nothing"},
		{ClientIP, "198.51.100.1", "client-ip drop 198.51.100.0/24"},
		{ClientIP, "192.0.2.1", "nothing"},
		{NSIP, "8000::1", "nsip nxdomain 8000::/1"},
		{NSIP, "7fff::1", "nothing"},
		{NSIP, "192.0.2.1", "nothing"},
	} {
		r, ok := z.Addr(tt.trigger, netip.MustParseAddr(tt.ask))
		if got := say(z, r, ok); got != tt.want {
			t.Errorf("%s %s: got %s, want %s", tt.trigger, tt.ask, got, tt.want)
		}
	}
	if r, ok := z.Addr(IP, netip.Addr{}); ok {
		t.Errorf("no address: got %+v", r)
	}
	for trigger, want := range map[Trigger]bool{ClientIP: true, IP: true, NSIP: true, QName: false, NSDName: false} {
		if z.Has(trigger) != want {
			t.Errorf("Has(%s) is %v", trigger, !want)
		}
	}
}

// TestNilZone is an empty one.
func TestNilZone(t *testing.T) {
	var z *Zone
	_, q := z.QName([]byte{0})
	_, n := z.NSDName([]byte{0})
	_, a := z.Addr(IP, netip.IPv4Unspecified())
	if q || n || a || z.Has(QName) || z.SOA() != nil || z.Name() != "" || z.Data(Rule{Action: Data}) != nil || z.Stats() != (Stats{}) {
		t.Error("a nil zone says something")
	}
}

// TestCoding holds decode and encode to the draft's section 4.1, and to what
// BIND makes of the rest.
func TestCoding(t *testing.T) {
	for _, tt := range []struct{ owner, want, canonical string }{
		{"32.1.2.0.192", "192.0.2.1/32", "32.1.2.0.192"},
		{"24.0.2.0.192", "192.0.2.0/24", "24.0.2.0.192"},
		{"1.0.0.0.128", "128.0.0.0/1", "1.0.0.0.128"},
		{"32.001.2.0.192", "192.0.2.1/32", "32.1.2.0.192"},
		{"032.1.2.0.192", "192.0.2.1/32", "32.1.2.0.192"},
		{"128.1.zz.db8.2001", "2001:db8::1/128", "128.1.zz.db8.2001"},
		{"128.1.0.0.0.0.0.db8.2001", "2001:db8::1/128", "128.1.zz.db8.2001"},
		{"128.1.0.0.1.0.0.db8.2001", "2001:db8::1:0:0:1/128", "128.1.0.0.1.zz.db8.2001"}, // RFC 5952, 4.2.3: the first run
		{"128.1.zz.1.0.0.db8.2001", "2001:db8::1:0:0:1/128", "128.1.0.0.1.zz.db8.2001"},
		{"128.1.0.0.0.1.0.db8.2001", "2001:db8:0:1::1/128", "128.1.zz.1.0.db8.2001"},
		{"128.1.1.1.1.1.1.zz.2001", "2001:0:1:1:1:1:1:1/128", "128.1.1.1.1.1.1.0.2001"}, // no run of one
		{"128.zz", "::/128", "128.zz"},
		{"128.1.zz", "::1/128", "128.1.zz"},
		{"32.zz.db8.2001", "2001:db8::/32", "32.zz.db8.2001"},
		{"128.101.c000.ffff.zz", "192.0.1.1/32", "32.1.1.0.192"},
		{"96.zz.ffff.zz", `zz twice in an address`, ""},
		{"96.0.0.ffff.zz", "0.0.0.0/0", "96.0.0.ffff.zz"},
		{"95.0.0.fffe.zz", "::fffe:0:0/95", "95.0.0.fffe.zz"},
		{"8.2.0.0.10", "address bits beyond the prefix length; want 8.0.0.0.10", ""},
		{"32.1.zz.db8.2001", "address bits beyond the prefix length; want 32.zz.db8.2001", ""},
		{"0.0.0.0.0", `"0" is no prefix length; want 1 to 32, or 1 to 128 for IPv6`, ""},
		{"129.zz", `"129" is no prefix length; want 1 to 32, or 1 to 128 for IPv6`, ""},
		{"33.1.2.0.192", `prefix length 33 of an IPv4 address; want 1 to 32`, ""},
		{"32.256.2.0.192", `"256" in an IPv4 address; want 0 to 255`, ""},
		{"32.a.2.0.192", `"a" in an IPv4 address; want 0 to 255`, ""},
		{"32.-1.2.0.192", `"-1" in an IPv4 address; want 0 to 255`, ""},
		{"32.+1.2.0.192", `"+1" in an IPv4 address; want 0 to 255`, ""},
		{"32.2.0.192", "3 words in an address; want four, or eight of IPv6, or zz for a run of zeros", ""},
		{"32.1.1.2.0.192", "5 words in an address; want four, or eight of IPv6, or zz for a run of zeros", ""},
		{"128.1.2.3.4.5.6.7.8.9", "over eight words in an address", ""},
		{"128.1.2.3.4.5.6.7.zz.8", "over eight words in an address", ""},
		{"128.1.zz.2.zz", "zz twice in an address", ""},
		{"128.10000.zz", `"10000" in an IPv6 address; want hexadecimal 0 to ffff, or zz`, ""},
		{"128.0x1.zz", `"0x1" in an IPv6 address; want hexadecimal 0 to ffff, or zz`, ""},
		{"128.1_0.zz", `"1_0" in an IPv6 address; want hexadecimal 0 to ffff, or zz`, ""},
		{"128.zzz", `"zzz" in an IPv6 address; want hexadecimal 0 to ffff, or zz`, ""},
		{"x", `"x" is no prefix length; want 1 to 32, or 1 to 128 for IPv6`, ""},
		{"32", "0 words in an address; want four, or eight of IPv6, or zz for a run of zeros", ""},
		{".", "no address; want PREFIXLENGTH and the address from its end", ""},
	} {
		p, why := decode(wire(t, tt.owner))
		got, canonical := why, ""
		if why == "" {
			got, canonical = p.String(), encode(p)
		}
		if got != tt.want || canonical != tt.canonical {
			t.Errorf("%s: got %s, %q; want %s, %q", tt.owner, got, canonical, tt.want, tt.canonical)
		}
	}
}

// FuzzCoding: what is read is masked, and is read back from its canonical form.
func FuzzCoding(f *testing.F) {
	for _, s := range []string{"32.1.2.0.192", "128.1.zz.db8.2001", "96.0.0.ffff.zz", "64.0.0.0.0.1.zz", "8.2.0.0.10", "128.zz.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := dnsname.Append(nil, s)
		if err != nil {
			return
		}
		p, why := decode(name)
		if why != "" {
			return
		}
		if p != p.Masked() || p.Addr().Is4In6() {
			t.Fatalf("%q is %v", s, p)
		}
		again, why := decode(wire(t, encode(p)))
		if again != p || why != "" {
			t.Fatalf("%q is %v, %q is %v %s", s, p, encode(p), again, why)
		}
	})
}

// FuzzEncode goes the other way: any prefix is spelt so that it is read.
func FuzzEncode(f *testing.F) {
	f.Add([]byte("\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"), uint8(128))
	f.Add([]byte{192, 0, 2, 1}, uint8(24))
	f.Fuzz(func(t *testing.T, octets []byte, bits uint8) {
		a, ok := netip.AddrFromSlice(octets)
		if !ok || bits == 0 {
			return
		}
		p, err := a.Unmap().Prefix(int(bits))
		if err != nil || a.Is4In6() || p.Addr().Is4In6() {
			return
		}
		got, why := decode(wire(t, encode(p)))
		if got != p || why != "" {
			t.Fatalf("%v is spelt %s and read as %v %s", p, encode(p), got, why)
		}
	})
}

// TestNameOf: a zone without SOA is called as its file.
func TestNameOf(t *testing.T) {
	for file, want := range map[string]string{
		"rpz/feed.zone":       "feed",
		"rpz/feed.rpz":        "feed",
		"rpz/a/feed.db":       "feed",
		"feed.txt":            "feed",
		"feed.conf":           "feed",
		"feed.rpz.gz":         "feed",
		"feed.rpz.zst":        "feed",
		"rpz.feed.example":    "rpz.feed.example",
		"feed.example.zone":   "feed.example",
		"feed":                "feed",
		".zone":               ".zone",
		"rpz/two words!.zone": "two words!",
	} {
		if got := nameOf(file); got != want {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
		z, _, err := Read(context.Background(), file, fileOf("bad.example CNAME ."), ReadOptions{})
		if err != nil || z.Name() != want {
			t.Errorf("%s: zone %q, %v", file, z.Name(), err)
		}
	}
}
