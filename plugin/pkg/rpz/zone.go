package rpz

import (
	"net/netip"

	"github.com/miekg/dns"
)

// Zone is a response policy zone. It is immutable: any number of goroutines may
// ask it. A nil Zone is empty.
type Zone struct {
	name string
	soa  *dns.SOA
}

// Name is the owner of the zone's SOA, else what its file is called; without
// the final dot.
func (z *Zone) Name() string {
	if z == nil {
		return ""
	}
	return z.name
}

// SOA is the zone's own; nil where it has none. It must not be written to.
func (z *Zone) SOA() *dns.SOA {
	if z == nil {
		return nil
	}
	return z.soa
}

// Has tells whether the zone has a rule with that trigger.
func (z *Zone) Has(t Trigger) bool { return false }

// Stats is what a Zone holds.
type Stats struct {
	Rules [triggers]int // by Trigger
	Bytes int           // of names and records, in octets
}

// Stats counts.
func (z *Zone) Stats() Stats { return Stats{} }

// QName is the rule on a name asked, in wire form: that of the name itself, else
// of the wildcard at the closest name above it that exists in the zone (RFC
// 4592, section 3.3.1). It allocates nothing.
func (z *Zone) QName(name []byte) (Rule, bool) { return Rule{}, false }

// NSDName is QName for the name of a server.
func (z *Zone) NSDName(name []byte) (Rule, bool) { return Rule{}, false }

// Addr is the rule with the longest prefix that holds a; t is ClientIP, IP or
// NSIP. It allocates nothing.
func (z *Zone) Addr(t Trigger, a netip.Addr) (Rule, bool) { return Rule{}, false }

// Data is the records of a rule whose Action is Data, made for this call: owner
// ".", class IN, the zone's own TTL. One CNAME whose target begins with *. wants
// the whole QNAME in the place of the asterisk.
func (z *Zone) Data(r Rule) []dns.RR { return nil }
