package policy

import (
	"fmt"
	"net/netip"

	"sinkhole/plugin/pkg/dnsname"
)

// check asks a new Policy for rules that were read: each must be there, and the
// quick way to a verdict must agree with rank. No list can bring it to fail;
// what fails is a fault of ours or of the memory, and better known before the
// old lists are given up.
func (p *Policy) check(samples []sample) error {
	for _, s := range samples {
		var hits []hit
		var got Verdict
		what := s.prefix.String()
		if s.name != nil {
			hits, got, what = p.hits(nil, s.name), p.find(s.name, 0), dnsname.String(s.name)
		} else {
			hits, got = p.addrHits(s.prefix), p.prefixVerdict(s.prefix)
		}
		if len(hits) == 0 || !hits[0].own || !p.holds(hits[0].group, s) {
			return fmt.Errorf("%s: %q: read, but not to be found in what was built of it", p.files[s.file-1].Name, what)
		}
		if want := p.rank(hits); got != want {
			return fmt.Errorf("%s: %q: %+v on the quick way, %+v by all entries", p.files[s.file-1].Name, what, got, want)
		}
	}
	return nil
}

func (p *Policy) prefixVerdict(s netip.Prefix) Verdict {
	i, ok := p.table.Get(s)
	if !ok {
		return Verdict{}
	}
	return p.addrs[i].verdict
}

// holds tells whether a group has a sample's entry.
func (p *Policy) holds(n uint32, s sample) bool {
	for ; n != 0; n = p.groups[n].rest {
		if g := p.groups[n]; g.file == s.file && g.kinds&s.kind != 0 {
			return true
		}
	}
	return false
}
