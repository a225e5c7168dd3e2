package feed

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// fake is a primary that answers as a test says.
type fake struct {
	t      testing.TB
	addr   netip.AddrPort
	answer atomic.Pointer[func(c *client, q *dns.Msg)]
	open   atomic.Int64 // connections
}

// client is a connection to it.
type client struct {
	net.Conn
	fake *fake
	sign *answerer // nil: nothing is signed
}

func newFake(t testing.TB, answer func(c *client, q *dns.Msg)) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return newFakeOn(t, l, answer)
}

func newFakeOn(t testing.TB, l net.Listener, answer func(c *client, q *dns.Msg)) *fake {
	t.Helper()
	f := &fake{t: t, addr: netip.MustParseAddrPort(l.Addr().String())}
	f.answer.Store(&answer)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return f
}

func (f *fake) serve(conn net.Conn) {
	f.open.Add(1)
	defer f.open.Add(-1)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	c := &client{Conn: conn, fake: f}
	for {
		var n [2]byte
		if _, err := io.ReadFull(conn, n[:]); err != nil {
			return
		}
		wire := make([]byte, binary.BigEndian.Uint16(n[:]))
		if _, err := io.ReadFull(conn, wire); err != nil {
			return
		}
		q := new(dns.Msg)
		if err := q.Unpack(wire); err != nil {
			f.t.Errorf("our question cannot be parsed: %v", err)
			return
		}
		c.sign = nil
		if s := q.IsTsig(); s != nil {
			if err := dns.TsigVerify(wire, secret, "", false); err != nil {
				f.t.Errorf("our signature: %v", err)
			}
			c.sign = &answerer{key: testKey(dns.CanonicalName(s.Algorithm)), mac: s.MAC}
		}
		(*f.answer.Load())(c, q)
	}
}

// raw sends octets as a message.
func (c *client) raw(wire []byte) {
	c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...))
}

// send sends m, signed where the question was.
func (c *client) send(m *dns.Msg) {
	if c.sign != nil {
		c.raw(c.sign.message(c.fake.t, m, true, time.Now()))
		return
	}
	wire, err := m.Pack()
	if err != nil {
		c.fake.t.Error(err)
		return
	}
	c.raw(wire)
}

// reply is an answer to q that holds these.
func reply(q *dns.Msg, rrs ...dns.RR) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.Authoritative = true
	m.Answer, m.Ns, m.Extra = rrs, nil, nil
	return m
}

// history is a primary whose zone has these versions, the SOA left out; serials
// count from 1. It gives changes by IXFR, where it has them.
func history(t testing.TB, versions ...[]string) func(c *client, q *dns.Msg) {
	return func(c *client, q *dns.Msg) {
		newest := uint32(len(versions))
		switch q.Question[0].Qtype {
		case dns.TypeSOA:
			c.send(reply(q, soa(t, newest)))
		case dns.TypeAXFR:
			c.send(reply(q, soa(t, newest)))
			for _, r := range records(t, versions[newest-1]...) {
				c.send(reply(q, r))
			}
			c.send(reply(q, soa(t, newest)))
		case dns.TypeIXFR:
			all := []dns.RR{soa(t, newest)}
			for at := q.Ns[0].(*dns.SOA).Serial; at < newest; at++ {
				was, is := versions[at-1], versions[at]
				all = append(all, soa(t, at))
				all = append(all, records(t, without(was, is)...)...)
				all = append(all, soa(t, at+1))
				all = append(all, records(t, without(is, was)...)...)
			}
			c.send(reply(q, append(all, soa(t, newest))...))
		}
	}
}

func without(these, those []string) []string {
	return slices.DeleteFunc(slices.Clone(these), func(s string) bool { return slices.Contains(those, s) })
}

// started is a feed of a zone that runs until the test ends; what is told of it
// is in events.
type started struct {
	*Feed
	file string
	mu   sync.Mutex
	all  []Event
}

var quick = limits{dial: 5 * time.Second, message: 5 * time.Second, transfer: 20 * time.Second, gap: time.Millisecond}

func start(t testing.TB, o Options, times limits) *started {
	t.Helper()
	s := &started{}
	if o.File == "" {
		o.File = filepath.Join(t.TempDir(), zoneName+".zone")
	}
	if o.State == "" {
		o.State = t.TempDir()
	}
	o.Zone = zoneName
	o.Changed = func(e Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all = append(s.all, e)
	}
	s.Feed, s.file = New(o), o.File
	s.times = times
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Error("Run did not return")
		}
	})
	return s
}

func (s *started) events() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// until waits for the serial.
func (s *started) until(t testing.TB, serial uint32) {
	t.Helper()
	eventually(t, "the serial", func() bool { st := s.Status(); return st.State == Current && st.Serial == serial })
}

func from(p ...*fake) (all []Primary) {
	for _, f := range p {
		all = append(all, Primary{Addr: f.addr})
	}
	return all
}

var loopback = netip.MustParseAddr("127.0.0.1")

// TestFollow: a zone is fetched, then followed by what changes.
func TestFollow(t *testing.T) {
	versions := [][]string{{"a CNAME .", "b CNAME ."}, {"b CNAME .", "c CNAME ."}, {"c CNAME .", "c.c CNAME *."}}
	p := newFake(t, history(t, versions[:1]...))
	s := start(t, Options{Primaries: from(p)}, quick)
	s.until(t, 1)
	if got := strings.Join(owners(t, s.file), " "); got != "a b" {
		t.Errorf("got %q", got)
	}
	next := history(t, versions...)
	p.answer.Store(&next)
	if !s.Notify(loopback, soa(t, 3)) {
		t.Error("a NOTIFY of the primary is none")
	}
	s.until(t, 3)
	if got := strings.Join(owners(t, s.file), " "); got != "c.c c" {
		t.Errorf("got %q", got)
	}
	st := s.Status()
	if st.Transfers[AXFR] != 1 || st.Transfers[IXFR] != 1 || st.Records != 3 || st.LastFailure != nil || len(st.Warnings) > 0 || st.Primary != p.addr.String() {
		t.Errorf("got %+v", st)
	}
	if d := time.Until(st.NextRefresh); d < 50*time.Minute || d > time.Hour {
		t.Errorf("the next refresh is in %s; the SOA says 1h", d)
	}
	if e := s.events(); len(e) != 2 || e[1].Kind != IXFR || e[1].Serial != 3 || e[1].Records != 3 {
		t.Errorf("told was %+v", e)
	}
	// The same zone by AXFR, elsewhere, is the same file.
	other := start(t, Options{Primaries: from(p)}, quick)
	other.until(t, 3)
	mine, _ := os.ReadFile(s.file)
	if theirs, err := os.ReadFile(other.file); err != nil || string(mine) != string(theirs) {
		t.Errorf("by IXFR %q\nby AXFR %q, %v", mine, theirs, err)
	}
}

// TestFollowIPv6: a primary that has no IPv4.
func TestFollowIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 on loopback: %v", err)
	}
	p := newFakeOn(t, l, history(t, []string{"a CNAME ."}))
	s := start(t, Options{Primaries: from(p)}, quick)
	s.until(t, 1)
	if got := owners(t, s.file); !slices.Equal(got, []string{"a"}) {
		t.Errorf("got %q", got)
	}
	if !s.Notify(netip.IPv6Loopback(), nil) || s.Notify(loopback, nil) {
		t.Error("a NOTIFY counts from its address, and from no other")
	}
}

// TestNotifyOfWhatIsKnown asks nothing: who notifies may be anybody who writes a
// primary's address on a packet.
func TestNotifyOfWhatIsKnown(t *testing.T) {
	var asked atomic.Int64
	answer := history(t, []string{"a CNAME ."})
	p := newFake(t, func(c *client, q *dns.Msg) { asked.Add(1); answer(c, q) })
	s := start(t, Options{Primaries: from(p)}, quick)
	s.until(t, 1)
	before := asked.Load()
	if !s.Notify(loopback, soa(t, 1)) {
		t.Error("it is of a primary, whatever it says")
	}
	if s.Notify(netip.MustParseAddr("192.0.2.1"), soa(t, 9)) {
		t.Error("a NOTIFY of a stranger is taken")
	}
	if !s.Notify(netip.MustParseAddr("::ffff:127.0.0.1"), soa(t, 2)) {
		t.Error("an address of IPv4 as IPv6 is another")
	}
	eventually(t, "a question", func() bool { return asked.Load() > before })
	if len(s.notified) > 1 || asked.Load() != before+1 {
		t.Errorf("asked %d times", asked.Load()-before)
	}
}

// TestFaults: what a primary may do to us. The zone that was there stays in force
// to the octet, and the reason is said.
func TestFaults(t *testing.T) {
	const name = zoneName
	slow := quick
	slow.message = 100 * time.Millisecond
	brief := slow
	brief.transfer = 100 * time.Millisecond
	axfr := func(bad func(c *client, q *dns.Msg)) func(c *client, q *dns.Msg) {
		return func(c *client, q *dns.Msg) {
			switch q.Question[0].Qtype {
			case dns.TypeSOA:
				c.send(reply(q, soa(t, 9)))
			case dns.TypeIXFR:
				c.send(new(dns.Msg).SetRcode(q, dns.RcodeNotImplemented))
			default:
				bad(c, q)
			}
		}
	}
	first := func(c *client, q *dns.Msg) { c.send(reply(q, soa(t, 9), rr(t, "x CNAME ."))) }
	for _, row := range []struct {
		name   string
		answer func(c *client, q *dns.Msg)
		times  limits
		size   int64
		want   Reason
		text   string
	}{
		{name: "closes at once", answer: func(c *client, _ *dns.Msg) { c.Close() }, want: Unreachable, text: "it closed the connection"},
		{name: "says nothing", answer: func(*client, *dns.Msg) {}, times: slow, want: TooSlow, text: "slower than it may be"},
		{name: "refuses", answer: func(c *client, q *dns.Msg) { c.send(new(dns.Msg).SetRcode(q, dns.RcodeRefused)) }, want: Declined, text: "it answers REFUSED"},
		{name: "is not authoritative", answer: func(c *client, q *dns.Msg) {
			m := reply(q, soa(t, 9))
			m.Authoritative = false
			c.send(m)
		}, want: Declined, text: "it does not have the zone"},
		{name: "has no SOA", answer: func(c *client, q *dns.Msg) { c.send(reply(q)) }, want: Declined, text: "it does not have the zone"},
		{name: "has the SOA of another zone", answer: func(c *client, q *dns.Msg) {
			s := soa(t, 9)
			s.Hdr.Name = "other.example."
			c.send(reply(q, s))
		}, want: Declined, text: "it does not have the zone"},
		{name: "answers with another ID", answer: func(c *client, q *dns.Msg) {
			m := reply(q, soa(t, 9))
			m.Id++
			c.send(m)
		}, want: Malformed, text: "the ID is another"},
		{name: "answers another question", answer: func(c *client, q *dns.Msg) {
			m := reply(q, soa(t, 9))
			m.Question = []dns.Question{{Name: "other.example.", Qtype: dns.TypeSOA, Qclass: dns.ClassINET}}
			c.send(m)
		}, want: Malformed, text: "the question is another"},
		{name: "sends our question back", answer: func(c *client, q *dns.Msg) { c.send(q) }, want: Malformed, text: "it is no response"},
		{name: "truncates", answer: func(c *client, q *dns.Msg) {
			m := reply(q, soa(t, 9))
			m.Truncated = true
			c.send(m)
		}, want: Malformed, text: "it is truncated"},
		{name: "sends what is no DNS", answer: func(c *client, _ *dns.Msg) { c.raw([]byte("HTTP/1.0 400")) }, want: Malformed, text: "no answer to our question"},
		{name: "sends an empty message", answer: func(c *client, _ *dns.Msg) { c.raw(nil) }, want: Malformed, text: "it cannot be parsed"},
		{name: "has an older zone", answer: func(c *client, q *dns.Msg) { c.send(reply(q, soa(t, 0))) }, want: Behind, text: "a serial older than ours: 0, ours is 1"},
		{name: "has an older zone by AXFR than by its SOA", answer: axfr(func(c *client, q *dns.Msg) {
			c.send(reply(q, soa(t, 0), soa(t, 0)))
		}), want: Behind, text: "a serial older than ours: 0, ours is 1"},
		{name: "ends within a message", answer: axfr(func(c *client, _ *dns.Msg) { c.Write([]byte{0, 99, 1, 2, 3}); c.Close() }),
			want: Unreachable, text: "it closed the connection within a message"},
		{name: "ends within the zone", answer: axfr(func(c *client, q *dns.Msg) { first(c, q); c.Close() }), want: Unreachable, text: "it closed the connection"},
		{name: "stops within a message", answer: axfr(func(c *client, _ *dns.Msg) { c.Write([]byte{0, 99, 1, 2, 3}) }), times: slow, want: TooSlow, text: "slower than it may be"},
		{name: "stops within the zone", answer: axfr(first), times: slow, want: TooSlow, text: "slower than it may be"},
		{name: "never ends, in small pieces", answer: axfr(func(c *client, q *dns.Msg) {
			for first(c, q); ; time.Sleep(5 * time.Millisecond) {
				wire, _ := reply(q, rr(t, "x CNAME .")).Pack()
				if _, err := c.Write(append([]byte{0, byte(len(wire))}, wire...)); err != nil {
					return
				}
			}
		}), times: brief, want: TooSlow, text: "100ms for a transfer"},
		{name: "never ends, at full speed", answer: axfr(func(c *client, q *dns.Msg) {
			wire, _ := reply(q, slices.Repeat([]dns.RR{rr(t, "x CNAME .")}, 500)...).Pack()
			for first(c, q); ; {
				if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...)); err != nil {
					return
				}
			}
		}), size: 1 << 20, want: TooLarge, text: "larger than max-size"},
		{name: "sends empty answers for ever", answer: axfr(func(c *client, q *dns.Msg) { first(c, q); c.send(reply(q)) }), want: Malformed, text: "a message without a record"},
		{name: "sends a record of another zone", answer: axfr(func(c *client, q *dns.Msg) {
			c.send(reply(q, soa(t, 9), rr(t, "a.other.example. A 192.0.2.1"), soa(t, 9)))
		}), want: Malformed, text: `a record out of the zone: "a.other.example."`},
		{name: "begins without the SOA", answer: axfr(func(c *client, q *dns.Msg) { c.send(reply(q, rr(t, "x CNAME ."))) }), want: Malformed, text: "the first record is no SOA"},
		{name: "changes its SOA on the way", answer: axfr(func(c *client, q *dns.Msg) { first(c, q); c.send(reply(q, soa(t, 10))) }), want: Malformed, text: "it ends with another SOA"},
		{name: "fails on the way", answer: axfr(func(c *client, q *dns.Msg) { first(c, q); c.send(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)) }),
			want: Declined, text: "it answers SERVFAIL"},
		{name: "changes the ID on the way", answer: axfr(func(c *client, q *dns.Msg) {
			first(c, q)
			m := reply(q, soa(t, 9))
			m.Id++
			c.send(m)
		}), want: Malformed, text: "the ID is another"},
		{name: "signs without being asked to", answer: func(c *client, q *dns.Msg) {
			c.sign = &answerer{key: testKey(dns.HmacSHA256)}
			c.send(reply(q, soa(t, 9)))
		}, want: Unsigned, text: "it signs, and there is no key for it"},
	} {
		t.Run(row.name, func(t *testing.T) {
			good := history(t, []string{"a CNAME .", "b CNAME ."})
			p := newFake(t, good)
			if row.times == (limits{}) {
				row.times = quick
			}
			s := start(t, Options{Primaries: from(p), MaxSize: row.size}, quick)
			s.until(t, 1)
			before, err := os.ReadFile(s.file)
			if err != nil {
				t.Fatal(err)
			}
			bad := newFake(t, row.answer)
			other := start(t, Options{Primaries: from(bad), File: s.file, MaxSize: row.size}, row.times)
			eventually(t, "a failure", func() bool { return other.Status().LastFailure != nil })
			st := other.Status()
			if st.LastFailure.Reason != row.want || !strings.Contains(st.LastFailure.Text, row.text) {
				t.Errorf("got  %s: %s\nwant %s: %s", st.LastFailure.Reason, st.LastFailure.Text, row.want, row.text)
			}
			eventually(t, "the state", func() bool { return other.Status().State == Failing })
			if st = other.Status(); st.Serial != 1 || len(st.Warnings) != 1 || !strings.Contains(st.Warnings[0], "feed "+name+": not refreshed since") ||
				!strings.Contains(st.Warnings[0], "serial 1 stays in force") {
				t.Errorf("got %+v", st)
			}
			after, err := os.ReadFile(s.file)
			if err != nil || string(after) != string(before) {
				t.Errorf("the file is now %q, %v", after, err)
			}
			if left, err := os.ReadDir(filepath.Dir(s.file)); err != nil || len(left) != 1 {
				t.Errorf("left is %v, %v", left, err)
			}
		})
	}
}

// TestIXFRFallsBack: whatever is wrong with an IXFR, the zone comes by AXFR.
func TestIXFRFallsBack(t *testing.T) {
	versions := [][]string{{"a CNAME .", "b CNAME ."}, {"b CNAME .", "c CNAME ."}}
	for name, bad := range map[string]func(c *client, q *dns.Msg){
		"it is not known":         func(c *client, q *dns.Msg) { c.send(new(dns.Msg).SetRcode(q, dns.RcodeNotImplemented)) },
		"it is malformed to them": func(c *client, q *dns.Msg) { c.send(new(dns.Msg).SetRcode(q, dns.RcodeFormatError)) },
		"it makes them hang up":   func(c *client, q *dns.Msg) { c.Close() },
		"it is of another serial": func(c *client, q *dns.Msg) { c.send(reply(q, soa(t, 2), soa(t, 7), soa(t, 2), soa(t, 2))) },
		"it removes what is not there": func(c *client, q *dns.Msg) {
			c.send(reply(q, append(records(t, "2", "1", "x CNAME .", "2"), soa(t, 2))...))
		},
		"it holds a record out of zone": func(c *client, q *dns.Msg) { c.send(reply(q, records(t, "2", "1", "x.example. CNAME .")...)) },
		"it is an AXFR":                 func(c *client, q *dns.Msg) { c.send(reply(q, records(t, "2", "c CNAME .", "b CNAME .", "2")...)) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newFake(t, history(t, versions[:1]...))
			s := start(t, Options{Primaries: from(p)}, quick)
			s.until(t, 1)
			good := history(t, versions...)
			next := func(c *client, q *dns.Msg) {
				if q.Question[0].Qtype == dns.TypeIXFR {
					bad(c, q)
					return
				}
				good(c, q)
			}
			p.answer.Store(&next)
			s.Notify(loopback, nil)
			s.until(t, 2)
			if got := strings.Join(owners(t, s.file), " "); got != "b c" {
				t.Errorf("got %q", got)
			}
			if st := s.Status(); st.Transfers[AXFR] != 2 || st.Transfers[IXFR] != 0 || st.LastFailure != nil {
				t.Errorf("got %+v", st)
			}
		})
	}
}

// TestEditedFile: what somebody changed in the file, or a file that is gone, is
// fetched whole.
func TestEditedFile(t *testing.T) {
	p := newFake(t, history(t, []string{"a CNAME ."}))
	s := start(t, Options{Primaries: from(p)}, quick)
	s.until(t, 1)
	want, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func() error{
		"edited": func() error {
			return os.WriteFile(s.file, append(want, "x.rpz.example.\t300\tIN\tCNAME\t.\n"...), 0o644)
		},
		"removed": func() error { return os.Remove(s.file) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		eventually(t, name+", and whole again", func() bool {
			s.Notify(loopback, nil)
			got, err := os.ReadFile(s.file)
			return err == nil && string(got) == string(want)
		})
	}
}

// TestSigned: transfers with a key, in which not every message is signed.
func TestSigned(t *testing.T) {
	for _, algorithm := range algorithms {
		t.Run(algorithm, func(t *testing.T) {
			key := filepath.Join(t.TempDir(), "key")
			text := `key "Transfer.Example" { algorithm ` + strings.TrimSuffix(algorithm, ".") + `; secret "` + secret + `"; };`
			if err := os.WriteFile(key, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			p := newFake(t, func(c *client, q *dns.Msg) {
				if c.sign == nil {
					t.Error("the question is not signed")
					return
				}
				if q.Question[0].Qtype != dns.TypeAXFR {
					c.send(reply(q, soa(t, 1)))
					return
				}
				came := records(t, "1", "a CNAME .", "b CNAME .", "c CNAME .", "1")
				for i, r := range came {
					c.raw(c.sign.message(t, reply(q, r), i%2 == 0, time.Now()))
				}
			})
			s := start(t, Options{Primaries: []Primary{{p.addr, key}}}, quick)
			s.until(t, 1)
			if got := strings.Join(owners(t, s.file), " "); got != "a b c" {
				t.Errorf("got %q", got)
			}
			if err := os.Chmod(key, 0o644); err != nil {
				t.Fatal(err)
			}
			if st := s.Status(); len(st.Warnings) != 1 || !strings.Contains(st.Warnings[0], "may be read by everybody") {
				t.Errorf("got %q", st.Warnings)
			}
		})
	}
}

// TestUnsigned: a primary that does not sign is not believed, whatever it says.
func TestUnsigned(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(`key a { algorithm hmac-sha256; secret `+secret+`; };`), 0o600); err != nil {
		t.Fatal(err)
	}
	answer := history(t, []string{"a CNAME ."})
	p := newFake(t, func(c *client, q *dns.Msg) { c.sign = nil; answer(c, q) })
	s := start(t, Options{Primaries: []Primary{{p.addr, key}}}, quick)
	eventually(t, "a failure", func() bool { return s.Status().LastFailure != nil })
	st := s.Status()
	if st.LastFailure.Reason != Unsigned || st.State != Waiting || st.Records != 0 {
		t.Errorf("got %+v", st)
	}
	if want := "feed rpz.example: not fetched yet; " + p.addr.String() + ": tsig: its answer is not signed"; len(st.Warnings) != 1 || st.Warnings[0] != want {
		t.Errorf("got  %q\nwant %q", st.Warnings, want)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	s.Notify(loopback, nil)
	eventually(t, "the key missed", func() bool { return strings.Contains(s.Status().LastFailure.Text, "no such file") })
}

// TestPrimaries: they are tried in order, and who has notified us first.
func TestPrimaries(t *testing.T) {
	var asked sync.Map
	primary := func(name string, versions ...[]string) *fake {
		answer := history(t, versions...)
		return newFake(t, func(c *client, q *dns.Msg) {
			n, _ := asked.LoadOrStore(name, new(atomic.Int64))
			n.(*atomic.Int64).Add(1)
			answer(c, q)
		})
	}
	count := func(name string) int64 {
		n, ok := asked.Load(name)
		if !ok {
			return 0
		}
		return n.(*atomic.Int64).Load()
	}
	down, err := net.Listen("tcp", "127.0.0.1:0") // nobody is there any more
	if err != nil {
		t.Fatal(err)
	}
	gone := netip.MustParseAddrPort(down.Addr().String())
	down.Close()
	a, b := primary("a", []string{"a CNAME ."}), primary("b", []string{"a CNAME ."}, []string{"b CNAME ."})
	s := start(t, Options{Primaries: append([]Primary{{Addr: gone}}, from(a, b)...)}, quick)
	s.until(t, 1)
	st := s.Status()
	if count("b") != 0 || st.Primary != a.addr.String() || st.Failures[Unreachable] != 1 || st.LastFailure.Primary != gone.String() || len(st.Warnings) > 0 {
		t.Errorf("got %+v", st)
	}
	if st.LastFailure.Text != "connection refused" {
		t.Errorf("got %q", st.LastFailure.Text)
	}
}

// TestRestart: what an earlier process fetched is in force, and known to be,
// though no primary answers.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	p := newFake(t, history(t, []string{"a CNAME ."}))
	ctx, cancel := context.WithCancel(t.Context())
	o := Options{Zone: zoneName, File: filepath.Join(dir, "z.zone"), State: dir, Primaries: from(p)}
	first := New(o)
	ended := make(chan error)
	go func() { ended <- first.Run(ctx) }()
	eventually(t, "the zone", func() bool { return first.Status().State == Current })
	cancel()
	<-ended
	seen := time.Now().Add(-30 * time.Hour).Round(time.Second)
	if err := os.Chtimes(filepath.Join(dir, zoneName+".seen"), seen, seen); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(o.File, seen.Add(-time.Hour), seen.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	hangUp := func(c *client, _ *dns.Msg) { c.Close() }
	p.answer.Store(&hangUp)
	second := start(t, Options{File: o.File, State: dir, Primaries: from(p)}, quick)
	eventually(t, "a failure", func() bool { return second.Status().LastFailure != nil && second.Status().State != Waiting })
	st := second.Status()
	if st.State != Expired || st.Serial != 1 || !st.LastSuccess.Equal(seen) {
		t.Errorf("got %+v", st)
	}
	if want := "expired: not refreshed since " + stamp(seen) + ", its SOA allows 24h0m0s; serial 1 stays in force until " + o.File + " is deleted"; len(st.Warnings) != 1 || !strings.Contains(st.Warnings[0], want) {
		t.Errorf("got  %q\nwant %q", st.Warnings, want)
	}
	if got := owners(t, o.File); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the file holds %q", got)
	}
}

// TestNoFolder: what cannot be written is said, and is no fault of a primary.
func TestNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rpz", "z.zone")
	s := start(t, Options{File: file, Primaries: from(newFake(t, history(t, []string{"a CNAME ."})))}, quick)
	eventually(t, "a failure", func() bool { return s.Status().LastFailure != nil })
	if got := s.Status().LastFailure; got.Reason != NotWritten || got.Text != "not written: "+file+": no such file or directory" {
		t.Errorf("got %s: %s", got.Reason, got.Text)
	}
	if err := os.Mkdir(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	s.Notify(loopback, nil)
	s.until(t, 1)
}

// TestRunEnds: a transfer that is under way ends with the context, and its
// connection.
func TestRunEnds(t *testing.T) {
	p := newFake(t, func(c *client, q *dns.Msg) {
		if q.Question[0].Qtype == dns.TypeSOA {
			c.send(reply(q, soa(t, 1)))
			return
		}
		c.send(reply(q, soa(t, 1), rr(t, "a CNAME .")))
		io.Copy(io.Discard, c) // until they hang up
	})
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	f := New(Options{Zone: zoneName, File: filepath.Join(dir, "z.zone"), State: dir, Primaries: from(p)})
	ended := make(chan error)
	go func() { ended <- f.Run(ctx) }()
	eventually(t, "a connection", func() bool { return p.open.Load() > 0 })
	cancel()
	<-ended
	eventually(t, "its end", func() bool { return p.open.Load() == 0 })
	if st := f.Status(); st.LastFailure != nil {
		t.Errorf("to stop is a failure: %+v", st.LastFailure)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left is %v, %v", left, err)
	}
}

// TestQuestions: what a primary is asked.
func TestQuestions(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	answer := history(t, []string{"a CNAME ."}, []string{"b CNAME ."})
	p := newFake(t, func(c *client, q *dns.Msg) {
		mu.Lock()
		defer mu.Unlock()
		said := dns.TypeToString[q.Question[0].Qtype] + " " + q.Question[0].Name
		if len(q.Ns) > 0 {
			said += " since " + hex.EncodeToString(binary.BigEndian.AppendUint32(nil, q.Ns[0].(*dns.SOA).Serial))
		}
		if q.RecursionDesired || len(q.Answer)+len(q.Extra) > 0 {
			t.Errorf("asked is %s", q)
		}
		asked = append(asked, said)
		answer(c, q)
	})
	path, _ := zoneFile(t, t.TempDir(), 1, "a CNAME .")
	s := start(t, Options{File: path, Primaries: from(p)}, quick)
	s.until(t, 2)
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"SOA rpz.example.", "IXFR rpz.example. since 00000001"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}
