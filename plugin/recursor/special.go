package recursor

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// kind is how a special-use name is answered.
type kind uint8

const (
	// never: neither the name nor what is below it exists; nobody is asked.
	never kind = iota
	// empty: a zone that holds its SOA and NS and nothing else (RFC 6303, 3).
	empty
	// nothing: whatever is asked, it holds nothing of that type.
	nothing
	// home: this machine's names.
	home
	// homeReverse: this machine's addresses.
	homeReverse
)

// specials are the names that are answered here, with all below them: elsewhere
// nobody could know the answer, or nobody should learn of the question.
var specials = specialNames()

func specialNames() map[string]kind {
	zeros := strings.Repeat("0.", 31)
	m := map[string]kind{
		"localhost.": home,  // RFC 6761, 6.3
		"test.":      never, // RFC 6761, 6.2
		"invalid.":   never, // RFC 6761, 6.4
		"onion.":     never, // RFC 7686, 2
		"local.":     never, // RFC 6762, 22.1: multicast DNS
		"alt.":       never, // RFC 9476, 4
		"internal.":  never, // reserved by ICANN in 2024 for use at home

		"home.arpa.":     empty,   // RFC 8375, 4
		"service.arpa.":  empty,   // RFC 9665, 10
		"resolver.arpa.": nothing, // RFC 9462, 4: there are no designated resolvers

		"1.0.0.127.in-addr.arpa.":       homeReverse,
		"1." + zeros + "ip6.arpa.":      homeReverse,
		"0." + zeros + "ip6.arpa.":      empty, // RFC 6303, 4.3
		"d.f.ip6.arpa.":                 empty, // RFC 6303, 4.4: unique local
		"8.b.d.0.1.0.0.2.ip6.arpa.":     empty, // RFC 6303, 4.6: documentation
		"255.255.255.255.in-addr.arpa.": empty, // RFC 6303, 4.2
	}
	for _, net := range []string{
		"0", "127", "254.169", "2.0.192", "100.51.198", "113.0.203", // RFC 6303, 4.2
		"10", "168.192", // RFC 6303, 4.1
	} {
		m[net+".in-addr.arpa."] = empty
	}
	for i := 16; i < 32; i++ {
		m[fmt.Sprintf("%d.172.in-addr.arpa.", i)] = empty // RFC 6303, 4.1
	}
	for i := 64; i < 128; i++ {
		m[fmt.Sprintf("%d.100.in-addr.arpa.", i)] = empty // RFC 7793, behind carrier-grade NAT
	}
	for _, c := range "89ab" {
		m[string(c)+".e.f.ip6.arpa."] = empty // RFC 6303, 4.5: link local
	}
	return m
}

// specialTTL is of all that is answered here, in seconds (RFC 6303, 3).
const specialTTL = 10800

// special answers a special-use name; nil when r asks for none.
func special(r *dns.Msg) *dns.Msg {
	asked := r.Question[0].Name
	zone, k, ok := specialZone(asked)
	if !ok {
		return nil
	}
	apex := len(zone) == len(asked)
	// DS stands above the cut: that nothing is signed below is for the parent to
	// prove (RFC 8375, 4). What never exists has no parent's word on it.
	if r.Question[0].Qtype == dns.TypeDS && apex && k != never {
		return nil
	}
	m := answerTo(r)
	if rr := specialRecord(k, apex, r.Question[0]); rr != nil {
		m.Answer = []dns.RR{rr}
		return m
	}
	if k == never || !apex && k != nothing && k != home {
		m.Rcode = dns.RcodeNameError
	}
	m.Ns = []dns.RR{specialSOA(zone)}
	return m
}

// specialZone is the nearest special-use name at or above name, in the letters
// that name has.
func specialZone(name string) (zone string, k kind, ok bool) {
	lower := strings.ToLower(name)
	for at, end := 0, false; !end; at, end = dns.NextLabel(lower, at) {
		if k, ok := specials[lower[at:]]; ok {
			return name[at:], k, true
		}
	}
	return "", 0, false
}

// specialRecord is what the name holds of the type asked for.
func specialRecord(k kind, apex bool, q dns.Question) dns.RR {
	h := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: specialTTL}
	switch {
	case k == home && q.Qtype == dns.TypeA:
		return &dns.A{Hdr: h, A: netip.AddrFrom4([4]byte{127, 0, 0, 1}).AsSlice()}
	case k == home && q.Qtype == dns.TypeAAAA:
		return &dns.AAAA{Hdr: h, AAAA: netip.IPv6Loopback().AsSlice()}
	case k == homeReverse && apex && q.Qtype == dns.TypePTR:
		return &dns.PTR{Hdr: h, Ptr: "localhost."}
	case (k == empty || k == home) && apex && q.Qtype == dns.TypeSOA:
		return specialSOA(q.Name)
	case (k == empty || k == home) && apex && q.Qtype == dns.TypeNS:
		return &dns.NS{Hdr: h, Ns: q.Name}
	}
	return nil
}

func specialSOA(zone string) *dns.SOA {
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: zone, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: specialTTL},
		Ns:  zone, Mbox: "nobody.invalid.",
		Serial: 1, Refresh: 3600, Retry: 1200, Expire: 604800, Minttl: specialTTL,
	}
}
