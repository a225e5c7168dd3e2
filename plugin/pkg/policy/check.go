package policy

import (
	"fmt"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

// check asks a new Policy for rules that were read: each must be there, and the
// quick way to a verdict must agree with rank. No list can bring it to fail;
// what fails is a fault of ours or of the memory, and better known before the
// old lists are given up.
func (p *Policy) check(samples []sample) error {
	for _, s := range samples {
		var hits []hit
		var got, want Verdict
		what := s.prefix.String()
		if s.name != nil {
			what = dnsname.String(s.name)
			hits, got = p.hits(nil, s.name), p.find(s.name, dns.TypeA)
			want = p.rank(hits, asked{s.name, dns.TypeA})
		} else {
			hits = p.prefixHits(s.prefix)
		}
		file := p.files[p.place[s.file]-1].Name
		if len(hits) == 0 || !hits[0].own || !p.has(hits[0].group, s.entry) {
			return fmt.Errorf("%s: %q: read, but not to be found in what was built of it", file, what)
		}
		if got != want {
			return fmt.Errorf("%s: %q: %+v on the quick way, %+v by all entries", file, what, got, want)
		}
	}
	return nil
}

// has tells whether a group has an entry, or may have left it out.
func (p *Policy) has(n uint32, e entry) bool {
	for ; n != 0; n = p.groups[n].rest {
		if have := p.groups[n].entry; have.file == e.file && have.clause == e.clause && have.kinds&e.kinds != 0 {
			return true
		}
	}
	return e.clause != 0 && p.leftOut > 0
}
