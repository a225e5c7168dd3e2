package policy

import (
	"net/netip"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/rpz"
)

// stage is one step of the chain, as zones see it.
type stage struct {
	name   []byte
	at     int       // of the link that led here, 0 for the question
	exempt bool      // the name is allowed
	addrs  []sighted // of the answer; the last step has them

	asked       bool // for servers; and for their addresses where serverAddrs is not nil
	servers     [][]byte
	serverAddrs []sighted
	failed      bool // serverAddrs is not all of them
}

// sighted is an address, and the record of the answer that it stands in.
type sighted struct {
	addr netip.Addr
	at   int // from one
}

// zones meets what zones say of one step. last: it is the end of the chain.
func (r *review) zones(s *stage, m *dns.Msg, last bool) bool {
	if len(r.p.zones) == 0 || r.v.Zone > 0 || s.at > 0 && !r.follows() {
		return false
	}
	if last || !r.follows() {
		s.addrs = r.addresses(m)
	}
	v, at := r.rule(s)
	return r.meet(v, at)
}

// rule is the verdict of the first zone that has a rule for a step.
func (r *review) rule(s *stage) (v Verdict, at int) {
	for i := range r.p.zones {
		z := &r.p.zones[i]
		rule, at, ok := r.ruleOf(z, s)
		if ok && z.takes(&v, i+1, rule, &r.q, s.name) {
			return v, at
		}
		if !ok && s.failed && z.rules.Has(rpz.NSIP) && !z.disabled {
			v.Zone, v.Trigger, v.Action = uint16(i+1), NSIP, Failed
			return v, s.at
		}
	}
	return v, 0
}

// ruleOf is the zone's best rule for a step: on who asks, the name, an address
// in the answer, the names and at last the addresses of the servers.
func (r *review) ruleOf(z *zone, s *stage) (rule rpz.Rule, at int, ok bool) {
	if !s.exempt {
		if rule, ok = z.early(&r.q, s.name); ok {
			return rule, s.at, true
		}
	}
	if rule, at, ok = z.byPrefix(rpz.IP, s.addrs); ok {
		return rule, at, true
	}
	if !z.byServer || s.exempt || r.delegations == nil {
		return rule, 0, false
	}
	r.serve(s)
	if rule, ok = z.byServers(s.servers); ok {
		return rule, s.at, true
	}
	if !z.rules.Has(rpz.NSIP) {
		return rule, 0, false
	}
	r.serveAddrs(s)
	rule, _, ok = z.byPrefix(rpz.NSIP, s.serverAddrs)
	return rule, s.at, ok
}

// target is what zones say of a name that is no question, and leads nowhere.
func (r *review) target(name []byte) (v Verdict) {
	for i := range r.p.zones {
		z := &r.p.zones[i]
		if rule, ok := z.byName(name); ok && z.takes(&v, i+1, rule, &r.q, name) {
			v.Trigger = SVCB
			return v
		}
	}
	return v
}

// addresses are those in the answer that zones may look at, hints too, less what
// is allowed.
func (r *review) addresses(m *dns.Msg) (addrs []sighted) {
	for i, rr := range m.Answer {
		for ip := range addressesOf(rr) {
			a, _ := netip.AddrFromSlice(ip)
			if a = a.Unmap(); a.IsValid() && !r.p.address(a, r.q).Allowed {
				addrs = append(addrs, sighted{a, i + 1})
			}
		}
	}
	return addrs
}

// serve asks for the servers of a step's name and of all domains above it, the
// closest first.
func (r *review) serve(s *stage) {
	if s.asked {
		return
	}
	s.asked = true
	for name := s.name; ; name = dnsname.Parent(name) {
		for _, server := range r.delegations.NS(name) {
			if len(server) > 1 { // the root as a server is none
				s.servers = append(s.servers, server)
			}
		}
		if len(name) == 1 {
			return
		}
	}
}

// serveAddrs asks for their addresses.
func (r *review) serveAddrs(s *stage) {
	if s.serverAddrs != nil {
		return
	}
	s.serverAddrs = []sighted{}
	for _, server := range s.servers {
		addrs, ok := r.delegations.Addrs(server)
		s.failed = s.failed || !ok
		for _, a := range addrs {
			s.serverAddrs = append(s.serverAddrs, sighted{addr: a.Unmap()})
		}
	}
}
