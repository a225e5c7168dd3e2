package recursor

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/query"
)

var nobody *query.Source

// asker is a source with an address and, from a gate, a line.
func asker(addr string, line uint64) *query.Source {
	return &query.Source{Addr: netip.AddrPortFrom(netip.MustParseAddr(addr), 5353), Line: line}
}

// TestEqualQuestionsFlyOnce: one is sent, all get its reply, and the one who
// sent it knows that he shares it.
func TestEqualQuestionsFlyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlights()
		var asked atomic.Int64
		want := &reply{msg: new(dns.Msg)}
		slow := func(*question) (*reply, *failure) {
			asked.Add(1)
			time.Sleep(time.Second)
			return want, nil
		}
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				p, own, fail := f.do(www, nobody, slow)
				if p != want || own || fail != nil {
					t.Errorf("got %v, own %v, %v", p, own, fail)
				}
			})
		}
		time.Sleep(time.Millisecond)
		if f.inFlight.Load() != 1 || f.waiting.Load() != 100 {
			t.Errorf("%d under way for %d", f.inFlight.Load(), f.waiting.Load())
		}
		wg.Wait()
		if asked.Load() != 1 || f.coalesced.Load() != 99 {
			t.Errorf("asked %d times, %d waited for it", asked.Load(), f.coalesced.Load())
		}
		// Afterwards it is asked anew, and nobody else has the reply.
		if _, own, _ := f.do(www, nobody, slow); !own || asked.Load() != 2 {
			t.Errorf("own %v, asked %d times", own, asked.Load())
		}
		if f.inFlight.Load() != 0 || f.waiting.Load() != 0 || len(f.byQ) != 0 {
			t.Errorf("%d under way, %d waiting, %d kept after all is done", f.inFlight.Load(), f.waiting.Load(), len(f.byQ))
		}
	})
}

func TestDifferentQuestionsFlyApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlights()
		var asked atomic.Int64
		different := []question{
			www,
			{name: "\x03wwx\x07example\x00", qtype: dns.TypeA},
			{name: www.name, qtype: dns.TypeAAAA},
			{name: www.name, qtype: dns.TypeA, do: true},
			{name: www.name, qtype: dns.TypeA, cd: true},
			{name: www.name, qtype: dns.TypeA, do: true, cd: true},
		}
		var wg sync.WaitGroup
		for _, q := range different {
			wg.Go(func() {
				f.do(q, nobody, func(*question) (*reply, *failure) {
					asked.Add(1)
					time.Sleep(time.Second)
					return &reply{msg: new(dns.Msg)}, nil
				})
			})
		}
		wg.Wait()
		if int(asked.Load()) != len(different) {
			t.Errorf("asked %d times, want %d", asked.Load(), len(different))
		}
	})
}

func TestFailureIsForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlights()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_, _, fail := f.do(www, nobody, func(*question) (*reply, *failure) { time.Sleep(time.Second); return nil, noAnswer })
				if fail != noAnswer {
					t.Errorf("got %v", fail)
				}
			})
		}
		wg.Wait()
	})
}

// TestPanicLeavesNobodyWaiting: CoreDNS catches a panic of the one who asks.
func TestPanicLeavesNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlights()
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() { recover() }()
			f.do(www, nobody, func(*question) (*reply, *failure) { time.Sleep(time.Second); panic("of the test") })
		})
		time.Sleep(time.Millisecond)
		wg.Go(func() {
			if _, _, fail := f.do(www, nobody, nil); fail != childDown {
				t.Errorf("got %v", fail)
			}
		})
		wg.Wait()
		if f.inFlight.Load() != 0 || f.waiting.Load() != 0 || len(f.byQ) != 0 {
			t.Error("something is left")
		}
	})
}

// fly sends n different questions from an address and says how each ended.
func fly(f *flights, n int, from *query.Source) map[*failure]int {
	ended := map[*failure]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			q := question{name: fmt.Sprint(i, from), qtype: dns.TypeA}
			_, _, fail := f.do(q, from, func(*question) (*reply, *failure) { time.Sleep(time.Second); return nil, nil })
			mu.Lock()
			ended[fail]++
			mu.Unlock()
		})
	}
	wg.Wait()
	return ended
}

func TestFlightsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlights()
		f.limit.Store(10)
		if got := fly(f, 15, nobody); got[nil] != 10 || got[tooMany] != 5 {
			t.Errorf("got %v", got)
		}
		if got := fly(f, 10, nobody); got[nil] != 10 {
			t.Errorf("the places are not given back: %v", got)
		}
		// Those who only wait are bounded too.
		var wg sync.WaitGroup
		var refused atomic.Int64
		for range 10*waitersPerFlight + 7 {
			wg.Go(func() {
				_, _, fail := f.do(www, nobody, func(*question) (*reply, *failure) { time.Sleep(time.Second); return nil, nil })
				if fail == tooMany {
					refused.Add(1)
				}
			})
		}
		wg.Wait()
		if refused.Load() != 7 {
			t.Errorf("%d were refused, want 7", refused.Load())
		}
	})
}

func TestOneLineDoesNotTakeAllPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlights()
		f.setThreads(4)
		for _, tt := range []struct {
			from string
			want int // of maxPerLine + 3 questions
		}{
			{"192.0.2.1", maxPerLine},
			{"2001:db8::1", maxPerLine},
			{"127.0.0.1", maxPerLine + 3}, // the machine itself
		} {
			if got := fly(f, maxPerLine+3, asker(tt.from, 0)); got[nil] != tt.want || got[tooManyYou] != maxPerLine+3-tt.want {
				t.Errorf("%s: got %v, want %d", tt.from, got, tt.want)
			}
		}
		for i := range f.lines {
			if n := f.lines[i].Load(); n != 0 {
				t.Errorf("counter %d holds %d when all is done", i, n)
			}
		}
	})
	f := newFlights()
	line := func(a string) *atomic.Int32 { return f.line(asker(a, 0)) }
	if line("2001:db8:0:1::1") != line("2001:db8:0:1f::2") {
		t.Error("two addresses of one /56 are two lines")
	}
	if f.line(asker("192.0.2.1", 7)) != f.line(asker("192.0.2.2", 7)) {
		t.Error("two addresses of one line, as the gate says, are two")
	}
	if a := f.line(asker("192.0.2.1", 7)); a == f.line(asker("192.0.2.1", 8)) && a == f.line(asker("192.0.2.1", 9)) {
		t.Error("two lines behind one address are one")
	}
	if line("2001:db8:0:100::1") == line("2001:db8:0:200::1") && line("192.0.2.1") == line("192.0.2.2") {
		t.Error("all lines are one")
	}
}

func TestLimitFollowsTheChild(t *testing.T) {
	f := newFlights()
	for threads, want := range map[int]int64{1: 3072, 2: 6144, 4: 12288, 32: maxFlights} {
		if f.setThreads(threads); f.limit.Load() != want {
			t.Errorf("%d threads: %d, want %d", threads, f.limit.Load(), want)
		}
	}
}

func TestFlightsRace(t *testing.T) {
	f := newFlights()
	var wg sync.WaitGroup
	var asked, got atomic.Int64
	for range 8 {
		wg.Go(func() {
			for i := range 2000 {
				q := question{name: fmt.Sprint(i % 7), qtype: dns.TypeA}
				p, own, fail := f.do(q, nobody, func(q *question) (*reply, *failure) {
					asked.Add(1)
					return &reply{msg: new(dns.Msg).SetQuestion(q.name, dns.TypeA)}, nil
				})
				if fail != nil || p.msg.Question[0].Name != q.name {
					t.Errorf("got %v, %v", p, fail)
					return
				}
				if own {
					p.msg.Question[0].Name += " mine"
				}
				got.Add(1)
			}
		})
	}
	wg.Wait()
	if got.Load() != 16000 || asked.Load()+int64(f.coalesced.Load()) != 16000 {
		t.Errorf("%d got a reply, %d asked, %d waited", got.Load(), asked.Load(), f.coalesced.Load())
	}
}
