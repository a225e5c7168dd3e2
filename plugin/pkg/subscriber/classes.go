package subscriber

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

// Classes are the entries of all class files. They are immutable, for any number
// of goroutines; nil is empty.
type Classes struct {
	class  bart.Table[Class]
	optOut bart.Lite
	ports  bart.Table[[]span] // by address: what blocks of its ports say
}

// span is a run of ports of which the same holds. The spans of an address do not
// overlap and are sorted.
type span struct {
	first, last uint16
	class       Class // Fixed: what the prefixes say
	optOut      bool
}

// Of is the class of the longest entry that a lies in, and whether any entry
// opts it out.
func (c *Classes) Of(a netip.AddrPort) (class Class, optedOut bool) {
	if c == nil {
		return Fixed, false
	}
	addr := a.Addr().Unmap()
	class, _ = c.class.Lookup(addr)
	optedOut = c.optOut.Contains(addr)
	if spans, ok := c.ports.Lookup(addr); ok {
		i, found := slices.BinarySearchFunc(spans, a.Port(), span.compare)
		if found && spans[i].class != Fixed {
			class = spans[i].class
		}
		optedOut = optedOut || found && spans[i].optOut
	}
	return class, optedOut
}

func (s span) compare(port uint16) int {
	switch {
	case s.last < port:
		return -1
	case s.first > port:
		return 1
	}
	return 0
}

// OfLine is the class of a whole line: the highest of the entries within it, or
// else that of the longest that covers it. optedOut: an entry that opts out
// covers the line or lies within it.
func (c *Classes) OfLine(s *Shape, l Line) (class Class, optedOut bool) {
	e, ok := s.entry(l)
	if c == nil || !ok {
		return Fixed, false
	}
	class, _ = c.class.LookupPrefix(e.Prefix)
	optedOut = c.optOut.OverlapsPrefix(e.Prefix)
	var within Class
	if e.all() && c.class.OverlapsPrefix(e.Prefix) {
		for _, k := range c.class.Subnets(e.Prefix) {
			within = max(within, k)
		}
	}
	if c.ports.OverlapsPrefix(e.Prefix) {
		for _, spans := range c.ports.Subnets(e.Prefix) {
			for _, sp := range spans {
				if sp.first <= e.Last && e.First <= sp.last {
					within = max(within, sp.class)
					optedOut = optedOut || sp.optOut
				}
			}
		}
	}
	return cmp.Or(within, class), optedOut
}

// Builder collects entries. The zero Builder is ready.
type Builder struct {
	c     *Classes
	ports map[netip.Addr][]mark
}

// mark is what one entry says.
type mark struct {
	entry  Entry
	class  Class
	optOut bool
}

// Class puts all that e covers into class.
func (b *Builder) Class(class Class, e Entry) { b.add(mark{e, class, false}) }

// OptOut opts all that e covers out.
func (b *Builder) OptOut(e Entry) { b.add(mark{e, Fixed, true}) }

func (b *Builder) add(m mark) {
	if b.c == nil {
		b.c, b.ports = &Classes{}, map[netip.Addr][]mark{}
	}
	p := m.entry.Prefix
	switch {
	case !m.entry.all():
		b.ports[p.Addr()] = append(b.ports[p.Addr()], m)
	case m.optOut:
		b.c.optOut.Insert(p)
	default:
		old, _ := b.c.class.Get(p)
		b.c.class.Insert(p, max(old, m.class))
	}
}

// Build ends the collecting.
func (b *Builder) Build() *Classes {
	c := b.c
	for addr, marks := range b.ports {
		c.ports.Insert(netip.PrefixFrom(addr, addr.BitLen()), flatten(marks))
	}
	*b = Builder{}
	return c
}

// flatten makes spans of blocks that may overlap: they are cut where any of them
// begins or ends, and painted from the widest to the narrowest, so that the
// narrowest is seen; of equal blocks the highest class is.
func flatten(marks []mark) []span {
	slices.SortFunc(marks, func(a, b mark) int {
		return cmp.Or(cmp.Compare(b.width(), a.width()), cmp.Compare(a.class, b.class))
	})
	cuts := make([]int, 0, 2*len(marks))
	for _, m := range marks {
		cuts = append(cuts, int(m.entry.First), int(m.entry.Last)+1)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)

	spans := make([]span, len(cuts)-1)
	for i := range spans {
		spans[i].first, spans[i].last = uint16(cuts[i]), uint16(cuts[i+1]-1)
	}
	for _, m := range marks {
		i, _ := slices.BinarySearch(cuts, int(m.entry.First))
		for ; i < len(spans) && spans[i].last <= m.entry.Last; i++ {
			if m.optOut {
				spans[i].optOut = true
			} else {
				spans[i].class = m.class
			}
		}
	}
	return slices.DeleteFunc(spans, func(s span) bool { return s.class == Fixed && !s.optOut })
}

func (m mark) width() int { return int(m.entry.Last) - int(m.entry.First) }
