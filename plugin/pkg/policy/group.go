package policy

import "sinkhole/plugin/pkg/list"

// kind is how a file lists a name; a prefix is always listed as exact.
type kind uint8

const (
	blockExact kind = 1 << iota
	blockSubtree
	exceptExact
	exceptSubtree

	blocks  = blockExact | blockSubtree
	excepts = exceptExact | exceptSubtree // in an allow file: allows
	subtree = blockSubtree | exceptSubtree
)

func kindOf(r list.Rule) kind {
	switch {
	case r.Except && r.Reach == list.Subtree:
		return exceptSubtree
	case r.Except:
		return exceptExact
	case r.Reach == list.Subtree:
		return blockSubtree
	}
	return blockExact
}

// at is what of k holds for the name itself (own), or for names below it.
func (k kind) at(own bool) kind {
	if own {
		return k
	}
	return k & subtree
}

// group is a set of entries about one name: this one, and those of rest.
type group struct {
	rest  uint32 // number of a group; 0 is empty
	file  uint32 // from one
	kinds kind   // never 0
}

// grouper numbers the groups while files are read one after the other.
type grouper struct {
	groups []group
	number map[group]uint32
}

func newGrouper() *grouper {
	return &grouper{groups: make([]group, 1), number: make(map[group]uint32)}
}

// with is the group old and one entry more. Adding what is in it already
// changes nothing, as long as the file is the last that was added.
func (g *grouper) with(old, file uint32, k kind) uint32 {
	want := group{rest: old, file: file, kinds: k}
	if last := g.groups[old]; last.file == file {
		want.rest, want.kinds = last.rest, last.kinds|k
	}
	n, ok := g.number[want]
	if !ok {
		n = uint32(len(g.groups))
		g.groups = append(g.groups, want)
		g.number[want] = n
	}
	return n
}

// face is what a group comes to: of each sort the file that stands first, from
// one, 0 for none.
type face struct {
	allow, block, shadow uint32
	excepts              bool // a file's exception: rank decides
}

// faces are the face for the name itself and the one for names below it.
type faces struct{ own, below face }

// face looks at the entries of group n.
func (p *Policy) face(n uint32, own bool) (f face) {
	first := func(at *uint32, file uint32) {
		if *at == 0 || file < *at {
			*at = file
		}
	}
	for ; n != 0; n = p.groups[n].rest {
		g := p.groups[n]
		k, file := g.kinds.at(own), &p.files[g.file-1]
		switch {
		case file.allow:
			if k&excepts != 0 {
				first(&f.allow, g.file)
			}
			continue
		case k&blocks != 0 && file.shadow:
			first(&f.shadow, g.file)
		case k&blocks != 0:
			first(&f.block, g.file)
		}
		f.excepts = f.excepts || k&excepts != 0
	}
	return f
}
