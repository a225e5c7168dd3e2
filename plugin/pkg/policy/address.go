package policy

import (
	"net/netip"

	"github.com/gaissmai/bart"
)

// addrRule is a listed prefix, and what it says of addresses that have no longer
// listed prefix.
type addrRule struct {
	prefix  netip.Prefix
	group   uint32
	verdict Verdict
}

// address says what an address in the answer to q is.
func (p *Policy) address(a netip.Addr, q Query) Verdict {
	if len(p.addrs) == 0 || !a.IsValid() {
		return Verdict{}
	}
	i, ok := p.table.Lookup(a.Unmap())
	if !ok {
		return Verdict{}
	}
	return p.act(p.addrs[i].verdict, ResponseIP, q.Stream)
}

// addrHits are the listed prefixes that hold prefix, longest first.
func (p *Policy) addrHits(prefix netip.Prefix) (hits []hit) {
	for _, i := range p.table.Supernets(prefix) {
		hits = append(hits, hit{group: p.addrs[i].group, addr: i + 1, own: true})
	}
	return hits
}

// prefixes are the addrRules while files are read.
type prefixes struct {
	table *bart.Table[uint32]
	rules []addrRule
}

// at is the rule of a prefix, which is made where there is none.
func (t *prefixes) at(prefix netip.Prefix) *addrRule {
	i, ok := t.table.Get(prefix)
	if !ok {
		i = uint32(len(t.rules))
		t.table.Insert(prefix, i)
		t.rules = append(t.rules, addrRule{prefix: prefix})
	}
	return &t.rules[i]
}
