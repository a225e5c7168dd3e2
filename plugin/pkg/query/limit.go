package query

import "github.com/miekg/dns"

// Limit is how many octets a reply to m may have: what its OPT says, within 512
// and UDPSize (RFC 6891, 6.2.3), 512 without, and any number on a stream.
func Limit(m *dns.Msg, stream bool) int {
	if stream {
		return dns.MaxMsgSize
	}
	if o := m.IsEdns0(); o != nil {
		return min(max(int(o.UDPSize()), dns.MinMsgSize), UDPSize)
	}
	return dns.MinMsgSize
}

// Fit makes m fit into limit octets. The texts of extended errors go first (RFC
// 8914, section 3); then records do, and TC is set.
func Fit(m *dns.Msg, limit int) {
	if m.Len() <= limit {
		return
	}
	m.Compress = true
	if m.Len() <= limit {
		return
	}
	if o := m.IsEdns0(); o != nil {
		for i, option := range o.Option {
			if e, ok := option.(*dns.EDNS0_EDE); ok && e.ExtraText != "" {
				o.Option[i] = &dns.EDNS0_EDE{InfoCode: e.InfoCode}
			}
		}
	}
	m.Truncate(limit)
}
