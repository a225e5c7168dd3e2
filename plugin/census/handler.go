package census

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/metrics"
	"github.com/coredns/coredns/plugin/pkg/transport"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/judge"
	"sinkhole/plugin/pkg/query"
	"sinkhole/plugin/pkg/subscriber"
	"sinkhole/plugin/pkg/tally"
)

// Handler counts the queries of one server block.
type Handler struct {
	Next plugin.Handler

	config *dnsserver.Config
	census *Census // from Start on
}

// Name implements plugin.Handler.
func (h *Handler) Name() string { return pluginName }

// ServeDNS implements plugin.Handler. A blocked query is still a query of the
// line, so that counting comes first; what was hit is known when the chain has
// answered.
func (h *Handler) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	src := query.SourceOf(ctx)
	if src == nil {
		src = sourceOf(ctx, w)
		ctx = query.WithSource(ctx, src)
	}
	if src.OptedOut {
		return plugin.NextOrFailure(pluginName, h.Next, ctx, w, r)
	}
	queriesTotal.WithLabelValues(metrics.WithServer(ctx)).Inc()
	line := h.census.count(src, r)
	code, err := plugin.NextOrFailure(pluginName, h.Next, ctx, w, r)
	if src.Hit.Category != "" {
		h.census.hit(line, src)
	}
	return code, err
}

// count counts one query for its line, which it gives. It allocates nothing.
func (c *Census) count(src *query.Source, r *dns.Msg) subscriber.Line {
	t := c.terms.Load()
	line := t.lines.Line(src.Addr)
	if line == 0 || !t.Groups[judge.Volume] || len(r.Question) == 0 {
		return line
	}
	var buf [dnsname.MaxLen]byte
	name, _ := dnsname.Append(buf[:0], r.Question[0].Name) // all that is no name counts as one
	c.tally.Count(line, c.tally.Hash(name), src.Proven, tally.PaneOf(time.Now()))
	return line
}

// hit notes that a line asked for a listed name. The line may have opted out
// while its question was on its way.
func (c *Census) hit(line subscriber.Line, src *query.Source) {
	t := c.terms.Load()
	if line == 0 || !t.Groups[judge.Listed] || t.optedOut(line) {
		return
	}
	var buf [maxText]byte
	text := append(buf[:0], src.Hit.Text...)
	c.tally.Hit(line, src.Hit.Category, text, judge.Weight(src.Hit.Category), src.Proven, tally.PaneOf(time.Now()))
}

// maxText is the longest presentation form of a name: each octet as \DDD.
const maxText = 4 * dnsname.MaxLen

// sourceOf is the source of a query where no server block holds subscribers. What
// came over HTTP/3 may be early data, which can be forged.
func sourceOf(ctx context.Context, w dns.ResponseWriter) *query.Source {
	addr, _ := netip.ParseAddrPort(w.RemoteAddr().String())
	scheme, _, _ := strings.Cut(metrics.WithServer(ctx), "://")
	stream := w.LocalAddr().Network() != "udp"
	switch scheme {
	case transport.TLS, transport.HTTPS, transport.HTTPS3, transport.GRPC, transport.QUIC:
		stream = true
	}
	return &query.Source{
		Addr:   netip.AddrPortFrom(addr.Addr().Unmap().WithZone(""), addr.Port()),
		Proven: stream && scheme != transport.HTTPS3,
		Stream: stream,
	}
}
