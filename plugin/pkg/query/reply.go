package query

import "github.com/miekg/dns"

// Reply is the answer to m that v asks for, nil where there is none.
func (v Verdict) Reply(m *dns.Msg) *dns.Msg {
	r := replies[v]
	if r.form == silence {
		return nil
	}
	out := &dns.Msg{MsgHdr: dns.MsgHdr{
		Id:                 m.Id,
		Response:           true,
		Opcode:             m.Opcode,
		RecursionDesired:   m.RecursionDesired,
		RecursionAvailable: r.form != header && v != Stranger,
		CheckingDisabled:   m.CheckingDisabled,
		Rcode:              r.rcode,
	}}
	if (r.form == question || r.form == whole) && len(m.Question) > 0 {
		out.Question = m.Question[:1:1]
	}
	if r.form == options || r.form == whole {
		if asked := examine(m).opt; asked != nil {
			o := OPT(asked.Do())
			if r.ede != noEDE {
				o.Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: uint16(r.ede)}}
			}
			out.Extra = []dns.RR{o}
		}
	}
	return out
}

// OPT is the OPT of our replies.
func OPT(do bool) *dns.OPT {
	o := new(dns.OPT)
	SetOPT(o, do)
	return o
}

// SetOPT makes o the OPT of our replies, without options.
func SetOPT(o *dns.OPT, do bool) {
	*o = dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT, Class: UDPSize}}
	if do {
		o.SetDo()
	}
}
