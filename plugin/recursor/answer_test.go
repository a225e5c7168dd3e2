package recursor

import (
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin/test"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/query"
)

// stateOf is a client's question as it comes over UDP or TCP.
func stateOf(r *dns.Msg, tcp bool) request.Request {
	return request.Request{W: &test.ResponseWriter{TCP: tcp}, Req: r}
}

// signed is a validated answer with all that DNSSEC adds.
func signed(t *testing.T) *reply {
	t.Helper()
	p, err := readReply(childAnswer(t, func(m *dns.Msg) {
		m.AuthenticatedData = true
		m.Answer = []dns.RR{
			rr(t, "www.example. 300 A 192.0.2.1"),
			rr(t, "www.example. 300 RRSIG A 13 2 300 20261225000000 20261125000000 1 example. AAAA"),
		}
		m.Ns = []dns.RR{
			rr(t, "example. 300 SOA ns.example. nobody.example. 1 2 3 4 5"),
			rr(t, "a.example. 300 NSEC b.example. A RRSIG NSEC"),
			rr(t, "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. 300 NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A"),
			rr(t, "example. 300 RRSIG SOA 13 1 300 20261225000000 20261125000000 1 example. AAAA"),
		}
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: 22, ExtraText: "a text"})
	}))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// shown is an answer in a line.
func shown(m *dns.Msg) string {
	var b strings.Builder
	b.WriteString(dns.RcodeToString[m.Rcode])
	for _, f := range []struct {
		on   bool
		name string
	}{{m.Authoritative, "aa"}, {m.Truncated, "tc"}, {m.RecursionDesired, "rd"}, {m.RecursionAvailable, "ra"},
		{m.Zero, "z"}, {m.AuthenticatedData, "ad"}, {m.CheckingDisabled, "cd"}} {
		if f.on {
			b.WriteString(" " + f.name)
		}
	}
	for _, q := range m.Question {
		b.WriteString(" ?" + q.Name)
	}
	for _, section := range [][]dns.RR{m.Answer, m.Ns} {
		b.WriteString(" |")
		for _, r := range section {
			b.WriteString(" " + r.Header().Name + "/" + dns.TypeToString[r.Header().Rrtype])
		}
	}
	if opt := m.IsEdns0(); opt != nil {
		b.WriteString(" | OPT")
		if opt.Do() {
			b.WriteString(" do")
		}
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				b.WriteString(" " + e.String())
			} else {
				b.WriteString(" an option that is none of ours")
			}
		}
	}
	return b.String()
}

func TestCompose(t *testing.T) {
	const nsec3 = "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example./NSEC3"
	for name, tt := range map[string]struct {
		ask  func(*dns.Msg)
		want string
	}{
		"without EDNS": {func(m *dns.Msg) { m.Extra = nil },
			"NOERROR rd ra ?WwW.example. | WwW.example./A | example./SOA"},
		"with EDNS": {func(m *dns.Msg) { m.IsEdns0().SetDo(false) },
			"NOERROR rd ra ?WwW.example. | WwW.example./A | example./SOA | OPT 22 (No Reachable Authority): (a text)"},
		"AD asked for": {func(m *dns.Msg) { m.Extra = nil; m.AuthenticatedData = true },
			"NOERROR rd ra ad ?WwW.example. | WwW.example./A | example./SOA"},
		"DO": {func(m *dns.Msg) {},
			"NOERROR rd ra ad ?WwW.example. | WwW.example./A WwW.example./RRSIG | example./SOA a.example./NSEC " + nsec3 + " example./RRSIG | OPT do 22 (No Reachable Authority): (a text)"},
		"CD": {func(m *dns.Msg) { m.Extra = nil; m.CheckingDisabled = true },
			"NOERROR rd ra cd ?WwW.example. | WwW.example./A | example./SOA"},
		"a DNSSEC type is asked for": {func(m *dns.Msg) { m.Extra = nil; m.Question[0].Qtype = dns.TypeRRSIG },
			"NOERROR rd ra ?WwW.example. | WwW.example./A WwW.example./RRSIG | example./SOA example./RRSIG"},
		"ANY": {func(m *dns.Msg) { m.Extra = nil; m.Question[0].Qtype = dns.TypeANY },
			"NOERROR rd ra ?WwW.example. | WwW.example./A WwW.example./RRSIG | example./SOA a.example./NSEC " + nsec3 + " example./RRSIG"},
	} {
		t.Run(name, func(t *testing.T) {
			r := clientMessage("WwW.example.", dns.TypeA)
			tt.ask(r)
			p := signed(t)
			m := compose(stateOf(r, false), p, false)
			if got := shown(m); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if m.Id != r.Id {
				t.Errorf("ID %d, want %d", m.Id, r.Id)
			}
			if opt := m.IsEdns0(); opt != nil && opt.UDPSize() != query.UDPSize {
				t.Errorf("announces %d octets", opt.UDPSize())
			}
			if p.msg.Answer[0].Header().Name != "www.example." {
				t.Error("the reply that others have was changed")
			}
			if _, err := m.Pack(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRcodesGoThrough(t *testing.T) {
	for child, want := range map[int]int{
		dns.RcodeSuccess: dns.RcodeSuccess, dns.RcodeNameError: dns.RcodeNameError,
		dns.RcodeServerFailure: dns.RcodeServerFailure, dns.RcodeYXDomain: dns.RcodeYXDomain,
		dns.RcodeRefused: dns.RcodeRefused, dns.RcodeBadVers: dns.RcodeServerFailure,
	} {
		p, err := readReply(childAnswer(t, func(m *dns.Msg) { m.Rcode = child }))
		if err != nil {
			t.Fatal(err)
		}
		if got := compose(stateOf(message("www.example.", dns.TypeA), false), p, true).Rcode; got != want {
			t.Errorf("the child says %s, the client hears %s", dns.RcodeToString[child], dns.RcodeToString[got])
		}
	}
}

// TestTextGoesBeforeTheAnswerIsCut: an explanation is worth no record.
func TestTextGoesBeforeTheAnswerIsCut(t *testing.T) {
	p, err := readReply(childAnswer(t, func(m *dns.Msg) {
		m.Answer = []dns.RR{rr(t, `www.example. 300 TXT "`+strings.Repeat("x", 250)+`"`), rr(t, `www.example. 300 TXT "`+strings.Repeat("y", 120)+`"`)}
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: 22, ExtraText: strings.Repeat("z", 200)})
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		size uint16
		tcp  bool
		text bool
	}{{512, false, false}, {1232, false, true}, {512, true, true}} {
		r := message("www.example.", dns.TypeTXT)
		r.SetEdns0(tt.size, false)
		state := stateOf(r, tt.tcp)
		m := compose(state, p, false)
		if got := m.IsEdns0().Option[0].(*dns.EDNS0_EDE).ExtraText != ""; got != tt.text {
			t.Errorf("%d octets, TCP %v: text %v, want %v", tt.size, tt.tcp, got, tt.text)
		}
		// CoreDNS's own writer has the last word on the size.
		state.SizeAndDo(m)
		state.Scrub(m)
		if m.Truncated || len(m.Answer) != 2 {
			t.Errorf("%d octets, TCP %v: the answer was cut for a text", tt.size, tt.tcp)
		}
	}
}

func TestApologise(t *testing.T) {
	for _, f := range failures {
		r := clientMessage("WwW.example.", dns.TypeA)
		m := apologise(r, f)
		if m.Rcode != dns.RcodeServerFailure || m.Question[0].Name != "WwW.example." || !m.RecursionAvailable {
			t.Errorf("%s: got %s", f.reason, shown(m))
		}
		if e := m.IsEdns0().Option[0].(*dns.EDNS0_EDE); len(m.IsEdns0().Option) != 1 || e.InfoCode != f.code || e.ExtraText != f.text {
			t.Errorf("%s: got %v", f.reason, e)
		}
		r.Extra = nil
		if apologise(r, f).IsEdns0() != nil {
			t.Errorf("%s: an OPT for a client without", f.reason)
		}
	}
}

func TestUnasked(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*dns.Msg)
		want   int
	}{
		"a question":   {func(m *dns.Msg) {}, dns.RcodeSuccess},
		"any type":     {func(m *dns.Msg) { m.Question[0].Qtype = 65000 }, dns.RcodeSuccess},
		"a response":   {func(m *dns.Msg) { m.Response = true }, dns.RcodeFormatError},
		"NOTIFY":       {func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }, dns.RcodeNotImplemented},
		"UPDATE":       {func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }, dns.RcodeNotImplemented},
		"two":          {func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }, dns.RcodeFormatError},
		"none":         {func(m *dns.Msg) { m.Question = nil }, dns.RcodeFormatError},
		"CHAOS":        {func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }, dns.RcodeRefused},
		"class ANY":    {func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassANY }, dns.RcodeRefused},
		"RD clear":     {func(m *dns.Msg) { m.RecursionDesired = false }, dns.RcodeRefused},
		"AXFR":         {func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAXFR }, dns.RcodeRefused},
		"IXFR":         {func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeIXFR }, dns.RcodeRefused},
		"MAILA":        {func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeMAILA }, dns.RcodeNotImplemented},
		"OPT as type":  {func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeOPT }, dns.RcodeFormatError},
		"NXNAME":       {func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeNXNAME }, dns.RcodeFormatError},
		"TKEY as type": {func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeTKEY }, dns.RcodeFormatError},
	} {
		t.Run(name, func(t *testing.T) {
			r := message("www.example.", dns.TypeA)
			tt.change(r)
			m := unasked(r)
			if got := m == nil; got != (tt.want == dns.RcodeSuccess) {
				t.Fatalf("got %v", m)
			}
			if m != nil && m.Rcode != tt.want {
				t.Errorf("got %s, want %s", dns.RcodeToString[m.Rcode], dns.RcodeToString[tt.want])
			}
		})
	}
}
