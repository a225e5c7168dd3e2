package policy

import (
	"bytes"
	"cmp"
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
	Category string // "" in an allow file
	Action   string // the category's; "allow" in an allow file, "exception" for one
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
// c2/feed.txt:2, category c2".
func (e Explanation) String() string {
	if e.Decides == nil {
		return e.Verdict.Action.String()
	}
	s := fmt.Sprintf("%s by %s:%d", e.Decides.Action, e.Decides.File, e.Decides.Line)
	if e.Decides.Category != "" {
		s += ", category " + e.Decides.Category
	}
	return s
}

// Asked is what an explanation is wanted of: a question, or an address in an
// answer.
type Asked struct {
	Query
	Addr netip.Addr // where it is valid, Name and Type are of no meaning
}

// ExplainMany is Explain of each, and reads each file once for all.
func (p *Policy) ExplainMany(asked []Asked) (all []Explanation, err error) {
	for _, a := range asked {
		var e Explanation
		if a.Addr.IsValid() {
			e, err = p.ExplainAddr(a.Addr)
		} else {
			e, err = p.Explain(a.Query)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// Explain finds the lines that match a name by reading again the files that have
// some. That takes as long as reading takes: it is not for the query path.
func (p *Policy) Explain(q Query) (Explanation, error) {
	if p == nil {
		return Explanation{}, nil
	}
	match := func(r list.Rule) (size int, ok bool) {
		own := len(r.Name) == len(q.Name)
		return dnsname.Labels(r.Name), r.Name != nil && dnsname.Under(q.Name, r.Name) && (own || r.Reach == list.Subtree)
	}
	v := p.act(p.find(q.Name, q.Type), QName, q.Stream)
	return p.explain(v, int(v.Labels), p.hits(nil, q.Name), match)
}

// ExplainAddr is Explain for an address in an answer.
func (p *Policy) ExplainAddr(a netip.Addr) (Explanation, error) {
	if p == nil || !a.IsValid() {
		return Explanation{}, nil
	}
	a = a.Unmap()
	match := func(r list.Rule) (size int, ok bool) {
		return r.Prefix.Bits(), r.Name == nil && r.Prefix.Contains(a)
	}
	v, size := p.address(a, Query{}), 0
	if v.Rule.addr > 0 {
		size = p.addrs[v.Rule.addr-1].prefix.Bits()
	}
	return p.explain(v, size, p.addrHits(netip.PrefixFrom(a, a.BitLen())), match)
}

// entry is a rule that matches, with what orders it.
type entry struct {
	Line
	file   uint32
	size   int // labels or bits
	except bool
}

func (p *Policy) explain(v Verdict, size int, hits []hit, match func(list.Rule) (int, bool)) (Explanation, error) {
	e := Explanation{Verdict: v}
	var found []entry
	for _, file := range p.filesOf(hits) {
		lines, err := p.readAgain(file, match)
		if err != nil {
			return e, fmt.Errorf("%s: %w", p.files[file-1].Name, err)
		}
		found = append(found, lines...)
	}
	slices.SortStableFunc(found, p.beforeEntry)
	for _, f := range found {
		allow := p.files[f.file-1].allow
		if e.Decides == nil && f.file == v.Rule.file && f.size == size && f.except == allow {
			line := f.Line
			e.Decides = &line
			continue
		}
		f.Why = p.why(f, v, size, hits)
		e.PassedOver = append(e.PassedOver, f.Line)
	}
	return e, nil
}

// filesOf are the files that have an entry among hits, from one.
func (p *Policy) filesOf(hits []hit) (files []uint32) {
	for _, h := range hits {
		for n := h.group; n != 0; n = p.groups[n].rest {
			if g := p.groups[n]; g.kinds.at(h.own) != 0 {
				files = append(files, g.file)
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// readAgain reads a file for the lines that match.
func (p *Policy) readAgain(number uint32, match func(list.Rule) (int, bool)) (found []entry, err error) {
	f := &p.files[number-1]
	o := list.ReadOptions{Allow: f.allow, Protected: p.guard, MaxSize: p.config.MaxSize}
	_, err = list.Read(f.Name, f.Open, o, func(r list.Rule) {
		size, ok := match(r)
		if !ok {
			return
		}
		e := entry{Line: Line{File: f.Name, Line: r.Line, Text: cut(r.Text)}, file: number, size: size, except: r.Except}
		switch {
		case f.allow:
			e.Action = "allow"
		case r.Except:
			e.Action, e.Category = "exception", p.categories[f.category].Name
		default:
			e.Action, e.Category = p.categories[f.category].Action.String(), p.categories[f.category].Name
		}
		found = append(found, e)
	})
	return found, err
}

func cut(text []byte) string {
	return string(bytes.ToValidUTF8(text[:min(len(text), maxText)], []byte("?")))
}

// beforeEntry orders allow before exceptions before blocks, and each as they
// decide: by length, file and line.
func (p *Policy) beforeEntry(a, b entry) int {
	class := func(e entry) int {
		switch {
		case p.files[e.file-1].allow:
			return 0
		case e.except:
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(class(a), class(b)), cmp.Compare(b.size, a.size), cmp.Compare(a.file, b.file), cmp.Compare(a.Line.Line, b.Line.Line))
}

// why says why an entry does not decide.
func (p *Policy) why(e entry, v Verdict, size int, hits []hit) string {
	f := &p.files[e.file-1]
	switch {
	case f.allow:
		return "allowed already by the line that decides"
	case v.Allowed:
		return fmt.Sprintf("%s allows it", p.File(v.Rule))
	case e.except:
		return "exempts from the other rules of its file"
	case p.exempt(e.file, hits):
		return "its own file has an exception for it"
	case f.shadow:
		return "its file is shadow: counted, and blocks nothing"
	case e.size < size:
		return "what decides is longer"
	case e.file == v.Rule.file:
		return "its file says it once more"
	case v.Rule.None(): // the file is not what it was
		return "not in what is in force"
	}
	if by := &p.files[v.Rule.file-1]; by.category != f.category {
		return fmt.Sprintf("category %s stands before %s", p.categories[by.category].Name, e.Category)
	}
	return fmt.Sprintf("of the same category %s stands before it", p.File(v.Rule))
}
