package query

import (
	"context"
	"net/netip"
	"sync/atomic"

	"github.com/miekg/dns"
)

// Source is where a question came from. The gate makes one a query and puts it
// into the context; what stands behind the gate reads it and never looks at the
// packet's addresses again.
type Source struct {
	// Addr is the client's address and port, with v4-mapped IPv6 undone.
	Addr netip.AddrPort
	// Line is the subscriber line that Addr is, as a key that means nothing but
	// that two are the same; 0 where there is no gate.
	Line uint64
	// Proven: the address cannot be forged (TCP, DoT, DoH, DoQ).
	Proven bool
	// Stream: the answer has no size limit of UDP (TCP, DoT, DoH, DoQ).
	Stream bool
	// OptedOut: the subscriber wants neither matching nor counting.
	OptedOut bool
	// Hit is what decided, where a category that records hits did. Who blocks
	// sets it on the way down or up; who counts reads it once the chain below
	// has returned.
	Hit Hit
	// Told is where the resolver says how it went; nil where nobody listens.
	Told *Told
}

// Told is a word from the resolver to the gate.
type Told struct{ outcome atomic.Pointer[Outcome] }

// Outcome is how resolving a question ended. It goes to the gate beside the
// answer, because CoreDNS's cache between them drops extended errors, and does
// not say which of its answers are stale.
type Outcome struct {
	Rcode  int
	Errors []*dns.EDNS0_EDE // nobody may change them
}

// Resolved notes how resolving the question ended. A cache that gives a stale
// answer may let it go on behind the client's back, so any goroutine may call it.
func (s *Source) Resolved(o *Outcome) {
	if s.Told != nil {
		s.Told.outcome.Store(o)
	}
}

// Errors are the extended errors that belong to an answer with this rcode: those
// of the resolver, or that it is stale where the resolver failed and the answer
// does not say so (RFC 8914, 4.4 and 4.20).
func (t *Told) Errors(rcode int) []*dns.EDNS0_EDE {
	o := t.outcome.Load()
	switch {
	case o == nil:
		return nil
	case o.Rcode == rcode:
		return o.Errors
	case o.Rcode == dns.RcodeServerFailure && rcode == dns.RcodeSuccess:
		return stale
	case o.Rcode == dns.RcodeServerFailure && rcode == dns.RcodeNameError:
		return staleNXDOMAIN
	}
	return nil
}

var (
	stale         = []*dns.EDNS0_EDE{{InfoCode: dns.ExtendedErrorCodeStaleAnswer}}
	staleNXDOMAIN = []*dns.EDNS0_EDE{{InfoCode: dns.ExtendedErrorCodeStaleNXDOMAINAnswer}}
)

// Hit is the listed name or address that a question met.
type Hit struct {
	// Category is empty where there is no hit to record.
	Category string
	// Name is the listed name in wire form, memory that stays as it is; nil where
	// an address was listed.
	Name []byte
	// Text is the name in presentation form, or the prefix, made once.
	Text string
}

type sourceKey struct{}

// WithSource is ctx with the question's source.
func WithSource(ctx context.Context, s *Source) context.Context {
	return context.WithValue(ctx, sourceKey{}, s)
}

// SourceOf is the source that the gate put into ctx, nil where there is no gate.
func SourceOf(ctx context.Context) *Source {
	s, _ := ctx.Value(sourceKey{}).(*Source)
	return s
}
