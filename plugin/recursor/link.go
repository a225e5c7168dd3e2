package recursor

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"sinkhole/plugin/pkg/unbound"
)

const (
	// giveUp is how long a question may take. Unbound would go on for a minute;
	// clients ask again after 5 s, and then wait for the same flight.
	giveUp = 7 * time.Second
	// maxIdleSockets are kept for the next questions; beyond that a socket lives
	// for one question. Each has a port of its own.
	maxIdleSockets = 512
	// maxStreams bounds the TCP connections to the child, in use and idle.
	maxStreams = unbound.ConnectionsPerThread / 2
	// maxPerStream is after how many questions a TCP connection is closed: long
	// rows of them were a weakness (CVE-2026-80225).
	maxPerStream = 200
)

// resends are when a question is sent again, since loopback drops packets too
// when the child's buffer is full. The child takes the second for the first.
var resends = []time.Duration{time.Second, 3 * time.Second}

// link is the way to one life of the child: its port, and the sockets connected
// to it, which take packets from there and nowhere else.
type link struct {
	udp   *net.UDPAddr
	addr  string
	heard func() // it has answered

	ignored *atomic.Uint64 // packets that were no answer
	giveUp  time.Duration
	resends []time.Duration

	mu      sync.Mutex // guards what follows
	closed  bool
	open    map[net.Conn]struct{}
	idle    []*net.UDPConn
	streams []*stream // idle ones
	turn    chan struct{}
}

func newLink(addr netip.AddrPort, heard func(), ignored *atomic.Uint64) *link {
	return &link{
		udp:     net.UDPAddrFromAddrPort(addr),
		addr:    addr.String(),
		heard:   heard,
		ignored: ignored,
		giveUp:  giveUp,
		resends: resends,
		open:    map[net.Conn]struct{}{},
		turn:    make(chan struct{}, maxStreams),
	}
}

// close ends all questions that are under way.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for c := range l.open {
		c.Close()
	}
	l.open, l.idle, l.streams = nil, nil, nil
}

// keep notes a connection, so that close finds it.
func (l *link) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		c.Close()
		return false
	}
	l.open[c] = struct{}{}
	return true
}

func (l *link) drop(c net.Conn) {
	l.mu.Lock()
	delete(l.open, c)
	l.mu.Unlock()
	c.Close()
}

// packet is the memory of one exchange.
type packet struct {
	query [maxQuery]byte
	reply [unbound.MaxUDP]byte
}

var packets = sync.Pool{New: func() any { return new(packet) }}

// ask asks the child.
func (l *link) ask(q *question) (*reply, *failure) {
	p := packets.Get().(*packet)
	defer packets.Put(p)
	end := time.Now().Add(l.giveUp)
	query := q.append(p.query[:0])
	newID(query)
	conn, fail := l.socket()
	if fail != nil {
		return nil, fail
	}
	r, whole, fail := l.exchange(conn, query, p.reply[:], end)
	if fail != nil {
		l.drop(conn) // what comes late finds nobody
		return nil, fail
	}
	l.putBack(conn)
	if !whole {
		return l.overTCP(query, end)
	}
	return r, nil
}

// exchange sends a question over UDP and waits for its answer, passing over all
// that is none: a packet with another ID or question, or one that cannot be
// read, must not end the wait (TuDoor, CVE-2023-28452). An answer that is not
// whole comes without a reply.
func (l *link) exchange(conn *net.UDPConn, query, buf []byte, end time.Time) (r *reply, whole bool, fail *failure) {
	wire, fail := l.await(conn, query, buf, end)
	for ; fail == nil; wire, fail = l.read(conn, query, buf, end) {
		if truncated(wire) {
			return nil, false, nil
		}
		if r, err := readReply(wire); err == nil {
			return r, true, nil
		}
		l.ignored.Add(1)
	}
	return nil, false, fail
}

// await sends the question, again where need be, until something answers it.
func (l *link) await(conn *net.UDPConn, query, buf []byte, end time.Time) ([]byte, *failure) {
	begin := time.Now()
	for i := 0; ; i++ {
		until := end
		if i < len(l.resends) && begin.Add(l.resends[i]).Before(end) {
			until = begin.Add(l.resends[i])
		}
		if _, err := conn.Write(query); err != nil {
			return nil, childDown
		}
		wire, fail := l.read(conn, query, buf, until)
		if fail == noAnswer && until.Before(end) {
			continue
		}
		return wire, fail
	}
}

// read waits for an answer to query.
func (l *link) read(conn *net.UDPConn, query, buf []byte, until time.Time) ([]byte, *failure) {
	if conn.SetReadDeadline(until) != nil {
		return nil, childDown
	}
	for {
		n, err := conn.Read(buf)
		switch {
		case err == nil && answers(buf[:n], query):
			l.heard()
			return buf[:n], nil
		case err == nil:
			l.ignored.Add(1)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, noAnswer
		default: // nobody listens there, or the link was closed: the child is gone
			return nil, childDown
		}
	}
}

// socket gives a socket that is connected to the child.
func (l *link) socket() (*net.UDPConn, *failure) {
	l.mu.Lock()
	if n := len(l.idle); n > 0 {
		c := l.idle[n-1]
		l.idle = l.idle[:n-1]
		l.mu.Unlock()
		return c, nil
	}
	l.mu.Unlock()
	c, err := net.DialUDP("udp", nil, l.udp)
	if err != nil {
		return nil, noSocket
	}
	if !l.keep(c) {
		return nil, childDown
	}
	return c, nil
}

func (l *link) putBack(c *net.UDPConn) {
	l.mu.Lock()
	room := !l.closed && len(l.idle) < maxIdleSockets
	if room {
		l.idle = append(l.idle, c)
	}
	l.mu.Unlock()
	if !room {
		l.drop(c)
	}
}

// stream is a TCP connection to the child, for one question at a time.
type stream struct {
	net.Conn
	asked int
}

// overTCP asks the question over TCP.
func (l *link) overTCP(query []byte, end time.Time) (*reply, *failure) {
	wait := time.NewTimer(time.Until(end))
	defer wait.Stop()
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-wait.C:
		return nil, noAnswer
	}
	for {
		s, fresh, fail := l.stream(end)
		if fail != nil {
			return nil, fail
		}
		r, err := s.exchange(query, end)
		if err == nil {
			l.heard()
			l.putStream(s)
			return r, nil
		}
		l.drop(s.Conn)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, noAnswer
		case fresh:
			return nil, childDown
		}
		// The child had closed a connection that lay idle.
	}
}

func (l *link) stream(end time.Time) (s *stream, fresh bool, fail *failure) {
	l.mu.Lock()
	if n := len(l.streams); n > 0 {
		s = l.streams[n-1]
		l.streams = l.streams[:n-1]
	}
	l.mu.Unlock()
	if s != nil {
		return s, false, nil
	}
	d := net.Dialer{Deadline: end}
	d.SetMultipathTCP(false)
	c, err := d.Dial("tcp", l.addr)
	if err != nil || !l.keep(c) {
		return nil, false, childDown
	}
	return &stream{Conn: c}, true, nil
}

func (l *link) putStream(s *stream) {
	l.mu.Lock()
	room := !l.closed && s.asked < maxPerStream
	if room {
		l.streams = append(l.streams, s)
	}
	l.mu.Unlock()
	if !room {
		l.drop(s.Conn)
	}
}

// exchange sends a question and reads its answer, each behind its length
// (RFC 1035, section 4.2.2).
func (s *stream) exchange(query []byte, end time.Time) (*reply, error) {
	s.asked++
	if err := s.SetDeadline(end); err != nil {
		return nil, err
	}
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(query)), uint16(len(query)))
	if _, err := s.Write(append(framed, query...)); err != nil {
		return nil, err
	}
	for {
		var size [2]byte
		if _, err := io.ReadFull(s, size[:]); err != nil {
			return nil, err
		}
		wire := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(s, wire); err != nil {
			return nil, err
		}
		if !answers(wire, query) {
			continue
		}
		r, err := readReply(wire)
		if err == nil && r.msg.Truncated {
			err = errUnreadable
		}
		return r, err
	}
}
