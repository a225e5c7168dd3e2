package policy

import (
	"net/netip"

	"github.com/gaissmai/bart"
)

// addrRule is a listed prefix.
type addrRule struct {
	prefix netip.Prefix
	group  uint32 // 0: no longer listed, and not in the table
}

// address says what an address in the answer to q is.
func (p *Policy) address(a netip.Addr, q Query) Verdict {
	if len(p.addrs) == 0 || !a.IsValid() {
		return Verdict{}
	}
	var room [maxHits]hit
	hits := p.addrHits(room[:0], a)
	if len(hits) == 0 {
		return Verdict{}
	}
	return p.act(p.rank(hits, asked{q.Name, q.Type}), ResponseIP, q.Stream)
}

// addrHits appends the listed prefixes that hold an address, longest first.
func (p *Policy) addrHits(to []hit, a netip.Addr) []hit {
	a = a.Unmap().WithZone("")
	for bits := a.BitLen(); bits >= 0; {
		longest, i, ok := p.table.LookupPrefixLPM(netip.PrefixFrom(a, bits))
		if !ok {
			break
		}
		to = append(to, hit{group: p.addrs[i].group, addr: i + 1, own: true})
		bits = longest.Bits() - 1
	}
	return to
}

// prefixHits is the rule of exactly this prefix.
func (p *Policy) prefixHits(prefix netip.Prefix) []hit {
	i, ok := p.table.Get(prefix)
	if !ok {
		return nil
	}
	return []hit{{group: p.addrs[i].group, addr: i + 1, own: true}}
}

// prefixGroup is the group of exactly this prefix.
func (p *Policy) prefixGroup(prefix netip.Prefix) uint32 {
	if i, ok := p.table.Get(prefix); ok {
		return p.addrs[i].group
	}
	return 0
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
