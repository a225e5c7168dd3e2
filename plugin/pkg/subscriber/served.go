package subscriber

import (
	"net/netip"

	"github.com/gaissmai/bart"
)

// Served is the set of addresses that may ask. It is immutable, for any number
// of goroutines.
type Served struct {
	set bart.Lite
}

// NewServed is the set of all addresses in prefixes.
func NewServed(prefixes []netip.Prefix) *Served {
	s := &Served{}
	for _, p := range prefixes {
		s.set.Insert(unmap(p).Masked())
	}
	return s
}

// Has tells whether a may ask.
func (s *Served) Has(a netip.Addr) bool { return s.set.Contains(a.Unmap()) }

// Private are loopback and the addresses that no one has on the Internet: who
// may ask unless an operator says otherwise.
func Private() []netip.Prefix {
	var all []netip.Prefix
	for _, p := range []string{
		"127.0.0.0/8", "::1/128", // RFC 1122, RFC 4291
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", // RFC 1918
		"100.64.0.0/10", // RFC 6598, between an ISP and its subscribers
		"fc00::/7",      // RFC 4193
		"fe80::/10",     // RFC 4291, the link itself
	} {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}
