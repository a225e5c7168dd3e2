package testnet

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// maxChase bounds the CNAMEs that one answer follows within a zone.
const maxChase = 16

// reply answers r from the zones of one server.
func reply(zones []*zone, r *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(r)
	m.RecursionAvailable = false
	do := false
	if opt := r.IsEdns0(); opt != nil {
		do = opt.Do()
		m.SetEdns0(1232, do)
	}
	if len(r.Question) != 1 || r.Question[0].Qclass != dns.ClassINET {
		m.Rcode = dns.RcodeRefused
		return m
	}
	name, qtype := dns.CanonicalName(r.Question[0].Name), r.Question[0].Qtype
	z := authority(zones, name, qtype)
	if z == nil {
		m.Rcode = dns.RcodeRefused
		return m
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	w := writer{zone: z, msg: m, do: do && z.signed()}
	m.Authoritative = true
	for range maxChase {
		next := w.step(name, qtype)
		if next == "" || !dns.IsSubDomain(z.origin, next) {
			break
		}
		name = next
	}
	return m
}

// authority is the zone that answers: the longest that holds name. What lies at
// a delegation's own name and belongs to the parent is the DS alone.
func authority(zones []*zone, name string, qtype uint16) (best *zone) {
	for _, z := range zones {
		if !dns.IsSubDomain(z.origin, name) || best != nil && len(best.origin) > len(z.origin) {
			continue
		}
		if qtype == dns.TypeDS && z.origin == name && name != "." && authority(without(zones, z), name, qtype) != nil {
			continue
		}
		best = z
	}
	return best
}

func without(zones []*zone, z *zone) []*zone {
	return slices.DeleteFunc(slices.Clone(zones), func(o *zone) bool { return o == z })
}

// writer writes one reply from one zone.
type writer struct {
	*zone
	msg *dns.Msg
	do  bool
}

// step does what RFC 1034 4.3.2 says for one name, and returns the name to go on
// with when that was a CNAME or DNAME.
func (w writer) step(name string, qtype uint16) (next string) {
	if cut := w.cut(name); cut != "" && !(cut == name && qtype == dns.TypeDS) {
		w.refer(cut)
		return ""
	}
	if w.exist[name] {
		return w.atNode(name, name, qtype)
	}
	for up := parentName(name); dns.IsSubDomain(w.origin, up); up = parentName(up) {
		if set := w.names[up][dns.TypeDNAME]; set != nil {
			return w.redirect(name, set)
		}
		if up == "." {
			break
		}
	}
	closest, _ := w.encloser(name)
	if wildcard := "*." + strings.TrimPrefix(closest, "."); w.exist[wildcard] {
		return w.atNode(name, wildcard, qtype)
	}
	w.msg.Rcode = dns.RcodeNameError
	w.deny(w.denyName(name))
	return ""
}

// atNode answers name from node: itself, or the wildcard that stands in for it.
func (w writer) atNode(name, node string, qtype uint16) (next string) {
	sets := w.names[node]
	set := sets[qtype]
	if cname := sets[dns.TypeCNAME]; cname != nil && set == nil {
		set, next = cname, dns.CanonicalName(cname[0].(*dns.CNAME).Target)
	}
	switch {
	case set == nil && name == node:
		w.deny(w.denyType(name))
	case set == nil:
		w.deny(w.denyWildcardType(name, node))
	default:
		w.put(&w.msg.Answer, name, set)
		if name != node {
			w.prove(w.denyExpanded(name))
		}
	}
	return next
}

// redirect answers name by the DNAME above it, and the CNAME made from it, which
// is not signed (RFC 6672 5.3.1).
func (w writer) redirect(name string, set []dns.RR) (next string) {
	dname := set[0].(*dns.DNAME)
	next = strings.TrimSuffix(name, dname.Hdr.Name) + dns.CanonicalName(dname.Target)
	w.put(&w.msg.Answer, dname.Hdr.Name, set)
	w.msg.Answer = append(w.msg.Answer, &dns.CNAME{Hdr: header(name, dns.TypeCNAME, dname.Hdr.Ttl), Target: next})
	return next
}

// refer points to the servers of the zone at cut, with its DS or the proof that
// it has none.
func (w writer) refer(cut string) {
	w.msg.Authoritative = len(w.msg.Answer) > 0
	w.put(&w.msg.Ns, cut, w.names[cut][dns.TypeNS])
	if ds := w.names[cut][dns.TypeDS]; ds != nil && w.do {
		w.put(&w.msg.Ns, cut, ds)
	} else {
		w.prove(w.denyType(cut))
	}
	for _, ns := range w.names[cut][dns.TypeNS] {
		w.msg.Extra = slices.Concat(w.names[ns.(*dns.NS).Ns][dns.TypeA], w.msg.Extra)
	}
}

// deny ends the answer with the SOA and a proof.
func (w writer) deny(proof []dns.RR) {
	w.put(&w.msg.Ns, w.origin, w.names[w.origin][dns.TypeSOA])
	w.prove(proof)
}

func (w writer) prove(proof []dns.RR) {
	if !w.do {
		return
	}
	for _, rr := range proof {
		there := slices.ContainsFunc(w.msg.Ns, func(o dns.RR) bool {
			return o.Header().Rrtype == rr.Header().Rrtype && o.Header().Name == rr.Header().Name
		})
		if !there {
			w.put(&w.msg.Ns, rr.Header().Name, []dns.RR{rr})
		}
	}
}

// put appends set, with its signature, as the records of owner: another name
// than the set's own where a wildcard stands in.
func (w writer) put(section *[]dns.RR, owner string, set []dns.RR) {
	all := set
	if w.do {
		if sig := w.sign(set); sig != nil {
			all = append(slices.Clip(set), sig)
		}
	}
	if owner != set[0].Header().Name {
		all = slices.Clone(all)
		for i, rr := range all {
			all[i] = dns.Copy(rr)
			all[i].Header().Name = owner
		}
	}
	*section = append(*section, all...)
}
