package testnet

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// server is one authoritative server: an address, and the zones it holds.
type server struct {
	net    *Net
	name   string
	zones  []*zone
	delay  atomic.Int64 // time.Duration
	silent atomic.Bool

	running []*dns.Server
}

func newServer(n *Net, name string) *server {
	s := &server{net: n, name: name}
	for _, z := range n.zones {
		if slices.Contains(z.Servers, name) {
			s.zones = append(s.zones, z)
		}
	}
	return s
}

// listen opens both sockets and serves on them.
func (s *server) listen(ctx context.Context) error {
	addr := fmt.Sprintf("%s:53", Address(s.name))
	var lc net.ListenConfig
	packets, err := lc.ListenPacket(ctx, "udp", addr)
	if err != nil {
		return fmt.Errorf("testnet: %s: %w", s.name, err)
	}
	stream, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		packets.Close()
		return fmt.Errorf("testnet: %s: %w", s.name, err)
	}
	for _, d := range []*dns.Server{{PacketConn: packets}, {Listener: stream}} {
		started := make(chan struct{})
		d.Handler = s
		d.NotifyStartedFunc = func() { close(started) }
		s.running = append(s.running, d)
		go d.ActivateAndServe()
		<-started // Shutdown of one that has not started does nothing
	}
	return nil
}

func (s *server) close() {
	for _, d := range s.running {
		d.Shutdown()
	}
}

// maxPlain is a UDP answer's size without EDNS (RFC 1035 4.2.1).
const maxPlain = 512 // octets

// ServeDNS answers one question, noted before anything else.
func (s *server) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	_, tcp := w.RemoteAddr().(*net.TCPAddr)
	for _, q := range r.Question {
		s.net.saw(Query{Server: s.name, Name: dns.CanonicalName(q.Name), Type: q.Qtype, TCP: tcp})
	}
	if s.silent.Load() {
		return
	}
	if d := time.Duration(s.delay.Load()); d > 0 {
		time.Sleep(d)
	}
	m := reply(s.zones, r)
	m.Compress = true
	if !tcp {
		size := maxPlain
		if opt := r.IsEdns0(); opt != nil {
			size = max(size, int(opt.UDPSize()))
		}
		if m.Len() > size {
			m.Answer, m.Ns, m.Truncated = nil, nil, true
		}
	}
	w.WriteMsg(m)
}
