package policy

import (
	"unsafe"

	"sinkhole/plugin/pkg/list"
)

// Stats are the figures of a Policy.
type Stats struct {
	Names     int // listed names, each counted once
	Addresses int // listed prefixes, each counted once
	Bytes     int // memory held, in octets, less the table of prefixes
	Files     []FileStats
}

// FileStats are the figures of one file.
type FileStats struct {
	File     string
	Category string // "" in an allow file
	Allow    bool
	Shadow   bool
	Result   list.Result
}

// Stats are the figures of p, its files in order of precedence.
func (p *Policy) Stats() Stats {
	if p == nil {
		return Stats{}
	}
	s := Stats{
		Names:     p.names.Len(),
		Addresses: len(p.addrs),
		Bytes: p.names.Bytes() + cap(p.groups)*int(unsafe.Sizeof(group{})) +
			cap(p.faces)*int(unsafe.Sizeof(faces{})) + cap(p.addrs)*int(unsafe.Sizeof(addrRule{})),
	}
	for _, f := range p.files {
		fs := FileStats{File: f.Name, Allow: f.allow, Shadow: f.shadow, Result: f.result}
		if !f.allow {
			fs.Category = p.categories[f.category].Name
		}
		s.Files = append(s.Files, fs)
	}
	return s
}

// Categories are those in force, in order of precedence.
func (p *Policy) Categories() []Category {
	if p == nil {
		return nil
	}
	return p.categories
}
