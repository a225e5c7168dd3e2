package sinkhole

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/dropdir"
	"sinkhole/plugin/pkg/query"
)

const (
	// explainZone is where lists are explained to whoever sits at this machine:
	// dig bad.example.explain.sinkhole TXT @localhost. There is no such top-level
	// domain; names at and below it are answered here, and never asked of others.
	explainZone = "explain.sinkhole."
	explainTop  = "sinkhole."

	// maxExplained is how many lines that were passed over an answer tells of.
	maxExplained = 24

	// maxString is the length of a string of a TXT record, in octets (RFC 1035,
	// section 3.3).
	maxString = 255

	// explainWithin bounds the wait for another explanation: each may read files
	// of any size, and is made alone.
	explainWithin = 2 * time.Second
)

// inExplainZone: the name, in presentation form, is explainZone or lies below it.
// It allocates nothing for a name that does not.
func inExplainZone(name string) bool {
	at := len(name) - len(explainZone)
	return at >= 0 && strings.EqualFold(name[at:], explainZone) && dns.IsSubDomain(explainZone, dns.CanonicalName(name))
}

// explained answers a question at or below explainZone: the name before it is
// explained to loopback. To everybody else there is no such name.
func (h *Handler) explained(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(r)
	m.RecursionAvailable, m.CheckingDisabled = true, r.CheckingDisabled
	if opt := r.IsEdns0(); opt != nil {
		m.Extra = []dns.RR{query.OPT(opt.Do())}
	}
	q := r.Question[0]
	labels := dns.SplitDomainName(q.Name)
	name := strings.Join(labels[:len(labels)-dns.CountLabel(explainZone)], ".")
	switch {
	case !fromLoopback(w.RemoteAddr()):
		m.Rcode = dns.RcodeNameError
	case name == "" || q.Qtype != dns.TypeTXT:
	default:
		texts, err := h.lists.texts(ctx, name)
		if err != nil {
			m.Rcode = dns.RcodeServerFailure
			break
		}
		m.Answer = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: texts}}
	}
	if len(m.Answer) == 0 && m.Rcode != dns.RcodeServerFailure {
		m.Ns = []dns.RR{noSuchName(h.lists.cfg.Default.TTL)}
	}
	query.Fit(m, query.Limit(r, streams(ctx, w)))
	return m
}

// noSuchName is the SOA of a negative answer: all of explainTop is ours.
func noSuchName(ttl uint32) dns.RR {
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: explainTop, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: ttl},
		Ns:  explainTop, Mbox: "nobody.invalid.", Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: ttl,
	}
}

func fromLoopback(a net.Addr) bool {
	at, err := netip.ParseAddrPort(a.String())
	return err == nil && at.Addr().Unmap().WithZone("").IsLoopback()
}

// streams: the answer has no size limit of UDP.
func streams(ctx context.Context, w dns.ResponseWriter) bool {
	if src := query.SourceOf(ctx); src != nil {
		return src.Stream
	}
	_, tcp := w.RemoteAddr().(*net.TCPAddr)
	return tcp
}

// texts explain a name in the strings of a TXT record: what decides, and then
// what was passed over, in order of precedence.
func (s *Sinkhole) texts(ctx context.Context, name string) ([]string, error) {
	for end := time.Now().Add(explainWithin); !s.explain.TryLock(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) || ctx.Err() != nil {
			return nil, context.DeadlineExceeded
		}
	}
	defer s.explain.Unlock()
	e, err := s.Explain(control.Question{Name: name})
	if err != nil {
		return []string{text("%v", err)}, nil
	}
	first := fmt.Sprintf("%s %s: %s%s", e.Name, e.Type, e.Verdict, lineOf(e.Source))
	switch {
	case e.Zone != "":
		first += fmt.Sprintf(", zone %s, trigger %s", dropdir.Printable(e.Zone), e.Trigger)
	case e.Category != "":
		first += ", category " + dropdir.Printable(e.Category)
	}
	all := []string{text("%s", first)}
	for i, o := range e.PassedOver {
		if i == maxExplained {
			all = append(all, text("and %d more were passed over", len(e.PassedOver)-i))
			break
		}
		all = append(all, text("passed over%s: %s", lineOf(&o.Source), o.Why))
	}
	return all, nil
}

func lineOf(src *control.Source) string {
	if src == nil {
		return ""
	}
	return fmt.Sprintf(" by %s:%d: %q", dropdir.Printable(src.File), src.Line, src.Text)
}

// text is a string of a TXT record as package dns takes it, cut at its length. In
// it a backslash escapes what follows.
func text(format string, args ...any) string {
	s := fmt.Sprintf(format, args...)
	if len(s) > maxString {
		end := maxString
		for end > maxString-utf8.UTFMax && !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end]
	}
	return strings.ReplaceAll(s, `\`, `\\`)
}
