package answer

import (
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/policy"
)

// Sizes of messages in octets.
const (
	// UDPSize is what we announce in EDNS and the most that we send over UDP:
	// RFC 9715 has the reasons.
	UDPSize = 1232

	plainSize  = dns.MinMsgSize // over UDP without EDNS: RFC 1035, section 2.3.4
	streamSize = dns.MaxMsgSize // what the length of a message on a stream can say
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
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}, Option: []dns.EDNS0{ede}}
	opt.SetUDPSize(UDPSize)
	if asked.Do() {
		opt.SetDo()
	}
	m.Extra = []dns.RR{opt}
}

// fit brings m to the size that the client takes.
func fit(m, req *dns.Msg, stream bool) {
	size := sizeFor(req, stream)
	if m.Len() <= size {
		return
	}
	if opt := m.IsEdns0(); opt != nil {
		opt.Option[0].(*dns.EDNS0_EDE).ExtraText = ""
		if m.Len() <= size {
			return
		}
	}
	m.Truncated, m.Answer, m.Ns = true, nil, nil
}

func sizeFor(req *dns.Msg, stream bool) int {
	opt := req.IsEdns0()
	switch {
	case stream:
		return streamSize
	case opt == nil:
		return plainSize
	}
	return min(max(int(opt.UDPSize()), plainSize), UDPSize)
}
