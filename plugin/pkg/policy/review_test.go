package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// answerOf is an upstream answer to "NAME TYPE [RCODE]" with those records, after
// the way over the wire.
func answerOf(t testing.TB, asked, records string) *dns.Msg {
	t.Helper()
	fields := strings.Fields(asked)
	m := new(dns.Msg)
	m.SetQuestion(fields[0], dns.StringToType[fields[1]])
	m.Response = true
	if len(fields) > 2 {
		m.Rcode = dns.StringToRcode[fields[2]]
	}
	for line := range strings.Lines(records) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		rr, err := dns.NewRR(strings.Replace(line, " ", " 300 IN ", 1))
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	back := new(dns.Msg)
	if err := back.Unpack(packed); err != nil {
		t.Fatal(err)
	}
	return back
}

func queryOf(t testing.TB, m *dns.Msg) Query {
	return Query{Name: wire(t, m.Question[0].Name), Type: m.Question[0].Qtype}
}

// TestReview: what an answer reveals.
func TestReview(t *testing.T) {
	p := build(t, `c2/a.txt: bad.example | 192.0.2.66 | 2001:db8:bad::/48
		c2/h.txt: 0.0.0.0 only.example
		nxdomain/b.txt: nx.example
		truncate/t.txt: truncate.example
		passthru/p.txt: watched.example | 192.0.2.99
		malware/s.txt: # sinkhole: shadow | shadow.example | 192.0.2.77
		allow/o.txt: ok.example | cdn.bad.example | 192.0.2.0/28 | 2001:db8:bad:1::/64`)
	for _, tt := range []struct {
		name   string
		ask    string
		up     string
		stream bool
		want   string
	}{
		{name: "an answer without anything listed",
			ask: "www.example. A", up: "www.example. A 198.51.100.1", want: "pass"},
		{name: "no answer at all", ask: "www.example. A", up: "none", want: "pass"},
		{name: "a name that was listed while the question was on its way",
			ask: "bad.example. A", up: "bad.example. A 198.51.100.1", want: "sinkhole by qname bad.example"},
		{name: "also where the answer failed",
			ask: "bad.example. A SERVFAIL", want: "sinkhole by qname bad.example"},
		{name: "also where none came", ask: "bad.example. A", up: "none", want: "sinkhole by qname bad.example"},

		{name: "the target of a CNAME",
			ask: "www.example. A", up: "www.example. CNAME x.bad.example.", want: "sinkhole by cname bad.example in record 1"},
		{name: "whatever its case and escapes",
			ask: "www.example. A", up: `WWW.example. CNAME b\097D.example.`, want: "sinkhole by cname bad.example in record 1"},
		{name: "an exact rule holds for the target itself",
			ask: "www.example. A", up: "www.example. CNAME only.example.", want: "sinkhole by cname only.example in record 1"},
		{name: "and not below", ask: "www.example. A", up: "www.example. CNAME a.only.example.", want: "pass"},
		{name: "of a name that does not exist",
			ask: "www.example. A NXDOMAIN", up: "www.example. CNAME bad.example.", want: "sinkhole by cname bad.example in record 1"},
		{name: "a bogus answer stays what it is",
			ask: "www.example. A SERVFAIL", up: "www.example. CNAME bad.example.", want: "pass"},
		{name: "the first one in chain order decides, whatever the order of the message",
			ask: "www.example. A",
			up: `nx.example. CNAME bad.example.
				two.example. CNAME nx.example.
				www.example. CNAME two.example.`,
			want: "nxdomain by cname nx.example in record 2"},
		{name: "also before an address", ask: "www.example. A",
			up: `nx.example. A 192.0.2.66
				www.example. CNAME nx.example.`,
			want: "nxdomain by cname nx.example in record 2"},
		{name: "a loop ends",
			ask: "www.example. A",
			up: `www.example. CNAME two.example.
				two.example. CNAME www.example.
				other.example. A 192.0.2.66`,
			want: "sinkhole by response-ip 192.0.2.66/32 in record 3"},
		{name: "a CNAME that nothing leads to is still something that a client may take",
			ask: "www.example. A", up: "other.example. CNAME bad.example.", want: "sinkhole by cname bad.example in record 1"},
		{name: "a DNAME above the name",
			ask: "a.old.example. A", up: "old.example. DNAME bad.example.", want: "sinkhole by cname bad.example in record 1"},
		{name: "a DNAME to an exact name leads below it, which is not listed",
			ask: "a.old.example. A", up: "old.example. DNAME only.example.", want: "pass"},
		{name: "a DNAME leads what is below its owner, not the owner",
			ask: "old.example. A", up: "old.example. DNAME bad.example.", want: "pass"},
		{name: "a DNAME of the root",
			ask: "a.old.example. A", up: ". DNAME bad.example.", want: "sinkhole by cname bad.example in record 1"},
		{name: "a DNAME to the root",
			ask: "bad.example.old.example. A", up: "old.example. DNAME .", want: "sinkhole by cname bad.example in record 1"},
		{name: "a DNAME that makes a name too long makes none",
			ask: strings.Repeat("a.", 100) + "old.example. A",
			up:  "old.example. DNAME " + strings.Repeat("b.", 100) + "bad.example.", want: "pass"},
		{name: "a DNAME in a loop", ask: "a.old.example. A",
			up: "old.example. DNAME a.old.example.", want: "pass"},

		{name: "an address", ask: "www.example. A",
			up: `www.example. A 198.51.100.1
				www.example. A 192.0.2.66`,
			want: "sinkhole by response-ip 192.0.2.66/32 in record 2"},
		{name: "an address of IPv6", ask: "www.example. AAAA",
			up: "www.example. AAAA 2001:db8:bad:2::1", want: "sinkhole by response-ip 2001:db8:bad::/48 in record 1"},
		{name: "an address of IPv4 in IPv6", ask: "www.example. AAAA",
			up: "www.example. AAAA ::ffff:192.0.2.66", want: "sinkhole by response-ip 192.0.2.66/32 in record 1"},
		{name: "an address in an answer to ANY", ask: "www.example. ANY",
			up: `www.example. TXT "x"
				www.example. A 192.0.2.66`,
			want: "sinkhole by response-ip 192.0.2.66/32 in record 2"},

		{name: "the target of HTTPS", ask: "www.example. HTTPS",
			up: "www.example. HTTPS 1 x.bad.example. alpn=h3", want: "sinkhole by svcb bad.example in record 1"},
		{name: "of SVCB in alias form", ask: "www.example. SVCB",
			up: "www.example. SVCB 0 nx.example.", want: "nxdomain by svcb nx.example in record 1"},
		{name: "the target . is the name itself", ask: "www.example. HTTPS",
			up: "www.example. HTTPS 1 . alpn=h3", want: "pass"},
		{name: "an address hint", ask: "www.example. HTTPS",
			up: "www.example. HTTPS 1 . ipv4hint=198.51.100.1,192.0.2.66", want: "sinkhole by response-ip 192.0.2.66/32 in record 1"},
		{name: "of IPv6", ask: "www.example. HTTPS",
			up: "www.example. HTTPS 1 . ipv6hint=2001:db8:bad::5", want: "sinkhole by response-ip 2001:db8:bad::/48 in record 1"},
		{name: "behind a CNAME", ask: "www.example. HTTPS",
			up: `www.example. CNAME two.example.
				two.example. HTTPS 1 bad.example.`,
			want: "sinkhole by svcb bad.example in record 2"},

		{name: "an allowed question is left alone whole", ask: "www.ok.example. A",
			up: `www.ok.example. CNAME bad.example.
				bad.example. A 192.0.2.66`,
			want: "pass"},
		{name: "an allowed name on the way exempts itself", ask: "www.example. A",
			up: "www.example. CNAME cdn.bad.example.", want: "pass"},
		{name: "and not what comes behind it", ask: "www.example. A",
			up: `www.example. CNAME cdn.bad.example.
				cdn.bad.example. A 192.0.2.66`,
			want: "sinkhole by response-ip 192.0.2.66/32 in record 2"},
		{name: "an allowed address exempts itself", ask: "www.example. AAAA",
			up: `www.example. AAAA 2001:db8:bad:1::1
				www.example. AAAA 2001:db8:bad:2::1`,
			want: "sinkhole by response-ip 2001:db8:bad::/48 in record 2"},
		{name: "and no more than that", ask: "www.example. AAAA",
			up: "www.example. AAAA 2001:db8:bad:1::1", want: "pass"},

		{name: "a passthru question is recorded", ask: "watched.example. A",
			up: "watched.example. A 198.51.100.1", want: "passthru by qname watched.example"},
		{name: "and what it leads to is looked at", ask: "watched.example. A",
			up: "watched.example. CNAME bad.example.", want: "sinkhole by cname bad.example in record 1"},
		{name: "also where it failed", ask: "watched.example. A SERVFAIL", want: "passthru by qname watched.example"},
		{name: "passthru on the way is recorded, the first of it", ask: "www.example. A",
			up: `www.example. CNAME watched.example.
				watched.example. A 192.0.2.99`,
			want: "passthru by cname watched.example in record 1"},
		{name: "a shadow rule on the way is counted", ask: "www.example. A",
			up: "www.example. CNAME shadow.example.", want: "pass; would be by malware/s.txt"},
		{name: "also beside what blocks behind it", ask: "shadow.example. A",
			up: "shadow.example. A 192.0.2.66", want: "sinkhole by response-ip 192.0.2.66/32 in record 1; would be by malware/s.txt"},
		{name: "truncate by what the answer reveals", ask: "www.example. A",
			up: "www.example. CNAME truncate.example.", want: "truncate by cname truncate.example in record 1"},
		{name: "on a stream it is recorded, and the rest looked at", ask: "www.example. A", stream: true,
			up: `www.example. CNAME truncate.example.
				truncate.example. A 192.0.2.66`,
			want: "sinkhole by response-ip 192.0.2.66/32 in record 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			records := tt.up
			if records == "none" {
				records = ""
			}
			m := answerOf(t, tt.ask, records)
			q := queryOf(t, m)
			q.Stream = tt.stream
			if tt.up == "none" {
				m = nil
			}
			v, at := p.Review(q, m, nil)
			if got := reviewed(p, v, q, m, at); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// reviewed puts what Review returned into words.
func reviewed(p *Policy, v Verdict, q Query, m *dns.Msg, at int) string {
	said := v.Action.String()
	if v.Action != Pass {
		name, text := p.Listed(v, q, m, at)
		if (name == nil) != (v.Trigger == ResponseIP) {
			text += fmt.Sprintf(" as %q", name)
		}
		said += " by " + v.Trigger.String() + " " + text
	}
	if at > 0 {
		said += fmt.Sprintf(" in record %d", at)
	}
	if f := p.File(v.Shadow); f != "" {
		said += "; would be by " + f
	}
	return said
}

// TestReviewFollowsFar: the bound on links is not one on what is looked at.
func TestReviewFollowsFar(t *testing.T) {
	p := build(t, "c2/a.txt: bad.example")
	for _, links := range []int{1, 2, 11, maxLinks, maxLinks + 1, 200} {
		var up strings.Builder
		for i := links - 1; i >= 0; i-- {
			target := fmt.Sprintf("n%d.example.", i+1)
			if i == links-1 {
				target = "bad.example."
			}
			fmt.Fprintf(&up, "n%d.example. CNAME %s\n", i, target)
		}
		m := answerOf(t, "n0.example. A", up.String())
		v, at := p.Review(queryOf(t, m), m, nil)
		if !v.Blocks() || at != 1 {
			t.Errorf("%d links: %v in record %d, want record 1", links, v.Action, at)
		}
		lead, name, ok := Lead(m, at)
		if ok != (links <= maxLinks) || ok && (len(lead) != links || name != "bad.example.") {
			t.Errorf("%d links: Lead finds %d to %s, %v", links, len(lead), name, ok)
		}
	}
}

// TestReviewWithoutAQuestion: some servers leave it out; the answer is looked at.
func TestReviewWithoutAQuestion(t *testing.T) {
	p := build(t, "c2/a.txt: bad.example | 192.0.2.66")
	m := answerOf(t, "www.example. A", "www.example. CNAME bad.example.")
	q := queryOf(t, m)
	m.Question = nil
	v, at := p.Review(q, m, nil)
	if got := reviewed(p, v, q, m, at); got != "sinkhole by cname bad.example in record 1" {
		t.Error(got)
	}
	m.Answer = []dns.RR{&dns.A{}, &dns.AAAA{}, &dns.CNAME{}, &dns.DNAME{}, &dns.HTTPS{}, &dns.SVCB{Value: []dns.SVCBKeyValue{&dns.SVCBIPv4Hint{}}}}
	if v, _ := p.Review(q, m, nil); v != (Verdict{}) {
		t.Errorf("records without data: %+v", v)
	}
}

func TestSameName(t *testing.T) {
	tests := map[string]struct {
		a, b string
		want bool
	}{
		"the same":                      {"a.example.", "a.example.", true},
		"case":                          {"A.Example.", "a.eXample.", true},
		"another":                       {"a.example.", "b.example.", false},
		"shorter":                       {"a.example.", "example.", false},
		"escapes of one octet":          {`\097.example.`, "a.example.", true},
		"escapes in another way":        {`a\.b.example.`, `a\046b.example.`, true},
		"a dot that is none":            {`a\.b.example.`, "a.b.example.", false},
		"case is of ASCII alone":        {"\u212a.example.", "k.example.", false},
		"what is no name is nobody's":   {`a..example\.`, `a..example\.\.`, false},
		"nor like another that is none": {`a..\097.`, `a..a.`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := sameName(tt.a, tt.b); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// FuzzReview reads any message: nothing panics, what is found is in a record
// that is there, and can be said.
func FuzzReview(f *testing.F) {
	p := build(f, `c2/a.txt: bad.example | 192.0.2.66 | 2001:db8:bad::/48 | @@||ok.bad.example^
		malware/h.txt: 0.0.0.0 only.example
		passthru/p.txt: watched.example
		allow/o.txt: cdn.bad.example`)
	for _, up := range []string{
		"www.example. CNAME x.bad.example.",
		"two.example. CNAME only.example.\nwww.example. CNAME two.example.",
		"example. DNAME bad.example.",
		"www.example. HTTPS 1 bad.example. ipv4hint=192.0.2.66 ipv6hint=2001:db8:bad::1",
		"www.example. CNAME two.example.\ntwo.example. CNAME www.example.",
		"www.example. CNAME watched.example.\nwatched.example. AAAA ::ffff:192.0.2.66",
	} {
		packed, err := answerOf(f, "www.example. A", up).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed)
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		m := new(dns.Msg)
		if m.Unpack(packed) != nil || len(m.Question) == 0 {
			return
		}
		q := queryOf(t, m)
		v, at := p.Review(q, m, nil)
		if at < 0 || at > len(m.Answer) || (at == 0) != (v.Trigger == QName || v.Trigger == NoTrigger) {
			t.Fatalf("%+v in record %d of %d", v, at, len(m.Answer))
		}
		links, _, ok := Lead(m, at)
		if len(links) > maxLinks || !ok && len(links) > 0 {
			t.Fatalf("%d links, %v", len(links), ok)
		}
		if _, text := p.Listed(v, q, m, at); (text == "") != v.Rule.None() {
			t.Fatalf("%+v lists %q", v, text)
		}
	})
}
