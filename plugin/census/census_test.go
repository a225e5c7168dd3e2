package census

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/query"
	"sinkhole/plugin/pkg/report"
	"sinkhole/plugin/pkg/subscriber"
	"sinkhole/plugin/pkg/tally"
)

// network is a plugin subscribers of the tests.
type network struct {
	shape   *subscriber.Shape
	classes atomic.Pointer[subscriber.Classes]
	trusted bool
	changed []func()
}

func newNetwork() *network { return &network{shape: subscriber.Default()} }

func (n *network) Line(a netip.AddrPort) subscriber.Line { return n.shape.Line(a) }
func (n *network) LineText(l subscriber.Line) string     { return n.shape.Text(l) }
func (n *network) Shape() *subscriber.Shape              { return n.shape }
func (n *network) SourcesTrusted() bool                  { return n.trusted }
func (n *network) OnClasses(f func())                    { n.changed = append(n.changed, f) }

func (n *network) LineClass(l subscriber.Line) (subscriber.Class, bool) {
	return n.classes.Load().OfLine(n.shape, l)
}

// puts puts entries into classes, or opts them out where the class is OptOut, and
// tells who wants to know.
func (n *network) puts(t testing.TB, entries map[string]string) {
	t.Helper()
	var b subscriber.Builder
	for text, folder := range entries {
		e, _, err := subscriber.ParseEntry(text)
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := subscriber.ClassOf(folder); ok {
			b.Class(c, e)
		} else {
			b.OptOut(e)
		}
	}
	n.classes.Store(b.Build())
	for _, f := range n.changed {
		f()
	}
}

// bench is a census with one server block, and what stands behind it.
type bench struct {
	t       testing.TB
	dir     string
	gen     *generation
	handler *Handler
	network *network
	// listed are the names that the chain says are listed, by name with the final
	// dot, and their categories.
	listed map[string]string
}

// start starts a census on the state in dir.
func start(t testing.TB, dir, block string, n *network) *bench {
	t.Helper()
	b := &bench{t: t, dir: dir, network: n, listed: map[string]string{"c2.example.": "c2", "other.example.": "c2", "bank.example.": "phishing"}}
	c := caddy.NewTestController("dns", "census {\nmemory 1MiB\n"+block+"\nstate "+dir+"\n}")
	cfg, err := parse(c)
	if err != nil {
		t.Fatal(err)
	}
	if b.gen, err = generationOf(c, cfg); err != nil {
		t.Fatal(err)
	}
	b.handler = b.gen.handler(nil)(plugin.HandlerFunc(b.answer)).(*Handler)
	if err := b.gen.start(n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.stop)
	return b
}

// answer is the chain behind the census: plugin sinkhole says what is listed.
func (b *bench) answer(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	name := strings.ToLower(r.Question[0].Name)
	if category, ok := b.listed[name]; ok {
		query.SourceOf(ctx).Hit = query.Hit{Category: category, Text: strings.TrimSuffix(name, ".")}
	}
	m := new(dns.Msg)
	m.SetReply(r)
	return dns.RcodeSuccess, w.WriteMsg(m)
}

// asks asks n times for a name, as the gate hands questions on.
func (b *bench) asks(client, name string, n int) { b.ask(client, name, n, false) }

func (b *bench) asksByTCP(client, name string, n int) { b.ask(client, name, n, true) }

func (b *bench) ask(client, name string, n int, proven bool) {
	b.t.Helper()
	addr := netip.AddrPortFrom(netip.MustParseAddr(client), 4000)
	r := new(dns.Msg).SetQuestion(name, dns.TypeA)
	w := &test.ResponseWriter{TCP: proven}
	for range n {
		src := &query.Source{Addr: addr, Proven: proven, Stream: proven}
		_, src.OptedOut = b.network.classes.Load().Of(addr)
		ctx := query.WithSource(context.Background(), src)
		if code, err := b.handler.ServeDNS(ctx, w, r); code != dns.RcodeSuccess || err != nil {
			b.t.Fatalf("%s asks for %s: code %d, %v", client, name, code, err)
		}
	}
}

// asksMany asks n times, for a new name each time.
func (b *bench) asksMany(client string, n int) {
	b.t.Helper()
	for i := range n {
		b.ask(client, fmt.Sprintf("n%d.unlisted.example.", i%300), 1, false)
	}
}

func (b *bench) report(r control.ReportRequest) *report.Report {
	b.t.Helper()
	raw, err := b.gen.census.Report(r)
	if err != nil {
		b.t.Fatal(err)
	}
	var rep report.Report
	if err := json.Unmarshal(raw, &rep); err != nil {
		b.t.Fatal(err)
	}
	return &rep
}

// stop may be called twice.
func (b *bench) stop() {
	b.t.Helper()
	if err := b.gen.Stop(); err != nil {
		b.t.Error(err)
	}
}

// said writes a report a line a client: what is the same in every run.
func said(r *report.Report) string {
	var b strings.Builder
	for _, c := range r.Clients {
		fmt.Fprintf(&b, "%s %s %d, %d queries, %d hits:", c.Level, c.Label, c.Score, c.QueriesHour, c.C2Hits)
		for _, e := range c.Evidence {
			fmt.Fprintf(&b, " %s %d/%d", e.Signal, e.Proven, e.Count)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func expect(t testing.TB, what string, r *report.Report, want ...string) {
	t.Helper()
	if got := strings.TrimSpace(said(r)); got != strings.Join(want, "\n") {
		t.Errorf("%s: got\n%s\nwant\n%s", what, got, strings.Join(want, "\n"))
	}
}

// TestReport is the report after 15,000 queries from one address among quiet
// ones.
func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "", newNetwork())
		for i := range 40 {
			b.asksMany(fmt.Sprintf("192.0.2.%d", i+1), 5)
		}
		b.asksMany("198.51.100.7", 15_000)
		r := b.report(control.ReportRequest{})
		expect(t, "at once", r, "watch heavy 15, 15000 queries, 0 hits: rate-3 0/15000")
		if c := r.Clients[0]; c.TimesMedian != 300 || !strings.HasPrefix(c.Client, "c-") || len(c.Client) != 12 {
			t.Errorf("got %+v, want 300 times the median and an identifier", c)
		}
		if r.MedianQueriesHour != 5 || r.Window != "24h" || r.Node == "" {
			t.Errorf("got a median of %d over %s on %q, want 5 over 24h", r.MedianQueriesHour, r.Window, r.Node)
		}
		time.Sleep(20 * time.Hour)
		expect(t, "20 hours later", b.report(control.ReportRequest{}), "watch heavy 15, 15000 queries, 0 hits: rate-3 0/15000")
		expect(t, "over the last hour", b.report(control.ReportRequest{Since: time.Hour}))
		time.Sleep(5 * time.Hour)
		expect(t, "the day after", b.report(control.ReportRequest{}))
	})
}

func TestReportRefusesALevelThatIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "", newNetwork())
		_, err := b.gen.census.Report(control.ReportRequest{Level: "infected"})
		if want := `level "infected": want watch, suspected or confirmed`; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

// TestReportOfContacts follows one line that keeps asking for a listed name, by
// UDP and by TCP, through the levels.
func TestReportOfContacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "warmup 0", newNetwork())
		b.asks("192.0.2.1", "C2.example.", 40)
		b.asks("192.0.2.2", "bank.example.", 40)
		expect(t, "a name once", b.report(control.ReportRequest{}), "watch listed name 30, 40 queries, 40 hits: c2-1 0/1")
		for range 12 {
			time.Sleep(40 * time.Minute)
			b.asks("192.0.2.1", "c2.example.", 1)
		}
		expect(t, "over hours by UDP", b.report(control.ReportRequest{}), "watch C2 contact 55, 41 queries, 52 hits: c2-3 0/13 c2-2 0/13 c2-1 0/13")
		for range 12 {
			time.Sleep(40 * time.Minute)
			b.asksByTCP("192.0.2.1", "c2.example.", 1)
		}
		expect(t, "over hours by TCP", b.report(control.ReportRequest{}), "confirmed C2 contact 60, 41 queries, 64 hits: c2-3 12/25 c2-2 12/25 c2-1 12/25")
		expect(t, "the confirmed", b.report(control.ReportRequest{Level: "confirmed"}), "confirmed C2 contact 60, 41 queries, 64 hits: c2-3 12/25 c2-2 12/25 c2-1 12/25")
	})
}

func TestWarmup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := start(t, dir, "warmup 20h", newNetwork())
		for range 13 {
			b.asksByTCP("192.0.2.1", "c2.example.", 1)
			time.Sleep(time.Hour)
		}
		expect(t, "in the warm-up", b.report(control.ReportRequest{}), "watch C2 contact 60, 1 queries, 13 hits: c2-3 13/13 c2-2 13/13 c2-1 13/13")
		if b.gen.census.Status()["warmup"] != true {
			t.Error("status does not say so")
		}
		// A restart does not begin it anew.
		b.stop()
		b = start(t, dir, "warmup 20h", newNetwork())
		time.Sleep(8 * time.Hour)
		expect(t, "after it", b.report(control.ReportRequest{}), "confirmed C2 contact 60, 1 queries, 13 hits: c2-3 13/13 c2-2 13/13 c2-1 13/13")
	})
}

func TestSignalsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "signals volume off", newNetwork())
		b.asksMany("192.0.2.1", 11_000)
		b.asks("192.0.2.2", "c2.example.", 2)
		expect(t, "without volume nobody's queries are counted", b.report(control.ReportRequest{}), "watch listed name 30, 0 queries, 2 hits: c2-1 0/1")
		b.stop()
		b = start(t, t.TempDir(), "signals listed off", newNetwork())
		b.asks("192.0.2.2", "c2.example.", 2)
		b.asksMany("192.0.2.1", 11_000)
		expect(t, "without listed no contact is kept", b.report(control.ReportRequest{}), "watch heavy 15, 11000 queries, 0 hits: rate-3 0/11000")
	})
}

func TestClasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "warmup 0", newNetwork())
		b.network.puts(t, map[string]string{"192.0.2.1": "mail", "192.0.2.2": "cgn"})
		b.asksMany("192.0.2.1", 11_000)
		b.asks("192.0.2.2", "c2.example.", 1)
		expect(t, "a mail server and an address that many share", b.report(control.ReportRequest{}), "watch heavy 0, 11000 queries, 0 hits: heavy 0/11000")
	})
}

// TestPortBlocks: behind CGN a block of ports is a line, and judged as one.
func TestPortBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork()
		var err error
		n.shape, err = subscriber.NewShape(32, 56, []subscriber.Ports{{Prefix: netip.MustParsePrefix("100.64.0.0/10"), Block: 1024}})
		if err != nil {
			t.Fatal(err)
		}
		b := start(t, t.TempDir(), "", n)
		n.puts(t, map[string]string{"100.64.0.0/10": "cgn"})
		b.asks("100.64.0.7", "c2.example.", 1)
		expect(t, "a block of ports", b.report(control.ReportRequest{}), "watch listed name 30, 1 queries, 1 hits: c2-1 0/1")
	})
}

func TestStatusAndWarnings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "", newNetwork())
		b.asksMany("192.0.2.1", 20_000)
		b.asksMany("192.0.2.2", 10)
		time.Sleep(time.Minute + beat)
		s := b.gen.census.Status()
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"queries":20010`, `"active_lines":2`, `"promoted_lines":1`, `"flagged_lines":{"confirmed":0,"suspected":0,"watch":1}`, `"warmup":true`, `"checkpoint_age_seconds"`} {
			if !strings.Contains(string(text), want) {
				t.Errorf("status %s lacks %s", text, want)
			}
		}
		if w := b.gen.census.Warnings(); len(w) > 0 {
			t.Errorf("warnings %q", w)
		}
	})
}

// TestSuspectEntry: a name that many lines ask for is a mistake of its list.
func TestSuspectEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "", newNetwork())
		for i := range 19 {
			b.asks(fmt.Sprintf("192.0.2.%d", i+1), "c2.example.", 1)
		}
		if n := len(b.report(control.ReportRequest{}).Clients); n != 19 {
			t.Errorf("19 lines ask for it: %d flagged, want all", n)
		}
		b.asks("192.0.2.20", "c2.example.", 1)
		if n := len(b.report(control.ReportRequest{}).Clients); n != 0 {
			t.Errorf("20 lines ask for it: %d flagged, want none", n)
		}
		w := b.gen.census.Warnings()
		if len(w) != 1 || !strings.HasPrefix(w[0], "census: list entries are suspect: c2.example (c2); 5 in 1,000") {
			t.Errorf("warnings %q", w)
		}
	})
}

// TestFullTable: more lines than there is memory for, and the operator is told.
func TestFullTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "", newNetwork())
		c := b.gen.census
		for i := range 40_000 { // memory for 16,384, and places for 32,768
			for range 120 {
				c.tally.Count(subscriber.Line(i+1)<<20, uint64(i), false, pane())
			}
		}
		time.Sleep(measureEvery + beat)
		w := c.Warnings()
		if len(w) != 1 || !strings.HasPrefix(w[0], "census: memory is too small for the lines that ask") || !strings.HasSuffix(w[0], "want more than 1MiB, or fewer forged sources") {
			t.Errorf("warnings %q", w)
		}
		if s := c.Status(); s["error_bound"].(uint64) < maxBound {
			t.Errorf("status says %v", s)
		}
		time.Sleep(90 * time.Minute)
		if w := c.Warnings(); len(w) != 0 {
			t.Errorf("when they are gone: %q", w)
		}
	})
}

// TestStateThatCannotBeMade: the start fails with a sentence, and nothing is left.
func TestStateThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	c := caddy.NewTestController("dns", "census {\nstate "+file+"\n}")
	cfg, err := parse(c)
	if err != nil {
		t.Fatal(err)
	}
	g, err := generationOf(c, cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = g.start(unknown{})
	if want := "plugin/census: state " + file + ": cannot be made: not a directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if pool.Len() != 0 || runtime.NumGoroutine() > before {
		t.Errorf("%d censuses and %d goroutines are left", pool.Len(), runtime.NumGoroutine()-before)
	}
}

func now() time.Time { return time.Now() }

func pane() tally.Pane { return tally.PaneOf(now()) }

func addrPort(s string) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(s), 4000) }

// isLine says of a line whether it is that of an address.
func (n *network) isLine(s string) func(subscriber.Line) bool {
	return func(l subscriber.Line) bool { return l == n.shape.Line(addrPort(s)) }
}
