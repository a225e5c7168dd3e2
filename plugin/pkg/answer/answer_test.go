package answer

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
	"sinkhole/plugin/pkg/policy"
)

// lists are the files of all tests here, a category for each action and some
// for what else a category says.
var lists = map[string]string{
	"sinkhole/names.txt":  "bad.example\n192.0.2.66\n",
	"sinkhole/hosts.txt":  "0.0.0.0 only.this.example\n",
	"v4/names.txt":        "v4.example\n",
	"nxdomain/names.txt":  "nx.example\n192.0.2.67\n",
	"nodata/names.txt":    "nodata.example\n",
	"refused/names.txt":   "refused.example\n",
	"drop/names.txt":      "drop.example\n",
	"truncate/names.txt":  "truncate.example\n",
	"passthru/names.txt":  "passthru.example\n",
	"court/names.txt":     "court.example\n",
	"silent/names.txt":    "silent.example\n",
	"talkative/names.txt": "talkative.example\n",
}

// zone has rules on names that no test of lists asks for.
const zone = `@ SOA localhost. nobody. 1 3600 600 86400 60
data.zone.example A 192.0.2.8
data.zone.example TXT "some text"
lead.zone.example CNAME garden.example.
*.wild.zone.example CNAME *.garden.example.
nx.zone.example CNAME .
32.200.2.0.192.rpz-ip CNAME *.garden.example.
32.201.2.0.192.rpz-ip A 192.0.2.8
`

var talk = strings.Repeat("much to say ", 100)

func testPolicy(t testing.TB) *policy.Policy {
	t.Helper()
	addr4, addr6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	category := func(name string, action policy.Action) policy.Category {
		return policy.Category{Name: name, Action: action, TTL: 60, EDE: -1}
	}
	both, v4, court, silent, talkative := category("sinkhole", policy.Sinkhole), category("v4", policy.Sinkhole),
		category("court", policy.NXDOMAIN), category("silent", policy.NODATA), category("talkative", policy.NXDOMAIN)
	both.Addr4, both.Addr6, v4.Addr4 = addr4, addr6, addr4
	court.EDE, court.EDEText, court.TTL = 16, "order of 2026", 3600
	silent.CodeOnly = true
	talkative.EDEText = talk
	cfg := policy.Config{Categories: []policy.Category{both, v4, court, silent, talkative}, Default: category("", policy.Sinkhole)}
	for _, word := range []string{"nxdomain", "nodata", "refused", "drop", "truncate", "passthru"} {
		action, _ := policy.ParseAction(word)
		cfg.Categories = append(cfg.Categories, category(word, action))
	}
	var files []policy.File
	for name, text := range lists {
		files = append(files, policy.File{Name: name, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewBufferString(text)), nil
		}})
	}
	zones := []policy.ZoneFile{{Name: "rpz/a.zone", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewBufferString(zone)), nil
	}}}
	p, err := policy.Build(context.Background(), cfg, files, zones, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// question reads "NAME TYPE [edns [do] [size=N]] [norec] [cd]".
func question(t testing.TB, text string) *dns.Msg {
	t.Helper()
	fields := strings.Fields(text)
	m := new(dns.Msg).SetQuestion(fields[0], dns.StringToType[fields[1]])
	m.Id = 8053
	for _, f := range fields[2:] {
		size, sized := strings.CutPrefix(f, "size=")
		switch {
		case f == "norec":
			m.RecursionDesired = false
		case f == "cd":
			m.CheckingDisabled = true
		case f == "edns":
			m.SetEdns0(4096, false)
			m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}}
		case f == "do":
			m.IsEdns0().SetDo()
		case sized:
			var n uint16
			fmt.Sscan(size, &n)
			m.IsEdns0().SetUDPSize(n)
		default:
			t.Fatalf("query %q: what is %q?", text, f)
		}
	}
	return unpacked(t, m)
}

// upstream is the answer that the resolver below gave, with those records.
func upstream(t testing.TB, req *dns.Msg, records string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg).SetReply(req)
	for line := range strings.Lines(records) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	return unpacked(t, m)
}

// unpacked is m after the way over the wire.
func unpacked(t testing.TB, m *dns.Msg) *dns.Msg {
	t.Helper()
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	back := new(dns.Msg)
	if err := back.Unpack(wire); err != nil {
		t.Fatal(err)
	}
	return back
}

func wire(t testing.TB, text string) []byte {
	t.Helper()
	name, err := dnsname.Append(nil, text)
	if err != nil {
		t.Fatalf("Append(%q): %v", text, err)
	}
	return name
}

// ask is what plugin sinkhole does with a query. What a CNAME of ours leads to is
// answered as the query is.
func ask(t testing.TB, p *policy.Policy, req *dns.Msg, up *dns.Msg, stream bool) (m *dns.Msg, drop bool) {
	t.Helper()
	q := policy.Query{Name: wire(t, req.Question[0].Name), Type: req.Question[0].Qtype, Stream: stream}
	v, at, of := p.Decide(q), 0, up
	if !v.Blocks() {
		v, at = p.Review(q, up, nil)
	} else {
		of = nil
	}
	m, follow, drop := Reply(req, p, v, of, at, stream)
	if follow != "" {
		Join(m, req, up, stream)
	}
	return m, drop
}

// show puts a reply into words.
func show(m *dns.Msg) string {
	said := []string{dns.RcodeToString[m.Rcode]}
	for word, set := range map[string]bool{"tc": m.Truncated, "aa": m.Authoritative, "ad": m.AuthenticatedData,
		"cd": m.CheckingDisabled, "no rd": !m.RecursionDesired, "no ra": !m.RecursionAvailable, "no qr": !m.Response, "z": m.Zero} {
		if set {
			said = append(said, word)
		}
	}
	slices.Sort(said[1:])
	said = []string{strings.Join(said, " ")}
	for _, rr := range m.Answer {
		said = append(said, record(rr))
	}
	for _, rr := range m.Ns {
		said = append(said, "authority "+record(rr))
	}
	for _, rr := range m.Extra {
		opt, ok := rr.(*dns.OPT)
		if !ok {
			said = append(said, "additional "+record(rr))
			continue
		}
		said = append(said, options(opt))
	}
	return strings.Join(said, "\n")
}

func options(opt *dns.OPT) string {
	word := fmt.Sprintf("edns%d %d", opt.Version(), opt.UDPSize())
	if opt.Do() {
		word += " do"
	}
	for _, o := range opt.Option {
		e, ok := o.(*dns.EDNS0_EDE)
		if !ok {
			return word + " option " + o.String()
		}
		word += fmt.Sprintf(" ede %d %q", e.InfoCode, e.ExtraText)
	}
	return word
}

func record(rr dns.RR) string { return strings.Join(strings.Fields(rr.String()), " ") }

// TestReply is CONTRACT's table of answers. Every row goes over the wire.
func TestReply(t *testing.T) {
	const soa = "IN SOA localhost. nobody.invalid. 1 3600 1200 604800"
	p := testPolicy(t)
	for _, tt := range []struct {
		name   string
		ask    string
		up     string // records of the upstream answer
		stream bool
		want   string
	}{
		{name: "a listed name has the sinkhole's address, for as long as the category says",
			ask: "bad.example. A", want: `NOERROR
				bad.example. 60 IN A 192.0.2.1`},
		{name: "and in IPv6 that of IPv6",
			ask: "bad.example. AAAA", want: `NOERROR
				bad.example. 60 IN AAAA 2001:db8::1`},
		{name: "with EDNS it is said that the address is forged",
			ask: "bad.example. A edns", want: `NOERROR
				bad.example. 60 IN A 192.0.2.1
				edns0 1232 ede 4 "sinkhole"`},
		{name: "a category without an address of the family has none",
			ask: "v4.example. AAAA edns", want: `NOERROR
				authority v4.example. 60 ` + soa + ` 60
				edns0 1232 ede 15 "v4"`},
		{name: "other types have no data, and the listed name says so for what is below it",
			ask: "www.bad.example. TXT edns", want: `NOERROR
				authority bad.example. 60 ` + soa + ` 60
				edns0 1232 ede 15 "sinkhole"`},
		{name: "HTTPS too, or browsers would find the way by it",
			ask: "bad.example. HTTPS", want: `NOERROR
				authority bad.example. 60 ` + soa + ` 60`},
		{name: "DS too, or it would be upstream's",
			ask: "bad.example. DS edns do", want: `NOERROR
				authority bad.example. 60 ` + soa + ` 60
				edns0 1232 do ede 15 "sinkhole"`},
		{name: "a type without a name",
			ask: "bad.example. TYPE65280", want: `NOERROR
				authority bad.example. 60 ` + soa + ` 60`},
		{name: "ANY has the HINFO of RFC 8482",
			ask: "bad.example. ANY edns", want: `NOERROR
				bad.example. 60 IN HINFO "RFC8482" ""
				edns0 1232 ede 15 "sinkhole"`},
		{name: "letter case is the client's, in the records too",
			ask: "wWw.BaD.eXample. A", want: `NOERROR
				wWw.BaD.eXample. 60 IN A 192.0.2.1`},
		{name: "and in the SOA's owner, which is a part of it",
			ask: "wWw.BaD.eXample. MX", want: `NOERROR
				authority BaD.eXample. 60 ` + soa + ` 60`},
		{name: "a dot inside a label is no border",
			ask: `a\.b.bad.example. MX`, want: `NOERROR
				authority bad.example. 60 ` + soa + ` 60`},
		{name: "RD and CD are the client's",
			ask: "bad.example. A norec cd", want: `NOERROR cd no rd
				bad.example. 60 IN A 192.0.2.1`},
		{name: "DO changes nothing but itself",
			ask: "bad.example. A edns do", want: `NOERROR
				bad.example. 60 IN A 192.0.2.1
				edns0 1232 do ede 4 "sinkhole"`},

		{name: "nxdomain denies the name",
			ask: "www.nx.example. A edns", want: `NXDOMAIN
				authority nx.example. 60 ` + soa + ` 60
				edns0 1232 ede 15 "nxdomain"`},
		{name: "of every type", ask: "nx.example. ANY", want: `NXDOMAIN
				authority nx.example. 60 ` + soa + ` 60`},
		{name: "nodata denies the type",
			ask: "nodata.example. A edns", want: `NOERROR
				authority nodata.example. 60 ` + soa + ` 60
				edns0 1232 ede 15 "nodata"`},
		{name: "also ANY", ask: "nodata.example. ANY", want: `NOERROR
				authority nodata.example. 60 ` + soa + ` 60`},
		{name: "refused is refused, with nothing in it",
			ask: "refused.example. A edns", want: `REFUSED
				edns0 1232 ede 15 "refused"`},
		{name: "drop is silence", ask: "drop.example. A edns", want: "silence"},
		{name: "truncate sends to TCP, with nothing in it",
			ask: "truncate.example. A edns", want: `NOERROR tc
				edns0 1232 ede 15 "truncate"`},
		{name: "truncate on a stream passes", ask: "truncate.example. A edns", stream: true, want: "upstream's"},
		{name: "passthru passes", ask: "passthru.example. A edns", want: "upstream's"},
		{name: "what is on no list passes", ask: "good.example. A", want: "upstream's"},

		{name: "a category's own code, text and time",
			ask: "court.example. A edns", want: `NXDOMAIN
				authority court.example. 3600 ` + soa + ` 3600
				edns0 1232 ede 16 "order of 2026"`},
		{name: "or the code alone",
			ask: "silent.example. A edns", want: `NOERROR
				authority silent.example. 60 ` + soa + ` 60
				edns0 1232 ede 15 ""`},
		{name: "a text that does not fit goes first",
			ask: "talkative.example. A edns", want: `NXDOMAIN
				authority talkative.example. 60 ` + soa + ` 60
				edns0 1232 ede 15 ""`},
		{name: "on a stream it fits",
			ask: "talkative.example. A edns", stream: true, want: `NXDOMAIN
				authority talkative.example. 60 ` + soa + ` 60
				edns0 1232 ede 15 "` + talk + `"`},
		{name: "a client that says it takes 100 octets takes 512",
			ask: "bad.example. A edns size=100", want: `NOERROR
				bad.example. 60 IN A 192.0.2.1
				edns0 1232 ede 4 "sinkhole"`},

		{name: "a CNAME that leads to a listed name stays, and the answer hangs on the listed name",
			ask: "Ok.example. A edns",
			up: `ok.example. 300 IN CNAME bad.example.
				bad.example. 300 IN A 198.51.100.1`,
			want: `NOERROR
				Ok.example. 300 IN CNAME bad.example.
				bad.example. 60 IN A 192.0.2.1
				edns0 1232 ede 4 "sinkhole"`},
		{name: "also where the message has them in another order, and signatures go",
			ask: "ok.example. A edns do",
			up: `cdn.bad.example. 300 IN A 198.51.100.1
				two.example. 300 IN CNAME cdn.bad.example.
				two.example. 300 IN RRSIG CNAME 8 2 300 20361130000000 20261101000000 1 example. AAAA
				ok.example. 200 IN CNAME two.example.`,
			want: `NOERROR
				ok.example. 200 IN CNAME two.example.
				two.example. 300 IN CNAME cdn.bad.example.
				cdn.bad.example. 60 IN A 192.0.2.1
				edns0 1232 do ede 4 "sinkhole"`},
		{name: "a negative answer behind a CNAME is that of the listed name",
			ask: "ok.example. AAAA",
			up: `ok.example. 300 IN CNAME www.nx.example.
				www.nx.example. 300 IN AAAA 2001:db8::66`,
			want: `NXDOMAIN
				ok.example. 300 IN CNAME www.nx.example.
				authority nx.example. 60 ` + soa + ` 60`},
		{name: "ANY behind a CNAME",
			ask: "ok.example. ANY",
			up:  `ok.example. 300 IN CNAME bad.example.`,
			want: `NOERROR
				ok.example. 300 IN CNAME bad.example.
				bad.example. 60 IN HINFO "RFC8482" ""`},
		{name: "CNAME itself: what leads there was asked for, and stays",
			ask: "ok.example. CNAME edns",
			up:  `ok.example. 300 IN CNAME bad.example.`,
			want: `NOERROR
				ok.example. 300 IN CNAME bad.example.
				authority bad.example. 60 ` + soa + ` 60
				edns0 1232 ede 15 "sinkhole"`},
		{name: "refused takes the CNAME with it",
			ask: "ok.example. A", up: `ok.example. 300 IN CNAME refused.example.`, want: "REFUSED"},
		{name: "drop too", ask: "ok.example. A", up: `ok.example. 300 IN CNAME drop.example.`, want: "silence"},
		{name: "what a DNAME implies is written out",
			ask: "a.b.old.example. A",
			up: `old.example. 300 IN DNAME bad.example.
				a.b.bad.example. 300 IN A 198.51.100.1`,
			want: `NOERROR
				a.b.old.example. 300 IN CNAME a.b.bad.example.
				a.b.bad.example. 60 IN A 192.0.2.1`},
		{name: "a CNAME beside its DNAME is the one that stays",
			ask: "a.old.example. A",
			up: `old.example. 300 IN DNAME bad.example.
				a.old.example. 0 IN CNAME a.bad.example.
				a.bad.example. 300 IN A 198.51.100.1`,
			want: `NOERROR
				a.old.example. 0 IN CNAME a.bad.example.
				a.bad.example. 60 IN A 192.0.2.1`},
		{name: "a listed address is answered at the name that has it",
			ask: "Ok.example. A edns",
			up: `ok.example. 300 IN CNAME two.example.
				two.example. 300 IN A 198.51.100.1
				two.example. 300 IN A 192.0.2.66`,
			want: `NOERROR
				Ok.example. 300 IN CNAME two.example.
				two.example. 60 IN A 192.0.2.1
				edns0 1232 ede 4 "sinkhole"`},
		{name: "or denied there, for no listed name could deny it",
			ask: "Ok.example. A", up: `ok.example. 300 IN A 192.0.2.67`,
			want: `NXDOMAIN
				authority Ok.example. 60 ` + soa + ` 60`},
		{name: "an address whose name nobody asked for",
			ask: "ok.example. A", up: `other.example. 300 IN A 192.0.2.66`,
			want: `NOERROR
				ok.example. 60 IN A 192.0.2.1`},
		{name: "a CNAME that nothing leads to",
			ask: "ok.example. A", up: `other.example. 300 IN CNAME nx.example.`,
			want: `NXDOMAIN
				authority ok.example. 60 ` + soa + ` 60`},
		{name: "a listed target of HTTPS makes no data, whatever the action",
			ask: "ok.example. HTTPS edns", up: `ok.example. 300 IN HTTPS 1 nx.example. alpn=h2`,
			want: `NOERROR
				authority ok.example. 60 ` + soa + ` 60
				edns0 1232 ede 15 "nxdomain"`},
		{name: "of SVCB behind a CNAME too",
			ask: "ok.example. SVCB",
			up: `ok.example. 300 IN CNAME two.example.
				two.example. 300 IN SVCB 0 cdn.bad.example.`,
			want: `NOERROR
				ok.example. 300 IN CNAME two.example.
				authority two.example. 60 ` + soa + ` 60`},
		{name: "an address hint is an address",
			ask: "ok.example. HTTPS", up: `ok.example. 300 IN HTTPS 1 . ipv4hint=198.51.100.1,192.0.2.66`,
			want: `NOERROR
				authority ok.example. 60 ` + soa + ` 60`},
		{name: "only.this: what is below it passes",
			ask: "below.only.this.example. A", want: "upstream's"},
		{name: "only.this: the name itself does not",
			ask: "only.this.example. MX", want: `NOERROR
				authority only.this.example. 60 ` + soa + ` 60`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := question(t, tt.ask)
			up := upstream(t, req, tt.up)
			before := up.String()
			m, drop := ask(t, p, req, up, tt.stream)
			got := "upstream's"
			switch {
			case drop:
				got = "silence"
			case m != nil:
				got = show(unpacked(t, m))
				if m.Id != req.Id || !slices.Equal(m.Question, req.Question) {
					t.Errorf("not the question that was asked: %v", m)
				}
			}
			want := strings.ReplaceAll(tt.want, "\t", "")
			if got != want {
				t.Errorf("\ngot\n%s\nwant\n%s", got, want)
			}
			if up.String() != before {
				t.Error("the upstream answer was written to")
			}
		})
	}
}
