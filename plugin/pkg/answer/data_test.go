package answer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/policy"
	"sinkhole/plugin/pkg/rpz"
)

const zoneSOA = "$ORIGIN feed.example.\n$TTL 300\n@ 900 SOA ns.feed.example. ops.feed.example. 7 3600 600 86400 30\n"

// zonePolicy has one zone with a name of its own, and lists.
func zonePolicy(t testing.TB, zone, lists string, o rpz.Override) *policy.Policy {
	t.Helper()
	open := func(text string) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewBufferString(text)), nil }
	}
	var text strings.Builder
	for line := range strings.Lines(zone) {
		fmt.Fprintln(&text, strings.TrimSpace(line))
	}
	zones := []policy.ZoneFile{{Name: "rpz/feed.zone", Open: open(text.String()), Override: o}}
	var files []policy.File
	if lists != "" {
		files = append(files, policy.File{Name: "nxdomain/a.txt", Open: open(lists + "\n")})
	}
	cfg := policy.Config{
		Categories: []policy.Category{{Name: "nxdomain", Action: policy.NXDOMAIN, TTL: 60, EDE: -1}},
		Default:    policy.Category{TTL: 60, EDE: -1},
	}
	p, err := policy.Build(context.Background(), cfg, files, zones, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestReplyOfZones is what zones are answered. Every row goes over the wire.
func TestReplyOfZones(t *testing.T) {
	const (
		minimum = "IN SOA localhost. nobody.invalid. 1 3600 1200 604800 60"
		policed = "additional feed.example. 900 IN SOA ns.feed.example. ops.feed.example. 7 3600 600 86400 30"
	)
	records := `
		nx CNAME .
		*.nx CNAME .
		nodata CNAME *.
		drop CNAME rpz-drop.
		tc CNAME rpz-tcp-only.
		data A 192.0.2.1
		data A 192.0.2.2
		data 90 TXT "two words"
		data MX 10 mail.example.
		lead CNAME garden.example.
		*.lead CNAME garden.example.
		wild CNAME *.garden.example.
		*.wild CNAME *.garden.example.
		loop CNAME www.example.
		32.66.2.0.192.rpz-ip CNAME .
		32.67.2.0.192.rpz-ip A 192.0.2.3
		32.68.2.0.192.rpz-ip CNAME *.garden.example.
		32.7.100.51.198.rpz-client-ip CNAME *.
		a.b.deep CNAME .`
	var rules strings.Builder
	for line := range strings.Lines(records) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		owner, rest, _ := strings.Cut(line, " ")
		if !strings.Contains(owner, "rpz-") {
			owner += ".example"
		}
		fmt.Fprintln(&rules, owner, rest)
	}
	for _, tt := range []struct {
		name     string
		override rpz.Override
		noSOA    bool
		ask      string
		from     string
		up       string
		garden   string // records that the target of our CNAME has; "none": nobody answers; "NXDOMAIN": it does not exist
		stream   bool
		want     string
	}{
		{name: "a negative answer is of the listed name, and the zone's SOA stands beside it",
			ask: "nx.example. A edns", want: `NXDOMAIN
				authority nx.example. 60 ` + minimum + `
				` + policed + `
				edns0 1232 ede 15 "feed.example"`},
		{name: "below a wildcard the name it hangs from is listed",
			ask: "a.b.nx.example. MX", want: `NXDOMAIN
				authority nx.example. 60 ` + minimum + `
				` + policed},
		{name: "NODATA", ask: "nodata.example. A", want: `NOERROR
				authority nodata.example. 60 ` + minimum + `
				` + policed},
		{name: "a zone without an SOA has none to show", noSOA: true,
			ask: "nodata.example. A", want: `NOERROR
				authority nodata.example. 60 ` + minimum},
		{name: "drop is silence", ask: "drop.example. A", want: "silence"},
		{name: "tcp-only is TC and nothing of an answer", ask: "tc.example. A edns", want: `NOERROR tc
				` + policed + `
				edns0 1232 ede 15 "feed.example"`},
		{name: "on a stream it is upstream's", ask: "tc.example. A edns", stream: true, want: "upstream's"},
		{name: "a client", ask: "www.example. A", from: "198.51.100.7", want: `NOERROR
				authority www.example. 60 ` + minimum + `
				` + policed},

		{name: "local data has its own TTL, and all records of the type",
			ask: "data.example. A edns", want: `NOERROR
				data.example. 300 IN A 192.0.2.1
				data.example. 300 IN A 192.0.2.2
				` + policed + `
				edns0 1232 ede 4 "feed.example"`},
		{name: "of another type too", ask: "Data.example. TXT edns", want: `NOERROR
				Data.example. 90 IN TXT "two words"
				` + policed + `
				edns0 1232 ede 4 "feed.example"`},
		{name: "a type that is not there is NODATA, never upstream's",
			ask: "data.example. AAAA edns", want: `NOERROR
				authority data.example. 60 ` + minimum + `
				` + policed + `
				edns0 1232 ede 15 "feed.example"`},
		{name: "ANY has all",
			ask: "data.example. ANY", want: `NOERROR
				data.example. 300 IN A 192.0.2.1
				data.example. 300 IN A 192.0.2.2
				data.example. 90 IN TXT "two words"
				data.example. 300 IN MX 10 mail.example.
				` + policed},
		{name: "RRSIG has none", ask: "data.example. RRSIG", want: `NOERROR
				authority data.example. 60 ` + minimum + `
				` + policed},
		{name: "DO and CD change nothing",
			ask: "data.example. TXT edns do cd", want: `NOERROR cd
				data.example. 90 IN TXT "two words"
				` + policed + `
				edns0 1232 do ede 4 "feed.example"`},

		{name: "a CNAME leads on, and what it leads to is added",
			ask: "Lead.example. A edns do", garden: "garden.example. 20 IN A 192.0.2.9\ngarden.example. 20 IN RRSIG A 8 2 20 20361130000000 20261101000000 1 example. AAAA", want: `NOERROR
				Lead.example. 300 IN CNAME garden.example.
				garden.example. 20 IN A 192.0.2.9
				` + policed + `
				edns0 1232 do ede 4 "feed.example"`},
		{name: "for any type", ask: "lead.example. TXT", garden: `garden.example. 20 IN TXT "x"`, want: `NOERROR
				lead.example. 300 IN CNAME garden.example.
				garden.example. 20 IN TXT "x"
				` + policed},
		{name: "a chain of the garden's own", ask: "x.lead.example. A", garden: "garden.example. 20 IN CNAME g2.example.\ng2.example. 20 IN A 192.0.2.9", want: `NOERROR
				x.lead.example. 300 IN CNAME garden.example.
				garden.example. 20 IN CNAME g2.example.
				g2.example. 20 IN A 192.0.2.9
				` + policed},
		{name: "who asks for the CNAME has it", ask: "lead.example. CNAME", want: `NOERROR
				lead.example. 300 IN CNAME garden.example.
				` + policed},
		{name: "who asks for ANY too", ask: "lead.example. ANY", want: `NOERROR
				lead.example. 300 IN CNAME garden.example.
				` + policed},
		{name: "a garden that does not exist", ask: "lead.example. A", garden: "NXDOMAIN", want: `NXDOMAIN
				lead.example. 300 IN CNAME garden.example.
				authority example. 20 IN SOA a. b. 1 2 3 4 5
				` + policed},
		{name: "one that nobody answers for", ask: "lead.example. A", garden: "none", want: `SERVFAIL
				lead.example. 300 IN CNAME garden.example.
				` + policed},
		{name: "a wildcard takes the whole name in", ask: "wWw.wild.example. A", garden: "www.wild.example.garden.example. 20 IN A 192.0.2.9", want: `NOERROR
				wWw.wild.example. 300 IN CNAME wWw.wild.example.garden.example.
				www.wild.example.garden.example. 20 IN A 192.0.2.9
				` + policed},
		{name: "which may be too long", ask: strings.Repeat("abcdefg.", 29) + "wild.example. A", want: `YXDOMAIN
				` + policed},
		{name: "a loop is not followed", ask: "www.example. A", up: "www.example. 300 IN CNAME loop.example.", want: `NOERROR
				www.example. 300 IN CNAME loop.example.
				loop.example. 300 IN CNAME www.example.
				` + policed},

		{name: "a target that is listed: the CNAMEs that lead there stay",
			ask: "ok.example. A", up: "ok.example. 200 IN CNAME data.example.\ndata.example. 200 IN A 198.51.100.1", want: `NOERROR
				ok.example. 200 IN CNAME data.example.
				data.example. 300 IN A 192.0.2.1
				data.example. 300 IN A 192.0.2.2
				` + policed},
		{name: "and is led on from there",
			ask: "ok.example. A", up: "ok.example. 200 IN CNAME x.wild.example.", garden: "x.wild.example.garden.example. 20 IN A 192.0.2.9", want: `NOERROR
				ok.example. 200 IN CNAME x.wild.example.
				x.wild.example. 300 IN CNAME x.wild.example.garden.example.
				x.wild.example.garden.example. 20 IN A 192.0.2.9
				` + policed},
		{name: "a listed address is denied at the name that has it",
			ask: "ok.example. A", up: "ok.example. 200 IN CNAME two.example.\ntwo.example. 200 IN A 192.0.2.66", want: `NXDOMAIN
				ok.example. 200 IN CNAME two.example.
				authority two.example. 60 ` + minimum + `
				` + policed},
		{name: "or is answered there",
			ask: "ok.example. A", up: "ok.example. 200 IN CNAME two.example.\ntwo.example. 200 IN A 192.0.2.67", want: `NOERROR
				ok.example. 200 IN CNAME two.example.
				two.example. 300 IN A 192.0.2.3
				` + policed},
		{name: "or led on", ask: "ok.example. A", up: "ok.example. 200 IN A 192.0.2.68", garden: "ok.example.garden.example. 20 IN A 192.0.2.9", want: `NOERROR
				ok.example. 300 IN CNAME ok.example.garden.example.
				ok.example.garden.example. 20 IN A 192.0.2.9
				` + policed},
		{name: "a target of HTTPS makes no data, whatever the action",
			ask: "ok.example. HTTPS", up: "ok.example. 200 IN HTTPS 1 data.example.", want: `NOERROR
				authority ok.example. 60 ` + minimum + `
				` + policed},

		{name: "policy cname", override: rpz.Override{Action: "cname", CNAME: "garden.example"},
			ask: "data.example. A", garden: "garden.example. 20 IN A 192.0.2.9", want: `NOERROR
				data.example. 60 IN CNAME garden.example.
				garden.example. 20 IN A 192.0.2.9
				` + policed},
		{name: "policy cname leads ANY as well, as in BIND", override: rpz.Override{Action: "cname", CNAME: "garden.example"},
			ask: "nx.example. ANY", garden: `garden.example. 20 IN TXT "x"`, want: `NOERROR
				nx.example. 60 IN CNAME garden.example.
				garden.example. 20 IN TXT "x"
				` + policed},
		{name: "where nobody answers ANY the CNAME stands alone", override: rpz.Override{Action: "cname", CNAME: "garden.example"},
			ask: "nx.example. ANY", garden: "NOTIMP", want: `NOERROR
				nx.example. 60 IN CNAME garden.example.
				` + policed},
		{name: "policy cname to a wildcard", override: rpz.Override{Action: "cname", CNAME: "*.garden.example"},
			ask: "data.example. A", garden: "data.example.garden.example. 20 IN A 192.0.2.9", want: `NOERROR
				data.example. 60 IN CNAME data.example.garden.example.
				data.example.garden.example. 20 IN A 192.0.2.9
				` + policed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			zone := zoneSOA + rules.String()
			if tt.noSOA {
				zone = rules.String()
			}
			p := zonePolicy(t, zone, "", tt.override)
			req := question(t, tt.ask)
			q := policy.Query{Name: wire(t, req.Question[0].Name), Type: req.Question[0].Qtype, Stream: tt.stream}
			if tt.from != "" {
				q.Client = netip.MustParseAddr(tt.from)
			}
			got := said(t, p, q, req, upstream(t, req, tt.up), tt.garden)
			var want []string
			for line := range strings.Lines(tt.want) {
				want = append(want, strings.TrimSpace(line))
			}
			if got != strings.Join(want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
			}
		})
	}
}

// said is the answer in words.
func said(t *testing.T, p *policy.Policy, q policy.Query, req, up *dns.Msg, garden string) string {
	v, at := p.Decide(q), 0
	if v.Blocks() {
		up = nil
	} else {
		v, at = p.Review(q, up, nil)
	}
	m, follow, drop := Reply(req, p, v, up, at, q.Stream)
	switch {
	case drop:
		return "silence"
	case m == nil:
		return "upstream's"
	case follow == "":
		if garden != "" {
			t.Error("leads nowhere")
		}
		return show(unpacked(t, m))
	}
	asked := question(t, follow+" "+dns.TypeToString[q.Type])
	var answer *dns.Msg
	switch garden {
	default:
		answer = upstream(t, asked, garden)
	case "none":
	case "NOTIMP":
		answer = upstream(t, asked, "")
		answer.Rcode = dns.RcodeNotImplemented
	case "NXDOMAIN":
		answer = upstream(t, asked, "")
		answer.Rcode = dns.RcodeNameError
		soa, _ := dns.NewRR("example. 20 IN SOA a. b. 1 2 3 4 5")
		ns, _ := dns.NewRR("example. 20 IN NS a.")
		answer.Ns = []dns.RR{soa, ns}
	}
	Join(m, req, answer, q.Stream)
	return show(unpacked(t, m))
}

// TestZonesFit: what does not fit goes: the text of the extended error, then the
// zone's SOA, then all.
func TestZonesFit(t *testing.T) {
	var zone strings.Builder
	zone.WriteString(strings.ReplaceAll(zoneSOA, "ops.", strings.Repeat("long.", 20)))
	for i := range 24 {
		fmt.Fprintf(&zone, "some.example A 192.0.2.%d\n", i)
	}
	for i := range 120 {
		fmt.Fprintf(&zone, "all.example A 198.51.100.%d\n", i)
	}
	p := zonePolicy(t, zone.String(), "", rpz.Override{})
	for ask, want := range map[string]string{
		"some.example. A edns size=1232": `24 records, 1 SOA, text "feed.example"`,
		"some.example. A edns size=512":  `24 records, 0 SOA, text ""`,
		"some.example. A":                "24 records, 0 SOA",
		"all.example. A edns size=1232":  `TC 0 records, 0 SOA, text ""`,
		"all.example. A":                 "TC 0 records, 0 SOA",
	} {
		req := question(t, ask)
		q := policy.Query{Name: wire(t, req.Question[0].Name), Type: req.Question[0].Qtype}
		m, _, _ := Reply(req, p, p.Decide(q), nil, 0, false)
		m = unpacked(t, m)
		got := fmt.Sprintf("%d records, %d SOA", len(m.Answer), len(m.Extra))
		if opt := m.IsEdns0(); opt != nil {
			got = fmt.Sprintf("%d records, %d SOA, text %q", len(m.Answer), len(m.Extra)-1, opt.Option[0].(*dns.EDNS0_EDE).ExtraText)
		}
		if m.Truncated {
			got = "TC " + got
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", ask, got, want)
		}
	}
}

// TestJoinCutsOff: what is added may be too much.
func TestJoinCutsOff(t *testing.T) {
	p := zonePolicy(t, "lead.example CNAME garden.example.\n", "", rpz.Override{})
	req := question(t, "lead.example. A")
	q := policy.Query{Name: wire(t, "lead.example."), Type: dns.TypeA}
	m, follow, _ := Reply(req, p, p.Decide(q), nil, 0, false)
	var many strings.Builder
	for i := range 200 {
		fmt.Fprintf(&many, "garden.example. 20 IN A 192.0.2.%d\n", i)
	}
	Join(m, req, upstream(t, question(t, follow+" A"), many.String()), false)
	if !m.Truncated || len(m.Answer) > 0 {
		t.Errorf("%d records, TC %v", len(m.Answer), m.Truncated)
	}
}

// TestZoneIsNotWrittenTo: an answer is the client's to change.
func TestZoneIsNotWrittenTo(t *testing.T) {
	p := zonePolicy(t, zoneSOA+"data.example A 192.0.2.1\n", "", rpz.Override{})
	req := question(t, "data.example. A")
	v := p.Decide(policy.Query{Name: wire(t, "data.example."), Type: dns.TypeA})
	first, _, _ := Reply(req, p, v, nil, 0, false)
	before := first.String()
	for _, rr := range append(first.Answer, first.Extra...) {
		rr.Header().Name, rr.Header().Ttl = "changed.", 1
	}
	if second, _, _ := Reply(req, p, v, nil, 0, false); second.String() != before {
		t.Errorf("got %s, want %s", second, before)
	}
}

// TestReplyOfRewrites: what $dnsrewrite says to answer.
func TestReplyOfRewrites(t *testing.T) {
	const soa = "authority bad.example. 60 IN SOA localhost. nobody.invalid. 1 3600 1200 604800 60"
	p := zonePolicy(t, "filler.invalid CNAME .\n", `||bad.example^$dnsrewrite=192.0.2.9
||bad.example^$dnsrewrite=NOERROR;TXT;walled
|lead.example^$dnsrewrite=NOERROR;CNAME;safe.example
|self.example^$dnsrewrite=self.example
|nx.example^$dnsrewrite=NXDOMAIN;;
|refused.example^$dnsrewrite=REFUSED;;
|empty.example^$dnsrewrite=NOERROR;;`, rpz.Override{})
	for _, tt := range []struct{ name, ask, up, garden, want string }{
		{name: "records of the type, with the category's TTL", ask: "www.bad.example. A edns", want: `NOERROR
			www.bad.example. 60 IN A 192.0.2.9
			edns0 1232 ede 4 "nxdomain"`},
		{name: "of another type", ask: "bad.example. TXT", want: `NOERROR
			bad.example. 60 IN TXT "walled"`},
		{name: "a type that is not there", ask: "www.bad.example. AAAA edns", want: `NOERROR
			` + soa + `
			edns0 1232 ede 15 "nxdomain"`},
		{name: "ANY has all", ask: "bad.example. ANY", want: `NOERROR
			bad.example. 60 IN A 192.0.2.9
			bad.example. 60 IN TXT "walled"`},
		{name: "behind a CNAME", ask: "ok.example. A", up: "ok.example. 200 IN CNAME bad.example.", want: `NOERROR
			ok.example. 200 IN CNAME bad.example.
			bad.example. 60 IN A 192.0.2.9`},
		{name: "a CNAME is followed", ask: "lead.example. AAAA", garden: "safe.example. 20 IN AAAA 2001:db8::9", want: `NOERROR
			lead.example. 60 IN CNAME safe.example.
			safe.example. 20 IN AAAA 2001:db8::9`},
		{name: "a name that is itself passes", ask: "self.example. A", up: "self.example. 200 IN A 192.0.2.1", want: "upstream's"},
		{name: "NXDOMAIN", ask: "nx.example. A", want: `NXDOMAIN
			authority nx.example. 60 IN SOA localhost. nobody.invalid. 1 3600 1200 604800 60`},
		{name: "REFUSED", ask: "refused.example. A edns", want: `REFUSED
			edns0 1232 ede 15 "nxdomain"`},
		{name: "nothing", ask: "empty.example. A", want: `NOERROR
			authority empty.example. 60 IN SOA localhost. nobody.invalid. 1 3600 1200 604800 60`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := question(t, tt.ask)
			q := policy.Query{Name: wire(t, req.Question[0].Name), Type: req.Question[0].Qtype}
			got := said(t, p, q, req, upstream(t, req, tt.up), tt.garden)
			var want []string
			for line := range strings.Lines(tt.want) {
				want = append(want, strings.TrimSpace(line))
			}
			if got != strings.Join(want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
			}
		})
	}
}
