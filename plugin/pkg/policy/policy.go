// Package policy turns the rules of all lists into verdicts on names and on what
// an upstream answer reveals.
//
// A Policy is built beside the one in force, never changes, and is asked by any
// number of goroutines:
//
//	p, err := policy.Build(cfg, files)
//	v := p.Decide(q)          // before anything else is asked
//	v, at := p.Review(q, m)   // when the answer m is there
//
// # Which rule decides
//
// An allowed name is left alone whole: Decide says Pass and Allowed, and Review
// looks at nothing. Else, of all entries that match, the longest name decides,
// on a tie the category that stands first, then the file's name. An exception
// (@@) exempts from the rules of its own file. Shadow files take part beside:
// Verdict.Shadow is the rule of such a file that would have decided. passthru
// decides like any action, for its name; it blocks nothing, so what the answer
// reveals is looked at all the same. On a stream truncate is passthru, for there
// the sender is proven, and that is all it wants to know.
//
// What a question's name passes, Review follows through the answer: the targets
// of CNAME and DNAME in chain order, then addresses, and the targets and hints
// of SVCB and HTTPS. On this way allow exempts only what it names. Review decides
// the question's name once more, for lists may have changed while the question
// was on its way: its verdict is the one that counts.
//
// # Layout
//
// A name stands in the index once, with the number of its group: the entries
// that say something about it, as a list without order.
//
//	names   index.Set     bad.example → 1, ok.bad.example → 3, …
//	groups  { rest | file | kinds } by number; rest is the group without this entry
//	faces   { allow | block | shadow | excepts } twice: for the name, for names below
//	addrs   { prefix | group | verdict } by number, found by table (bart)
//
// Names in the same files in the same way share a group, so groups are few and a
// value of the index is mostly one octet. Faces are what groups come to: the
// first file of each sort. Decide looks at the faces of a name's suffixes, from
// the longest to the shortest; only where one holds an exception does it ask
// rank, which looks at every entry and is the definition.
//
// An address is decided when the Policy is built: what is known of its longest
// listed prefix holds for all addresses that have no longer one.
//
// # Cost
//
// For 1,000,000 real names 29 octets each, see package index. An unlisted name
// costs a hash and a probe for each of its suffixes that has as many labels as
// some listed name. Decide allocates nothing; Review the room for a name where
// the answer holds names. BenchmarkDecide and BenchmarkBuild have the figures.
package policy

import (
	"net/netip"

	"github.com/gaissmai/bart"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/index/old"
	"sinkhole/plugin/pkg/list"
)

// Policy is the rules in force. A nil Policy lists nothing.
type Policy struct {
	categories []Category // in order of precedence
	files      []file     // in order of precedence, those of allow first
	config     Config     // for reading the files again
	guard      list.Guard // as they were read

	names  *index.Set // name → group
	depths depths     // that names have
	groups []group    // at 0 the empty one
	faces  []faces    // by group

	table *bart.Table[uint32] // prefix → place in addrs
	addrs []addrRule

	zones []zone // in order of precedence
}

// Query is what is asked.
type Query struct {
	Name   []byte // wire form as package dnsname makes it
	Type   uint16
	Stream bool       // came by TCP, DoT, DoH or DoQ
	Client netip.Addr // for the client-ip triggers of zones and for nothing else; not valid: not known
}

// find looks up every suffix of name that may be listed, longest first. The
// verdict lacks what act adds.
func (p *Policy) find(whole []byte, qtype uint16) (v Verdict) {
	name, own := whole, true
	for labels := dnsname.Labels(name); labels > 0; labels-- {
		if p.depths.has(labels) {
			if g, ok := p.names.Find(index.Hash(name), name); ok {
				f := &p.faces[g].below
				if own {
					f = &p.faces[g].own
				}
				switch {
				case f.excepts:
					return p.findRanked(whole)
				case f.allow != 0:
					return Verdict{Allowed: true, Labels: uint8(labels), Rule: RuleID{file: f.allow}}
				}
				v.take(f, uint8(labels))
			}
		}
		name, own = dnsname.Parent(name), false
	}
	return v
}

// take enters what a suffix says, unless a longer one has said it.
func (v *Verdict) take(f *face, labels uint8) {
	if !v.Rule.None() {
		return
	}
	if f.shadow != 0 && v.Shadow.None() && (f.block == 0 || f.shadow < f.block) {
		v.Shadow = RuleID{file: f.shadow}
	}
	if f.block != 0 {
		v.Rule, v.Labels = RuleID{file: f.block}, labels
	}
}

// act gives a verdict the action of its category, and its trigger.
func (p *Policy) act(v Verdict, t Trigger, stream bool) Verdict {
	if v.Rule.None() {
		return v
	}
	v.Trigger = t
	if v.Allowed {
		return v
	}
	v.Action = p.categories[p.files[v.Rule.file-1].category].Action
	if v.Action == Truncate && stream {
		v.Action = Passthru
	}
	return v
}

// depths is a set of label counts: names deeper or shallower than every listed
// one are not looked up.
type depths [2]uint64

func (d *depths) add(labels int)      { d[labels>>6&1] |= 1 << (labels & 63) }
func (d *depths) has(labels int) bool { return d[labels>>6&1]>>(labels&63)&1 != 0 }
