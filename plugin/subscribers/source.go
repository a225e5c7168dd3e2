package subscribers

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/pkg/transport"
)

// tellSource tells where the question came from.
//
//	transport   server's address   RemoteAddr    stream   proven
//	UDP         dns://             *net.UDPAddr  no       no
//	TCP         dns://             *net.TCPAddr  yes      yes
//	DoT, gRPC   tls://, grpc://    *net.TCPAddr  yes      yes
//	DoH         https://           *net.TCPAddr  yes      yes
//	DoQ         quic://            *net.UDPAddr  yes      yes: no question is read before the handshake ends
//	DoH3        https3://          *net.UDPAddr  yes      unless it came as early data, before the handshake's end
//
// Behind plugin proxyproto, RemoteAddr wraps the client's address or is it; what
// is proven is then what the balancer has proven, over UDP nothing.
func (v *visit) tellSource(ctx context.Context) {
	remote, src := v.RemoteAddr(), &v.source
	src.Addr, src.Told = addrPort(remote), &v.told
	scheme := transport.DNS
	if s, ok := ctx.Value(dnsserver.Key{}).(*dnsserver.Server); ok {
		scheme, _, _ = strings.Cut(s.Addr, "://")
	}
	switch scheme {
	case transport.TLS, transport.HTTPS, transport.GRPC, transport.QUIC:
		src.Stream, src.Proven = true, true
	case transport.HTTPS3:
		src.Stream, src.Proven = true, handshakeOver(ctx)
	default:
		src.Stream = strings.HasPrefix(remote.Network(), "tcp")
		src.Proven = src.Stream
	}
}

// handshakeOver: the client has answered from the address that it asks from.
func handshakeOver(ctx context.Context) bool {
	r, ok := ctx.Value(dnsserver.HTTPRequestKey{}).(*http.Request)
	return ok && r.TLS != nil && r.TLS.HandshakeComplete
}

// addrPort is the client's address, v4-mapped undone and without a zone; invalid
// where it is none, and so nobody's.
func addrPort(a net.Addr) netip.AddrPort {
	switch a := unwrap(a).(type) {
	case *net.UDPAddr:
		return join(a.IP, a.Port)
	case *net.TCPAddr:
		return join(a.IP, a.Port)
	}
	return netip.AddrPort{}
}

// unwrap is the client's address where plugin proxyproto has wrapped it.
func unwrap(a net.Addr) net.Addr {
	if wrapped, ok := a.(interface{ Unwrap() net.Addr }); ok {
		return wrapped.Unwrap()
	}
	return a
}

func join(ip net.IP, port int) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port))
}
