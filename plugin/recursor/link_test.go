package recursor

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// fakeChild is a child as a test wants it: it sees every packet and sends what
// it likes.
type fakeChild struct {
	udp     *net.UDPConn
	tcp     net.Listener
	packets atomic.Int64
	rcode   atomic.Int64 // see say
	conns   atomic.Int64
	// reply is what is sent for a packet, in order.
	reply func(query []byte, from netip.AddrPort) [][]byte
	// stream is what is sent for a message over TCP; nil closes the connection.
	stream func(query []byte) [][]byte
}

func newFakeChild(t testing.TB) *fakeChild {
	t.Helper()
	c := &fakeChild{}
	c.reply = func(query []byte, _ netip.AddrPort) [][]byte { return [][]byte{answerOf(query)} }
	c.stream = func(query []byte) [][]byte { return [][]byte{answerOf(query)} }
	c.udp, c.tcp = listen(t)
	t.Cleanup(func() { c.udp.Close(); c.tcp.Close() })
	return c
}

// listen opens a port of loopback that is free on UDP and TCP.
func listen(t testing.TB) (*net.UDPConn, net.Listener) {
	t.Helper()
	for {
		udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		if tcp, err := net.Listen("tcp", udp.LocalAddr().String()); err == nil {
			return udp, tcp
		}
		udp.Close()
	}
}

// run serves with what the test has set.
func (c *fakeChild) run(t testing.TB) *fakeChild {
	t.Helper()
	go func() {
		buf := make([]byte, 65535)
		for {
			n, from, err := c.udp.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			c.packets.Add(1)
			for _, wire := range c.reply(append([]byte{}, buf[:n]...), from) {
				c.udp.WriteToUDPAddrPort(wire, from)
			}
		}
	}()
	go func() {
		for {
			conn, err := c.tcp.Accept()
			if err != nil {
				return
			}
			c.conns.Add(1)
			go c.serveTCP(conn)
		}
	}()
	return c
}

func (c *fakeChild) serveTCP(conn net.Conn) {
	defer conn.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		out := c.stream(query)
		if out == nil {
			return
		}
		for _, wire := range out {
			conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...))
		}
	}
}

func (c *fakeChild) addr() netip.AddrPort { return c.udp.LocalAddr().(*net.UDPAddr).AddrPort() }

// edit is the answer to query, changed.
func edit(query []byte, change func(*dns.Msg)) []byte {
	var q dns.Msg
	if err := q.Unpack(query); err != nil {
		return nil
	}
	m := new(dns.Msg).SetReply(&q)
	m.RecursionAvailable = true
	a, _ := dns.NewRR(q.Question[0].Name + " 300 A 192.0.2.1")
	m.Answer = append(m.Answer, a)
	change(m)
	wire, _ := m.Pack()
	return wire
}

func answerOf(query []byte) []byte { return edit(query, func(*dns.Msg) {}) }

var www = question{name: "\x03www\x07example\x00", qtype: dns.TypeA}

// linkTo is a link to the fake child, patient enough for a busy machine.
func linkTo(t testing.TB, c *fakeChild) *link {
	t.Helper()
	var ignored atomic.Uint64
	l := newLink(c.addr(), func() {}, &ignored)
	t.Cleanup(l.close)
	return l
}

// TestWrongPacketsAreIgnored: nothing but the answer ends the wait (TuDoor).
func TestWrongPacketsAreIgnored(t *testing.T) {
	for name, wrong := range map[string]func(query []byte) []byte{
		"another ID":     func(q []byte) []byte { return edit(q, func(m *dns.Msg) { m.Id++ }) },
		"another name":   func(q []byte) []byte { return edit(q, func(m *dns.Msg) { m.Question[0].Name = "wwx.example." }) },
		"a longer name":  func(q []byte) []byte { return edit(q, func(m *dns.Msg) { m.Question[0].Name = "a.www.example." }) },
		"another type":   func(q []byte) []byte { return edit(q, func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA }) },
		"another class":  func(q []byte) []byte { return edit(q, func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }) },
		"no response":    func(q []byte) []byte { return edit(q, func(m *dns.Msg) { m.Response = false }) },
		"another opcode": func(q []byte) []byte { return edit(q, func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }) },
		"no question":    func(q []byte) []byte { return edit(q, func(m *dns.Msg) { m.Question = nil }) },
		"two questions": func(q []byte) []byte {
			return edit(q, func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) })
		},
		"the query itself": func(q []byte) []byte { return q },
		"nothing":          func(q []byte) []byte { return []byte{} },
		"a runt":           func(q []byte) []byte { return []byte{q[0], q[1], 0x80} },
		"noise": func(q []byte) []byte {
			return []byte("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80")
		},
		"a record cut off": func(q []byte) []byte { w := answerOf(q); return w[:len(w)-2] },
		"a pointer that runs in circles": func(q []byte) []byte {
			w := answerOf(q)
			at := len(q) - 11 // the answer's owner: make it point to itself
			return append(append(append([]byte{}, w[:at]...), 0xc0, byte(at)), w[len(w)-14:]...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newFakeChild(t)
			c.reply = func(query []byte, _ netip.AddrPort) [][]byte {
				return [][]byte{wrong(query), wrong(query), answerOf(query)}
			}
			l := linkTo(t, c.run(t))
			p, fail := l.ask(&www)
			if fail != nil {
				t.Fatal(fail)
			}
			if len(p.msg.Answer) != 1 {
				t.Errorf("got %v", p.msg)
			}
			if n := l.ignored.Load(); n != 2 {
				t.Errorf("%d packets ignored, want 2", n)
			}
		})
	}
}

// TestStrangersAreNotHeard: a local user who knows ID, question and port is not
// the child, for his packets come from another port.
func TestStrangersAreNotHeard(t *testing.T) {
	stranger, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	c := newFakeChild(t)
	c.reply = func(query []byte, from netip.AddrPort) [][]byte {
		forged := edit(query, func(m *dns.Msg) { m.Answer[0].(*dns.A).A = net.IPv4(203, 0, 113, 66) })
		stranger.WriteToUDPAddrPort(forged, from)
		return [][]byte{answerOf(query)}
	}
	l := linkTo(t, c.run(t))
	for range 20 {
		p, fail := l.ask(&www)
		if fail != nil {
			t.Fatal(fail)
		}
		if a := p.msg.Answer[0].(*dns.A).A.String(); a != "192.0.2.1" {
			t.Fatalf("the stranger was heard: %s", a)
		}
	}
}

// TestLateAnswerIsForNobody: what answers an earlier question on a socket does
// not answer the next.
func TestLateAnswerIsForNobody(t *testing.T) {
	c := newFakeChild(t)
	var before []byte
	c.reply = func(query []byte, _ netip.AddrPort) [][]byte {
		out := [][]byte{answerOf(query)}
		if before != nil {
			out = [][]byte{before, answerOf(query)}
		}
		before = edit(query, func(m *dns.Msg) { m.Answer[0].(*dns.A).A = net.IPv4(192, 0, 2, 99) })
		return out
	}
	l := linkTo(t, c.run(t))
	for range 10 {
		p, fail := l.ask(&www)
		if fail != nil {
			t.Fatal(fail)
		}
		if a := p.msg.Answer[0].(*dns.A).A.String(); a != "192.0.2.1" {
			t.Fatalf("a late answer was taken: %s", a)
		}
	}
	if len(l.open) != 1 {
		t.Errorf("%d sockets for one question at a time", len(l.open))
	}
}

func TestLostPacketIsSentAgain(t *testing.T) {
	c := newFakeChild(t)
	ids := make(chan uint16, 100)
	c.reply = func(query []byte, _ netip.AddrPort) [][]byte {
		ids <- binary.BigEndian.Uint16(query)
		if len(ids) < 3 {
			return nil
		}
		return [][]byte{answerOf(query)}
	}
	l := linkTo(t, c.run(t))
	l.resends = []time.Duration{10 * time.Millisecond, 20 * time.Millisecond}
	if _, fail := l.ask(&www); fail != nil {
		t.Fatal(fail)
	}
	if first := <-ids; len(ids) != 2 || <-ids != first || <-ids != first {
		t.Error("it was not sent three times as it was")
	}
}

func TestSilenceEnds(t *testing.T) {
	c := newFakeChild(t)
	c.reply = func([]byte, netip.AddrPort) [][]byte { return nil }
	l := linkTo(t, c.run(t))
	l.giveUp, l.resends = 50*time.Millisecond, nil
	if _, fail := l.ask(&www); fail != noAnswer {
		t.Errorf("got %v, want %v", fail, noAnswer)
	}
	if len(l.open) != 0 || len(l.idle) != 0 {
		t.Errorf("the socket of a question that was given up is kept: %d open, %d idle", len(l.open), len(l.idle))
	}
}

// TestFloodDoesNotExtendTheWait: a stream of wrong packets ends with the wait.
func TestFloodDoesNotExtendTheWait(t *testing.T) {
	c := newFakeChild(t)
	stop := make(chan struct{})
	defer close(stop)
	c.reply = func(query []byte, from netip.AddrPort) [][]byte {
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
					c.udp.WriteToUDPAddrPort([]byte("noise"), from)
				}
			}
		}()
		return nil
	}
	l := linkTo(t, c.run(t))
	l.giveUp, l.resends = 50*time.Millisecond, nil
	done := make(chan *failure, 1)
	go func() { _, fail := l.ask(&www); done <- fail }()
	select {
	case fail := <-done:
		if fail != noAnswer {
			t.Errorf("got %v, want %v", fail, noAnswer)
		}
	case <-time.After(20 * time.Second):
		t.Error("it waits on")
	}
}

func TestNobodyThere(t *testing.T) {
	c := newFakeChild(t)
	l := linkTo(t, c)
	c.udp.Close()
	c.tcp.Close()
	if _, fail := l.ask(&www); fail != childDown {
		t.Errorf("got %v, want %v", fail, childDown)
	}
}

// TestDeathEndsAllWaiting: when the child dies nobody waits for his time to run
// out, and nothing new is begun.
func TestDeathEndsAllWaiting(t *testing.T) {
	c := newFakeChild(t)
	c.reply = func([]byte, netip.AddrPort) [][]byte { return nil }
	l := linkTo(t, c.run(t))
	l.giveUp, l.resends = time.Hour, nil
	const n = 50
	done := make(chan *failure, n)
	for range n {
		go func() { _, fail := l.ask(&www); done <- fail }()
	}
	eventually(t, "all have asked", func() bool { return c.packets.Load() == n })
	l.close()
	for range n {
		if fail := <-done; fail != childDown {
			t.Errorf("got %v, want %v", fail, childDown)
		}
	}
	if _, fail := l.ask(&www); fail != childDown {
		t.Errorf("after the death: got %v, want %v", fail, childDown)
	}
}

// big is an answer of about 8,000 octets.
func big(m *dns.Msg) {
	for range 7 {
		m.Answer = append(m.Answer, m.Answer...)
	}
	for i := range m.Answer {
		m.Answer[i] = dns.Copy(m.Answer[i])
		m.Answer[i].(*dns.A).A = net.IPv4(192, 0, 2, byte(i))
	}
}

func truncatedAnswer(query []byte, _ netip.AddrPort) [][]byte {
	return [][]byte{edit(query, func(m *dns.Msg) { m.Truncated, m.Answer = true, nil })}
}

func TestTruncatedIsAskedOverTCP(t *testing.T) {
	c := newFakeChild(t)
	c.reply = truncatedAnswer
	c.stream = func(query []byte) [][]byte {
		return [][]byte{edit(query, func(m *dns.Msg) { m.Id++ }), edit(query, big)} // a stray one first
	}
	l := linkTo(t, c.run(t))
	for range 5 {
		p, fail := l.ask(&www)
		if fail != nil {
			t.Fatal(fail)
		}
		if len(p.msg.Answer) != 128 || p.msg.Truncated {
			t.Errorf("%d records, truncated %v", len(p.msg.Answer), p.msg.Truncated)
		}
	}
	if n := c.conns.Load(); n != 1 {
		t.Errorf("%d connections for five questions in a row", n)
	}
}

func TestConnectionsAreRecycled(t *testing.T) {
	c := newFakeChild(t)
	c.reply = truncatedAnswer
	l := linkTo(t, c.run(t))
	for range maxPerStream + 1 {
		if _, fail := l.ask(&www); fail != nil {
			t.Fatal(fail)
		}
	}
	if n := c.conns.Load(); n != 2 {
		t.Errorf("%d connections for %d questions, want 2", n, maxPerStream+1)
	}
}

// TestConnectionThatLayIdle: the child may close one whenever it likes.
func TestConnectionThatLayIdle(t *testing.T) {
	c := newFakeChild(t)
	c.reply = truncatedAnswer
	var asked atomic.Int64
	c.stream = func(query []byte) [][]byte {
		if asked.Add(1)%2 == 0 {
			return nil
		}
		return [][]byte{answerOf(query)}
	}
	l := linkTo(t, c.run(t))
	for range 4 {
		if _, fail := l.ask(&www); fail != nil {
			t.Fatal(fail)
		}
	}
}

func TestTCPThatFails(t *testing.T) {
	for name, tt := range map[string]struct {
		stream func([]byte) [][]byte
		want   *failure
	}{
		"it is closed at once": {func([]byte) [][]byte { return nil }, childDown},
		"nothing comes":        {func([]byte) [][]byte { return [][]byte{} }, noAnswer},
		"it cannot be read":    {func(q []byte) [][]byte { w := answerOf(q); return [][]byte{w[:len(w)-2]} }, childDown},
		"truncated once more":  {func(q []byte) [][]byte { return truncatedAnswer(q, netip.AddrPort{}) }, childDown},
	} {
		t.Run(name, func(t *testing.T) {
			c := newFakeChild(t)
			c.reply, c.stream = truncatedAnswer, tt.stream
			l := linkTo(t, c.run(t))
			if tt.want == noAnswer {
				l.giveUp = 50 * time.Millisecond
			}
			if _, fail := l.ask(&www); fail != tt.want {
				t.Errorf("got %v, want %v", fail, tt.want)
			}
			if len(l.streams) != 0 {
				t.Error("a connection that failed is kept")
			}
		})
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	c := newFakeChild(t)
	c.reply = truncatedAnswer
	release := make(chan struct{})
	c.stream = func(query []byte) [][]byte { <-release; return [][]byte{answerOf(query)} }
	l := linkTo(t, c.run(t))
	l.giveUp = time.Hour
	const n = 3 * maxStreams
	done := make(chan *failure, n)
	for range n {
		go func() { _, fail := l.ask(&www); done <- fail }()
	}
	eventually(t, "as many as may be", func() bool { return c.conns.Load() == maxStreams })
	close(release)
	for range n {
		if fail := <-done; fail != nil {
			t.Error(fail)
		}
	}
	if n := c.conns.Load(); n != maxStreams {
		t.Errorf("%d connections, the bound is %d", n, maxStreams)
	}
}

func TestIdleSocketsAreBounded(t *testing.T) {
	c := newFakeChild(t)
	const n = maxIdleSockets + 20
	held := make(chan func(), n)
	c.reply = func(query []byte, from netip.AddrPort) [][]byte {
		held <- func() { c.udp.WriteToUDPAddrPort(answerOf(query), from) }
		return nil
	}
	l := linkTo(t, c.run(t))
	l.giveUp, l.resends = time.Hour, nil
	done := make(chan *failure, n)
	var answer []func()
	for range n { // one by one: the receive buffer of a socket holds some 250 packets
		go func() { _, fail := l.ask(&www); done <- fail }()
		answer = append(answer, <-held)
	}
	for _, f := range answer {
		f()
	}
	for range n {
		if fail := <-done; fail != nil {
			t.Error(fail)
		}
	}
	if len(l.idle) != maxIdleSockets || len(l.open) != maxIdleSockets {
		t.Errorf("%d sockets idle, %d open, the bound is %d", len(l.idle), len(l.open), maxIdleSockets)
	}
}

// echo answers without allocating: the query as a response, its OPT left out.
func echo(t testing.TB) *link {
	t.Helper()
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := udp.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			buf[2] |= 0x80
			buf[11] = 0
			udp.WriteToUDPAddrPort(buf[:n-11], from)
		}
	}()
	var ignored atomic.Uint64
	l := newLink(udp.LocalAddr().(*net.UDPAddr).AddrPort(), func() {}, &ignored)
	t.Cleanup(l.close)
	return l
}

// exchangeWire is one exchange over UDP, up to the octets of the answer.
func exchangeWire(l *link, p *packet) *failure {
	query := www.append(p.query[:0])
	newID(query)
	conn, fail := l.socket()
	if fail != nil {
		return fail
	}
	_, fail = l.await(conn, query, p.reply[:], time.Now().Add(l.giveUp))
	l.putBack(conn)
	return fail
}

func TestExchangeAllocatesNothing(t *testing.T) {
	l, p := echo(t), new(packet)
	if fail := exchangeWire(l, p); fail != nil { // opens the socket
		t.Fatal(fail)
	}
	n := testing.AllocsPerRun(200, func() {
		if fail := exchangeWire(l, p); fail != nil {
			t.Fatal(fail)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkExchange is a question to the child and back, without the child's
// work: two system calls on either side.
func BenchmarkExchange(b *testing.B) {
	l, p := echo(b), new(packet)
	b.ReportAllocs()
	for b.Loop() {
		if fail := exchangeWire(l, p); fail != nil {
			b.Fatal(fail)
		}
	}
}

func BenchmarkAnswers(b *testing.B) {
	query := www.append(nil)
	newID(query)
	wire := answerOf(query)
	b.ReportAllocs()
	for b.Loop() {
		if !answers(wire, query) {
			b.Fatal("it is one")
		}
	}
}
