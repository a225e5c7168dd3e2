package sinkhole

import (
	"context"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/query"
)

// Handler answers for one server block.
type Handler struct {
	Next  plugin.Handler
	lists *Sinkhole
	known known // by what stands below in this block
}

// Name implements plugin.Handler.
func (h *Handler) Name() string { return pluginName }

// Ready implements ready.Readiness: lists are in force.
func (h *Handler) Ready() bool { return h.lists != nil && h.lists.inForce.Load() != nil }

// ServeDNS answers what is listed, and has what the others answer reviewed. Of a
// reply that cannot be written it tells nobody: the client is gone, and `errors`
// would log his address with the name.
func (h *Handler) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if asks(r) && inExplainZone(r.Question[0].Name) {
		w.WriteMsg(h.explained(ctx, w, r))
		return dns.RcodeSuccess, nil
	}
	src := query.SourceOf(ctx)
	if !asks(r) || src != nil && src.OptedOut {
		return plugin.NextOrFailure(pluginName, h.Next, ctx, w, r)
	}
	c := &client{ResponseWriter: w, lists: h.lists, known: &h.known, next: h.Next, ctx: ctx, req: r, src: src}
	reply, what := c.decide()
	switch what {
	case answered:
		w.WriteMsg(reply)
		return dns.RcodeSuccess, nil
	case dropped:
		return dns.RcodeSuccess, nil
	case leftAlone:
		return plugin.NextOrFailure(pluginName, h.Next, ctx, w, r)
	}
	code, err := plugin.NextOrFailure(pluginName, h.Next, ctx, c, r)
	if !c.wrote() && plugin.ClientWrite(code) {
		return code, err // who says so without a word wants silence
	}
	// Where nothing was written, what became listed meanwhile counts all the same.
	switch reply, what := c.review(); {
	case what == answered:
		w.WriteMsg(reply)
		return dns.RcodeSuccess, nil
	case what == dropped:
		return dns.RcodeSuccess, nil
	case c.wrote():
		c.pass()
	}
	return code, err
}

// asks: it is a question of the kind that lists are about.
func asks(r *dns.Msg) bool {
	return r.Opcode == dns.OpcodeQuery && !r.Response && len(r.Question) == 1 && r.Question[0].Qclass == dns.ClassINET
}
