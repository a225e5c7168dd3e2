package recursor

import (
	"strings"

	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/query"
)

// answerTo is an empty answer to r: its ID, question, RD and CD; RA set, AA and
// AD clear.
func answerTo(r *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(r)
	m.RecursionAvailable = true
	m.Compress = true
	return m
}

// compose makes the client's answer of the child's. own says that nobody else
// has p, so that its records need not be copied.
func compose(state request.Request, p *reply, own bool) *dns.Msg {
	r := state.Req
	m := answerTo(r)
	m.Rcode = p.msg.Rcode
	if m.Rcode > 0xf { // it would need the child's OPT
		m.Rcode = dns.RcodeServerFailure
	}
	opt := r.IsEdns0()
	do := opt != nil && opt.Do()
	// RFC 6840, 5.7 and 5.8: AD is for those who ask for it, by either bit.
	m.AuthenticatedData = p.msg.AuthenticatedData && (do || r.AuthenticatedData)
	asked := r.Question[0]
	m.Answer = records(p.msg.Answer, asked, do, own)
	m.Ns = records(p.msg.Ns, asked, do, own)
	m.Extra = records(p.msg.Extra, asked, do, own)
	if opt != nil {
		explain(m, do, p.ede)
		shorten(m, state)
	}
	return m
}

// records are those of one section as a client gets them: the name that was
// asked in its letters, and no records of DNSSEC for one who did not ask for
// them (RFC 4035, 3.2.1).
func records(section []dns.RR, asked dns.Question, do, own bool) []dns.RR {
	if len(section) == 0 {
		return nil
	}
	out := make([]dns.RR, 0, len(section))
	for _, rr := range section {
		if !do && authenticating(rr.Header().Rrtype, asked.Qtype) {
			continue
		}
		if !own {
			rr = dns.Copy(rr)
		}
		if h := rr.Header(); strings.EqualFold(h.Name, asked.Name) {
			h.Name = asked.Name
		}
		out = append(out, rr)
	}
	return out
}

// authenticating says whether a record is there for validation only.
func authenticating(rrtype, asked uint16) bool {
	switch rrtype {
	case dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3:
		return asked != rrtype && asked != dns.TypeANY
	}
	return false
}

// explain gives m an OPT with the extended errors.
func explain(m *dns.Msg, do bool, ede []*dns.EDNS0_EDE) {
	m.SetEdns0(query.UDPSize, do)
	opt := m.IsEdns0()
	for _, e := range ede {
		opt.Option = append(opt.Option, &dns.EDNS0_EDE{InfoCode: e.InfoCode, ExtraText: e.ExtraText})
	}
}

// shorten takes the texts of the extended errors away where the answer would
// have to be cut for them (RFC 8914, 3). Cut it is further up, above the cache,
// which keeps no answer that is not whole.
func shorten(m *dns.Msg, state request.Request) {
	opt := m.IsEdns0()
	if len(opt.Option) == 0 || query.Fits(m, query.Limit(state.Req, state.Proto() != "udp")) {
		return
	}
	for _, o := range opt.Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			e.ExtraText = ""
		}
	}
}

// apologise is the answer when there is none.
func apologise(r *dns.Msg, f *failure) *dns.Msg {
	m := answerTo(r)
	m.Rcode = dns.RcodeServerFailure
	if opt := r.IsEdns0(); opt != nil {
		explain(m, opt.Do(), []*dns.EDNS0_EDE{{InfoCode: f.code, ExtraText: f.text}})
	}
	return m
}

// unasked is the answer to what is no question for a resolver; nil when r is
// one. A server block with `subscribers` refuses all of it earlier, and better.
func unasked(r *dns.Msg) *dns.Msg {
	rcode := dns.RcodeSuccess
	switch {
	case r.Response:
		rcode = dns.RcodeFormatError
	case r.Opcode != dns.OpcodeQuery:
		rcode = dns.RcodeNotImplemented
	case len(r.Question) != 1:
		rcode = dns.RcodeFormatError
	case r.Question[0].Qclass != dns.ClassINET, !r.RecursionDesired:
		rcode = dns.RcodeRefused
	default:
		rcode = unaskedType(r.Question[0].Qtype)
	}
	if rcode == dns.RcodeSuccess {
		return nil
	}
	return new(dns.Msg).SetRcode(r, rcode)
}

func unaskedType(t uint16) int {
	switch t {
	case dns.TypeNone, dns.TypeOPT, dns.TypeTSIG, dns.TypeTKEY, dns.TypeNXNAME:
		return dns.RcodeFormatError
	case dns.TypeMAILA, dns.TypeMAILB:
		return dns.RcodeNotImplemented
	case dns.TypeAXFR, dns.TypeIXFR:
		return dns.RcodeRefused
	}
	return dns.RcodeSuccess
}
