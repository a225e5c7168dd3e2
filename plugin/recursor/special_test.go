package recursor

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestSpecial(t *testing.T) {
	const zeros30 = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
	for _, tt := range []struct{ name, qtype, want string }{
		{"localhost.", "A", "NOERROR localhost. A 127.0.0.1"},
		{"localhost.", "AAAA", "NOERROR localhost. AAAA ::1"},
		{"LocalHost.", "A", "NOERROR LocalHost. A 127.0.0.1"},
		{"a.b.LOCALhost.", "A", "NOERROR a.b.LOCALhost. A 127.0.0.1"},
		{"localhost.", "MX", "NOERROR, SOA LocalHost."},
		{"localhost.", "SOA", "NOERROR localhost. SOA localhost."},
		{"localhost.", "NS", "NOERROR localhost. NS localhost."},
		{"a.localhost.", "TXT", "NOERROR, SOA localhost."},

		{"onion.", "A", "NXDOMAIN, SOA onion."},
		{"Example.ONION.", "A", "NXDOMAIN, SOA ONION."},
		{"a.b.c.onion.", "DS", "NXDOMAIN, SOA onion."},
		{"x.test.", "AAAA", "NXDOMAIN, SOA test."},
		{"x.invalid.", "A", "NXDOMAIN, SOA invalid."},
		{"printer.local.", "A", "NXDOMAIN, SOA local."},
		{"local.", "SOA", "NXDOMAIN, SOA local."},
		{"x.alt.", "A", "NXDOMAIN, SOA alt."},
		{"x.internal.", "A", "NXDOMAIN, SOA internal."},
		{"test.", "DS", "NXDOMAIN, SOA test."},

		{"home.arpa.", "A", "NOERROR, SOA home.arpa."},
		{"home.arpa.", "SOA", "NOERROR home.arpa. SOA home.arpa."},
		{"home.arpa.", "NS", "NOERROR home.arpa. NS home.arpa."},
		{"nas.home.arpa.", "A", "NXDOMAIN, SOA home.arpa."},
		{"home.arpa.", "DS", "asked of the child"},
		{"x.service.arpa.", "PTR", "NXDOMAIN, SOA service.arpa."},
		{"_dns.resolver.arpa.", "SVCB", "NOERROR, SOA resolver.arpa."},
		{"_dns.Resolver.arpa.", "A", "NOERROR, SOA Resolver.arpa."},
		{"resolver.arpa.", "SVCB", "NOERROR, SOA resolver.arpa."},

		{"1.0.0.127.in-addr.arpa.", "PTR", "NOERROR 1.0.0.127.in-addr.arpa. PTR localhost."},
		{"1.0.0.127.in-addr.arpa.", "A", "NOERROR, SOA 1.0.0.127.in-addr.arpa."},
		{"2.0.0.127.in-addr.arpa.", "PTR", "NXDOMAIN, SOA 127.in-addr.arpa."},
		{"x.1.0.0.127.in-addr.arpa.", "PTR", "NXDOMAIN, SOA 1.0.0.127.in-addr.arpa."},
		{"1.0." + zeros30 + "ip6.arpa.", "PTR", "NOERROR 1.0." + zeros30 + "ip6.arpa. PTR localhost."},
		{"0.0." + zeros30 + "ip6.arpa.", "PTR", "NOERROR, SOA 0.0." + zeros30 + "ip6.arpa."},
		{"2.0." + zeros30 + "ip6.arpa.", "PTR", "asked of the child"},
		{"1.0.0.10.in-addr.arpa.", "PTR", "NXDOMAIN, SOA 10.in-addr.arpa."},
		{"10.in-addr.arpa.", "PTR", "NOERROR, SOA 10.in-addr.arpa."},
		{"10.in-addr.arpa.", "DS", "asked of the child"},
		{"1.1.168.192.in-addr.arpa.", "PTR", "NXDOMAIN, SOA 168.192.in-addr.arpa."},
		{"1.1.169.192.in-addr.arpa.", "PTR", "asked of the child"},
		{"1.0.15.172.in-addr.arpa.", "PTR", "asked of the child"},
		{"1.0.16.172.in-addr.arpa.", "PTR", "NXDOMAIN, SOA 16.172.in-addr.arpa."},
		{"1.0.31.172.in-addr.arpa.", "PTR", "NXDOMAIN, SOA 31.172.in-addr.arpa."},
		{"1.0.32.172.in-addr.arpa.", "PTR", "asked of the child"},
		{"1.0.63.100.in-addr.arpa.", "PTR", "asked of the child"},
		{"1.0.64.100.in-addr.arpa.", "PTR", "NXDOMAIN, SOA 64.100.in-addr.arpa."},
		{"1.0.127.100.in-addr.arpa.", "PTR", "NXDOMAIN, SOA 127.100.in-addr.arpa."},
		{"1.0.128.100.in-addr.arpa.", "PTR", "asked of the child"},
		{"1.0.254.169.in-addr.arpa.", "PTR", "NXDOMAIN, SOA 254.169.in-addr.arpa."},
		{"1.2.0.192.in-addr.arpa.", "PTR", "NXDOMAIN, SOA 2.0.192.in-addr.arpa."},
		{"1.100.51.198.in-addr.arpa.", "PTR", "NXDOMAIN, SOA 100.51.198.in-addr.arpa."},
		{"1.113.0.203.in-addr.arpa.", "PTR", "NXDOMAIN, SOA 113.0.203.in-addr.arpa."},
		{"255.255.255.255.in-addr.arpa.", "PTR", "NOERROR, SOA 255.255.255.255.in-addr.arpa."},
		{"254.255.255.255.in-addr.arpa.", "PTR", "asked of the child"},
		{"1.0.0.0.in-addr.arpa.", "PTR", "NXDOMAIN, SOA 0.in-addr.arpa."},
		{"x.D.F.ip6.arpa.", "PTR", "NXDOMAIN, SOA D.F.ip6.arpa."},
		{"x.c.f.ip6.arpa.", "PTR", "asked of the child"},
		{"x.8.e.f.ip6.arpa.", "PTR", "NXDOMAIN, SOA 8.e.f.ip6.arpa."},
		{"x.b.e.f.ip6.arpa.", "PTR", "NXDOMAIN, SOA b.e.f.ip6.arpa."},
		{"x.c.e.f.ip6.arpa.", "PTR", "asked of the child"},
		{"x.8.b.d.0.1.0.0.2.ip6.arpa.", "PTR", "NXDOMAIN, SOA 8.b.d.0.1.0.0.2.ip6.arpa."},

		// What only looks like one.
		{"ipv4only.arpa.", "AAAA", "asked of the child"},
		{"notlocalhost.", "A", "asked of the child"},
		{"localhost.example.", "A", "asked of the child"},
		{"onion.example.", "A", "asked of the child"},
		{`x\.onion.`, "A", "asked of the child"},
		{`\.test.`, "A", "asked of the child"},
		{"110.in-addr.arpa.", "PTR", "asked of the child"},
		{"arpa.", "NS", "asked of the child"},
		{"example.", "A", "asked of the child"},
		{".", "NS", "asked of the child"},
	} {
		t.Run(tt.name+" "+tt.qtype, func(t *testing.T) {
			r := clientMessage(tt.name, dns.StringToType[tt.qtype])
			r.AuthenticatedData = true
			m := special(r)
			if got := specialShown(m); !strings.EqualFold(got, tt.want) || m != nil && !sameLetters(m, tt.name) {
				t.Errorf("got %s, want %s\n%v", got, tt.want, m)
			}
			if m == nil {
				return
			}
			if m.AuthenticatedData || m.Authoritative || !m.RecursionAvailable || !m.RecursionDesired || m.Question[0].Name != tt.name {
				t.Errorf("got %s", shown(m))
			}
			if _, err := m.Pack(); err != nil {
				t.Error(err)
			}
		})
	}
}

// sameLetters: every owner is the name as it was asked, or the end of it.
func sameLetters(m *dns.Msg, name string) bool {
	for _, section := range [][]dns.RR{m.Answer, m.Ns} {
		for _, r := range section {
			if !strings.HasSuffix(name, r.Header().Name) {
				return false
			}
		}
	}
	return true
}

func specialShown(m *dns.Msg) string {
	if m == nil {
		return "asked of the child"
	}
	got := dns.RcodeToString[m.Rcode]
	for _, r := range m.Answer {
		data := strings.Fields(strings.TrimPrefix(r.String(), r.Header().String()))[0]
		got += " " + r.Header().Name + " " + dns.TypeToString[r.Header().Rrtype] + " " + data
	}
	if len(m.Answer) > 0 {
		return got
	}
	for _, r := range m.Ns {
		got += ", SOA " + r.(*dns.SOA).Hdr.Name
	}
	return got
}

func BenchmarkNotSpecial(b *testing.B) {
	r := message("www.some.longer.name.example.", dns.TypeA)
	b.ReportAllocs()
	for b.Loop() {
		if special(r) != nil {
			b.Fatal("it is none")
		}
	}
}

func TestNotSpecialAllocatesNothing(t *testing.T) {
	r := message("www.some.longer.name.example.", dns.TypeA)
	if n := testing.AllocsPerRun(100, func() { special(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
