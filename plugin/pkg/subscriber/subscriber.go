// Package subscriber tells which subscriber line an address is.
//
// A line is what one subscriber has: an IPv4 address, the prefix of an IPv6
// home, or a block of ports of an address that a CGN shares. It is neither a
// person nor a machine: behind nine in ten stands a home's NAT, behind half of
// them several hosts (Maier et al., PAM 2011).
//
// # Layout
//
// A Line is 64 bits, exact and reversible:
//
//	                  +-------------------------------------+
//	IPv6 prefix       | upper half of the address, masked   |
//	                  +-------+-------------------+---------+
//	IPv4 prefix       | ff 04 | address, masked   | 00 00   |
//	block of ports    | ff 05 | address           | first   |
//	prefix of ::      | ff 06 | 00 00 00 00       | 00 00   |
//	no line           | 00 00 | 00 00 00 00       | 00 00   |
//	                  +-------+-------------------+---------+
//
// ff00::/8 is multicast, which nothing is sent from (RFC 4291, section 2.7): the
// region is free, and an address in it is no line. The prefix of :: needs a
// value of its own because ::1 asks too, and 0 is no line.
//
// # Example
//
// Under `lines 32 56` and `ports 100.64.0.0/10 1024`, 100.64.0.7 asking from
// port 1500 is ff05 64400007 0400, in text 100.64.0.7:1024-2047.
//
// # Cost
//
// Line, Has and Of allocate nothing (TestLookupsAllocateNothing) and lock
// nothing; BenchmarkLine and BenchmarkClassesOf measure them.
package subscriber

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/gaissmai/bart"
)

// Line is a subscriber line, as one Shape sees it. Lines compare with ==; 0 is
// no line.
type Line uint64

// The upper 16 bits of lines that are no IPv6 prefix.
const (
	tagAddr4 = 0xff04
	tagPorts = 0xff05
	tagZero6 = 0xff06
)

// What a line may be, and what it is unless said otherwise, in bits of the
// address and in ports.
const (
	MinBits4, MaxBits4, DefaultBits4 = 1, 32, 32
	MinBits6, MaxBits6, DefaultBits6 = 16, 64, 56
	MinBlock, MaxBlock               = 1, 32768
)

const lastPort = 1<<16 - 1

// Ports says that behind the IPv4 addresses of Prefix a line is a block of Block
// ports. The blocks are counted from port First; the ports below it are one
// block of their own.
type Ports struct {
	Prefix netip.Prefix
	Block  int
	First  int
}

// String is the rule as the Corefile says it.
func (p Ports) String() string {
	if p.First == 0 {
		return fmt.Sprintf("%s %d", p.Prefix, p.Block)
	}
	return fmt.Sprintf("%s %d %d", p.Prefix, p.Block, p.First)
}

// Shape says what a line is. It is immutable.
type Shape struct {
	bits4, bits6 int
	rules        []Ports
	ports        bart.Table[Ports] // rules by their prefix
}

// NewShape is a shape of lines with so many bits. Where the prefixes of rules
// overlap, the longest decides.
func NewShape(bits4, bits6 int, rules []Ports) (*Shape, error) {
	if bits4 < MinBits4 || bits4 > MaxBits4 {
		return nil, fmt.Errorf("%d bits of an IPv4 address; want %d to %d", bits4, MinBits4, MaxBits4)
	}
	if bits6 < MinBits6 || bits6 > MaxBits6 {
		return nil, fmt.Errorf("%d bits of an IPv6 address; want %d to %d", bits6, MinBits6, MaxBits6)
	}
	s := &Shape{bits4: bits4, bits6: bits6}
	for _, r := range rules {
		switch {
		case !r.Prefix.IsValid() || !r.Prefix.Addr().Is4():
			return nil, fmt.Errorf("%s: want an IPv4 prefix", r.Prefix)
		case r.Block < MinBlock || r.Block > MaxBlock:
			return nil, fmt.Errorf("%s: a block of %d ports; want %d to %d", r.Prefix, r.Block, MinBlock, MaxBlock)
		case r.First < 0 || r.First > lastPort:
			return nil, fmt.Errorf("%s: blocks from port %d; want 0 to %d", r.Prefix, r.First, lastPort)
		}
		r.Prefix = r.Prefix.Masked()
		if other, ok := s.ports.Get(r.Prefix); ok && other != r {
			return nil, fmt.Errorf("%s: two rules, blocks of %d and of %d ports; want one", r.Prefix, other.Block, r.Block)
		} else if ok {
			continue
		}
		s.ports.Insert(r.Prefix, r)
		s.rules = append(s.rules, r)
	}
	slices.SortFunc(s.rules, func(a, b Ports) int { return a.Prefix.Compare(b.Prefix) })
	return s, nil
}

// Default is the shape of DefaultBits4, DefaultBits6 and no blocks of ports.
func Default() *Shape {
	return &Shape{bits4: DefaultBits4, bits6: DefaultBits6}
}

// Line is the line that a asks from, 0 where it is none.
func (s *Shape) Line(a netip.AddrPort) Line {
	addr := a.Addr().Unmap()
	switch {
	case addr.Is4():
		return s.line4(addr, a.Port())
	case addr.Is6():
		return s.line6(addr)
	}
	return 0
}

func (s *Shape) line4(addr netip.Addr, port uint16) Line {
	b := addr.As4()
	u := binary.BigEndian.Uint32(b[:])
	if len(s.rules) > 0 {
		if r, ok := s.ports.Lookup(addr); ok {
			first, _ := r.around(port)
			return tagPorts<<48 | Line(u)<<16 | Line(first)
		}
	}
	return tagAddr4<<48 | Line(u&(^uint32(0)<<(32-s.bits4)))<<16
}

func (s *Shape) line6(addr netip.Addr) Line {
	b := addr.As16()
	if b[0] == 0xff {
		return 0
	}
	u := binary.BigEndian.Uint64(b[:8]) & (^uint64(0) << (64 - s.bits6))
	if u == 0 {
		return tagZero6 << 48
	}
	return Line(u)
}

// around is the block that port lies in, by its first and last port.
func (p Ports) around(port uint16) (first, last uint16) {
	n := int(port) - p.First
	if n < 0 {
		return 0, uint16(p.First - 1)
	}
	low := p.First + n - n%p.Block
	return uint16(low), uint16(min(low+p.Block-1, lastPort))
}

// entry is what l covers; not ok where l is no line of s.
func (s *Shape) entry(l Line) (e Entry, ok bool) {
	if l>>56 != 0xff {
		var v6 [16]byte
		binary.BigEndian.PutUint64(v6[:8], uint64(l))
		e = whole(netip.PrefixFrom(netip.AddrFrom16(v6), s.bits6))
		return e, l != 0 && e.Prefix == e.Prefix.Masked()
	}
	var v4 [4]byte
	binary.BigEndian.PutUint32(v4[:], uint32(l>>16))
	addr, port := netip.AddrFrom4(v4), uint16(l)
	switch l >> 48 {
	case tagAddr4:
		e = whole(netip.PrefixFrom(addr, s.bits4))
		return e, port == 0 && e.Prefix == e.Prefix.Masked()
	case tagPorts:
		r, ok := s.ports.Lookup(addr)
		if !ok {
			return Entry{}, false
		}
		first, last := r.around(port)
		return Entry{netip.PrefixFrom(addr, addr.BitLen()), first, last}, first == port
	case tagZero6:
		return whole(netip.PrefixFrom(netip.IPv6Unspecified(), s.bits6)), l == tagZero6<<48
	}
	return Entry{}, false
}

// Text is the line as people write it: 192.0.2.7/32, 2001:db8:0:100::/56,
// 100.64.0.7:1024-2047. It is empty where l is no line of s.
func (s *Shape) Text(l Line) string {
	e, ok := s.entry(l)
	if !ok {
		return ""
	}
	return e.String()
}

// IsPorts tells whether l is a block of ports of an address that lines share.
func (s *Shape) IsPorts(l Line) bool { return l>>48 == tagPorts }

// String is the shape as the Corefile says it. Shapes with the same text give
// the same lines: a checkpoint of counters carries it.
func (s *Shape) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "lines %d %d", s.bits4, s.bits6)
	for _, r := range s.rules {
		fmt.Fprintf(&b, ", ports %s", r)
	}
	return b.String()
}
