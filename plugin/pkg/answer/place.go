package answer

import (
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/policy"
)

// place is where an answer hangs.
type place struct {
	name  string // owner of its records
	owner string // of its SOA
}

// placed enters the CNAMEs that lead to what is listed into m, and says where
// they lead. Names keep the case that they have in the question, or upstream.
func placed(m *dns.Msg, v policy.Verdict, up *dns.Msg, at int) place {
	asked := m.Question[0].Name
	if at == 0 || up == nil {
		return hung(asked, v)
	}
	links, name, ok := policy.Lead(&dns.Msg{Question: m.Question, Answer: up.Answer}, at)
	for _, l := range links {
		m.Answer = append(m.Answer, l)
	}
	if ok && v.Trigger != policy.SVCB {
		return hung(name, v)
	}
	return place{name, name}
}

// hung is a place on a name of which v lists a suffix; no labels: it lists no
// name, or all there are.
func hung(name string, v policy.Verdict) place {
	if v.Labels == 0 {
		return place{name, name}
	}
	return place{name, suffix(name, v.Labels)}
}

// suffix is what the last labels of a name in presentation form are.
func suffix(name string, labels uint8) string {
	at := 0
	for over := dns.CountLabel(name) - int(labels); over > 0; over-- {
		at, _ = dns.NextLabel(name, at)
	}
	return name[at:]
}

// soa makes an answer negative (RFC 2308). The names in it exist nowhere, and
// the times mean nothing to who cannot transfer the zone; they are those of
// Unbound's local zones.
func (at place) soa(c *policy.Category) *dns.SOA {
	return &dns.SOA{
		Hdr:  dns.RR_Header{Name: at.owner, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: c.TTL},
		Ns:   "localhost.",
		Mbox: "nobody.invalid.",

		Serial: 1, Refresh: 3600, Retry: 1200, Expire: 604800,
		Minttl: c.TTL,
	}
}
