package policy

import (
	"sinkhole/plugin/pkg/index"
)

// walk goes through the listed suffixes of a name in base and delta together,
// shortest first.
func (p *Policy) walk(name []byte) walker {
	w := walker{p: p, name: name, base: p.base.names.Walk(name)}
	w.inBase = w.base.Next()
	for i := 0; i < len(name) && name[i] != 0 && w.count < maxLabels; i += int(name[i]) + 1 {
		w.at[w.count] = uint8(i)
		w.count++
	}
	return w
}

// walker is one walk.
type walker struct {
	group  uint32 // of the suffix that next found
	labels uint8  // of that suffix

	p      *Policy
	name   []byte
	base   index.Walk
	inBase bool             // base has a suffix that next has not come to
	at     [maxLabels]uint8 // where labels begin, the first one of the name first
	count  uint8            // of labels
	looked uint8            // labels of the suffix looked at last
}

// next finds the next listed suffix and tells whether there was one.
func (w *walker) next() bool {
	for w.looked < w.count {
		w.looked++
		group, listed := w.ofBase()
		if w.p.depths.has(int(w.looked)) {
			if changed, ok := w.p.delta[string(w.name[w.at[w.count-w.looked]:])]; ok {
				group, listed = changed, changed != 0
			}
		}
		if listed {
			w.group, w.labels = group, w.looked
			return true
		}
	}
	return false
}

// ofBase is what base says of the suffix at hand.
func (w *walker) ofBase() (group uint32, listed bool) {
	for w.inBase && w.base.Labels <= w.looked {
		group, listed = w.base.Value, w.base.Labels == w.looked
		w.inBase = w.base.Next()
	}
	return group, listed
}

// depths is a set of label counts: names deeper or shallower than every one of
// delta are not looked up there.
type depths [2]uint64

func (d *depths) add(labels int)      { d[labels>>6&1] |= 1 << (labels & 63) }
func (d *depths) has(labels int) bool { return d[labels>>6&1]>>(labels&63)&1 != 0 }

// groupOf is the group of exactly this name.
func (p *Policy) groupOf(name []byte) uint32 {
	if group, changed := p.delta[string(name)]; changed {
		return group
	}
	group, _ := p.base.names.Find(name)
	return group
}

// Crowded tells that half of what may be changed since Build has been: it is time
// to Build anew, before Update has to.
func (p *Policy) Crowded() bool { return p != nil && p.changed() > maxChanged/2 }

// changed is how much stands beside base, or is left over from what has changed.
func (p *Policy) changed() int {
	gone := 0
	for _, a := range p.addrs {
		if a.group == 0 {
			gone++
		}
	}
	return max(len(p.delta), len(p.groups)-p.base.groups, len(p.clauses)-p.base.clauses, len(p.place)-len(p.files), gone)
}
