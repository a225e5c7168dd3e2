package policy

import (
	"cmp"
	"iter"
	"slices"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/list"
)

// clause is what stands behind a rule's name: when it holds, and what it says to
// answer.
type clause struct {
	cond    *list.Condition
	rewrite *list.Rewrite
	says    uint32 // equal for equal rewrites; 0: none
}

// saysAll is what an exception from all rewrites says.
const saysAll = 1

// key is equal for clauses that mean the same.
func (c clause) key() string {
	key := c.cond.Key()
	if c.rewrite != nil {
		key += " dnsrewrite=" + c.rewrite.Key()
	}
	return key
}

// clauses numbers the clauses of all files.
type clauses struct {
	all    []clause // at 0 none
	number map[string]uint32
	says   map[string]uint32
	seen   map[clause]uint32 // by their pointers, of the file at hand
}

// newClauses goes on numbering behind old, which stay as they are.
func newClauses(old []clause) *clauses {
	if len(old) == 0 {
		old = make([]clause, 1)
	}
	c := &clauses{
		all:    old[:len(old):len(old)],
		number: map[string]uint32{"": 0},
		says:   map[string]uint32{"": saysAll},
		seen:   map[clause]uint32{},
	}
	for i, o := range old[1:] {
		c.number[o.key()] = uint32(i + 1)
		if o.rewrite != nil {
			c.says[o.rewrite.Key()] = o.says
		}
	}
	return c
}

// of is the number of a rule's clause.
func (c *clauses) of(r list.Rule) uint32 {
	if r.Cond == nil && r.Rewrite == nil {
		return 0
	}
	want := clause{cond: r.Cond, rewrite: r.Rewrite}
	if n, ok := c.seen[want]; ok {
		return n
	}
	key := want.key()
	n, ok := c.number[key]
	if !ok {
		made := want
		if r.Rewrite != nil {
			made.says = c.meaning(r.Rewrite.Key())
		}
		n = uint32(len(c.all))
		c.all = append(c.all, made)
		c.number[key] = n
	}
	c.seen[want] = n
	return n
}

// meaning numbers what rewrites say.
func (c *clauses) meaning(key string) uint32 {
	n, ok := c.says[key]
	if !ok {
		n = saysAll + uint32(len(c.says))
		c.says[key] = n
	}
	return n
}

// holds tells whether an entry is meant for what is asked.
func (p *Policy) holds(e entry, a asked) bool {
	return e.clause == 0 || p.clauses[e.clause].cond.Holds(a.name, a.qtype)
}

// said names the rewrites that decide: those of a group, by their places among
// the entries with a clause of the deciding file.
type said struct {
	group uint32
	live  uint64 // maxClauses bits
}

// Data is the answer that $dnsrewrite rules give: an rcode, else a CNAME, else
// records, of which those of the type that was asked are the answer; where there
// is none it is NODATA.
type Data struct {
	Rcode   int
	CNAME   string   // in presentation form with the final dot; "": none
	Records []dns.RR // owner ".", TTL 0; not to be written to
}

// Data is what a verdict of a list says to answer, with Action LocalData: what
// all rewrites that decide say together.
func (p *Policy) Data(v Verdict) Data {
	var all []*list.Rewrite
	for c := range p.rewrites(v) {
		all = append(all, c.rewrite)
	}
	// What comes out must not hang on the order in which files were read.
	slices.SortFunc(all, func(a, b *list.Rewrite) int { return cmp.Compare(a.Key(), b.Key()) })
	if w := list.Combine(all); w != nil {
		return Data{w.Rcode, w.CNAME, w.Records}
	}
	return Data{}
}

// rewrites are the clauses that decide a verdict.
func (p *Policy) rewrites(v Verdict) iter.Seq[clause] {
	return func(yield func(clause) bool) {
		place := 0
		for n := v.said.group; n != 0; n = p.groups[n].rest {
			e := p.groups[n].entry
			if e.clause == 0 || p.place[e.file] != v.Rule.file {
				continue
			}
			if v.said.live>>place&1 != 0 && !yield(p.clauses[e.clause]) {
				return
			}
			place++
		}
	}
}
