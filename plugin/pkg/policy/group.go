package policy

import "sinkhole/plugin/pkg/list"

// kind is how a file lists a name; a prefix is always listed as exact. Kinds come
// in pairs: for the name itself, and for it and all below.
type kind uint16

const (
	blockExact kind = 1 << iota
	blockSubtree
	mustExact // $important
	mustSubtree
	exceptExact
	exceptSubtree
	freeExact // an important exception
	freeSubtree
	reopenExact // an exception from shorter names
	reopenSubtree

	blocks  = blockExact | blockSubtree
	musts   = mustExact | mustSubtree
	excepts = exceptExact | exceptSubtree
	frees   = freeExact | freeSubtree
	reopens = reopenExact | reopenSubtree

	anyBlock  = blocks | musts
	anyExcept = excepts | frees | reopens // in an allow file: allows
	subtree   = blockSubtree | mustSubtree | exceptSubtree | freeSubtree | reopenSubtree
)

func kindOf(r list.Rule) (k kind) {
	switch {
	case r.Except && r.Important:
		k = freeExact
	case r.Except && r.Reopens:
		k = reopenExact
	case r.Except:
		k = exceptExact
	case r.Important:
		k = mustExact
	default:
		k = blockExact
	}
	if r.Reach == list.Subtree {
		k <<= 1
	}
	return k
}

// at is what of k holds for the name itself (own), or for names below it.
func (k kind) at(own bool) kind {
	if own {
		return k
	}
	return k & subtree
}

// entry is what one file says of a name under one clause.
type entry struct {
	file   uint32 // its id, from one
	clause uint32 // place in the table of clauses; 0: without
	kinds  kind   // never 0
}

// before orders the entries of a group: that with the highest numbers is at its
// head. What matters is that there is one order, so that equal sets are one
// group.
func (e entry) before(f entry) bool {
	return e.file > f.file || e.file == f.file && e.clause > f.clause
}

// group is a set of entries about one name: this one, and those of rest, which
// stand behind it. rest is a lower number than its own.
type group struct {
	rest uint32 // number of a group; 0 is empty
	entry
}

// maxClauses is how many entries with a clause a file may have for one name;
// those beyond are left out and counted. No list comes near it, and without it a
// list of a million answers for one name would be sorted again for each.
const maxClauses = 64

// grouper numbers groups: equal sets have one number.
type grouper struct {
	groups  []group
	number  map[group]uint32
	last    group // asked for last, and its number: files say the same of most names
	lastNum uint32
	leftOut int
}

// newGrouper goes on numbering behind groups, which stay as they are.
func newGrouper(groups []group) *grouper {
	if len(groups) == 0 {
		groups = make([]group, 1)
	}
	g := &grouper{groups: groups[:len(groups):len(groups)], number: make(map[group]uint32, len(groups))}
	for n, old := range groups[1:] {
		g.number[old] = uint32(n + 1)
	}
	return g
}

// intern is the number of a group whose head comes before all of its rest.
func (g *grouper) intern(want group) uint32 {
	if want == g.last {
		return g.lastNum
	}
	n, ok := g.number[want]
	if !ok {
		n = uint32(len(g.groups))
		g.groups = append(g.groups, want)
		g.number[want] = n
	}
	g.last, g.lastNum = want, n
	return n
}

// with is the group n and one entry more.
func (g *grouper) with(n uint32, e entry) uint32 {
	if e.clause != 0 && g.full(n, e) {
		g.leftOut++
		return n
	}
	return g.add(n, e)
}

func (g *grouper) add(n uint32, e entry) uint32 {
	if n == 0 {
		return g.intern(group{0, e})
	}
	switch head := g.groups[n]; {
	case e.before(head.entry):
		return g.intern(group{n, e})
	case head.file == e.file && head.clause == e.clause:
		head.kinds |= e.kinds
		return g.intern(head)
	default:
		return g.intern(group{g.add(head.rest, e), head.entry})
	}
}

// full tells whether the file of e has as many other clauses in n as it may.
func (g *grouper) full(n uint32, e entry) bool {
	others := 0
	for ; n != 0 && g.groups[n].file >= e.file; n = g.groups[n].rest {
		switch have := g.groups[n].entry; {
		case have.file != e.file || have.clause == 0:
		case have.clause == e.clause:
			return false
		default:
			others++
		}
	}
	return others >= maxClauses
}

// without is the group n less what a file says.
func (g *grouper) without(n, file uint32) uint32 {
	head := g.groups[n]
	switch {
	case n == 0 || head.file < file:
		return n
	case head.file == file:
		return g.without(head.rest, file)
	}
	if rest := g.without(head.rest, file); rest != head.rest {
		return g.intern(group{rest, head.entry})
	}
	return n
}

// union is the group a and all entries of b.
func (g *grouper) union(a, b uint32) uint32 {
	if b == 0 || a == b {
		return a
	}
	return g.with(g.union(a, g.groups[b].rest), g.groups[b].entry)
}

// face is what a group comes to: of each sort the file that stands first, from
// one, 0 for none.
type face struct {
	allow, block, shadow uint32
	ranked               bool // there is more to it, and rank decides
}

// faces are the face for the name itself and the one for names below it.
type faces struct{ own, below face }

// facesOf are the faces of all groups. A group's rest has a lower number, so its
// face is there already.
func (p *Policy) facesOf(groups []group) []faces {
	all := make([]faces, len(groups))
	for n := 1; n < len(groups); n++ {
		g := groups[n]
		f := all[g.rest]
		if place := p.place[g.file]; place != 0 {
			p.enter(&f.own, place, g.clause, g.kinds)
			p.enter(&f.below, place, g.clause, g.kinds&subtree)
		}
		all[n] = f
	}
	return all
}

// enter adds to a face what an entry says by some of its kinds.
func (p *Policy) enter(f *face, place, clause uint32, k kind) {
	first := func(at *uint32) {
		if *at == 0 || place < *at {
			*at = place
		}
	}
	switch file := &p.files[place-1]; {
	case k == 0:
	case clause != 0:
		f.ranked = true
	case file.allow:
		first(&f.allow)
	case k&^blocks != 0:
		f.ranked = true
	case file.shadow:
		first(&f.shadow)
	default:
		first(&f.block)
	}
}
