package policy

import (
	"math"

	"sinkhole/plugin/pkg/dnsname"
)

const (
	// maxLabels is how many a name can have (RFC 1035: 255 octets, two a label
	// and one for the root).
	maxLabels = (dnsname.MaxLen - 1) / 2

	// maxHits is how many prefixes can hold an address of IPv6, and more than
	// the suffixes of a name.
	maxHits = 129
)

// hit is a listed name or prefix that matches what is asked.
type hit struct {
	group  uint32
	addr   uint32 // from one, of a prefix
	labels uint8  // of a name
	own    bool   // it is what is asked, not above it
}

// asked is what the clauses of rules look at.
type asked struct {
	name  []byte
	qtype uint16
}

// none is no hit.
const none = math.MaxInt

// rank says what decides among hits, the longest first. It looks at every entry
// and stands for what the quick ways must find.
func (p *Policy) rank(hits []hit, a asked) (v Verdict) {
	for _, h := range hits {
		if place := p.allows(h, a); place != 0 {
			return Verdict{Allowed: true, Labels: h.labels, Rule: RuleID{place, h.addr}}
		}
	}
	var room [maxHits]uint32 // how far the entries of each hit have been looked at
	at := room[:len(hits)]
	for i, h := range hits {
		at[i] = h.group
	}
	block, shadow := bid{hit: none}, bid{hit: none}
	for file := p.highest(at); file != 0; file = p.highest(at) {
		if place := p.place[file]; place != 0 && !p.files[place-1].allow {
			best := &block
			if p.files[place-1].shadow {
				best = &shadow
			}
			w := p.weigh(file, hits, at, a)
			if b := (bid{w.decides, place, w.live}); b.before(*best) {
				*best = b
			}
		}
		p.skip(file, at)
	}
	if shadow.before(block) {
		v.Shadow = RuleID{shadow.place, hits[shadow.hit].addr}
	}
	if block.hit != none {
		h := hits[block.hit]
		v.Rule, v.Labels = RuleID{block.place, h.addr}, h.labels
		if block.live != 0 {
			v.said = said{h.group, block.live}
		}
	}
	return v
}

// bid is the best that a file has to say.
type bid struct {
	hit   int // none: nothing
	place uint32
	live  uint64
}

// before: the longer name, then the file that stands first.
func (b bid) before(c bid) bool {
	return b.hit < c.hit || b.hit == c.hit && b.hit != none && b.place < c.place
}

// allows is the first file of allow that has an entry for a hit.
func (p *Policy) allows(h hit, a asked) (first uint32) {
	for n := h.group; n != 0; n = p.groups[n].rest {
		e := p.groups[n].entry
		place := p.place[e.file]
		switch {
		case place == 0 || !p.files[place-1].allow:
		case e.kinds.at(h.own)&anyExcept == 0 || !p.holds(e, a) || p.clauses[e.clause].says != 0:
		case first == 0 || place < first:
			first = place
		}
	}
	return first
}

// highest is the file whose entries come first in what is left of the hits; 0:
// nothing is left.
func (p *Policy) highest(at []uint32) (file uint32) {
	for _, n := range at {
		if n != 0 {
			file = max(file, p.groups[n].file)
		}
	}
	return file
}

// skip goes behind the entries of a file.
func (p *Policy) skip(file uint32, at []uint32) {
	for i, n := range at {
		for n != 0 && p.groups[n].file == file {
			n = p.groups[n].rest
		}
		at[i] = n
	}
}

// weight is what one file says of the hits: for each sort of rule the longest
// hit that has one, as its place among hits.
type weight struct {
	block, must          int
	exempt, free, reopen int
	rewrite              int  // one that was not removed
	removes, removesAll  bool // exceptions from rewrites; from all of them

	decides int    // the hit of what the file says in the end
	live    uint64 // of a rewrite: those not removed, by place among the file's clauses there
}

// weigh looks at the entries of a file, where at leads to them. Rewrites come
// before all else, and only exceptions of their own kind remove them, important
// ones only if they are important too. Of the rest an important exception beats all; an exception beats what is not
// important, and one that reopens only what is shorter.
func (p *Policy) weigh(file uint32, hits []hit, at []uint32, a asked) weight {
	w := weight{block: none, must: none, exempt: none, free: none, reopen: none, rewrite: none, decides: none}
	rewrites := false
	for i, h := range hits {
		for n := at[i]; n != 0 && p.groups[n].file == file; n = p.groups[n].rest {
			e := p.groups[n].entry
			k := e.kinds.at(h.own)
			if k == 0 || !p.holds(e, a) {
				continue
			}
			if says := p.clauses[e.clause].says; says != 0 {
				rewrites = rewrites || k&anyBlock != 0
				w.removes = w.removes || k&anyExcept != 0
				w.removesAll = w.removesAll || k&anyExcept != 0 && says == saysAll
				continue
			}
			w.enter(k, i)
		}
	}
	if rewrites {
		for i := range hits {
			if w.live = p.live(file, hits, at, i, w.removes, a); w.live != 0 {
				w.rewrite, w.decides = i, i
				return w
			}
		}
	}
	if w.free == none {
		w.decides = w.must
		if w.exempt == none && w.reopen >= w.block {
			w.decides = min(w.decides, w.block)
		}
	}
	return w
}

// enter takes the kinds of an entry at hit i; the longest come first.
func (w *weight) enter(k kind, i int) {
	if k&blocks != 0 {
		w.block = min(w.block, i)
	}
	if k&musts != 0 {
		w.must = min(w.must, i)
	}
	if k&excepts != 0 {
		w.exempt = min(w.exempt, i)
	}
	if k&frees != 0 {
		w.free = min(w.free, i)
	}
	if k&reopens != 0 {
		w.reopen = min(w.reopen, i)
	}
}

// weighFile is weigh for one file alone.
func (p *Policy) weighFile(file uint32, hits []hit, a asked) weight {
	at := make([]uint32, len(hits))
	for i, h := range hits {
		at[i] = h.group
		for at[i] != 0 && p.groups[at[i]].file > file {
			at[i] = p.groups[at[i]].rest
		}
	}
	return p.weigh(file, hits, at, a)
}

// live are the rewrites of a file at hit i that none of its exceptions removes.
func (p *Policy) live(file uint32, hits []hit, at []uint32, i int, removes bool, a asked) (live uint64) {
	place := 0
	for n := at[i]; n != 0 && p.groups[n].file == file; n = p.groups[n].rest {
		e := p.groups[n].entry
		if e.clause == 0 {
			continue
		}
		says, k := p.clauses[e.clause].says, e.kinds.at(hits[i].own)
		if says != 0 && k&anyBlock != 0 && p.holds(e, a) && !(removes && p.removed(file, says, k&musts != 0, hits, at, a)) {
			live |= 1 << place
		}
		place++
	}
	return live
}

// removed tells whether a file has an exception from what a rewrite says, which
// is important or is not.
func (p *Policy) removed(file, says uint32, must bool, hits []hit, at []uint32, a asked) bool {
	for i, h := range hits {
		for n := at[i]; n != 0 && p.groups[n].file == file; n = p.groups[n].rest {
			e := p.groups[n].entry
			k, of := e.kinds.at(h.own), p.clauses[e.clause].says
			if k&anyExcept != 0 && (of == says || of == saysAll) && (!must || k&frees != 0) && p.holds(e, a) {
				return true
			}
		}
	}
	return false
}

// hits appends the listed suffixes of name, longest first.
func (p *Policy) hits(to []hit, name []byte) []hit {
	labels := uint8(dnsname.Labels(name))
	from := len(to)
	for w := p.walk(name); w.next(); {
		to = append(to, hit{group: w.group, labels: w.labels, own: w.labels == labels})
	}
	for i, j := from, len(to)-1; i < j; i, j = i+1, j-1 {
		to[i], to[j] = to[j], to[i]
	}
	return to
}

// findRanked is find for a name that has more than plain entries.
func (p *Policy) findRanked(a asked) Verdict {
	var room [maxHits]hit
	return p.rank(p.hits(room[:0], a.name), a)
}
