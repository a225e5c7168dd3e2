package recursor

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin/pkg/dnstest"
	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/query"
)

// handlerOf is the plugin over a fake child.
func handlerOf(t testing.TB, c *fakeChild) *Handler {
	t.Helper()
	r := &Recursor{flights: newFlights()}
	r.wasUp.Store(true)
	if c != nil {
		r.link.Store(linkTo(t, c))
	}
	return &Handler{recursor: r}
}

func served(t testing.TB, h *Handler, ctx context.Context, r *dns.Msg) *dns.Msg {
	t.Helper()
	rec := dnstest.NewRecorder(&test.ResponseWriter{})
	code, err := h.ServeDNS(ctx, rec, r)
	if err != nil || code != dns.RcodeSuccess {
		t.Errorf("returns %d, %v: CoreDNS would answer, or log the name", code, err)
	}
	if rec.Msg == nil {
		t.Fatal("nothing was written")
	}
	return rec.Msg
}

func TestServeDNS(t *testing.T) {
	c := newFakeChild(t)
	c.reply = func(query []byte, _ netip.AddrPort) [][]byte {
		return [][]byte{edit(query, func(m *dns.Msg) {
			m.AuthenticatedData = true
			m.SetEdns0(4096, false)
			m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_NSID{Code: dns.EDNS0NSID, Nsid: "6368696c64"},
				&dns.EDNS0_EDE{InfoCode: 9, ExtraText: "no key"}, &dns.EDNS0_EDE{InfoCode: 3, ExtraText: "stale"})
		})}
	}
	h := handlerOf(t, c.run(t))
	m := served(t, h, context.Background(), clientMessage("WwW.Example.", dns.TypeA))
	if got, want := shown(m), "NOERROR rd ra ad ?WwW.Example. | WwW.Example./A | | OPT do 9 (DNSKEY Missing): (no key)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	m = served(t, h, context.Background(), message("x.localhost.", dns.TypeA))
	if got, want := shown(m), "NOERROR rd ra ?x.localhost. | x.localhost./A |"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r := message("www.example.", dns.TypeA)
	r.Opcode = dns.OpcodeNotify
	if m = served(t, h, context.Background(), r); m.Rcode != dns.RcodeNotImplemented {
		t.Errorf("NOTIFY: got %s", shown(m))
	}
	if n := c.packets.Load(); n != 1 {
		t.Errorf("the child was asked %d times, want once", n)
	}
}

func TestFailuresAreToldByEDE(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(*Handler)
		want    string
	}{
		"down":     {func(h *Handler) { h.recursor.link.Store(nil) }, "23 (Network Error): (the resolver is being restarted)"},
		"starting": {func(h *Handler) { h.recursor.link.Store(nil); h.recursor.wasUp.Store(false) }, "14 (Not Ready): (the resolver is starting)"},
		"dying":    {func(h *Handler) { h.recursor.link.Load().close() }, "23 (Network Error): (the resolver is being restarted)"},
		"silent": {func(h *Handler) {
			l := h.recursor.link.Load()
			l.giveUp, l.resends = 20*time.Millisecond, nil
		}, "22 (No Reachable Authority): (no answer in time)"},
		"full": {func(h *Handler) { h.recursor.flights.limit.Store(0) }, "0 (Other): (too many questions are waiting)"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newFakeChild(t)
			c.reply = func([]byte, netip.AddrPort) [][]byte { return nil }
			h := handlerOf(t, c.run(t))
			tt.prepare(h)
			r := message("WwW.Example.", dns.TypeA)
			r.SetEdns0(1232, false)
			m := served(t, h, context.Background(), r)
			if got, want := shown(m), "SERVFAIL rd ra ?WwW.Example. | | | OPT "+tt.want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			m = served(t, h, context.Background(), message("www.example.", dns.TypeA))
			if got, want := shown(m), "SERVFAIL rd ra ?www.example. | |"; got != want {
				t.Errorf("without EDNS: got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestReady(t *testing.T) {
	if (&Handler{}).Ready() {
		t.Error("ready before it was started")
	}
	h := handlerOf(t, newFakeChild(t))
	if !h.Ready() {
		t.Error("not ready with a child that answers")
	}
	h.recursor.link.Store(nil)
	if h.Ready() {
		t.Error("ready without a child")
	}
}

// TestEachClientHasHisOwn: of one flight everybody gets his letters, his AD and
// his ID, and nobody's change reaches another.
func TestEachClientHasHisOwn(t *testing.T) {
	c := newFakeChild(t)
	gate := make(chan struct{})
	c.reply = func(query []byte, _ netip.AddrPort) [][]byte {
		<-gate
		return [][]byte{edit(query, func(m *dns.Msg) { m.AuthenticatedData = true })}
	}
	h := handlerOf(t, c.run(t))
	names := []string{"www.example.", "WWW.example.", "wWw.eXaMpLe.", "www.EXAMPLE."}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			r := message(names[i%len(names)], dns.TypeA)
			r.AuthenticatedData = i%2 == 0
			m := served(t, h, context.Background(), r)
			if m.Id != r.Id || len(m.Answer) != 1 || m.Answer[0].Header().Name != r.Question[0].Name || m.AuthenticatedData != r.AuthenticatedData {
				t.Errorf("asked %s AD %v, got %s", r.Question[0].Name, r.AuthenticatedData, shown(m))
				return
			}
			m.Answer[0].Header().Ttl = uint32(i) // as a cache above may
		})
	}
	eventually(t, "all wait", func() bool { return h.recursor.flights.waiting.Load() == 40 })
	close(gate)
	wg.Wait()
	if n := c.packets.Load(); n != 1 {
		t.Errorf("the child was asked %d times, want once", n)
	}
}

func TestLineComesFromTheGate(t *testing.T) {
	c := newFakeChild(t)
	h := handlerOf(t, c.run(t))
	ctx := query.WithSource(context.Background(), &query.Source{Addr: netip.MustParseAddrPort("192.0.2.1:5353")})
	h.recursor.flights.line(asker("192.0.2.1", 0)).Store(maxPerLine)
	if m := served(t, h, ctx, message("www.example.", dns.TypeA)); m.Rcode != dns.RcodeServerFailure {
		t.Errorf("a line that has too many under way: got %s", shown(m))
	}
	if m := served(t, h, context.Background(), message("www.example.", dns.TypeA)); m.Rcode != dns.RcodeSuccess {
		t.Errorf("another: got %s", shown(m))
	}
}

// cacheLine is the cache of the shipped Corefiles.
const cacheLine = `cache {
    success 100000 86400 0
    denial 50000 10800 0
    serve_stale 24h verify 1800ms 30s 30s
    servfail 0
}
`

// behindCache is CoreDNS's cache over a handler.
func behindCache(t *testing.T, h *Handler) func(*dns.Msg) *dns.Msg {
	t.Helper()
	setup, err := caddy.DirectiveAction("dns", "cache")
	if err != nil {
		t.Fatal(err)
	}
	c := caddy.NewTestController("dns", cacheLine)
	c.ServerBlockKeys = []string{"."}
	if err := setup(c); err != nil {
		t.Fatal(err)
	}
	plugins := dnsserver.GetConfig(c).Plugin
	chain := plugins[len(plugins)-1](h)
	return func(r *dns.Msg) *dns.Msg {
		rec := dnstest.NewRecorder(&test.ResponseWriter{})
		if code, err := chain.ServeDNS(context.Background(), rec, r); err != nil || code != dns.RcodeSuccess {
			t.Errorf("returns %d, %v", code, err)
		}
		if rec.Msg == nil {
			t.Fatal("nothing was written")
		}
		return rec.Msg
	}
}

// TestStale: what the cache of the shipped Corefiles makes of a child that is
// down, slow, or says SERVFAIL: the old answer, with a TTL of 30 s; nothing of
// the failure is kept, and the child's return is seen.
func TestStale(t *testing.T) {
	short := func(query []byte, _ netip.AddrPort) [][]byte {
		return [][]byte{edit(query, func(m *dns.Msg) { m.Answer[0].Header().Ttl = 1 })}
	}
	for name, tt := range map[string]struct {
		fail  func(*Handler, *fakeChild)
		least time.Duration
	}{
		"down":     {fail: func(h *Handler, _ *fakeChild) { h.recursor.link.Swap(nil).close() }},
		"SERVFAIL": {fail: func(_ *Handler, c *fakeChild) { c.say(dns.RcodeServerFailure) }},
		"slow":     {fail: func(_ *Handler, c *fakeChild) { c.say(-1) }, least: 1800 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newFakeChild(t)
			c.reply = short
			c.changeable()
			h := handlerOf(t, c.run(t))
			ask := behindCache(t, h)
			if m := ask(message("old.example.", dns.TypeA)); m.Rcode != dns.RcodeSuccess || m.Answer[0].Header().Ttl != 1 {
				t.Fatalf("got %s", shown(m))
			}
			time.Sleep(1100 * time.Millisecond) // the TTL runs out
			tt.fail(h, c)
			begin := time.Now()
			m := ask(message("old.example.", dns.TypeA))
			if m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 || m.Answer[0].Header().Ttl != 30 {
				t.Errorf("got %s %v, want the old answer for 30 s", shown(m), m.Answer)
			}
			if took := time.Since(begin); took < tt.least {
				t.Errorf("after %s, want not before %s", took, tt.least)
			}
			// A name that was not in the cache has no old answer.
			if tt.least == 0 {
				if m := ask(message("new.example.", dns.TypeA)); m.Rcode != dns.RcodeServerFailure {
					t.Errorf("a new name: got %s", shown(m))
				}
			}
			// For 30 s nobody tries again.
			packets := c.packets.Load()
			if m := ask(message("old.example.", dns.TypeA)); m.Rcode != dns.RcodeSuccess || c.packets.Load() != packets {
				t.Errorf("the next: got %s, the child was asked %d times", shown(m), c.packets.Load()-packets)
			}
			// The failure was not kept.
			c.say(0)
			if h.recursor.link.Load() == nil {
				h.recursor.link.Store(linkTo(t, c))
			}
			if m := ask(message("new.example.", dns.TypeA)); m.Rcode != dns.RcodeSuccess {
				t.Errorf("a new name when it is back: got %s", shown(m))
			}
		})
	}
}

// changeable lets say change what the child says while it runs.
func (c *fakeChild) changeable() {
	usual := c.reply
	c.reply = func(query []byte, from netip.AddrPort) [][]byte {
		switch rcode := c.rcode.Load(); {
		case rcode < 0:
			return nil
		case rcode > 0:
			return [][]byte{edit(query, func(m *dns.Msg) { m.Rcode, m.Answer = int(rcode), nil })}
		}
		return usual(query, from)
	}
}

// say has the child say an rcode; -1 is nothing, 0 its usual answer.
func (c *fakeChild) say(rcode int64) { c.rcode.Store(rcode) }

func BenchmarkServeDNS(b *testing.B) {
	l := echo(b)
	r := &Recursor{flights: newFlights()}
	r.link.Store(l)
	h := &Handler{recursor: r}
	w := &test.ResponseWriter{}
	m := message("www.example.", dns.TypeA)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeDNS(context.Background(), w, m)
	}
}
