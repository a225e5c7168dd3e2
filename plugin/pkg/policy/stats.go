package policy

import (
	"cmp"
	"unsafe"

	"sinkhole/plugin/pkg/list"
	"sinkhole/plugin/pkg/rpz"
)

// Stats are the figures of a Policy.
type Stats struct {
	Names     int // listed names, each counted once
	Addresses int // listed prefixes, each counted once
	Changed   int // of them and of those no longer listed, what stands beside the index
	LeftOut   int // rules with conditions or answers beyond 64 of one file for one name
	Bytes     int // memory held, in octets, less the table of prefixes
	Files     []FileStats
	Zones     []ZoneStats
}

// FileStats are the figures of one file.
type FileStats struct {
	File     string
	Category string // "" in an allow file
	Allow    bool
	Shadow   bool
	Result   list.Result // without notes and reasons
}

// ZoneStats are the figures of one response policy zone.
type ZoneStats struct {
	File   string
	Zone   string
	HasSOA bool
	Serial uint32 // of its SOA
	Policy string // of the Corefile; "given" where it says nothing
	Rules  rpz.Stats
	Result list.Result
}

// Stats are the figures of p, its files and its zones in order of precedence.
func (p *Policy) Stats() Stats {
	if p == nil {
		return Stats{}
	}
	s := Stats{Names: p.listed, LeftOut: p.leftOut, Changed: len(p.delta), Bytes: p.bytes()}
	for _, a := range p.addrs {
		if a.group != 0 {
			s.Addresses++
		}
	}
	for _, f := range p.files {
		fs := FileStats{File: f.Name, Allow: f.allow, Shadow: f.shadow, Result: f.result}
		if !f.allow {
			fs.Category = p.categories[f.category].Name
		}
		s.Files = append(s.Files, fs)
	}
	for _, z := range p.zones {
		zs := ZoneStats{
			File:   z.Name,
			Zone:   z.rules.Name(),
			Policy: cmp.Or(z.Override.Action, "given"),
			Rules:  z.rules.Stats(),
			Result: z.result,
		}
		if soa := z.rules.SOA(); soa != nil {
			zs.HasSOA, zs.Serial = true, soa.Serial
		}
		s.Zones = append(s.Zones, zs)
	}
	return s
}

// bytes is the memory that p holds. What delta holds is reckoned: a name of 22
// octets, and what a map takes for it.
func (p *Policy) bytes() int {
	const changed = 80
	n := p.base.names.Bytes() + changed*len(p.delta)
	n += cap(p.groups)*int(unsafe.Sizeof(group{})) + cap(p.faces)*int(unsafe.Sizeof(faces{}))
	n += cap(p.addrs)*int(unsafe.Sizeof(addrRule{})) + cap(p.clauses)*int(unsafe.Sizeof(clause{}))
	for i := range p.zones {
		n += p.zones[i].rules.Stats().Bytes
	}
	return n
}

// Categories are those in force, in order of precedence.
func (p *Policy) Categories() []Category {
	if p == nil {
		return nil
	}
	return p.categories
}
