package policy

import (
	"net"
	"net/netip"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

// Review says what to do with q and its upstream answer m, nil where there is
// none. at is the place in m.Answer, from one, of the record that revealed what
// is listed, 0 for the question; Listed and answer.Reply want it.
//
// An answer that is neither NOERROR nor NXDOMAIN reveals nothing: what is bogus
// stays SERVFAIL. Of what blocks nothing, shadow rules and Passthru, the verdict
// tells the first.
func (p *Policy) Review(q Query, m *dns.Msg) (v Verdict, at int) {
	if p == nil {
		return Verdict{}, 0
	}
	r := review{p: p, q: q}
	r.meet(p.act(p.find(q.Name, q.Type), QName, q.Stream), 0)
	if r.v.Allowed || r.v.Blocks() || m == nil || m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return r.v, r.at
	}
	if !r.chain(m) {
		r.data(m)
	}
	return r.v, r.at
}

// review is what an answer has revealed so far.
type review struct {
	p    *Policy
	q    Query
	room []byte // of the name at hand
	v    Verdict
	at   int
}

// meet takes the verdict on something met on the way, and tells whether it is
// the last word.
func (r *review) meet(v Verdict, at int) (blocks bool) {
	shadow := r.v.Shadow
	if shadow.None() {
		shadow = v.Shadow
	}
	switch {
	case at > 0 && v.Allowed: // exempts itself only
	case v.Blocks(), !v.Rule.None() && r.v.Rule.None():
		r.v, r.at = v, at
	}
	r.v.Shadow = shadow
	return r.v.Blocks()
}

// chain meets the targets on the way from the question, in their order.
func (r *review) chain(m *dns.Msg) (blocks bool) {
	w := walk{answer: m.Answer, name: question(m)}
	for w.next() {
		if r.name(w.name, CNAME, w.at) {
			return true
		}
	}
	return false
}

// data meets all records of the answer in the order of the message, whosesoever
// they are: clients differ in what they take, and a plugin that rewrites names
// leaves owners that nothing leads to.
func (r *review) data(m *dns.Msg) (blocks bool) {
	for i, rr := range m.Answer {
		at := i + 1
		switch rr := rr.(type) {
		case *dns.CNAME: // once more, where it is on the way
			blocks = r.name(rr.Target, CNAME, at)
		case *dns.A:
			blocks = r.address(rr.A, at)
		case *dns.AAAA:
			blocks = r.address(rr.AAAA, at)
		case *dns.HTTPS:
			blocks = r.service(&rr.SVCB, at)
		case *dns.SVCB:
			blocks = r.service(rr, at)
		}
		if blocks {
			return true
		}
	}
	return false
}

// service meets the target of an SVCB or HTTPS record and the addresses that it
// hints at.
func (r *review) service(rr *dns.SVCB, at int) (blocks bool) {
	if rr.Target != "." && r.name(rr.Target, SVCB, at) { // "." is the owner itself, or no target (RFC 9460, section 2.5)
		return true
	}
	for _, param := range rr.Value {
		var hints []net.IP
		switch param := param.(type) {
		case *dns.SVCBIPv4Hint:
			hints = param.Hint
		case *dns.SVCBIPv6Hint:
			hints = param.Hint
		}
		for _, ip := range hints {
			if r.address(ip, at) {
				return true
			}
		}
	}
	return false
}

func (r *review) name(text string, t Trigger, at int) (blocks bool) {
	if r.room == nil {
		r.room = make([]byte, 0, dnsname.MaxLen)
	}
	name, err := dnsname.Append(r.room, text)
	if err != nil {
		return false
	}
	return r.meet(r.p.act(r.p.find(name, r.q.Type), t, r.q.Stream), at)
}

func (r *review) address(ip net.IP, at int) (blocks bool) {
	a, _ := netip.AddrFromSlice(ip)
	return r.meet(r.p.address(a, r.q), at)
}
