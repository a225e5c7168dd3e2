package recursor

import (
	"reflect"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// rr makes a record.
func rr(t testing.TB, text string) dns.RR {
	t.Helper()
	rr, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return rr
}

// childAnswer is what a child may say to www.example A.
func childAnswer(t testing.TB, change func(*dns.Msg)) []byte {
	t.Helper()
	m := message("www.example.", dns.TypeA)
	m.Response, m.RecursionAvailable = true, true
	m.SetEdns0(4096, false)
	if change != nil {
		change(m)
	}
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func TestClampTTL(t *testing.T) {
	for name, tt := range map[string]struct{ ttl, want uint32 }{
		"none":                        {0, 0},
		"a minute":                    {60, 60},
		"a day":                       {86400, 86400},
		"a day and a second":          {86401, 86400},
		"the longest there is":        {1<<31 - 1, 86400},
		"top bit: zero (RFC 2181, 8)": {1 << 31, 0},
		"all bits":                    {1<<32 - 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			wire := childAnswer(t, func(m *dns.Msg) {
				a := rr(t, "www.example. 1 A 192.0.2.1")
				ns := rr(t, "example. 1 NS ns.example.")
				glue := rr(t, "ns.example. 1 A 192.0.2.2")
				for _, r := range []dns.RR{a, ns, glue} {
					r.Header().Ttl = tt.ttl
				}
				m.Answer, m.Ns, m.Extra = []dns.RR{a}, []dns.RR{ns}, append(m.Extra, glue)
			})
			p, err := readReply(wire)
			if err != nil {
				t.Fatal(err)
			}
			for _, section := range [][]dns.RR{p.msg.Answer, p.msg.Ns, p.msg.Extra} {
				if len(section) != 1 || section[0].Header().Ttl != tt.want {
					t.Errorf("got %v, want one with TTL %d", section, tt.want)
				}
			}
		})
	}
}

// TestExtendedErrors: those of DNSSEC and of the network are handed on, with
// their texts, and no other option is.
func TestExtendedErrors(t *testing.T) {
	wire := childAnswer(t, func(m *dns.Msg) {
		opt := m.IsEdns0()
		for code := range uint16(34) {
			opt.Option = append(opt.Option, &dns.EDNS0_EDE{InfoCode: code, ExtraText: "text"})
		}
		opt.Option = append(opt.Option, &dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: "6368696c64"},
			&dns.EDNS0_EDE{InfoCode: 6, ExtraText: strings.Repeat("x", 1000)})
	})
	p, err := readReply(wire)
	if err != nil {
		t.Fatal(err)
	}
	var codes []uint16
	for _, e := range p.ede {
		codes = append(codes, e.InfoCode)
		if e.ExtraText != "text" && e.ExtraText != strings.Repeat("x", maxExplanation) {
			t.Errorf("code %d: text %q", e.InfoCode, e.ExtraText)
		}
	}
	if want := []uint16{6, 7, 8, 9, 10, 11, 12, 22, 23, 6}; !reflect.DeepEqual(codes, want) {
		t.Errorf("got %v, want %v", codes, want)
	}
	if p.msg.IsEdns0() != nil {
		t.Error("the child's OPT is still there")
	}
}

func FuzzReadReply(f *testing.F) {
	f.Add(childAnswer(f, nil))
	f.Add(childAnswer(f, func(m *dns.Msg) { m.Answer = []dns.RR{rr(f, "www.example. 300 A 192.0.2.1")} }))
	f.Add(childAnswer(f, func(m *dns.Msg) {
		m.Rcode = dns.RcodeServerFailure
		m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: 6, ExtraText: "signature crypto failed"})
	}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, wire []byte) {
		p, err := readReply(wire)
		var slow dns.Msg
		fine := slow.Unpack(wire) == nil && slow.Response && len(slow.Question) == 1
		if fine != (err == nil) {
			t.Fatalf("taken: %v, want %v", err == nil, fine)
		}
		if err != nil {
			return
		}
		if len(p.msg.Answer) != len(slow.Answer) || len(p.msg.Ns) != len(slow.Ns) {
			t.Error("records of answer or authority were lost")
		}
		for _, section := range [][]dns.RR{p.msg.Answer, p.msg.Ns, p.msg.Extra} {
			for _, r := range section {
				if ttl := r.Header().Ttl; ttl > maxTTL {
					t.Errorf("a TTL of %d", ttl)
				}
			}
		}
		for _, r := range p.msg.Extra {
			if r.Header().Rrtype == dns.TypeOPT {
				t.Error("an OPT is left")
			}
		}
		for _, e := range p.ede {
			if !handedOn(e.InfoCode) || len(e.ExtraText) > maxExplanation {
				t.Errorf("handed on: %d %q", e.InfoCode, e.ExtraText)
			}
		}
		// What a client gets of it can be packed, whatever came.
		r := message("WWW.example.", dns.TypeA)
		r.SetEdns0(1232, false)
		m := compose(stateOf(r, false), p, false)
		m.Compress = false
		_, _ = m.Pack()
	})
}
