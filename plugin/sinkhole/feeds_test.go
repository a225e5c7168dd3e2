package sinkhole

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sinkhole/plugin/pkg/feed"
)

// primary serves the zone rpz.example of one name, by AXFR alone.
type primary struct {
	addr   netip.AddrPort
	serial atomic.Uint32
	name   atomic.Pointer[string]
}

func newPrimary(t *testing.T, name string) *primary {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &primary{addr: netip.MustParseAddrPort(l.Addr().String())}
	p.set(1, name)
	s := &dns.Server{Listener: l, Handler: p}
	ready, ended := make(chan struct{}), make(chan error)
	s.NotifyStartedFunc = func() { close(ready) }
	go func() { ended <- s.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() { s.Shutdown(); <-ended })
	return p
}

func (p *primary) set(serial uint32, name string) {
	p.name.Store(&name)
	p.serial.Store(serial)
}

func (p *primary) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	m := new(dns.Msg).SetReply(r)
	m.Authoritative, m.Ns = true, nil
	soa, _ := dns.NewRR(fmt.Sprintf("rpz.example. 300 IN SOA . . %d 3600 600 86400 60", p.serial.Load()))
	rule, _ := dns.NewRR(*p.name.Load() + ".rpz.example. 300 IN CNAME .")
	switch r.Question[0].Qtype {
	case dns.TypeSOA:
		m.Answer = []dns.RR{soa}
	case dns.TypeAXFR:
		m.Answer = []dns.RR{soa, rule, soa}
	default:
		m.Rcode = dns.RcodeNotImplemented
	}
	w.WriteMsg(m)
}

func (p *primary) line() string {
	return fmt.Sprintf("rpz rpz.example {\nprimary %s\n}", p.addr)
}

var loopback = netip.MustParseAddr("127.0.0.1")

// TestFeed: what a primary has is in force, what changes there is once it has
// notified us, over reloads that change nothing and after those that do.
func TestFeed(t *testing.T) {
	p := newPrimary(t, "one.example")
	at := newPlace(t, nil)
	inst := begin(t, at.corefile(p.line(), ""))
	soon(t, inst, "one.example", "NXDOMAIN")
	if got := address(t, inst, "two.example"); got != resolved {
		t.Errorf("two.example is %s", got)
	}
	s, _ := Active()
	for _, n := range []uint32{2, 3} {
		name := fmt.Sprintf("n%d.example", n)
		p.set(n, name)
		if m := (&Handler{lists: s}).Notify(loopback, new(dns.Msg).SetNotify("RPZ.example."), nil); m == nil {
			t.Fatal("a NOTIFY of the primary is none")
		}
		soon(t, inst, name, "NXDOMAIN")
		again, err := inst.Restart(at.corefile(p.line(), ""))
		if err != nil {
			t.Fatal(err)
		}
		inst = again
		if now, _ := Active(); now != s {
			t.Error("a reload that changes nothing fetches anew")
		}
	}
	if f := s.Feeds(); len(f) != 1 || f[0].State != feed.Current || f[0].Serial != 3 || f[0].Transfers[feed.AXFR] != 3 || len(s.feedWarnings()) > 0 {
		t.Errorf("got %+v", f)
	}

	// Without the line nobody fetches any more, and the zone stays.
	inst, err := inst.Restart(at.corefile("", ""))
	if err != nil {
		t.Fatal(err)
	}
	if f := s.Feeds()[0]; s.ctx.Err() == nil || f.LastFailure != nil {
		t.Errorf("the feed goes on: %+v", f)
	}
	soon(t, inst, "n3.example", "NXDOMAIN")
	end(t, inst)
}

// TestFeedOfNobody: a primary that is down at the start, and what was fetched
// before.
func TestFeedOfNobody(t *testing.T) {
	p := newPrimary(t, "one.example")
	at := newPlace(t, nil)
	inst := begin(t, at.corefile(p.line(), ""))
	soon(t, inst, "one.example", "NXDOMAIN")
	end(t, inst)

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := &primary{addr: netip.MustParseAddrPort(l.Addr().String())}
	l.Close()
	inst = begin(t, at.corefile(gone.line(), ""))
	defer end(t, inst)
	if got := address(t, inst, "one.example"); got != "NXDOMAIN" {
		t.Errorf("one.example is %s", got)
	}
	s, _ := Active()
	want := "serial 1 stays in force; " + gone.addr.String() + ": connection refused"
	for until := time.Now().Add(time.Minute); !strings.Contains(fmt.Sprint(s.Warnings()), want); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("got %q, want %s", s.Warnings(), want)
		}
	}
	if err := testutil.CollectAndCompare(only{s}, strings.NewReader(`
# HELP coredns_sinkhole_feed_records Records of a zone as it was fetched.
# TYPE coredns_sinkhole_feed_records gauge
coredns_sinkhole_feed_records{zone="rpz.example"} 2
# HELP coredns_sinkhole_feed_serial Serial of a zone as it was fetched.
# TYPE coredns_sinkhole_feed_serial gauge
coredns_sinkhole_feed_serial{zone="rpz.example"} 1
# HELP coredns_sinkhole_feed_expired Whether a zone was not refreshed for longer than its SOA allows; it stays in force.
# TYPE coredns_sinkhole_feed_expired gauge
coredns_sinkhole_feed_expired{zone="rpz.example"} 0
`), "coredns_sinkhole_feed_records", "coredns_sinkhole_feed_serial", "coredns_sinkhole_feed_expired"); err != nil {
		t.Error(err)
	}
}

// only collects the feeds of one Sinkhole.
type only struct{ *Sinkhole }

func (only) Describe(to chan<- *prometheus.Desc)   { inForce{}.Describe(to) }
func (o only) Collect(to chan<- prometheus.Metric) { collectFeeds(to, o.Feeds(), time.Now()) }

// TestNotify: who may notify us, of what, and how it is answered.
func TestNotify(t *testing.T) {
	key := keyFile(t)
	zone := func(name, addr, key string) *feed.Feed {
		return feed.New(feed.Options{Zone: name, Primaries: []feed.Primary{{Addr: netip.MustParseAddrPort(addr), KeyFile: key}}})
	}
	h := &Handler{lists: &Sinkhole{feeds: []*feed.Feed{zone("a.example", "192.0.2.1:53", ""), zone("b.example", "[2001:db8::1]:5353", key)}}}
	signed := func(name, algorithm string) func(*dns.Msg) {
		return func(m *dns.Msg) { m.SetTsig(name, algorithm, 300, time.Now().Unix()) }
	}
	for _, row := range []struct {
		name, from, zone string
		change           func(*dns.Msg)
		tsig             error
		want             bool
	}{
		{name: "the primary", from: "192.0.2.1", zone: "a.example.", want: true},
		{name: "in other letters, with EDNS", from: "192.0.2.1", zone: "A.Example.", change: func(m *dns.Msg) { m.SetEdns0(4096, true) }, want: true},
		{name: "the primary's address as IPv6", from: "::ffff:192.0.2.1", zone: "a.example.", want: true},
		{name: "the primary, from another port", from: "2001:db8::1", zone: "b.example.", want: true},
		{name: "the primary of another zone", from: "2001:db8::1", zone: "a.example."},
		{name: "a stranger", from: "192.0.2.2", zone: "a.example."},
		{name: "a zone that nobody follows", from: "192.0.2.1", zone: "c.example."},
		{name: "a zone below", from: "192.0.2.1", zone: "x.a.example."},
		{name: "another type", from: "192.0.2.1", zone: "a.example.", change: func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeA }},
		{name: "another class", from: "192.0.2.1", zone: "a.example.", change: func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }},
		{name: "a response", from: "192.0.2.1", zone: "a.example.", change: func(m *dns.Msg) { m.Response = true }},
		{name: "a question", from: "192.0.2.1", zone: "a.example.", change: func(m *dns.Msg) { m.Opcode = dns.OpcodeQuery }},
		{name: "no question", from: "192.0.2.1", zone: "a.example.", change: func(m *dns.Msg) { m.Question = nil }},
		{name: "signed with our key", from: "2001:db8::1", zone: "b.example.", change: signed("Transfer.Example.", dns.HmacSHA256), want: true},
		{name: "signed with our key, and wrong", from: "2001:db8::1", zone: "b.example.", change: signed("transfer.example.", dns.HmacSHA256), tsig: dns.ErrSig},
		{name: "signed with another key", from: "2001:db8::1", zone: "b.example.", change: signed("other.example.", dns.HmacSHA256)},
		{name: "signed by another algorithm", from: "2001:db8::1", zone: "b.example.", change: signed("transfer.example.", dns.HmacSHA1)},
		{name: "signed by one without a key", from: "192.0.2.1", zone: "a.example.", change: signed("transfer.example.", dns.HmacSHA256)},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := new(dns.Msg).SetNotify(row.zone)
			if row.change != nil {
				row.change(r)
			}
			m := h.Notify(netip.MustParseAddr(row.from), r, row.tsig)
			if (m != nil) != row.want {
				t.Fatalf("got %v, want %v", m, row.want)
			}
			if m == nil {
				return
			}
			if m.Id != r.Id || !m.Response || m.Opcode != dns.OpcodeNotify || !m.Authoritative || m.Rcode != dns.RcodeSuccess ||
				!slices.Equal(m.Question, r.Question) || (m.IsTsig() != nil) != (r.IsTsig() != nil) || (m.IsEdns0() != nil) != (r.IsEdns0() != nil) {
				t.Errorf("got %s", m)
			}
		})
	}
}

// TestMakeRoom: the folder of zones is made where a drop folder is, not where one
// may be missing.
func TestMakeRoom(t *testing.T) {
	for name, row := range map[string]struct {
		before map[string]string // dropped when lists were last in force
		empty  bool              // the folder is, now
		want   bool
	}{
		"nothing was ever dropped":      {nil, true, true},
		"a list lies there":             {map[string]string{"c2/a.txt": "a.example\n"}, false, true},
		"what was dropped is not there": {map[string]string{"c2/a.txt": "a.example\n"}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			at := newPlace(t, row.before)
			s := newSinkhole(with(func(c *Config) { c.Lists, c.Settle = at.lists, 0 }), at.lists, maxSentences)
			defer s.Close()
			if err := s.load("", nil); err != nil {
				t.Fatal(err)
			}
			if row.empty {
				if err := os.RemoveAll(filepath.Join(at.lists, "c2")); err != nil {
					t.Fatal(err)
				}
			}
			s.makeRoom()
			if _, err := os.Stat(filepath.Join(at.lists, rpzFolder)); (err == nil) != row.want {
				t.Errorf("got %v, want a folder: %v", err, row.want)
			}
		})
	}
}

// TestKeysAgree: two keys of one name and two secrets cannot be told apart.
func TestKeysAgree(t *testing.T) {
	one, two := keyFile(t), keyFile(t)
	if err := os.WriteFile(two, []byte(`key transfer.example { algorithm hmac-sha256; secret b3RoZXI=; };`), 0o600); err != nil {
		t.Fatal(err)
	}
	block := "sinkhole {\nrpz a.example {\nprimary 192.0.2.1 " + one + "\n}\nrpz b.example {\nprimary 192.0.2.1 " + two + "\n}\n}"
	err := setup(caddy.NewTestController("dns", block))
	want := `plugin/sinkhole: Testfile:5: rpz b.example: key "transfer.example." has another secret than the one of that name before; want a name of its own`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
