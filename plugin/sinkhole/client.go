package sinkhole

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/answer"
	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/policy"
	"sinkhole/plugin/pkg/query"
)

// client is the client of one query, as those below see it: what they write is
// kept, and reviewed when they have returned, for that may take questions of our
// own to them. It is not used again for another query, for a cache may hold it
// longer than the query lasts (serve_stale with verify).
type client struct {
	dns.ResponseWriter
	lists *Sinkhole
	known *known
	next  plugin.Handler
	ctx   context.Context
	req   *dns.Msg
	src   *query.Source // nil: there is no gate
	asked policy.Query  // its name lies in room
	room  [dnsname.MaxLen]byte

	servers delegations

	reply  *dns.Msg // that those below wrote; nil: they wrote none
	packed []byte   // the same where they wrote octets
}

// outcome is what a policy makes of a query.
type outcome uint8

const (
	passed    outcome = iota // whoever stands below answers, and is reviewed
	leftAlone                // the name is allowed: nothing is reviewed
	answered                 // here is the reply
	dropped                  // nobody answers
)

// WriteMsg keeps the answer of those below.
func (c *client) WriteMsg(m *dns.Msg) error {
	c.reply, c.packed = m, nil
	return nil
}

// Write keeps an answer that was packed already.
func (c *client) Write(b []byte) (int, error) {
	m := new(dns.Msg)
	if m.Unpack(b) != nil {
		m = nil
	}
	c.reply, c.packed = m, bytes.Clone(b)
	return len(b), nil
}

// wrote: those below wrote something.
func (c *client) wrote() bool { return c.reply != nil || c.packed != nil }

// pass writes what those below wrote.
func (c *client) pass() {
	if c.packed != nil {
		c.ResponseWriter.Write(c.packed)
		return
	}
	c.ResponseWriter.WriteMsg(c.reply)
}

// decide judges the question.
func (c *client) decide() (reply *dns.Msg, what outcome) {
	defer c.guard(&what)
	q := &c.req.Question[0]
	name, err := dnsname.Append(c.room[:0], q.Name)
	if err != nil {
		return nil, leftAlone // what is no name is on no list
	}
	c.asked = policy.Query{Name: name, Type: q.Qtype, Stream: c.stream(), Client: c.addr()}
	p := c.lists.inForce.Load()
	if self := c.lists.self; self != nil && self.Decide(c.asked).Blocks() {
		p = self
	}
	switch v := p.Decide(c.asked); {
	case v.Blocks():
		return c.answer(p, v, nil, 0)
	case v.Whole():
		c.count(p, v, nil, 0)
		return nil, leftAlone
	}
	return nil, passed
}

// review judges what the answer of those below reveals. The question is judged
// once more, by the policy in force now.
func (c *client) review() (reply *dns.Msg, what outcome) {
	defer c.guard(&what)
	p := c.lists.inForce.Load()
	c.servers.c = c
	v, at := p.Review(c.asked, c.reply, &c.servers)
	if v.Blocks() {
		return c.answer(p, v, c.reply, at)
	}
	c.count(p, v, c.reply, at)
	return nil, passed
}

// guard lets the query pass on when there is a fault in what is ours.
func (c *client) guard(what *outcome) {
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

// addr is who asks; not valid where that is not known.
func (c *client) addr() netip.Addr {
	if c.src != nil {
		return c.src.Addr.Addr()
	}
	if a, ok := c.RemoteAddr().(interface{ AddrPort() netip.AddrPort }); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

func (c *client) answer(p *policy.Policy, v policy.Verdict, m *dns.Msg, at int) (*dns.Msg, outcome) {
	reply, target, drop := answer.Reply(c.req, p, v, m, at, c.asked.Stream)
	if reply == nil && !drop { // a name that is led to itself
		return nil, passed
	}
	c.count(p, v, m, at)
	switch {
	case drop:
		return nil, dropped
	case target != "":
		answer.Join(reply, c.req, c.ask(askedGarden, target, c.asked.Type), c.asked.Stream)
	}
	return reply, answered
}

// count counts what decided and what would have, and leaves word of a hit for
// who counts lines.
func (c *client) count(p *policy.Policy, v policy.Verdict, m *dns.Msg, at int) {
	if would := p.ShadowCategory(v); would != nil {
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
