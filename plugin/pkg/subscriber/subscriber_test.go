package subscriber

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// testShape has all that a shape can have.
func testShape(t testing.TB) *Shape {
	t.Helper()
	s, err := NewShape(32, 56, []Ports{
		{netip.MustParsePrefix("100.64.0.0/10"), 1024, 0},
		{netip.MustParsePrefix("100.64.128.0/24"), 2048, 0},
		{netip.MustParsePrefix("198.51.100.0/24"), 2016, 1024},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLine(t *testing.T) {
	s := testShape(t)
	for _, tt := range []struct{ name, from, want string }{
		{"an IPv4 address is a line", "192.0.2.7:5353", "192.0.2.7/32"},
		{"its port does not matter", "192.0.2.7:1", "192.0.2.7/32"},
		{"a v4-mapped address is the IPv4 address", "[::ffff:192.0.2.7]:5353", "192.0.2.7/32"},
		{"the first IPv4 address", "0.0.0.0:1", "0.0.0.0/32"},
		{"the last IPv4 address", "255.255.255.255:65535", "255.255.255.255/32"},
		{"an IPv6 home is a line", "[2001:db8:0:1ff::53]:5353", "2001:db8:0:100::/56"},
		{"the next home is another", "[2001:db8:0:200::53]:5353", "2001:db8:0:200::/56"},
		{"loopback is a line", "[::1]:5353", "::/56"},
		{"a link's own address is a line, whatever the link", "[fe80::1%eth0]:5353", "fe80::/56"},
		{"the last IPv6 addresses before multicast", "[feff:ffff:ffff:ffff:ffff::1]:1", "feff:ffff:ffff:ff00::/56"},
		{"multicast is no line", "[ff02::fb]:5353", ""},
		{"behind CGN a block of ports is a line", "100.64.0.7:1500", "100.64.0.7:1024-2047"},
		{"also of a v4-mapped address", "[::ffff:100.64.0.7]:2047", "100.64.0.7:1024-2047"},
		{"the next block is another", "100.64.0.7:2048", "100.64.0.7:2048-3071"},
		{"the first block begins with port 0", "100.64.0.7:0", "100.64.0.7:0-1023"},
		{"the last block ends with the last port", "100.64.0.7:65535", "100.64.0.7:64512-65535"},
		{"the longest rule decides", "100.64.128.7:1500", "100.64.128.7:0-2047"},
		{"blocks counted from a port", "198.51.100.1:1024", "198.51.100.1:1024-3039"},
		{"and the next of them", "198.51.100.1:3040", "198.51.100.1:3040-5055"},
		{"the ports below it are a block of their own", "198.51.100.1:1023", "198.51.100.1:0-1023"},
		{"the last of them ends at the last port", "198.51.100.1:65535", "198.51.100.1:63520-65535"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := s.Line(netip.MustParseAddrPort(tt.from))
			if got := s.Text(l); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if (l == 0) != (tt.want == "") {
				t.Errorf("got line %#x for %q", uint64(l), tt.want)
			}
			if got, want := s.IsPorts(l), strings.Contains(tt.want, "-"); got != want {
				t.Errorf("got IsPorts %v, want %v", got, want)
			}
		})
	}
	if l := s.Line(netip.AddrPort{}); l != 0 {
		t.Errorf("no address: got line %#x, want none", uint64(l))
	}
}

// TestLineAsWritten holds the example of the package comment.
func TestLineAsWritten(t *testing.T) {
	if l, want := testShape(t).Line(netip.MustParseAddrPort("100.64.0.7:1500")), Line(0xff05_64400007_0400); l != want {
		t.Errorf("got %#x, want %#x", uint64(l), uint64(want))
	}
}

func TestShapeRefusals(t *testing.T) {
	cgn := netip.MustParsePrefix("100.64.0.0/10")
	for _, tt := range []struct {
		name         string
		bits4, bits6 int
		ports        []Ports
		want         string
	}{
		{"no bits of IPv4", 0, 56, nil, "0 bits of an IPv4 address; want 1 to 32"},
		{"too many bits of IPv4", 33, 56, nil, "33 bits of an IPv4 address; want 1 to 32"},
		{"too few bits of IPv6", 32, 15, nil, "15 bits of an IPv6 address; want 16 to 64"},
		{"too many bits of IPv6", 32, 65, nil, "65 bits of an IPv6 address; want 16 to 64"},
		{"blocks of IPv6", 32, 56, []Ports{{netip.MustParsePrefix("2001:db8::/32"), 1024, 0}}, "2001:db8::/32: want an IPv4 prefix"},
		{"no prefix", 32, 56, []Ports{{netip.Prefix{}, 1024, 0}}, "invalid Prefix: want an IPv4 prefix"},
		{"no ports", 32, 56, []Ports{{cgn, 0, 0}}, "100.64.0.0/10: a block of 0 ports; want 1 to 32768"},
		{"all ports", 32, 56, []Ports{{cgn, 65536, 0}}, "100.64.0.0/10: a block of 65536 ports; want 1 to 32768"},
		{"from no port", 32, 56, []Ports{{cgn, 1024, 65536}}, "100.64.0.0/10: blocks from port 65536; want 0 to 65535"},
		{"two sizes", 32, 56, []Ports{{cgn, 1024, 0}, {netip.MustParsePrefix("100.64.0.7/10"), 512, 0}}, "100.64.0.0/10: two rules, blocks of 1024 and of 512 ports; want one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewShape(tt.bits4, tt.bits6, tt.ports)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestShapeString(t *testing.T) {
	if got, want := Default().String(), "lines 32 56"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	want := "lines 32 56, ports 100.64.0.0/10 1024, ports 100.64.128.0/24 2048, ports 198.51.100.0/24 2016 1024"
	if got := testShape(t).String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	twice, err := NewShape(32, 56, []Ports{{netip.MustParsePrefix("100.64.0.0/10"), 1024, 0}, {netip.MustParsePrefix("100.64.0.0/10"), 1024, 0}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := twice.String(), "lines 32 56, ports 100.64.0.0/10 1024"; got != want {
		t.Errorf("a rule said twice: got %q, want %q", got, want)
	}
}

// slowText is the line of an address by the texts of addresses alone.
func slowText(bits4, bits6 int, rules []Ports, a netip.AddrPort) string {
	addr := a.Addr().Unmap().WithZone("")
	if addr.Is6() && addr.IsMulticast() {
		return ""
	}
	best := -1
	for i, r := range rules {
		if r.Prefix.Contains(addr) && (best < 0 || r.Prefix.Bits() > rules[best].Prefix.Bits()) {
			best = i
		}
	}
	if best >= 0 {
		first := 0
		for next := rules[best].First; next <= int(a.Port()); next += rules[best].Block {
			first = next
		}
		last := first
		for last < lastPort && last+1 != rules[best].First && (last < rules[best].First || (last+1-rules[best].First)%rules[best].Block != 0) {
			last++
		}
		return fmt.Sprintf("%s:%d-%d", addr, first, last)
	}
	bits := bits4
	if addr.Is6() {
		bits = bits6
	}
	p, _ := addr.Prefix(bits)
	return p.String()
}

// FuzzLine holds Line and Text to slowText, and a line to one text.
func FuzzLine(f *testing.F) {
	f.Add([]byte{192, 0, 2, 7}, uint16(5353), uint8(32), uint8(56), uint16(1024), uint16(0))
	f.Add([]byte("\x20\x01\x0d\xb8\x00\x00\x01\xff\x00\x00\x00\x00\x00\x00\x00\x53"), uint16(1), uint8(24), uint8(64), uint16(1), uint16(1024))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x64\x40\x00\x07"), uint16(1500), uint8(1), uint8(16), uint16(2016), uint16(1024))
	f.Add([]byte("\xff\x04\xc0\x00\x02\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), uint16(0), uint8(32), uint8(64), uint16(512), uint16(65535))
	f.Fuzz(func(t *testing.T, raw []byte, port uint16, bits4, bits6 uint8, block, first uint16) {
		addr, ok := netip.AddrFromSlice(raw)
		if !ok {
			return
		}
		b4, b6 := MinBits4+int(bits4)%MaxBits4, MinBits6+int(bits6)%(MaxBits6-MinBits6+1)
		rules := []Ports{
			{netip.MustParsePrefix("100.64.0.0/10"), MinBlock + int(block)%MaxBlock, int(first)},
			{netip.MustParsePrefix("100.64.0.0/16"), 1024, 0},
		}
		s, err := NewShape(b4, b6, rules)
		if err != nil {
			t.Fatal(err)
		}
		a := netip.AddrPortFrom(addr, port)
		l := s.Line(a)
		text, want := s.Text(l), slowText(b4, b6, rules, a)
		if text != want {
			t.Fatalf("%s under %s: got %q, want %q", a, s, text, want)
		}
		if text == "" {
			return
		}
		e, warning, err := ParseEntry(text)
		if err == nil && warning != "" {
			t.Fatalf("%q is taken with a warning: %s", text, warning)
		}
		if err != nil && err != errEveryone && err != errMulti {
			t.Fatalf("%q is a line and no entry: %v", text, err)
		}
		if err == nil {
			back := s.Line(netip.AddrPortFrom(e.Prefix.Addr(), e.First))
			if back != l {
				t.Fatalf("%q of line %#x gives line %#x", text, uint64(l), uint64(back))
			}
		}
	})
}

// FuzzText holds that whatever is no line of a shape has no text, and whatever
// has one is the line of the address in it.
func FuzzText(f *testing.F) {
	for _, l := range []uint64{0, 1, 0xff04_c0000207_0000, 0xff05_64400007_0400, 0xff06_00000000_0000, 0x20010db800000100} {
		f.Add(l)
	}
	s := testShape(f)
	f.Fuzz(func(t *testing.T, n uint64) {
		l := Line(n)
		e, ok := s.entry(l)
		if !ok {
			if text := s.Text(l); text != "" {
				t.Fatalf("%#x is no line and has the text %q", n, text)
			}
			return
		}
		if l>>48 == tagAddr4 && s.ports.Contains(e.Prefix.Addr()) {
			return // a line before there were blocks
		}
		if got := s.Line(netip.AddrPortFrom(e.Prefix.Addr(), e.First)); got != l {
			t.Fatalf("%#x is %s, which is line %#x", n, s.Text(l), uint64(got))
		}
	})
}

func TestLookupsAllocateNothing(t *testing.T) {
	s, c, served := testShape(t), testClasses(t), NewServed(Private())
	for _, from := range []string{"192.0.2.7:53", "100.64.0.7:1500", "[2001:db8::1]:53", "[::ffff:10.0.0.1]:53", "[fe80::1%eth0]:53"} {
		a := netip.MustParseAddrPort(from)
		if n := testing.AllocsPerRun(100, func() {
			s.Line(a)
			c.Of(a)
			served.Has(a.Addr())
		}); n != 0 {
			t.Errorf("%s: %v allocations, want none", from, n)
		}
	}
}

// benchmarkFrom are addresses of 4,096 lines, half of them IPv6.
func benchmarkFrom() []netip.AddrPort {
	from := make([]netip.AddrPort, 4096)
	for i := range from {
		v4 := [4]byte{100, 64, byte(i >> 8), byte(i)}
		v6 := [16]byte{0x20, 0x01, 0x0d, 0xb8}
		binary.BigEndian.PutUint32(v6[4:], uint32(i)<<8)
		if i%2 == 0 {
			from[i] = netip.AddrPortFrom(netip.AddrFrom4(v4), uint16(i))
		} else {
			from[i] = netip.AddrPortFrom(netip.AddrFrom16(v6), uint16(i))
		}
	}
	return from
}

func BenchmarkLine(b *testing.B) {
	from := benchmarkFrom()
	for _, bb := range []struct {
		name  string
		shape *Shape
	}{{"default", Default()}, {"ports", testShape(b)}} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				bb.shape.Line(from[i%len(from)])
			}
		})
	}
}

func BenchmarkServed(b *testing.B) {
	from, served := benchmarkFrom(), NewServed(Private())
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		served.Has(from[i%len(from)].Addr())
	}
}
