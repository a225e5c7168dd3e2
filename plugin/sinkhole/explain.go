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
// passed over.
func (s *Sinkhole) Explain(q control.Question) (control.Explanation, error) {
	all, err := s.ExplainMany([]control.Question{q})
	if err != nil {
		return control.Explanation{}, err
	}
	if all[0].Explanation == nil {
		return control.Explanation{}, fmt.Errorf("%s", all[0].Message)
	}
	return *all[0].Explanation, nil
}

// ExplainMany is Explain of each, and reads each file once for all of them. What
// is no question is answered by the reason.
func (s *Sinkhole) ExplainMany(all []control.Question) ([]control.Answer, error) {
	answers := make([]control.Answer, len(all))
	var asked []policy.Asked
	var places []int // of what is asked, among answers
	for i, q := range all {
		a, err := askedOf(q)
		if err != nil {
			answers[i].Message = err.Error()
			continue
		}
		e := &control.Explanation{Name: q.Name, Type: strings.ToUpper(q.Type), Client: q.Client, PassedOver: []control.PassedOver{}}
		if e.Type == "" {
			e.Type = "A"
		}
		answers[i].Explanation = e
		if s.self != nil && a.Name != nil && s.self.Decide(a.Query).Blocks() {
			if err := s.explainSelf(e, a.Query); err != nil {
				return nil, err
			}
			continue
		}
		asked, places = append(asked, a), append(places, i)
	}
	if len(asked) == 0 {
		return answers, nil
	}
	p := s.inForce.Load()
	found, err := p.ExplainMany(asked)
	if now := s.inForce.Load(); err != nil && now != p { // its files went with it
		p = now
		found, err = p.ExplainMany(asked)
	}
	if err != nil {
		return nil, err
	}
	for i, place := range places {
		fill(answers[place].Explanation, p, found[i])
	}
	return answers, nil
}

// askedOf is a question to lists: about a name, or about an address in an answer.
func askedOf(q control.Question) (a policy.Asked, err error) {
	a.Type = dns.TypeA
	if q.Type != "" {
		var known bool
		if a.Type, known = dns.StringToType[strings.ToUpper(q.Type)]; !known {
			return a, fmt.Errorf("%q: no type of records; want one such as A, AAAA or HTTPS", q.Type)
		}
	}
	if who, err := netip.ParseAddrPort(q.Client); err == nil {
		a.Client = who.Addr().Unmap()
	} else if who, err := netip.ParseAddr(q.Client); err == nil {
		a.Client = who.Unmap()
	}
	if a.Addr, err = netip.ParseAddr(q.Name); err == nil {
		return a, nil
	}
	if a.Name, err = nameOf(q.Name); err != nil {
		return a, fmt.Errorf("%q: %v; want a name or an address", q.Name, err)
	}
	return a, nil
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
		e.Source = sourceOf(*d)
		if e.Zone, e.Trigger = dropdir.Told(d.Zone), d.Trigger; d.Zone != "" {
			e.Action = d.Action
		}
	}
	for _, l := range found.PassedOver {
		e.PassedOver = append(e.PassedOver, control.PassedOver{
			Category: l.Category,
			Action:   l.Action,
			Zone:     dropdir.Told(l.Zone),
			Trigger:  l.Trigger,
			Source:   *sourceOf(l),
			Why:      l.Why,
		})
	}
}

func sourceOf(l policy.Line) *control.Source {
	return &control.Source{File: dropdir.Told(l.File), Line: l.Line, Text: l.Text}
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
