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
	"sinkhole/plugin/pkg/index"
	"sinkhole/plugin/pkg/list"
)

// Policy is the rules in force. A nil Policy lists nothing.
type Policy struct {
	categories []Category // in order of precedence
	files      []file     // in order of precedence, those of allow first
	place      []uint32   // of a file in files, from one, by its id; 0: it is gone
	config     Config     // for reading the files again
	options    Options
	guard      list.Guard // as they were read

	base    *base             // name → group
	delta   map[string]uint32 // the same for names that have changed since; 0: no longer listed
	depths  depths            // that names in delta have
	listed  int               // names
	groups  []group           // at 0 the empty one
	faces   []faces           // by group
	clauses []clause          // at 0 none
	leftOut int               // rules beyond maxClauses

	table *bart.Table[uint32] // prefix → place in addrs
	addrs []addrRule

	zones []zone // in order of precedence

	warning string
	texts   *texts
}

// base is the large part of a Policy, which all those share that come from it by
// Update.
type base struct {
	names           *index.Set
	id              string // drawn when it was built, in hexadecimal
	groups, clauses int    // how many there were
}

// Query is what is asked.
type Query struct {
	Name   []byte // wire form as package dnsname makes it
	Type   uint16
	Stream bool       // came by TCP, DoT, DoH or DoQ
	Client netip.Addr // for the client-ip triggers of zones and for nothing else; not valid: not known
}

// find looks up the suffixes of a name and takes what their faces say. The
// verdict lacks what act adds.
func (p *Policy) find(name []byte, qtype uint16) (v Verdict) {
	if len(p.delta) > 0 {
		return p.findBoth(name, qtype)
	}
	var labels uint8
	for w := p.base.names.Walk(name); w.Next(); {
		if labels == 0 {
			labels = uint8(dnsname.Labels(name))
		}
		if p.take(&v, w.Value, w.Labels, w.Labels == labels) {
			return p.findRanked(asked{name, qtype})
		}
	}
	return v
}

// findBoth is find where there is a delta.
func (p *Policy) findBoth(name []byte, qtype uint16) (v Verdict) {
	for w := p.walk(name); w.next(); {
		if p.take(&v, w.group, w.labels, w.labels == w.count) {
			return p.findRanked(asked{name, qtype})
		}
	}
	return v
}

// take enters what a suffix says, shorter ones having been taken before. It
// tells where only rank can say what comes out.
func (p *Policy) take(v *Verdict, group uint32, labels uint8, own bool) (ranked bool) {
	f := &p.faces[group].below
	if own {
		f = &p.faces[group].own
	}
	switch {
	case f.ranked:
		return true
	case f.allow != 0:
		*v = Verdict{Allowed: true, Labels: labels, Rule: RuleID{file: f.allow}}
	case v.Allowed:
	case f.block != 0: // takes the place of all that is shorter
		*v = Verdict{Labels: labels, Rule: RuleID{file: f.block}}
		if f.shadow != 0 && f.shadow < f.block {
			v.Shadow = RuleID{file: f.shadow}
		}
	case f.shadow != 0:
		v.Shadow = RuleID{file: f.shadow}
	}
	return false
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
	switch {
	case v.said.live != 0 && v.Action != Passthru:
		v.Action = LocalData
	case v.Action == Truncate && stream:
		v.Action = Passthru
	}
	return v
}
