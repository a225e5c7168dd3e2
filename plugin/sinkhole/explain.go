package sinkhole

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/dropdir"
	"sinkhole/plugin/pkg/policy"
)

// verdictAllow is the verdict on an allowed name; the other verdicts are the
// words for actions.
const verdictAllow = "allow"

// Explain says what decides a name, or an address in an answer, and what was
// passed over. qtype "" is A. client changes nothing here: who asks is not known
// to lists.
func (s *Sinkhole) Explain(name, qtype, client string) (control.Explanation, error) {
	q, err := questionOf(name, qtype)
	if err != nil {
		return control.Explanation{}, err
	}
	e := control.Explanation{Name: name, Type: strings.ToUpper(qtype), Client: client}
	if e.Type == "" {
		e.Type = "A"
	}
	if s.self != nil && q.Name != nil && s.self.Decide(q).Blocks() {
		return e, s.explainSelf(&e, q)
	}
	p := s.inForce.Load()
	found, err := explain(p, name, q)
	if now := s.inForce.Load(); err != nil && now != p { // its files went with it
		p = now
		found, err = explain(p, name, q)
	}
	if err != nil {
		return control.Explanation{}, err
	}
	fill(&e, p, found)
	return e, nil
}

// questionOf is the question about a name; about an address it has no name.
func questionOf(name, qtype string) (q policy.Query, err error) {
	if qtype != "" {
		var known bool
		if q.Type, known = dns.StringToType[strings.ToUpper(qtype)]; !known {
			return q, fmt.Errorf("%q: no type of records; want one such as A, AAAA or HTTPS", qtype)
		}
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return q, nil
	}
	if q.Name, err = nameOf(name); err != nil {
		return q, fmt.Errorf("%q: %v; want a name or an address", name, err)
	}
	return q, nil
}

func explain(p *policy.Policy, name string, q policy.Query) (policy.Explanation, error) {
	if q.Name == nil {
		return p.ExplainAddr(netip.MustParseAddr(name))
	}
	return p.Explain(q)
}

func fill(e *control.Explanation, p *policy.Policy, found policy.Explanation) {
	v := found.Verdict
	e.Blocked = v.Blocks()
	e.Verdict = v.Action.String()
	if v.Allowed {
		e.Verdict = verdictAllow
	}
	if c := p.Category(v); c != nil {
		e.Category, e.Action = c.Name, c.Action.String()
	}
	if d := found.Decides; d != nil {
		e.Source = &control.Source{File: dropdir.Told(d.File), Line: d.Line, Text: d.Text}
	}
	e.PassedOver = make([]control.PassedOver, len(found.PassedOver))
	for i, l := range found.PassedOver {
		e.PassedOver[i] = control.PassedOver{
			Category: l.Category,
			Action:   l.Action,
			Source:   control.Source{File: dropdir.Told(l.File), Line: l.Line, Text: l.Text},
			Why:      l.Why,
		}
	}
}

// explainSelf explains the self-test name, which stands in the Corefile.
func (s *Sinkhole) explainSelf(e *control.Explanation, q policy.Query) error {
	found, err := s.self.Explain(q)
	if err != nil {
		return err
	}
	fill(e, s.self, found)
	at := s.cfg.selfTestAt
	e.Source = &control.Source{File: at.File, Line: at.Line, Text: "self-test " + s.cfg.SelfTest}
	return nil
}
