package subscribers

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/query"
)

// Handler is the gate of one server block.
type Handler struct {
	*Subscribers
	Next plugin.Handler

	config *dnsserver.Config
	chaos  bool     // the block answers CHAOS names
	feeds  follower // nil: the block follows no zone
}

// follower is who follows zones of other servers: plugin sinkhole.
type follower interface {
	// Notify takes a NOTIFY (RFC 1996) of a primary of such a zone, and gives the
	// answer; nil: it is none. signed is what came of its TSIG.
	Notify(from netip.Addr, r *dns.Msg, signed error) *dns.Msg
}

// Name implements plugin.Handler.
func (h *Handler) Name() string { return pluginName }

// ServeDNS lets a recursive question of a subscriber in, and sees to its reply. A
// NOTIFY of a primary is no question, and its sender need be no subscriber.
func (h *Handler) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	v := &visit{ResponseWriter: w, asked: r}
	v.tellSource(ctx)
	defer h.flush(v)
	if r.Opcode == dns.OpcodeNotify && h.feeds != nil {
		if m := h.feeds.Notify(v.source.Addr.Addr(), r, w.TsigStatus()); m != nil {
			v.written = true
			w.WriteMsg(m)
			return dns.RcodeSuccess, nil
		}
	}
	verdict := query.Judge(r, h.served.Has(v.source.Addr.Addr()))
	if verdict == query.Class && h.chaos && chaosName(r.Question[0]) {
		verdict = query.Pass
	}
	if verdict != query.Pass {
		refused.WithLabelValues(metrics.WithServer(ctx), verdict.String()).Inc()
		v.turnAway(verdict)
		return dns.RcodeSuccess, nil
	}
	_, v.source.OptedOut = h.classes().Of(v.source.Addr)
	v.source.Line = uint64(h.Line(v.source.Addr))
	v.letIn()
	code, err := plugin.NextOrFailure(pluginName, h.Next, query.WithSource(ctx, &v.source), v, &v.question)
	if plugin.ClientWrite(code) {
		return code, err
	}
	if !v.written { // CoreDNS would answer, with an OPT of its own
		v.WriteMsg(new(dns.Msg).SetRcode(&v.question, code))
	}
	return dns.RcodeSuccess, err
}

// flush lets a reply leave before the socket is closed.
func (h *Handler) flush(v *visit) {
	if h.draining.Load() && v.written && !v.source.Stream {
		time.Sleep(flushTime)
	}
}

// chaosName is a name that plugin chaos answers; all others it hands on, as if
// they were asked for in class IN.
func chaosName(q dns.Question) bool {
	if q.Qclass != dns.ClassCHAOS || q.Qtype != dns.TypeTXT {
		return false
	}
	switch strings.ToLower(q.Name) {
	case "authors.bind.", "version.bind.", "version.server.", "hostname.bind.", "id.server.":
		return true
	}
	return false
}
