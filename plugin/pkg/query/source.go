package query

import (
	"context"
	"net/netip"
)

// Source is where a question came from. The gate makes one a query and puts it
// into the context; what stands behind the gate reads it and never looks at the
// packet's addresses again.
type Source struct {
	// Addr is the client's address and port, with v4-mapped IPv6 undone.
	Addr netip.AddrPort
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
}

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
