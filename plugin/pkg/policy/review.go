package policy

import (
	"iter"
	"net"
	"net/netip"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

// Decide says what to do with q. It allocates nothing, locks nothing and reads
// no clock. Of what blocks nothing it is not the last word: Review has it. It is
// silent on a zone's rule that a zone before could overrule by what the answer
// shows.
func (p *Policy) Decide(q Query) Verdict { return p.decide(q, true) }

// decide is Decide; where no answer will come, nothing waits for one.
func (p *Policy) decide(q Query, comes bool) Verdict {
	if p == nil {
		return Verdict{}
	}
	v := p.act(p.find(q.Name, q.Type), QName, q.Stream)
	if v.Allowed || len(p.zones) == 0 {
		return v
	}
	switch z, waits := p.early(&q, q.Name); {
	case z.Zone > 0 && waits && comes:
		return Verdict{}
	case z.Zone > 0 && !z.Proven:
		return z
	case z.Zone > 0 && !v.Blocks():
		z.Shadow = v.Shadow
		return z
	default:
		v.ShadowZone = z.ShadowZone
		return v
	}
}

// Review says what to do with q and its upstream answer m, nil where there is
// none. d is asked where zones look at the servers of a name; nil: they do not.
// at is the place in m.Answer, from one, of the record that revealed what is
// listed, 0 for the question; Listed and answer.Reply want it.
//
// An answer that is neither NOERROR nor NXDOMAIN reveals nothing: what is bogus
// stays SERVFAIL, but for what the question itself decides. NOTIMP to ANY says as
// little of the name as RFC 8482 wants, and not that it failed: zones look at its
// servers all the same. Of what blocks nothing, shadow rules and Passthru, the
// verdict tells the first.
func (p *Policy) Review(q Query, m *dns.Msg, d Delegations) (v Verdict, at int) {
	reveals := m != nil && (m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError ||
		m.Rcode == dns.RcodeNotImplemented && q.Type == dns.TypeANY)
	if v = p.decide(q, reveals); v.Blocks() || v.Whole() || !reveals || p == nil {
		return v, 0
	}
	if v.Zone == 0 {
		v.ShadowZone = 0 // zones are asked again, with the answer
	}
	r := review{p: p, q: q, delegations: d, v: v}
	if !r.chain(m) {
		r.data(m)
	}
	return r.v, r.at
}

// review is what an answer has revealed so far.
type review struct {
	p           *Policy
	q           Query
	delegations Delegations
	room        []byte // of the name at hand
	v           Verdict
	at          int
}

// meet takes the verdict on something met on the way, and tells whether it is
// the last word.
func (r *review) meet(v Verdict, at int) (last bool) {
	shadow, shadowZone := r.v.Shadow, r.v.ShadowZone
	if shadow.None() {
		shadow = v.Shadow
	}
	if shadowZone == 0 {
		shadowZone = v.ShadowZone
	}
	switch {
	case at > 0 && v.Allowed: // exempts itself only
	case v.Blocks() || v.Whole(), v.decided() && !r.v.decided():
		r.v, r.at = v, at
	}
	r.v.Shadow, r.v.ShadowZone = shadow, shadowZone
	return r.v.Blocks() || r.v.Whole()
}

// chain meets the question and the targets on the way from it, in their order:
// at each what zones say, and then what lists do.
func (r *review) chain(m *dns.Msg) (last bool) {
	w := walk{answer: m.Answer, name: question(m)}
	name := r.q.Name
	for {
		ahead := w
		more := ahead.next() && isName(ahead.name)
		s := stage{name: name, at: w.at}
		var listed Verdict
		if w.at > 0 {
			listed = r.p.act(r.p.find(name, r.q.Type), CNAME, r.q.Stream)
			s.exempt = listed.Allowed
		}
		if r.zones(&s, m, !more) || r.meet(listed, w.at) {
			return true
		}
		if !more {
			return false
		}
		w, name = ahead, r.wire(ahead.name)
	}
}

// follows: zones look at the whole chain, unless the links themselves were asked
// for (draft-vixie-dnsop-dns-rpz-00, section 5.1).
func (r *review) follows() bool {
	switch r.q.Type {
	case dns.TypeANY, dns.TypeCNAME, dns.TypeDNAME:
		return false
	}
	return true
}

// wire is a name of the answer in wire form, until the next one; nil for what is
// none.
func (r *review) wire(text string) []byte {
	if r.room == nil {
		r.room = make([]byte, 0, dnsname.MaxLen)
	}
	name, err := dnsname.Append(r.room, text)
	if err != nil {
		return nil
	}
	return name
}

// data meets all records of the answer in the order of the message, whosesoever
// they are: clients differ in what they take, and a plugin that rewrites names
// leaves owners that nothing leads to.
func (r *review) data(m *dns.Msg) (last bool) {
	for i, rr := range m.Answer {
		at := i + 1
		switch rr := rr.(type) {
		case *dns.CNAME: // once more, where it is on the way
			last = r.name(rr.Target, CNAME, at)
		case *dns.HTTPS:
			last = r.service(&rr.SVCB, at)
		case *dns.SVCB:
			last = r.service(rr, at)
		}
		for ip := range addressesOf(rr) {
			last = last || r.address(ip, at)
		}
		if last {
			return true
		}
	}
	return false
}

// service meets the target of an SVCB or HTTPS record.
func (r *review) service(rr *dns.SVCB, at int) (last bool) {
	return rr.Target != "." && r.name(rr.Target, SVCB, at) // "." is the owner itself, or no target (RFC 9460, section 2.5)
}

// name meets a name; of a target that leads nowhere zones have not heard yet.
func (r *review) name(text string, t Trigger, at int) (last bool) {
	name := r.wire(text)
	if name == nil {
		return false
	}
	v := r.p.act(r.p.find(name, r.q.Type), t, r.q.Stream)
	if t == SVCB && !v.Allowed && r.v.Zone == 0 {
		switch z := r.target(name); {
		case z.Whole(): // the target passes, and nothing else
			return false
		case z.Zone > 0 && !z.Proven:
			v = z
		default:
			v.ShadowZone = z.ShadowZone
		}
	}
	return r.meet(v, at)
}

func (r *review) address(ip net.IP, at int) (last bool) {
	a, _ := netip.AddrFromSlice(ip)
	return r.meet(r.p.address(a, r.q), at)
}

// addressesOf are the addresses that a record has or hints at.
func addressesOf(rr dns.RR) iter.Seq[net.IP] {
	return func(yield func(net.IP) bool) {
		switch rr := rr.(type) {
		case *dns.A:
			yield(rr.A)
		case *dns.AAAA:
			yield(rr.AAAA)
		case *dns.HTTPS:
			hints(&rr.SVCB, yield)
		case *dns.SVCB:
			hints(rr, yield)
		}
	}
}

func hints(rr *dns.SVCB, yield func(net.IP) bool) {
	for _, param := range rr.Value {
		var hints []net.IP
		switch param := param.(type) {
		case *dns.SVCBIPv4Hint:
			hints = param.Hint
		case *dns.SVCBIPv6Hint:
			hints = param.Hint
		}
		for _, ip := range hints {
			if !yield(ip) {
				return
			}
		}
	}
}
