package policy

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

// Listed is what was listed: a name in wire form and as text, or for an address
// rule nil and the prefix. The arguments are those of Review and what it
// returned; for a verdict of Decide m is nil and at is 0. What it returns stays,
// and must not be written to.
func (p *Policy) Listed(v Verdict, q Query, m *dns.Msg, at int) (name []byte, text string) {
	switch {
	case v.Trigger == NoTrigger, v.Trigger == NSDName, v.Trigger == NSIP, v.Trigger == ClientIP:
		return nil, ""
	case v.Trigger == ResponseIP && v.Zone > 0:
		return nil, v.ZoneRule.Prefix.String()
	case v.Trigger == ResponseIP:
		return nil, p.addrs[v.Rule.addr-1].prefix.String()
	}
	of := q.Name
	var room [dnsname.MaxLen]byte
	if at > 0 {
		of, _ = dnsname.Append(room[:0], met(m, at))
	}
	for over := dnsname.Labels(of) - int(v.Labels); over > 0; over-- {
		of = dnsname.Parent(of)
	}
	return p.texts.of(of)
}

// met is the name in record at that a rule matched.
func met(m *dns.Msg, at int) string {
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

// texts holds the listed names that were hit last, so that a name which many ask
// is copied and put into words once: at most 4096 of some 100 octets.
type texts [4096]atomic.Pointer[listed]

// listed is a listed name that was hit.
type listed struct {
	name []byte
	text string
}

var textSeed = maphash.MakeSeed()

// of is a copy of name, and its text.
func (t *texts) of(name []byte) ([]byte, string) {
	slot := &t[maphash.Bytes(textSeed, name)%uint64(len(t))]
	if l := slot.Load(); l != nil && string(l.name) == string(name) {
		return l.name, l.text
	}
	l := &listed{name: append([]byte(nil), name...), text: dnsname.String(name)}
	slot.Store(l)
	return l.name, l.text
}
