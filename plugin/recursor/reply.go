package recursor

import (
	"errors"

	"github.com/miekg/dns"
)

// reply is the child's answer, good for every client who asked the question.
// Nobody changes it: a client gets a copy.
type reply struct {
	msg *dns.Msg // without OPT
	ede []*dns.EDNS0_EDE
}

// maxTTL is how long anything may be kept, in seconds: what was taken down is
// gone after a day at the latest.
const maxTTL = 86400

// handedOn are the extended errors that a client learns of, those that say why
// resolving or validating failed: DNSSEC (6 to 12), and the network (22, 23) of
// RFC 8914. What else the child says is between it and us.
func handedOn(code uint16) bool {
	return code >= dns.ExtendedErrorCodeDNSBogus && code <= dns.ExtendedErrorCodeNSECMissing ||
		code == dns.ExtendedErrorCodeNoReachableAuthority || code == dns.ExtendedErrorCodeNetworkError
}

// maxExplanation is the longest text of an extended error that is handed on, in
// octets; Unbound's are shorter.
const maxExplanation = 255

var errUnreadable = errors.New("no message")

// readReply reads an answer that answers has taken for one.
func readReply(wire []byte) (*reply, error) {
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil || !m.Response || len(m.Question) != 1 {
		return nil, errUnreadable
	}
	p := &reply{msg: m}
	extra := m.Extra[:0]
	for _, rr := range m.Extra {
		if opt, ok := rr.(*dns.OPT); ok {
			p.explain(opt)
			continue
		}
		extra = append(extra, rr)
	}
	m.Extra = extra
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		clampTTL(section)
	}
	return p, nil
}

func (p *reply) explain(opt *dns.OPT) {
	for _, o := range opt.Option {
		e, ok := o.(*dns.EDNS0_EDE)
		if !ok || !handedOn(e.InfoCode) {
			continue
		}
		e.ExtraText = e.ExtraText[:min(len(e.ExtraText), maxExplanation)]
		p.ede = append(p.ede, e)
	}
}

// clampTTL bounds the TTLs. One with its top bit set is zero (RFC 2181,
// section 8).
func clampTTL(section []dns.RR) {
	for _, rr := range section {
		h := rr.Header()
		switch {
		case h.Ttl > 1<<31-1:
			h.Ttl = 0
		case h.Ttl > maxTTL:
			h.Ttl = maxTTL
		}
	}
}

// bogus says that validation failed.
func (p *reply) bogus() bool {
	if p.msg.Rcode != dns.RcodeServerFailure {
		return false
	}
	for _, e := range p.ede {
		if e.InfoCode <= dns.ExtendedErrorCodeNSECMissing {
			return true
		}
	}
	return false
}
