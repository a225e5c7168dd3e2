package answer

import (
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/policy"
	"sinkhole/plugin/pkg/query"
)

// edns gives m an OPT where req has one.
func edns(m, req *dns.Msg, c *policy.Category, code uint16) {
	asked := req.IsEdns0()
	if asked == nil {
		return
	}
	ede := &dns.EDNS0_EDE{InfoCode: code}
	if c.EDE >= 0 {
		ede.InfoCode = uint16(c.EDE)
	}
	if !c.CodeOnly {
		ede.ExtraText = c.EDEText
	}
	opt := query.OPT(asked.Do())
	opt.Option = []dns.EDNS0{ede}
	m.Extra = append(m.Extra, opt)
}

// fit brings m to the size that the client takes.
func fit(m, req *dns.Msg, stream bool) {
	limit := query.Limit(req, stream)
	if query.Fits(m, limit) {
		return
	}
	if opt := m.IsEdns0(); opt != nil {
		opt.Option[0].(*dns.EDNS0_EDE).ExtraText = ""
		if query.Fits(m, limit) {
			return
		}
		m.Extra = []dns.RR{opt}
	} else {
		m.Extra = nil
	}
	if query.Fits(m, limit) { // without the SOA of the policy zone
		return
	}
	m.Truncated, m.Answer, m.Ns = true, nil, nil
}
