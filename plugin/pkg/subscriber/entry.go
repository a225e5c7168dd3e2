package subscriber

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Entry is what one line of a class file covers, and what a Line covers: a
// prefix, or some ports of one IPv4 address.
type Entry struct {
	Prefix netip.Prefix // masked
	// First and Last are the ports, both included: 0 and 65535 unless Prefix is
	// one IPv4 address.
	First, Last uint16
}

// whole is a prefix with all ports.
func whole(p netip.Prefix) Entry { return Entry{p, 0, lastPort} }

// String is the entry as class files and reports write it.
func (e Entry) String() string {
	if e.all() {
		return e.Prefix.String()
	}
	return fmt.Sprintf("%s:%d-%d", e.Prefix.Addr(), e.First, e.Last)
}

// all tells whether the entry covers its addresses whatever the port.
func (e Entry) all() bool { return e.First == 0 && e.Last == lastPort }

// Reasons to refuse an entry.
var (
	errForm     = errors.New("no address, prefix or block of ports; want 192.0.2.7, 2001:db8:0:100::/56 or 100.64.0.7:1024-2047")
	errEveryone = errors.New("covers every address; want a prefix of one bit or more")
	errPorts    = errors.New("no block of ports; want FIRST-LAST from 0 to 65535, FIRST not above LAST")
	errPorts6   = errors.New("a block of ports of an IPv6 address; want its prefix")
	errMulti    = errors.New("multicast, which nobody asks from; want addresses of subscribers")
)

// ParseEntry reads one entry. warning is not empty where the text is taken for
// something that it does not quite say.
func ParseEntry(text string) (e Entry, warning string, err error) {
	addr, ports, hasPorts := cutPorts(text)
	if !hasPorts {
		return parsePrefix(text)
	}
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return Entry{}, "", errForm
	}
	if a = a.Unmap(); !a.Is4() {
		return Entry{}, "", errPorts6
	}
	low, high, ok := strings.Cut(ports, "-")
	first, err1 := strconv.ParseUint(low, 10, 16)
	last, err2 := strconv.ParseUint(high, 10, 16)
	if !ok || err1 != nil || err2 != nil || first > last {
		return Entry{}, "", errPorts
	}
	e = Entry{netip.PrefixFrom(a, a.BitLen()), uint16(first), uint16(last)}
	return e, "", e.allowed()
}

// cutPorts finds the ports behind an address: 192.0.2.7:1024-2047, or
// [::ffff:192.0.2.7]:1024-2047.
func cutPorts(text string) (addr, ports string, ok bool) {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		return strings.Cut(inner, "]:")
	}
	if strings.Count(text, ":") != 1 {
		return "", "", false
	}
	return strings.Cut(text, ":")
}

func parsePrefix(text string) (e Entry, warning string, err error) {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			return Entry{}, "", errForm
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	e = whole(unmap(p).Masked())
	if e.Prefix != unmap(p) {
		warning = fmt.Sprintf("bits behind the prefix; taken as %s", e.Prefix)
	}
	return e, warning, e.allowed()
}

// unmap is the IPv4 prefix that a v4-mapped one means.
func unmap(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

func (e Entry) allowed() error {
	switch {
	case e.Prefix.Bits() == 0:
		return errEveryone
	case e.Prefix.Addr().IsMulticast():
		return errMulti
	}
	return nil
}
