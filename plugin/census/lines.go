package census

import (
	"net/netip"

	"sinkhole/plugin/pkg/subscriber"
)

// lines is what the census asks of plugin subscribers.
type lines interface {
	Line(netip.AddrPort) subscriber.Line
	LineText(subscriber.Line) string
	LineClass(subscriber.Line) (class subscriber.Class, optedOut bool)
	Shape() *subscriber.Shape
	SourcesTrusted() bool
	// OnClasses has a function called after the classes changed.
	OnClasses(func())
}

// unknown stands where no server block holds subscribers: each IPv4 address and
// each IPv6 /56 is a line of class fixed.
type unknown struct{}

func (unknown) Line(a netip.AddrPort) subscriber.Line { return subscriber.Default().Line(a) }

func (unknown) LineText(l subscriber.Line) string { return subscriber.Default().Text(l) }

func (unknown) LineClass(subscriber.Line) (subscriber.Class, bool) { return subscriber.Fixed, false }

func (unknown) Shape() *subscriber.Shape { return subscriber.Default() }

func (unknown) SourcesTrusted() bool { return false }

func (unknown) OnClasses(func()) {}
