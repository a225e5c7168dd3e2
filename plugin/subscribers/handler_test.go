package subscribers

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/request"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/query"
)

// handler is the gate before next, for 192.0.2.0/24.
func handler(t testing.TB, next plugin.HandlerFunc) *Handler {
	t.Helper()
	s, err := New(with(func(c *Config) { c.Served = prefixes("192.0.2.0/24") }))
	if err != nil {
		t.Fatal(err)
	}
	return &Handler{Subscribers: s, Next: next}
}

// client keeps what it is sent, as octets.
type client struct {
	dns.ResponseWriter
	remote net.Addr
	wire   [][]byte
	closed bool
}

func (c *client) RemoteAddr() net.Addr { return c.remote }
func (c *client) Close() error         { c.closed = true; return nil }

func (c *client) Write(wire []byte) (int, error) {
	c.wire = append(c.wire, wire)
	return len(wire), nil
}

func (c *client) WriteMsg(m *dns.Msg) error {
	wire, err := m.Pack()
	if err == nil {
		_, err = c.Write(wire)
	}
	return err
}

// left is a client that has gone away.
type left struct{ client }

func (c *left) WriteMsg(*dns.Msg) error {
	return &net.OpError{Op: "write", Net: "tcp", Addr: c.remote, Err: net.ErrClosed}
}
func (c *left) Write([]byte) (int, error) { return 0, c.WriteMsg(nil) }

// TestErrorsNameNobody: an error of ours would be logged with the name, and one of
// a connection has the client's address in it.
func TestErrorsNameNobody(t *testing.T) {
	large := question("host.example.")
	for range 9 {
		large.Answer = append(large.Answer, &dns.TXT{Hdr: dns.RR_Header{Name: "host.example.", Rrtype: dns.TypeTXT, Class: dns.ClassINET},
			Txt: []string{"some sixty octets, so that the answer is larger than the one of UDP"}})
	}
	for name, from := range map[string]string{"a stranger": "203.0.113.1:5353", "a subscriber": "192.0.2.1:5353"} {
		at := netip.MustParseAddrPort(from)
		for _, addr := range []net.Addr{net.UDPAddrFromAddrPort(at), net.TCPAddrFromAddrPort(at)} {
			h := handler(t, func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
				return dns.RcodeSuccess, w.WriteMsg(large)
			})
			if _, err := h.ServeDNS(t.Context(), &left{client{remote: addr}}, question("host.example.")); err != nil {
				t.Errorf("%s by %s: %v; want no error", name, addr.Network(), err)
			}
		}
	}
}

// FuzzServeDNS gives the gate any packet that the parser takes, as CoreDNS does:
// no fault comes of it, at most one answer, and none over the client's size.
func FuzzServeDNS(f *testing.F) {
	for _, m := range []*dns.Msg{
		question("host.example."), question("large.example."), question("medium.example."), question("rcode.example."),
		edns(question("large.example."), 600), edns(question("packed.example."), 4096), edns(question("code.example."), 0),
		new(dns.Msg).SetNotify("example."), new(dns.Msg).SetAxfr("example."), new(dns.Msg).SetUpdate("example."),
	} {
		wire, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire, false, false)
		f.Add(wire, true, true)
	}
	f.Fuzz(func(t *testing.T, wire []byte, strange, tcp bool) {
		m := new(dns.Msg)
		if m.Unpack(wire) != nil || len(m.Question) == 0 {
			return // CoreDNS answers
		}
		if m.IsEdns0() != nil && m.IsEdns0().Version() != 0 {
			return // so it does here
		}
		limit := query.Limit(m, tcp)
		ip := net.IPv4(192, 0, 2, 7)
		if strange {
			ip = net.IPv4(203, 0, 113, 7)
		}
		c := &client{remote: &net.UDPAddr{IP: ip, Port: 5353}}
		if tcp {
			c.remote = &net.TCPAddr{IP: ip, Port: 5353}
		}
		id, had := m.Id, m.IsEdns0() != nil
		asked := m.Question[0]
		code, err := handler(t, unlessPanic).ServeDNS(context.Background(), request.NewScrubWriter(m, c), m)
		if err != nil || !plugin.ClientWrite(code) || len(c.wire) > 1 {
			t.Fatalf("got code %d, %v, and %d answers", code, err, len(c.wire))
		}
		if len(c.wire) == 0 {
			return
		}
		r := new(dns.Msg)
		if err := r.Unpack(c.wire[0]); err != nil {
			t.Fatalf("the answer cannot be read: %v: %x", err, c.wire[0])
		}
		opt := r.IsEdns0()
		switch {
		case len(c.wire[0]) > limit:
			t.Errorf("%d octets for who takes %d", len(c.wire[0]), limit)
		case !r.Response || r.Id != id:
			t.Errorf("no answer to this message: %s", r)
		case len(r.Question) > 1 || len(r.Question) == 1 && r.Question[0] != asked:
			t.Errorf("got the question %v, want %v", r.Question, asked)
		case opt != nil && (!had || opt.UDPSize() != query.UDPSize || opt.Hdr.Ttl&^0xff008000 != 0):
			t.Errorf("got the OPT %s", opt)
		case strange && (r.Rcode != dns.RcodeRefused || len(r.Answer) > 0):
			t.Errorf("a stranger got %s", r)
		}
	})
}

// unlessPanic is the witness, who behaves badly in every way but one.
func unlessPanic(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	if len(r.Question[0].Name) > 6 && r.Question[0].Name[:6] == "panic." {
		return dns.RcodeServerFailure, nil
	}
	return witness(ctx, w, r)
}

// TestReplyStaysAsItIs: an answer may be given to several clients at once, and
// each gets the name in the letters in which it asked for it.
func TestReplyStaysAsItIs(t *testing.T) {
	shared := new(dns.Msg).SetReply(question("host.example."))
	for _, line := range []string{"host.Example. CNAME a.example.", "a.example. CNAME HOST.example."} {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		shared.Answer = append(shared.Answer, rr)
	}
	shared.Ns = []dns.RR{&dns.SOA{Hdr: dns.RR_Header{Name: "host.example.", Rrtype: dns.TypeSOA, Class: dns.ClassINET}, Ns: ".", Mbox: "."}}
	shared.Extra = []dns.RR{query.OPT(true)}
	shared.IsEdns0().SetUDPSize(4096)
	before := shared.String()
	h := handler(t, func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
		return dns.RcodeSuccess, w.WriteMsg(shared)
	})
	for _, m := range []*dns.Msg{question("Host.Example."), edns(question("HOST.example."), 1232)} {
		c := &client{remote: &net.UDPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 5353}}
		asked := m.Question[0].Name
		if _, err := h.ServeDNS(context.Background(), request.NewScrubWriter(m, c), m); err != nil {
			t.Fatal(err)
		}
		var r dns.Msg
		if err := r.Unpack(c.wire[0]); err != nil {
			t.Fatal(err)
		}
		for i, got := range []string{r.Question[0].Name, r.Answer[0].Header().Name, r.Ns[0].Header().Name} {
			if got != asked {
				t.Errorf("who asked for %s got %s in section %d", asked, got, i)
			}
		}
		if got := r.Answer[1].Header().Name; got != "a.example." {
			t.Errorf("got the owner %s, want a.example.", got)
		}
	}
	if after := shared.String(); after != before {
		t.Errorf("was\n%s\nand is\n%s", before, after)
	}
}

// passing lets everything pass and writes nothing.
func passing(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) {
	return dns.RcodeSuccess, nil
}

// TestSetExtraAllocatesNothing: an extended error is what every blocked question
// gets.
func TestSetExtraAllocatesNothing(t *testing.T) {
	v := &visit{edns: true}
	o := query.OPT(false)
	o.Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeBlocked}}
	extra := []dns.RR{o}
	if n := testing.AllocsPerRun(100, func() { v.setExtra(extra) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
	if len(v.reply.Extra) != 1 || len(v.replyOPT.Option) != 1 {
		t.Errorf("got %v", v.reply.Extra)
	}
}

// TestAllocations: a question costs its visit, which holds the source, the
// context that carries it, and what CoreDNS wraps around the writer of each
// plugin.
func TestAllocations(t *testing.T) {
	h := handler(t, passing)
	m := edns(question("host.example."), 4096)
	var w dns.ResponseWriter = &client{remote: &net.UDPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 5353}}
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() { h.ServeDNS(ctx, w, m) }); n > 3 {
		t.Errorf("%v allocations, want 3", n)
	}
	a := netip.MustParseAddrPort("192.0.2.7:5353")
	if n := testing.AllocsPerRun(100, func() { h.LineClass(h.Line(a)) }); n != 0 {
		t.Errorf("a line and its class: %v allocations, want none", n)
	}
}

func BenchmarkServeDNS(b *testing.B) {
	h := handler(b, passing)
	m := edns(question("host.example."), 4096)
	w := &client{remote: &net.UDPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 5353}}
	b.ReportAllocs()
	for b.Loop() {
		h.ServeDNS(context.Background(), w, m)
	}
}
