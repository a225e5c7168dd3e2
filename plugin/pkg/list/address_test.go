package list

import (
	"net/netip"
	"strings"
	"testing"
)

// slowAddress: an address is a prefix of its own; a prefix without the bits
// behind it; IPv4 in IPv6 is IPv4.
func slowAddress(line string) (want string, mine bool) {
	text := strings.TrimSuffix(strings.TrimPrefix(line, "["), "]")
	if len(text) < len(line) && len(text) != len(line)-2 || len(text) > maxAddr || strings.ContainsAny(line, " \t\v\f%!;#") {
		return "", false
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		if addr = addr.Unmap(); addr.IsUnspecified() || addr.IsLoopback() {
			return "passed over", true
		}
		return netip.PrefixFrom(addr, addr.BitLen()).String(), true
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return "", false
	}
	least := 16
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return "refused", true
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p.Addr().Is4() {
		least = 8
	}
	switch {
	case p.Bits() < least:
		return "refused by a guard", true
	case p != p.Masked():
		return p.Masked().String() + "; warning", true
	}
	return p.String(), true
}

func FuzzAddress(f *testing.F) {
	fuzzFormat(f, slowAddress, "192.0.2.7", "192.0.2.0/24", "192.0.2.7/24", "2001:db8::7", "[2001:db8::7]", "::ffff:192.0.2.7/120", "::ffff:0:0/95",
		"0.0.0.0", "127.0.0.1", "::1", "10.0.0.0/7", "2001::/16", "2000::/15", "1.2.3.4/33")
}
