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
//	tcp-only   TC, empty
//	drop       nothing
//	local-data the rule's records of that type, or its CNAME, else NODATA; for
//	           ANY all of them
//	servfail   SERVFAIL, empty
//
// RA is set, RD and CD are copied, AA and AD clear, the question is as it came.
// Records of ours have the category's TTL, and so has the SOA of a negative
// answer, as its own TTL and as MINIMUM (RFC 2308, section 5). Local data of a
// response policy zone has its own TTL, and the zone's SOA stands in the
// additional section of all that the zone has rewritten.
//
// What a CNAME of ours leads to, whoever asks Reply asks for, and Join adds. A
// CNAME to *.garden.example puts the whole name before garden.example, and makes
// YXDOMAIN where that is too long for a name.
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
// error (RFC 8914): 4 (Forged Answer) beside an address or local data of ours, 22
// (No Reachable Authority) beside SERVFAIL, else 15 (Blocked), or what the
// category says, with its text. What does not fit loses the text first, then the
// SOA of the policy zone; then TC is set and nothing is left but question and OPT.
package answer

import (
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/policy"
)

// Reply answers req as v says. up is the upstream answer and at what Review
// returned with v; nil and 0 for a verdict of Decide. stream: the size limits of
// UDP do not hold. drop: there is to be no answer. m is nil then, where v does
// not block, and where all it says is that a name is itself.
//
// follow is the target of a CNAME that m ends with and whose records m lacks, ""
// where there is none. Join adds them.
func Reply(req *dns.Msg, p *policy.Policy, v policy.Verdict, up *dns.Msg, at int, stream bool) (m *dns.Msg, follow string, drop bool) {
	c := p.Category(v)
	if !v.Blocks() || c == nil || len(req.Question) == 0 {
		return nil, "", false
	}
	action := v.Action
	if v.Trigger == policy.SVCB {
		action = policy.NODATA
	}
	if action == policy.Drop {
		return nil, "", true
	}
	m = header(req)
	code := uint16(dns.ExtendedErrorCodeBlocked)
	switch action {
	case policy.Refused:
		m.Rcode = dns.RcodeRefused
	case policy.Truncate, policy.TCPOnly:
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
	case policy.LocalData:
		d := dataOf(p, v, c)
		hangs := placed(m, v, up, at)
		if d.is(hangs.name) {
			return nil, "", false
		}
		var forged bool
		if follow, forged = d.fill(m, hangs, c); forged {
			code = dns.ExtendedErrorCodeForgedAnswer
		}
	case policy.Failed:
		m.Rcode = dns.RcodeServerFailure
		code = dns.ExtendedErrorCodeNoReachableAuthority
	case policy.Drop, policy.Pass, policy.Passthru: // are gone by now
	}
	if soa := p.ZoneSOA(v); soa != nil && action != policy.Failed {
		m.Extra = append(m.Extra, dns.Copy(soa))
	}
	edns(m, req, c, code)
	if follow == "" {
		fit(m, req, stream)
	}
	return m, follow, false
}

// Join adds to m of Reply what up answers for the name that m's last CNAME leads
// to; nil: there is no answer, and so none for the client. Who asked for ANY, which
// need not be answered (RFC 8482), has the CNAME at least.
func Join(m, req, up *dns.Msg, stream bool) {
	switch {
	case up != nil && up.Rcode == dns.RcodeNotImplemented && req.Question[0].Qtype == dns.TypeANY:
	case up == nil || up.Rcode != dns.RcodeSuccess && up.Rcode != dns.RcodeNameError:
		m.Rcode = dns.RcodeServerFailure
	default:
		m.Rcode = up.Rcode
		m.Answer = append(m.Answer, unsigned(up.Answer)...)
		for _, rr := range up.Ns {
			if rr.Header().Rrtype == dns.TypeSOA {
				m.Ns = append(m.Ns, rr)
			}
		}
	}
	fit(m, req, stream)
}

// unsigned is records without signatures: what they sign is not what is answered.
func unsigned(records []dns.RR) (rest []dns.RR) {
	for _, rr := range records {
		if rr.Header().Rrtype != dns.TypeRRSIG {
			rest = append(rest, rr)
		}
	}
	return rest
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
