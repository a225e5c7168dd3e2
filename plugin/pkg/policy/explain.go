package policy

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/list"
)

// maxText is how much of a line an explanation quotes, in octets.
const maxText = 200

// Line is one line of a file that matches what was asked.
type Line struct {
	Category string // "" in an allow file; of a zone its name
	Zone     string // the zone's name; "" in a list
	Trigger  string // of a zone's rule: qname, client-ip, response-ip
	Action   string // the category's, or what the rule says itself; "allow" in an allow file, "exception" for one
	File     string
	Line     int    // from one
	Text     string // as it stands, cut at 200 octets
	Why      string // it was passed over, in a sentence; "" for the line that decides
}

// Explanation says what decides, and what does not.
type Explanation struct {
	Verdict    Verdict
	Decides    *Line  // nil where nothing does
	PassedOver []Line // in order of precedence
}

// String says what decides: "pass", "allow by allow/ours.txt:1", "sinkhole by
// c2/feed.txt:2, category c2", "nxdomain by rpz/feed.zone:9, zone feed.example,
// qname".
func (e Explanation) String() string {
	if e.Decides == nil {
		return e.Verdict.Action.String()
	}
	s := fmt.Sprintf("%s by %s:%d", e.Decides.Action, e.Decides.File, e.Decides.Line)
	switch {
	case e.Decides.Zone != "":
		s += ", zone " + e.Decides.Zone + ", " + e.Decides.Trigger
	case e.Decides.Category != "":
		s += ", category " + e.Decides.Category
	}
	return s
}

// Asked is what an explanation is wanted of: a question, or an address in an
// answer.
type Asked struct {
	Query
	Addr netip.Addr // where it is valid, Name is of no meaning
}

// Explain finds the lines that match a question by reading again the files that
// have some. That takes as long as reading takes: it is not for the query path.
func (p *Policy) Explain(q Query) (Explanation, error) {
	all, err := p.ExplainMany([]Asked{{Query: q}})
	if err != nil {
		return Explanation{}, err
	}
	return all[0], nil
}

// ExplainMany is Explain of each, and reads each file once for all of them.
func (p *Policy) ExplainMany(all []Asked) ([]Explanation, error) {
	explained := make([]Explanation, len(all))
	if p == nil {
		return explained, nil
	}
	b := batch{p: p, names: map[string][]*inquiry{}, prefixes: map[netip.Prefix][]*inquiry{}, above: map[string][]*inquiry{}}
	for _, a := range all {
		b.add(a)
	}
	if err := b.read(); err != nil {
		return nil, err
	}
	for i, q := range b.inquiries {
		explained[i] = q.explain()
	}
	return explained, nil
}

// batch is what is explained together.
type batch struct {
	p         *Policy
	inquiries []*inquiry
	names     map[string][]*inquiry // by the listed names that match
	prefixes  map[netip.Prefix][]*inquiry
	above     map[string][]*inquiry // by their names and all above, for zones; empty where there are none
}

// inquiry is one of them.
type inquiry struct {
	p       *Policy
	q       Query
	name    []byte // nil: it is an address
	addr    netip.Addr
	v       Verdict
	size    int // of the list's name or prefix that decides: labels, or bits
	hits    []hit
	found   []match
	weights map[uint32]weight // of files, by place
}

func (b *batch) add(a Asked) {
	q := &inquiry{p: b.p, q: a.Query, name: a.Name, weights: map[uint32]weight{}}
	b.inquiries = append(b.inquiries, q)
	if a.Addr.IsValid() {
		q.name, q.addr = nil, a.Addr.Unmap().WithZone("")
		q.hits = b.p.addrHits(nil, q.addr)
		for _, h := range q.hits {
			prefix := b.p.addrs[h.addr-1].prefix
			b.prefixes[prefix] = append(b.prefixes[prefix], q)
		}
	} else {
		q.hits = b.p.hits(nil, q.name)
		b.index(q)
	}
	q.v = q.judge()
	switch {
	case q.v.Rule.addr > 0:
		q.size = b.p.addrs[q.v.Rule.addr-1].prefix.Bits()
	case q.v.Zone == 0:
		q.size = int(q.v.Labels)
	}
}

// index enters an inquiry where rules on names look for it.
func (b *batch) index(q *inquiry) {
	at := 0
	for name := q.name; ; name = dnsname.Parent(name) {
		if at < len(q.hits) && int(q.hits[at].labels) == dnsname.Labels(name) {
			b.names[string(name)] = append(b.names[string(name)], q)
			at++
		}
		if len(b.p.zones) > 0 {
			b.above[string(name)] = append(b.above[string(name)], q)
		}
		if len(name) <= 1 {
			return
		}
	}
}

// read reads the files and the zones that have a matching line, each once.
func (b *batch) read() error {
	var places []uint32
	for _, q := range b.inquiries {
		places = append(places, b.p.filesOf(q.hits)...)
	}
	slices.Sort(places)
	for _, place := range slices.Compact(places) {
		if err := b.readList(place); err != nil {
			return err
		}
	}
	for i := range b.p.zones {
		if slices.ContainsFunc(b.inquiries, func(q *inquiry) bool { return q.ruled(&b.p.zones[i]) }) {
			if err := b.readZone(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// filesOf are the files that have an entry among hits, by place.
func (p *Policy) filesOf(hits []hit) (places []uint32) {
	for _, h := range hits {
		for n := h.group; n != 0; n = p.groups[n].rest {
			if g := p.groups[n]; g.kinds.at(h.own) != 0 && p.place[g.file] != 0 {
				places = append(places, p.place[g.file])
			}
		}
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// readList reads a list for the lines that match.
func (b *batch) readList(place uint32) error {
	f := b.p.files[place-1]
	r := reader{ctx: context.Background(), cfg: b.p.config, guard: b.p.guard, clauses: newClauses(nil)}
	return r.read(&f, func(r list.Rule, e entry) {
		matching := b.prefixes[r.Prefix]
		if r.Name != nil {
			matching = b.names[string(r.Name)]
		}
		for _, q := range matching {
			m := match{place: place, size: r.Prefix.Bits(), kinds: e.kinds, cond: r.Cond, rewrite: r.Rewrite}
			own := true
			if r.Name != nil {
				m.size, own = dnsname.Labels(r.Name), len(r.Name) == len(q.name)
			}
			if e.kinds.at(own) != 0 {
				m.Line = Line{File: f.Name, Line: r.Line, Text: cut(r.Text)}
				b.p.title(&m)
				q.found = append(q.found, m)
			}
		}
	})
}

func cut(text []byte) string {
	return string(bytes.ToValidUTF8(text[:min(len(text), maxText)], []byte("?")))
}

// match is a rule that matches, with what orders it.
type match struct {
	Line
	place   uint32 // of its file; 0 for a zone's
	size    int    // labels or bits
	kinds   kind
	cond    *list.Condition
	rewrite *list.Rewrite
	zone    *zoneMatch // nil: it is a list's
}

// title fills in the category and the action of a list's rule.
func (p *Policy) title(m *match) {
	f := &p.files[m.place-1]
	if f.allow {
		m.Action = "allow"
		return
	}
	c := &p.categories[f.category]
	m.Category = c.Name
	switch {
	case m.kinds&anyExcept != 0:
		m.Action = "exception"
	case m.rewrite != nil && c.Action != Passthru:
		m.Action = LocalData.String()
	default:
		m.Action = c.Action.String()
	}
}

// explain sorts what was found.
func (q *inquiry) explain() Explanation {
	e := Explanation{Verdict: q.v}
	slices.SortStableFunc(q.found, q.p.beforeMatch)
	for _, m := range q.found {
		if e.Decides == nil && q.decides(m) {
			line := m.Line
			e.Decides = &line
			continue
		}
		m.Why = q.why(m)
		e.PassedOver = append(e.PassedOver, m.Line)
	}
	return e
}

// beforeMatch orders allow before zones before exceptions before blocks, and each
// as they decide: by length, file and line.
func (p *Policy) beforeMatch(a, b match) int {
	class := func(m match) int {
		switch {
		case m.zone != nil:
			return 1
		case p.files[m.place-1].allow:
			return 0
		case m.kinds&anyExcept != 0:
			return 2
		}
		return 3
	}
	if c := cmp.Compare(class(a), class(b)); c != 0 {
		return c
	}
	if a.zone != nil {
		return cmp.Or(a.zone.compare(b.zone), cmp.Compare(a.Line.Line, b.Line.Line))
	}
	return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.place, b.place), cmp.Compare(a.Line.Line, b.Line.Line))
}

// decides tells whether m is what the verdict is by.
func (q *inquiry) decides(m match) bool {
	if m.zone != nil {
		return q.zoneDecides(m)
	}
	if q.v.Zone > 0 || m.place != q.v.Rule.file || m.size != q.size || !q.holds(m) {
		return false
	}
	switch w := q.weight(m.place); {
	case q.v.Allowed:
		return m.rewrite == nil
	case m.kinds&anyBlock == 0:
		return false
	case w.rewrite != none:
		return m.rewrite != nil && q.lives(m)
	}
	return m.rewrite == nil && (m.kinds&musts != 0 || q.blocks(m))
}

func (q *inquiry) holds(m match) bool { return m.cond.Holds(q.name, q.q.Type) }

// at is the place of a match among the hits; none where it is not in force.
func (q *inquiry) at(m match) int {
	for i, h := range q.hits {
		size := int(h.labels)
		if h.addr > 0 {
			size = q.p.addrs[h.addr-1].prefix.Bits()
		}
		if size == m.size {
			return i
		}
	}
	return none
}

// weight is what the file at place says of the hits.
func (q *inquiry) weight(place uint32) weight {
	w, ok := q.weights[place]
	if !ok {
		w = q.p.weighFile(q.p.files[place-1].id, q.hits, asked{q.name, q.q.Type})
		q.weights[place] = w
	}
	return w
}

// blocks tells whether no exception of its file stands against a rule that is
// not important.
func (q *inquiry) blocks(m match) bool {
	w := q.weight(m.place)
	return w.free == none && w.exempt == none && w.reopen >= q.at(m)
}

// lives tells whether a rewrite is one of those that decide for its file.
func (q *inquiry) lives(m match) bool {
	w := q.weight(m.place)
	if w.rewrite == none || q.at(m) != w.rewrite {
		return false
	}
	want := clause{cond: m.cond, rewrite: m.rewrite}.key()
	for c := range q.p.rewrites(Verdict{Rule: RuleID{file: m.place}, said: said{q.hits[w.rewrite].group, w.live}}) {
		if c.key() == want {
			return true
		}
	}
	return false
}
