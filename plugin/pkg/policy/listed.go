package policy

import (
	"bytes"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

// Listed is what was listed: a name in wire form and as text, or for an address
// rule nil and the prefix. The arguments are those of Review and what it
// returned; for a verdict of Decide m is nil and at is 0. Both are copies.
func (p *Policy) Listed(v Verdict, q Query, m *dns.Msg, at int) (name []byte, text string) {
	switch v.Trigger {
	case NoTrigger, NSDName, NSIP, ClientIP:
		return nil, ""
	case ResponseIP:
		if v.Zone > 0 {
			return nil, v.ZoneRule.Prefix.String()
		}
		return nil, p.addrs[v.Rule.addr-1].prefix.String()
	case QName:
		name = bytes.Clone(q.Name)
	default:
		name, _ = dnsname.Append(nil, found(m, at))
	}
	for over := dnsname.Labels(name) - int(v.Labels); over > 0; over-- {
		name = dnsname.Parent(name)
	}
	return name, dnsname.String(name)
}

// found is the name in record at that a rule matched.
func found(m *dns.Msg, at int) string {
	switch rr := m.Answer[at-1].(type) {
	case *dns.SVCB:
		return rr.Target
	case *dns.HTTPS:
		return rr.Target
	case *dns.CNAME:
		return rr.Target
	}
	_, name, _ := Lead(m, at) // what a DNAME makes depends on the way to it
	return name
}
