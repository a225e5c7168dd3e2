package answer

import (
	"strings"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/policy"
)

// data is what a rule says to answer: an rcode, or records, of which a CNAME
// stands alone.
type data struct {
	rcode   int
	records []dns.RR // to be written to, but for their RDATA
	any     bool     // who asks for ANY is led as well
}

// dataOf is what v says to answer. What lists say has the TTL of the category.
func dataOf(p *policy.Policy, v policy.Verdict, c *policy.Category) data {
	if v.Zone > 0 {
		return data{records: p.ZoneData(v), any: p.Redirects(v)}
	}
	said := p.Data(v)
	d := data{rcode: said.Rcode}
	if said.CNAME != "" {
		d.records = []dns.RR{&dns.CNAME{Hdr: dns.RR_Header{Rrtype: dns.TypeCNAME, Class: dns.ClassINET}, Target: said.CNAME}}
	}
	for _, rr := range said.Records {
		d.records = append(d.records, dns.Copy(rr))
	}
	for _, rr := range d.records {
		rr.Header().Ttl = c.TTL
	}
	return d
}

// cname is the CNAME of d, nil where there is none.
func (d data) cname() *dns.CNAME {
	if len(d.records) == 0 {
		return nil
	}
	rr, _ := d.records[0].(*dns.CNAME)
	return rr
}

// is tells whether all that d says of name is that it is itself.
func (d data) is(name string) bool {
	c := d.cname()
	return c != nil && equal(c.Target, name)
}

// fill enters d into m. forged: m holds records that are not upstream's.
func (d data) fill(m *dns.Msg, at place, c *policy.Category) (follow string, forged bool) {
	asked := m.Question[0].Qtype
	if rr := d.cname(); rr != nil {
		return d.lead(m, at, rr)
	}
	if m.Rcode = d.rcode; d.rcode != dns.RcodeSuccess && d.rcode != dns.RcodeNameError {
		return "", false
	}
	for _, rr := range d.records {
		if asked == dns.TypeANY || asked == rr.Header().Rrtype {
			rr.Header().Name = at.name
			m.Answer = append(m.Answer, rr)
			forged = true
		}
	}
	if !forged {
		m.Ns = []dns.RR{at.soa(c)}
	}
	return "", forged
}

// lead enters a CNAME.
func (d data) lead(m *dns.Msg, at place, rr *dns.CNAME) (follow string, forged bool) {
	if behind, ok := strings.CutPrefix(rr.Target, "*."); ok {
		rr.Target = strings.TrimSuffix(at.name, ".") + "." + behind
		if at.name == "." {
			rr.Target = behind
		}
		if _, err := dnsname.Append(nil, rr.Target); err != nil {
			m.Rcode = dns.RcodeYXDomain
			return "", false
		}
	}
	rr.Hdr.Name = at.name
	loops := false
	for _, link := range m.Answer { // those that led here
		loops = loops || equal(link.Header().Name, rr.Target)
	}
	m.Answer = append(m.Answer, rr)
	asked := m.Question[0].Qtype
	if loops || asked == dns.TypeCNAME || asked == dns.TypeANY && !d.any {
		return "", true
	}
	return rr.Target, true
}

// equal compares names in presentation form.
func equal(a, b string) bool {
	x, err := dnsname.Append(nil, a)
	if err != nil {
		return false
	}
	y, err := dnsname.Append(nil, b)
	return err == nil && string(x) == string(y)
}
