package policy

import (
	"cmp"
	"fmt"
	"net/netip"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/rpz"
)

// zoneMatch is what orders a zone's rule that matches.
type zoneMatch struct {
	number  int // of the zone, from zero
	trigger rpz.Trigger
	wild    bool
	labels  int
	prefix  netip.Prefix
}

// compare orders matches as zones decide: by zone, then trigger, then exact names
// before wildcards, and the longer before the shorter.
func (m *zoneMatch) compare(n *zoneMatch) int {
	c := cmp.Or(cmp.Compare(m.number, n.number), cmp.Compare(m.trigger, n.trigger))
	switch {
	case c != 0:
		return c
	case m.wild != n.wild && m.wild:
		return 1
	case m.wild != n.wild:
		return -1
	case m.prefix == n.prefix:
		return cmp.Compare(n.labels, m.labels)
	case beforePrefix(m.prefix, n.prefix):
		return -1
	}
	return 1
}

// judge is the verdict on a question before there is an answer, or on an address.
func (q *inquiry) judge() Verdict {
	if q.name != nil {
		return q.p.decide(q.q, false)
	}
	v := q.p.address(q.addr, q.q)
	if v.Allowed {
		return v
	}
	var zv Verdict
	for i := range q.p.zones {
		z := &q.p.zones[i]
		r, ok := z.rules.Addr(rpz.IP, q.addr)
		if ok && z.takes(&zv, i+1, r, &q.q, nil) {
			return zv
		}
	}
	v.ShadowZone = zv.ShadowZone
	return v
}

// ruled tells whether a zone has a rule on the question.
func (q *inquiry) ruled(z *zone) bool {
	if q.name == nil {
		_, ok := z.rules.Addr(rpz.IP, q.addr)
		return ok
	}
	if q.q.Client.IsValid() {
		if _, ok := z.rules.Addr(rpz.ClientIP, q.q.Client); ok {
			return true
		}
	}
	_, ok := z.rules.QName(q.name)
	return ok
}

// matches tells whether a zone's rule is about the question, as far as that can
// be known before there is an answer.
func (q *inquiry) matches(e rpz.Entry) bool {
	switch {
	case q.name == nil:
		return e.Trigger == rpz.IP && e.Prefix.Contains(q.addr)
	case e.Trigger == rpz.ClientIP:
		return q.q.Client.IsValid() && e.Prefix.Contains(q.q.Client.Unmap())
	case e.Trigger == rpz.QName && e.Wild:
		return len(e.Name) < len(q.name) && dnsname.Under(q.name, e.Name)
	}
	return e.Trigger == rpz.QName && string(e.Name) == string(q.name)
}

// readZone reads a zone for the rules that match any question of the batch.
func (b *batch) readZone(number int) error {
	z := &b.p.zones[number]
	o := rpz.ReadOptions{Part: z.Part, Protected: b.p.guard, MaxSize: b.p.config.MaxSize}
	err := rpz.Scan(z.Name, z.Open, o, func(e rpz.Entry) {
		for _, q := range b.asking(e) {
			if q.matches(e) {
				q.found = append(q.found, z.match(number, e, q.name))
			}
		}
	})
	if err != nil {
		return fmt.Errorf("%s: %w", z.Name, err)
	}
	return nil
}

// asking are the questions that a zone's rule may be about.
func (b *batch) asking(e rpz.Entry) []*inquiry {
	if e.Trigger == rpz.QName {
		return b.above[string(e.Name)]
	}
	return b.inquiries
}

// match is the line of a zone's rule. A record of local data stands in one line,
// and a rule with several records in several.
func (z *zone) match(number int, e rpz.Entry, name []byte) match {
	return match{
		Line: Line{
			Category: z.category.Name,
			Zone:     z.category.Name,
			Trigger:  zoneTriggers[e.Trigger].String(),
			Action:   z.action(rpz.Rule{Trigger: e.Trigger, Action: e.Action}, name).String(),
			File:     e.File,
			Line:     e.Line,
			Text:     cut(e.Text),
		},
		zone: &zoneMatch{number: number, trigger: e.Trigger, wild: e.Wild, labels: dnsname.Labels(e.Name), prefix: e.Prefix},
	}
}

// zoneDecides tells whether a zone's rule is what the verdict is by.
func (q *inquiry) zoneDecides(m match) bool {
	return int(q.v.Zone) == m.zone.number+1 && m.zone.is(q.v.ZoneRule)
}

// is tells whether m is a line of that rule.
func (m *zoneMatch) is(r rpz.Rule) bool {
	if m.trigger != r.Trigger {
		return false
	}
	if r.Prefix.IsValid() {
		return m.prefix == r.Prefix
	}
	return m.wild == r.Wild && m.labels == int(r.Labels)
}

// whyZone says why a zone's rule does not decide.
func (q *inquiry) whyZone(m match) string {
	z := &q.p.zones[m.zone.number]
	switch by := int(q.v.Zone) - 1; {
	case q.v.Allowed:
		return fmt.Sprintf("%s allows it", q.p.File(q.v.Rule))
	case z.disabled:
		return "its zone is disabled: counted, and decides nothing"
	case by >= 0 && by < m.zone.number:
		return fmt.Sprintf("zone %s stands before it", q.p.zones[by].category.Name)
	case by == m.zone.number && q.zoneDecides(m):
		return "of the same rule as the line that decides"
	case by == m.zone.number && q.v.ZoneRule.Trigger != m.zone.trigger:
		return fmt.Sprintf("a %s rule of its zone comes before", q.v.Trigger)
	case by == m.zone.number && m.zone.prefix.IsValid():
		return "a longer prefix of its zone decides"
	case q.q.Stream && m.Action == TCPOnly.String():
		return "on a stream the sender is proven, which is all that it wants to know"
	case m.zone.wild:
		return "hidden by a longer name of its zone (RFC 4592)"
	}
	return "not in what is in force"
}
