package list

import (
	"bytes"
	"fmt"
	"net/netip"
)

const (
	// maxAddr bounds the text of an address with a zone, in octets:
	// 45 of ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255, %, and an
	// interface's name.
	maxAddr = 64

	// Shorter prefixes than these hold the networks of many: nobody blocks them
	// by a line of a list, and 0.0.0.0/0 would block every answer.
	minBits4, minBits6 = 8, 16

	whyZone   = "an address with a zone is of one link; want one without"
	whyWide   = "too wide; want /8 or longer, in IPv6 /16 or longer"
	whyMapped = "a v4-mapped prefix wider than IPv4; want /96 or longer"
	whyBits   = "no such prefix length"
)

// address reads an address or a prefix alone on a line; false where e is none.
// own: the form says that it means an address (||192.0.2.7^).
func (r *reader) address(e []byte, own, except bool) bool {
	text := e
	if n := len(e); n > 2 && e[0] == '[' && e[n-1] == ']' {
		text = e[1 : n-1]
	}
	if !addrShape(text) || spaced(text) { // a zone may hold blanks: fe80::1%lo0 localhost
		return false
	}
	if addr, ok := parseAddr(text); ok {
		switch addr = addr.Unmap(); {
		case addr.Zone() != "":
			r.refuse(e, whyZone)
		case (addr.IsUnspecified() || addr.IsLoopback()) && !own:
			r.pass(passLocal) // a hosts line that lost its name
		default:
			r.prefix(netip.PrefixFrom(addr, addr.BitLen()), except, e)
		}
		return true
	}
	host, bits, ok := bytes.Cut(text, []byte("/"))
	if !ok || !isAddr(host) || !digits(bits) {
		return false
	}
	p, err := netip.ParsePrefix(string(text))
	switch {
	case err != nil:
		r.refuse(e, whyBits)
	case p.Addr().Is4In6() && p.Bits() < 96:
		r.refuse(e, whyMapped)
	case p.Addr().Is4In6():
		r.prefix(netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96), except, e)
	default:
		r.prefix(p, except, e)
	}
	return true
}

// prefix takes a rule on addresses that says no more than that.
func (r *reader) prefix(p netip.Prefix, except bool, text []byte) {
	r.prefixRule(Rule{Except: except, Prefix: p}, text)
}

// prefixRule takes a rule on addresses.
func (r *reader) prefixRule(says Rule, text []byte) {
	says.Except = says.Except || r.o.Allow
	least := minBits6
	if says.Prefix.Addr().Is4() {
		least = minBits4
	}
	if says.Prefix.Bits() < least && !says.Except {
		r.refuseByGuard(text, whyWide)
		return
	}
	if masked := says.Prefix.Masked(); masked != says.Prefix {
		r.warn(text, fmt.Sprintf("address bits behind the prefix; read as %s", masked))
		says.Prefix = masked
	}
	says.Line, says.Text = r.line, r.text
	r.res.Entries++
	r.emit(says)
}

// addrShape spares the parser, which allocates to say no, what begins like no
// address.
func addrShape(text []byte) bool {
	if len(text) < 2 || len(text) > maxAddr {
		return false
	}
	c := text[0] | 0x20
	return text[0] >= '0' && text[0] <= '9' || text[0] == ':' ||
		c >= 'a' && c <= 'f' && bytes.IndexByte(text, ':') > 0
}

func parseAddr(text []byte) (netip.Addr, bool) {
	if !addrShape(text) {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(string(text))
	return addr, err == nil
}

func isAddr(text []byte) bool {
	_, ok := parseAddr(text)
	return ok
}

// isAddr6 tells an address of IPv6, which may stand in brackets.
func isAddr6(text []byte) bool {
	if n := len(text); n > 2 && text[0] == '[' && text[n-1] == ']' {
		text = text[1 : n-1]
	}
	return bytes.IndexByte(text, ':') >= 0 && isAddr(text)
}
