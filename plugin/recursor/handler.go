package recursor

import (
	"context"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/query"
)

// Handler is the plugin in one server block. All blocks share one Recursor.
type Handler struct {
	Next     plugin.Handler
	recursor *Recursor // from Start on
}

// Name implements plugin.Handler.
func (h *Handler) Name() string { return pluginName }

// Ready implements ready.Readiness: the child answers.
func (h *Handler) Ready() bool { return h.recursor != nil && h.recursor.link.Load() != nil }

// ServeDNS answers every question that comes to it: it is the last in the chain.
// It returns no error, for `errors` would log it with the name.
func (h *Handler) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	m := unasked(r)
	if m == nil {
		if m = special(r); m != nil {
			local.Inc()
		} else {
			m = h.resolve(ctx, request.Request{W: w, Req: r})
		}
	}
	// Whoever does not take his answer is gone.
	_ = w.WriteMsg(m)
	return dns.RcodeSuccess, nil
}

func (h *Handler) resolve(ctx context.Context, state request.Request) *dns.Msg {
	q, ok := ask(state.Req)
	if !ok {
		return new(dns.Msg).SetRcode(state.Req, dns.RcodeFormatError)
	}
	s := query.SourceOf(ctx)
	p, own, fail := h.recursor.resolve(q, s)
	if fail != nil {
		failed.WithLabelValues(fail.reason).Inc()
		return told(s, apologise(state.Req, fail))
	}
	return told(s, compose(state, p, own))
}

// told has the extended errors of m go to the gate beside it: CoreDNS's cache
// between us drops them.
func told(s *query.Source, m *dns.Msg) *dns.Msg {
	if s == nil {
		return m
	}
	o := &query.Outcome{Rcode: m.Rcode}
	if opt := m.IsEdns0(); opt != nil {
		for _, option := range opt.Option {
			if e, ok := option.(*dns.EDNS0_EDE); ok {
				o.Errors = append(o.Errors, e)
			}
		}
	}
	s.Resolved(o)
	return m
}
