package sinkhole

import (
	"context"
	"net"
	"runtime/debug"
	"sync"

	"github.com/coredns/coredns/plugin/metrics"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/answer"
	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/policy"
	"sinkhole/plugin/pkg/query"
)

// client is the client of one query, as those below see it: what they write is
// reviewed first. It is not used again for another query, for a cache may hold
// it longer than the query lasts (serve_stale with verify).
type client struct {
	dns.ResponseWriter
	lists   *Sinkhole
	ctx     context.Context
	req     *dns.Msg
	src     *query.Source // nil: there is no gate
	written bool
	asked   policy.Query // its name lies in room
	room    [dnsname.MaxLen]byte
}

// outcome is what a policy makes of a query.
type outcome uint8

const (
	passed    outcome = iota // whoever stands below answers, and is reviewed
	leftAlone                // the name is allowed: nothing is reviewed
	answered                 // here is the reply
	dropped                  // nobody answers
)

// WriteMsg reviews the answer m, and writes it or what is answered in its place.
func (c *client) WriteMsg(m *dns.Msg) error {
	c.written = true
	switch reply, what := c.review(m); what {
	case answered:
		return c.ResponseWriter.WriteMsg(reply)
	case dropped:
		return nil
	}
	return c.ResponseWriter.WriteMsg(m)
}

// Write reviews an answer that was packed already.
func (c *client) Write(b []byte) (int, error) {
	c.written = true
	m := new(dns.Msg)
	if m.Unpack(b) == nil {
		switch reply, what := c.review(m); what {
		case answered:
			return len(b), c.ResponseWriter.WriteMsg(reply)
		case dropped:
			return len(b), nil
		}
	}
	return c.ResponseWriter.Write(b)
}

// decide judges the question.
func (c *client) decide() (reply *dns.Msg, what outcome) {
	defer c.pass(&what)
	q := &c.req.Question[0]
	name, err := dnsname.Append(c.room[:0], q.Name)
	if err != nil {
		return nil, leftAlone // what is no name is on no list
	}
	c.asked = policy.Query{Name: name, Type: q.Qtype, Stream: c.stream()}
	p := c.lists.inForce.Load()
	if self := c.lists.self; self != nil && self.Decide(c.asked).Blocks() {
		p = self
	}
	switch v := p.Decide(c.asked); {
	case v.Blocks():
		return c.answer(p, v, nil, 0)
	case v.Allowed:
		return nil, leftAlone
	}
	return nil, passed
}

// review judges what the answer m reveals; nil: there is none. The question is
// judged once more, by the policy in force now.
func (c *client) review(m *dns.Msg) (reply *dns.Msg, what outcome) {
	defer c.pass(&what)
	p := c.lists.inForce.Load()
	v, at := p.Review(c.asked, m)
	if v.Blocks() {
		return c.answer(p, v, m, at)
	}
	c.count(p, v, m, at)
	return nil, passed
}

// pass lets the query pass on when there is a fault in what is ours.
func (c *client) pass(what *outcome) {
	fault := recover()
	if fault == nil {
		return
	}
	*what = passed
	bugs.Inc()
	faults.Do(func() { // the stack holds no name; the fault's own text may
		log.Errorf("a fault of this program in judging a query, which passed on as if nothing were listed; more are counted and not logged\n%s", debug.Stack())
	})
}

var faults sync.Once

// stream: the answer has no size limit of UDP, and the sender is who it says.
func (c *client) stream() bool {
	if c.src != nil {
		return c.src.Stream
	}
	_, tcp := c.RemoteAddr().(*net.TCPAddr)
	return tcp
}

func (c *client) answer(p *policy.Policy, v policy.Verdict, m *dns.Msg, at int) (*dns.Msg, outcome) {
	reply, drop := answer.Reply(c.req, p, v, m, at, c.asked.Stream)
	c.count(p, v, m, at)
	switch {
	case drop:
		return nil, dropped
	case reply == nil:
		return nil, passed
	}
	return reply, answered
}

// count counts what decided and what would have, and leaves word of a hit for
// who counts lines.
func (c *client) count(p *policy.Policy, v policy.Verdict, m *dns.Msg, at int) {
	if would := p.CategoryOfRule(v.Shadow); would != nil {
		shadowed.WithLabelValues(metrics.WithServer(c.ctx), would.Name).Inc()
	}
	category := p.Category(v)
	if category == nil {
		return
	}
	blocked.WithLabelValues(metrics.WithServer(c.ctx), category.Name, v.Action.String(), v.Trigger.String()).Inc()
	if category.Record && c.src != nil {
		name, text := p.Listed(v, c.asked, m, at)
		c.src.Hit = query.Hit{Category: category.Name, Name: name, Text: text}
	}
}
