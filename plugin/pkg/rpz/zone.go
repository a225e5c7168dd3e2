package rpz

import (
	"net/netip"

	"github.com/gaissmai/bart"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/index"
)

// Zone is a response policy zone. It is immutable: any number of goroutines may
// ask it. A nil Zone is empty.
type Zone struct {
	id    []byte // shared with the names; see Save
	name  string
	soa   *dns.SOA
	rules [triggers]int
	table
	trees [2]names // of QName and NSDName
	addrs [triggers]*bart.Table[uint32]
}

// names are all names that exist below one name of the zone, and what it holds
// at each: numbers of nodes.
type names struct {
	names *index.Set
	root  node // of that name
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
func (z *Zone) Has(t Trigger) bool { return z != nil && z.rules[t] > 0 }

// Stats is what a Zone holds.
type Stats struct {
	Rules [triggers]int // by Trigger
	Bytes int           // of names and records, in octets; addresses are not counted
}

// Stats counts.
func (z *Zone) Stats() Stats {
	if z == nil {
		return Stats{}
	}
	s := Stats{Rules: z.rules, Bytes: 8*len(z.outcomes) + 8*len(z.nodes) + len(z.data) + 4*len(z.at)}
	for i := range z.trees {
		s.Bytes += z.trees[i].names.Bytes()
	}
	return s
}

// QName is the rule on a name asked, in wire form: that of the name itself, else
// of the wildcard at the closest name above it that exists in the zone (RFC
// 4592, section 3.3.1). It allocates nothing.
func (z *Zone) QName(name []byte) (Rule, bool) {
	if z == nil || z.rules[QName] == 0 {
		return Rule{}, false
	}
	return z.find(QName, &z.trees[0], name)
}

// NSDName is QName for the name of a server.
func (z *Zone) NSDName(name []byte) (Rule, bool) {
	if z == nil || z.rules[NSDName] == 0 {
		return Rule{}, false
	}
	return z.find(NSDName, &z.trees[1], name)
}

func (z *Zone) find(t Trigger, in *names, name []byte) (Rule, bool) {
	closest, above, labels := in.root, node{}, uint8(0)
	w := in.names.Walk(name) // not in the for: each turn would have a copy
	for w.Next() {
		above, closest, labels = closest, z.nodes[w.Value], w.Labels
	}
	if closest == (node{}) && above == (node{}) {
		return Rule{}, false
	}
	if more := dnsname.Labels(name) - int(labels); more > 0 {
		if more > 1 && starAt(name, more-1) { // below *, which is a name that exists
			return Rule{}, false
		}
		return z.rule(t, closest.wild, true, labels)
	}
	if closest.own == 0 && starAt(name, 0) { // its rule stands at the name above
		return z.rule(t, above.wild, true, labels-1)
	}
	return z.rule(t, closest.own, false, labels)
}

// starAt tells whether label i of a name, from 0 on the left, is an asterisk.
func starAt(name []byte, i int) bool {
	for ; i > 0; i-- {
		name = name[name[0]+1:]
	}
	return name[0] == 1 && name[1] == '*'
}

func (z *Zone) rule(t Trigger, number uint32, wild bool, labels uint8) (Rule, bool) {
	if number == 0 {
		return Rule{}, false
	}
	o := z.outcomes[number]
	return Rule{Trigger: t, Action: o.action, Data: o.data, Wild: wild, Labels: labels}, true
}

// Addr is the rule with the longest prefix that holds a; t is ClientIP, IP or
// NSIP. It allocates nothing.
func (z *Zone) Addr(t Trigger, a netip.Addr) (Rule, bool) {
	if z == nil || z.addrs[t] == nil || !a.IsValid() {
		return Rule{}, false
	}
	a = a.Unmap()
	p, number, ok := z.addrs[t].LookupPrefixLPM(netip.PrefixFrom(a, a.BitLen()))
	if !ok {
		return Rule{}, false
	}
	o := z.outcomes[number]
	return Rule{Trigger: t, Action: o.action, Data: o.data, Prefix: p}, true
}

// Data is the records of a rule whose Action is Data, made for this call: owner
// ".", class IN, the zone's own TTL. One CNAME whose target begins with *. wants
// the whole QNAME in the place of the asterisk.
func (z *Zone) Data(r Rule) []dns.RR {
	if z == nil || r.Action != Data || int(r.Data) >= len(z.at)-1 {
		return nil
	}
	var all []dns.RR
	packed := z.records(r.Data)
	for at := 0; at < len(packed); {
		rr, next, err := dns.UnpackRR(packed, at)
		if err != nil {
			panic("rpz: a record that was packed here: " + err.Error())
		}
		all, at = append(all, rr), next
	}
	return all
}
