// Package answer makes the reply that a verdict asks for, as a dns.Msg that fits
// the client.
//
// # What is answered
//
//	action     A, AAAA                  ANY              other types
//	sinkhole   the category's address,  HINFO, as        NODATA
//	           else NODATA              RFC 8482 says
//	nxdomain   NXDOMAIN                 NXDOMAIN         NXDOMAIN
//	nodata     NODATA                   NODATA           NODATA
//	refused    REFUSED, empty
//	truncate   TC, empty
//	drop       nothing
//
// RA is set, RD and CD are copied, AA and AD clear, the question is as it came.
// Records of ours have the category's TTL, and so has the SOA of a negative
// answer, as its own TTL and as MINIMUM (RFC 2308, section 5).
//
// # Where it hangs
//
// On the question's name, or where CNAMEs of the upstream answer led to what is
// listed, on their end: they stay, with their own TTL, and a CNAME that was only
// implied by a DNAME is written out. Signatures go, for what they sign is not
// what is answered; DO changes nothing.
//
// The SOA is owned by the listed name. Where what is listed is an address, or the
// target of an SVCB or HTTPS record, its owner is the name on which the answer
// hangs: a zone that does not hold that name could not deny it. Such a target
// makes NODATA whatever the action, for the name asked is not listed.
//
// # EDNS
//
// Only where the query had it: version 0, our size, DO copied, and the extended
// error (RFC 8914): 4 (Forged Answer) beside an address of ours, else 15
// (Blocked), or what the category says, with its text. What does not fit loses
// the text first; then TC is set and nothing is left but question and OPT.
package answer

import (
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/policy"
)

// Reply answers req as v says. up is the upstream answer and at what Review
// returned with v; nil and 0 for a verdict of Decide. stream: the size limits of
// UDP do not hold. drop: there is to be no answer. m is nil then, and where v
// does not block.
func Reply(req *dns.Msg, p *policy.Policy, v policy.Verdict, up *dns.Msg, at int, stream bool) (m *dns.Msg, drop bool) {
	c := p.Category(v)
	if !v.Blocks() || c == nil || len(req.Question) == 0 {
		return nil, false
	}
	action := v.Action
	if v.Trigger == policy.SVCB {
		action = policy.NODATA
	}
	if action == policy.Drop {
		return nil, true
	}
	m = header(req)
	code := uint16(dns.ExtendedErrorCodeBlocked)
	switch action {
	case policy.Refused:
		m.Rcode = dns.RcodeRefused
	case policy.Truncate:
		m.Truncated = true
	case policy.NXDOMAIN:
		m.Rcode = dns.RcodeNameError
		m.Ns = []dns.RR{placed(m, v, up, at).soa(c)}
	case policy.NODATA:
		m.Ns = []dns.RR{placed(m, v, up, at).soa(c)}
	case policy.Sinkhole:
		if sinkhole(m, placed(m, v, up, at), c) {
			code = dns.ExtendedErrorCodeForgedAnswer
		}
	case policy.Drop, policy.Pass, policy.Passthru: // are gone by now
	}
	edns(m, req, c, code)
	fit(m, req, stream)
	return m, false
}

// header is an empty reply to req.
func header(req *dns.Msg) *dns.Msg {
	return &dns.Msg{
		MsgHdr: dns.MsgHdr{
			Id:                 req.Id,
			Response:           true,
			Opcode:             req.Opcode,
			RecursionDesired:   req.RecursionDesired,
			RecursionAvailable: true,
			CheckingDisabled:   req.CheckingDisabled,
		},
		Compress: true,
		Question: req.Question[:1:1],
	}
}

// sinkhole fills m for the action of that name, and tells whether it holds an
// address of ours.
func sinkhole(m *dns.Msg, at place, c *policy.Category) (address bool) {
	hdr := dns.RR_Header{Name: at.name, Rrtype: m.Question[0].Qtype, Class: dns.ClassINET, Ttl: c.TTL}
	switch {
	case hdr.Rrtype == dns.TypeA && c.Addr4.Is4():
		m.Answer = append(m.Answer, &dns.A{Hdr: hdr, A: c.Addr4.AsSlice()})
		return true
	case hdr.Rrtype == dns.TypeAAAA && c.Addr6.Is6():
		m.Answer = append(m.Answer, &dns.AAAA{Hdr: hdr, AAAA: c.Addr6.AsSlice()})
		return true
	case hdr.Rrtype == dns.TypeANY: // RFC 8482, section 4.2
		hdr.Rrtype = dns.TypeHINFO
		m.Answer = append(m.Answer, &dns.HINFO{Hdr: hdr, Cpu: "RFC8482"})
	default:
		m.Ns = []dns.RR{at.soa(c)}
	}
	return false
}
