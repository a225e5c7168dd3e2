package census

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/query"
)

// TestHandlerHandsOn: what the chain says goes back as it is, and a query that
// failed is a query of the line too.
func TestHandlerHandsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "", newNetwork())
		failed := errors.New("no upstream")
		b.handler.Next = plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) {
			return dns.RcodeServerFailure, failed
		})
		r := new(dns.Msg).SetQuestion("unlisted.example.", dns.TypeA)
		ctx := query.WithSource(context.Background(), &query.Source{Addr: netip.MustParseAddrPort("192.0.2.1:4000")})
		code, err := b.handler.ServeDNS(ctx, &test.ResponseWriter{}, r)
		if code != dns.RcodeServerFailure || !errors.Is(err, failed) {
			t.Errorf("got %d, %v; want what the chain said", code, err)
		}
		if n := b.gen.census.tally.Stats().Queries; n != 1 {
			t.Errorf("%d queries counted, want 1", n)
		}
	})
}

// TestHandlerWithoutGate: where no server block holds subscribers, the packet's
// address is the line's, and what was hit reaches the census all the same.
func TestHandlerWithoutGate(t *testing.T) {
	for name, w := range map[string]*test.ResponseWriter{
		"UDP":              {RemoteIP: "192.0.2.7"},
		"TCP":              {RemoteIP: "192.0.2.7", TCP: true},
		"v4-mapped by TCP": {RemoteIP: "::ffff:192.0.2.7", TCP: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, t.TempDir(), "", newNetwork())
				b.gen.census.adopt(b.gen.cfg, unknown{})
				r := new(dns.Msg).SetQuestion("c2.example.", dns.TypeA)
				if _, err := b.handler.ServeDNS(context.Background(), w, r); err != nil {
					t.Fatal(err)
				}
				want := "watch listed name 30, 1 queries, 1 hits: c2-1 0/1"
				if w.TCP {
					want = "watch listed name 30, 1 queries, 1 hits: c2-1 1/1"
				}
				rep := b.report(control.ReportRequest{})
				expect(t, "the report", rep, want)
				if id, _ := b.gen.census.keys.Identify("192.0.2.7/32", rep.GeneratedAt); len(rep.Clients) != 1 || rep.Clients[0].Client != id {
					t.Errorf("got %+v, want the identifier of 192.0.2.7/32", rep.Clients)
				}
			})
		})
	}
}

// TestOptedOutIsNotCounted: not even in the total.
func TestOptedOutIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "", newNetwork())
		b.network.puts(t, map[string]string{"192.0.2.0/24": "opt-out"})
		b.asks("192.0.2.1", "c2.example.", 3)
		b.asks("192.0.2.2", "unlisted.example.", 3)
		if s := b.gen.census.tally.Stats(); s.Queries != 0 || s.Lines != 0 {
			t.Errorf("got %+v, want nothing counted", s)
		}
	})
}

// TestCountAllocatesNothing holds what is added to each query.
func TestCountAllocatesNothing(t *testing.T) {
	b := start(t, t.TempDir(), "", newNetwork())
	src := &query.Source{Addr: netip.MustParseAddrPort("192.0.2.1:4000")}
	r := new(dns.Msg).SetQuestion("A.long.nAme-of.many.labels.unlisted.example.", dns.TypeA)
	if n := testing.AllocsPerRun(1000, func() {
		queriesTotal.WithLabelValues("dns://:53").Inc()
		b.gen.census.count(src, r)
	}); n != 0 {
		t.Errorf("%v allocations a query", n)
	}
	src.Hit = query.Hit{Category: "c2", Text: "a-rather-long-listed-name-indeed.c2.example"}
	if n := testing.AllocsPerRun(1000, func() { b.gen.census.hit(b.network.Line(src.Addr), src) }); n != 0 {
		t.Errorf("%v allocations a hit", n)
	}
}

func BenchmarkCount(b *testing.B) {
	bench := start(b, b.TempDir(), "", newNetwork())
	src := &query.Source{Addr: netip.MustParseAddrPort("192.0.2.1:4000")}
	r := new(dns.Msg).SetQuestion("www.unlisted.example.", dns.TypeA)
	b.ReportAllocs()
	for b.Loop() {
		bench.gen.census.count(src, r)
	}
}

// TestAtOnce counts, reports, reveals, changes classes and turns the clock at
// once, for the race detector.
func TestAtOnce(t *testing.T) {
	b := start(t, t.TempDir(), "", newNetwork())
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			client := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String()
			for range 50 {
				b.asksMany(client, 20)
				b.asks(client, "c2.example.", 1)
			}
		})
	}
	all.Go(func() {
		for i := range 10 {
			b.network.puts(t, map[string]string{"192.0.2.0/31": "opt-out", "192.0.2.2": []string{"mail", "business"}[i%2]})
		}
	})
	all.Go(func() {
		for range 10 {
			rep := b.report(control.ReportRequest{})
			if _, err := b.gen.census.Reveal("tester", "a test", rep.Identifiers()); err != nil {
				t.Error(err)
			}
			b.gen.census.Status()
			b.gen.census.Warnings()
		}
	})
	all.Go(func() {
		var did did
		for range 10 {
			b.gen.census.tick(now(), &did)
		}
	})
	all.Wait()
}
