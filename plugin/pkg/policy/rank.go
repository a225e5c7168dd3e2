package policy

import (
	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/index/old"
)

// maxLabels is how many a name can have (RFC 1035: 255 octets, two a label and
// one for the root).
const maxLabels = (dnsname.MaxLen - 1) / 2

// hit is a listed name or prefix that matches what is asked.
type hit struct {
	group  uint32
	addr   uint32 // from one, of a prefix
	labels uint8  // of a name
	own    bool   // it is what is asked, not above it
}

// rank says what decides among hits, the longest first. It looks at every entry
// and stands for what the quick ways must find.
func (p *Policy) rank(hits []hit) (v Verdict) {
	for _, h := range hits {
		if f := p.face(h.group, h.own); f.allow != 0 {
			return Verdict{Allowed: true, Labels: h.labels, Rule: RuleID{f.allow, h.addr}}
		}
	}
	for _, h := range hits {
		var block, shadow uint32
		for n := h.group; n != 0; n = p.groups[n].rest {
			g := p.groups[n]
			if g.kinds.at(h.own)&blocks == 0 || p.exempt(g.file, hits) {
				continue
			}
			best := &block
			if p.files[g.file-1].shadow {
				best = &shadow
			}
			if *best == 0 || g.file < *best {
				*best = g.file
			}
		}
		if shadow != 0 && v.Shadow.None() && (block == 0 || shadow < block) {
			v.Shadow = RuleID{shadow, h.addr}
		}
		if block != 0 {
			v.Rule, v.Labels = RuleID{block, h.addr}, h.labels
			return v
		}
	}
	return v
}

// exempt tells whether the file has an exception among hits.
func (p *Policy) exempt(file uint32, hits []hit) bool {
	if !p.files[file-1].excepts {
		return false
	}
	for _, h := range hits {
		for n := h.group; n != 0; n = p.groups[n].rest {
			if g := p.groups[n]; g.file == file && g.kinds.at(h.own)&excepts != 0 {
				return true
			}
		}
	}
	return false
}

// hits appends the listed suffixes of name, longest first.
func (p *Policy) hits(to []hit, name []byte) []hit {
	own := true
	for labels := dnsname.Labels(name); labels > 0; labels-- {
		if g, ok := p.names.Find(index.Hash(name), name); ok {
			to = append(to, hit{group: g, labels: uint8(labels), own: own})
		}
		name, own = dnsname.Parent(name), false
	}
	return to
}

// findRanked is find for a name with exceptions.
func (p *Policy) findRanked(name []byte) Verdict {
	var room [maxLabels]hit
	return p.rank(p.hits(room[:0], name))
}
