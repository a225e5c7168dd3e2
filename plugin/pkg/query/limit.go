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

// Fits tells whether m is of limit octets or fewer. Most messages are without
// compression too, and so are measured without the map of names that it takes.
func Fits(m *dns.Msg, limit int) bool {
	plain := *m
	plain.Compress = false
	return plain.Len() <= limit || m.Compress && m.Len() <= limit
}

// Fit makes m fit into limit octets. The texts of extended errors go first (RFC
// 8914, section 3); then records do, and TC is set.
func Fit(m *dns.Msg, limit int) {
	if Fits(m, limit) {
		return
	}
	m.Compress = true
	if Fits(m, limit) {
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
