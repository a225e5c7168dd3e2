package subscriber

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// rules are entries as folder and text.
type rules [][2]string

func (r rules) marks(t testing.TB) (all []mark) {
	t.Helper()
	for _, entry := range r {
		e, _, err := ParseEntry(entry[1])
		if err != nil {
			t.Fatalf("%s: %v", entry[1], err)
		}
		class, ok := ClassOf(entry[0])
		if !ok && entry[0] != OptOut {
			t.Fatalf("no folder %s", entry[0])
		}
		all = append(all, mark{e, class, !ok})
	}
	return all
}

func build(marks []mark) *Classes {
	var b Builder
	for _, m := range marks {
		if m.optOut {
			b.OptOut(m.entry)
		} else {
			b.Class(m.class, m.entry)
		}
	}
	return b.Build()
}

var testRules = rules{
	{"business", "192.0.2.0/24"},
	{"mail", "192.0.2.7"},
	{"cgn", "192.0.2.7"},
	{"opt-out", "192.0.2.128/25"},
	{"cgn", "100.64.0.0/10"},
	{"mail", "100.64.0.7:1024-2047"},
	{"business", "100.64.0.7:1024-4095"},
	{"opt-out", "100.64.0.7:2048-3071"},
	{"resolver", "2001:db8::/32"},
	{"mail", "2001:db8:0:100::25"},
	{"opt-out", "2001:db8:0:200::/60"},
}

func testClasses(t testing.TB) *Classes { return build(testRules.marks(t)) }

func TestClassesOf(t *testing.T) {
	c := testClasses(t)
	for _, tt := range []struct{ name, from, want string }{
		{"nobody named it", "198.51.100.1:53", "fixed"},
		{"the prefix that covers it", "192.0.2.1:53", "business"},
		{"the longest prefix, and of two equal ones the later class", "192.0.2.7:53", "mail"},
		{"v4-mapped", "[::ffff:192.0.2.7]:53", "mail"},
		{"opted out, and still of its class", "192.0.2.200:53", "business out"},
		{"a block of ports before the prefix", "100.64.0.7:5000", "cgn"},
		{"the narrower block", "100.64.0.7:1024", "mail"},
		{"the last port of it", "100.64.0.7:2047", "mail"},
		{"the wider block, opted out by another", "100.64.0.7:2048", "business out"},
		{"the wider block behind it", "100.64.0.7:3072", "business"},
		{"the same ports of another address", "100.64.0.8:1024", "cgn"},
		{"an IPv6 prefix", "[2001:db8::1]:53", "resolver"},
		{"an IPv6 address in it", "[2001:db8:0:100::25]:53", "mail"},
		{"half a line opted out: in it", "[2001:db8:0:20f::1]:53", "resolver out"},
		{"half a line opted out: beside it", "[2001:db8:0:210::1]:53", "resolver"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			class, out := c.Of(netip.MustParseAddrPort(tt.from))
			if got := verdict(class, out); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestClassesOfLine(t *testing.T) {
	c, s := testClasses(t), testShape(t)
	for _, tt := range []struct{ name, from, want string }{
		{"nobody named it", "203.0.113.1:53", "fixed"},
		{"the prefix that covers it", "192.0.2.1:53", "business"},
		{"two entries of its own", "192.0.2.7:53", "mail"},
		{"opted out by a prefix that covers it", "192.0.2.200:53", "business out"},
		{"a block that is its block", "100.64.0.7:1500", "mail"},
		{"a block that lies in a wider one, opted out", "100.64.0.7:2500", "business out"},
		{"a block that no file names", "100.64.0.7:9000", "cgn"},
		{"a mail server in the home makes the line one", "[2001:db8:0:101::1]:53", "mail"},
		{"part of the line opted out is all of it", "[2001:db8:0:2ff::1]:53", "resolver out"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			class, out := c.OfLine(s, s.Line(netip.MustParseAddrPort(tt.from)))
			if got := verdict(class, out); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	t.Run("blocks where ports make no line", func(t *testing.T) {
		s := Default()
		class, out := c.OfLine(s, s.Line(netip.MustParseAddrPort("100.64.0.7:60000")))
		if got, want := verdict(class, out), "business out"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
	t.Run("no line", func(t *testing.T) {
		if class, out := c.OfLine(s, 0); class != Fixed || out {
			t.Errorf("got %s", verdict(class, out))
		}
	})
}

func TestNoClasses(t *testing.T) {
	a := netip.MustParseAddrPort("192.0.2.7:53")
	for name, c := range map[string]*Classes{"nil": nil, "built of nothing": new(Builder).Build()} {
		class, out := c.Of(a)
		class2, out2 := c.OfLine(Default(), Default().Line(a))
		if class != Fixed || class2 != Fixed || out || out2 {
			t.Errorf("%s: got %s and %s, want fixed", name, verdict(class, out), verdict(class2, out2))
		}
	}
}

func TestClassNames(t *testing.T) {
	for class, name := range map[Class]string{Fixed: "fixed", CGN: "cgn", Mail: "mail", Business: "business", Resolver: "resolver", 99: "unknown"} {
		if got := class.String(); got != name {
			t.Errorf("got %s, want %s", got, name)
		}
		got, ok := ClassOf(name)
		if want := class != Fixed && class != 99; ok != want || ok && got != class {
			t.Errorf("the folder %s: got %s, %v", name, got, ok)
		}
	}
	if got, want := Folders(), []string{"opt-out", "cgn", "mail", "business", "resolver"}; !slices.Equal(got, want) {
		t.Errorf("got folders %q, want %q", got, want)
	}
	if _, ok := ClassOf(OptOut); ok {
		t.Error("opt-out is a class")
	}
}

func verdict(class Class, out bool) string {
	if out {
		return class.String() + " out"
	}
	return class.String()
}

// slowOf looks at every entry.
func slowOf(marks []mark, a netip.AddrPort) (class Class, out bool) {
	best, width := -1, 1<<17
	for _, m := range marks {
		if !m.entry.Prefix.Contains(a.Addr().Unmap()) || a.Port() < m.entry.First || m.entry.Last < a.Port() {
			continue
		}
		bits, ports := m.entry.Prefix.Bits(), m.width()
		switch {
		case m.optOut:
			out = true
		case bits > best || bits == best && ports < width:
			best, width, class = bits, ports, m.class
		case bits == best && ports == width:
			class = max(class, m.class)
		}
	}
	return class, out
}

// slowOfLine looks at every entry, too.
func slowOfLine(marks []mark, line Entry) (class Class, out bool) {
	best := -1
	var within, covers Class
	for _, m := range marks {
		e := m.entry
		if !e.Prefix.Overlaps(line.Prefix) || e.First > line.Last || line.First > e.Last {
			continue
		}
		// An entry with all ports covers a line of some of them.
		inside := e.Prefix.Bits() >= line.Prefix.Bits() && !(e.all() && !line.all())
		switch {
		case m.optOut:
			out = true
		case inside:
			within = max(within, m.class)
		case e.Prefix.Bits() > best:
			best, covers = e.Prefix.Bits(), m.class
		case e.Prefix.Bits() == best:
			covers = max(covers, m.class)
		}
	}
	if within != Fixed {
		return within, out
	}
	return covers, out
}

// TestClassesAgainstSlow asks made-up entries about addresses in and around them.
func TestClassesAgainstSlow(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 8))
			marks := make([]mark, rng.IntN(60))
			for i := range marks {
				marks[i] = mark{entry: randomEntry(rng)}
				if k := rng.IntN(5); k == 0 {
					marks[i].optOut = true
				} else {
					marks[i].class = Class(k)
				}
			}
			c := build(marks)
			shapes := []*Shape{Default(), testShape(t)}
			for range 400 {
				e := randomEntry(rng)
				a := netip.AddrPortFrom(e.Prefix.Addr(), uint16(rng.IntN(64)))
				class, out := c.Of(a)
				wantClass, wantOut := slowOf(marks, a)
				if class != wantClass || out != wantOut {
					t.Fatalf("%s: got %s, want %s", a, verdict(class, out), verdict(wantClass, wantOut))
				}
				for _, s := range shapes {
					l := s.Line(a)
					line, ok := s.entry(l)
					if !ok {
						continue
					}
					class, out := c.OfLine(s, l)
					wantClass, wantOut := slowOfLine(marks, line)
					if class != wantClass || out != wantOut {
						t.Fatalf("line %s: got %s, want %s", s.Text(l), verdict(class, out), verdict(wantClass, wantOut))
					}
				}
			}
		})
	}
}

// randomEntry lies in a space so small that entries meet.
func randomEntry(rng *rand.Rand) Entry {
	switch rng.IntN(3) {
	case 0:
		addr := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 0, byte(rng.IntN(2)), byte(rng.IntN(4) << 6), 15: byte(rng.IntN(2))})
		p, _ := addr.Prefix(50 + rng.IntN(79))
		return whole(p)
	case 1:
		p, _ := smallAddr(rng).Prefix(20 + rng.IntN(13))
		return whole(p)
	}
	first := rng.IntN(48)
	return Entry{netip.PrefixFrom(smallAddr(rng), 32), uint16(first), uint16(first + rng.IntN(16))}
}

func smallAddr(rng *rand.Rand) netip.Addr {
	return netip.AddrFrom4([4]byte{100, 64, byte(rng.IntN(2)), byte(rng.IntN(4) << 6)})
}

func BenchmarkClassesOf(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 8))
	var build Builder
	for i := range 100_000 {
		addr := netip.AddrFrom4([4]byte{100, byte(64 + i>>16), byte(i >> 8), byte(i)})
		build.OptOut(whole(netip.PrefixFrom(addr, 32)))
		build.Class(CGN, Entry{netip.PrefixFrom(addr, 32), uint16(rng.IntN(32) * 1024), 65535})
	}
	c, from := build.Build(), benchmarkFrom()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.Of(from[i%len(from)])
	}
}
