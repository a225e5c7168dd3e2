package recursor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"sinkhole/plugin/pkg/unbound"
)

func TestMain(m *testing.M) {
	caddy.Quiet = true
	dnsserver.Quiet = true
	if err := dnsserver.SetDirectives([]string{"root", "bind", "mark", "cache", "recursor", "refuse"}); err != nil {
		panic(err)
	}
	caddy.RegisterPlugin("refuse", caddy.Plugin{ServerType: "dns", Action: func(c *caddy.Controller) error {
		c.OnStartup(func() error { return fmt.Errorf("refused, as it was to be") })
		return nil
	}})
	caddy.RegisterPlugin("mark", caddy.Plugin{ServerType: "dns", Action: func(c *caddy.Controller) error {
		dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler { return &marker{next, c.Context()} })
		c.OnStartup(func() error { newest.Store(c.Context()); return nil })
		return nil
	}})
	os.Exit(m.Run())
}

// marker notes which generation has answered, and newest which was started last.
// CoreDNS starts its servers in goroutines: one that is stopped before it has
// begun serves on for ever, so a test must not reload faster than that.
type marker struct {
	plugin.Handler
	gen any
}

var newest, lastServed atomic.Value

func (m *marker) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	lastServed.Store(m.gen)
	return m.Handler.ServeDNS(ctx, w, r)
}

// needsUnbound skips what cannot run without the child.
func needsUnbound(t *testing.T) {
	t.Helper()
	if FoundVersion() == "none" {
		t.Skip("needs Unbound, which make test installs")
	}
}

// authority is a small server on loopback that the child forwards to. What is
// below example is insecure for the child; all else it cannot validate.
type authority struct {
	addr string
	slow atomic.Int64 // time.Duration before an answer
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	pc, ln := listen(t)
	a := &authority{addr: pc.LocalAddr().String()}
	for _, s := range []*dns.Server{{PacketConn: pc, Handler: a}, {Listener: ln, Handler: a}} {
		go s.ActivateAndServe()
		t.Cleanup(func() { s.Shutdown() })
	}
	return a
}

const zoneText = `
www 300 A 192.0.2.10
www 300 AAAA 2001:db8::10
short 1 A 192.0.2.11
long 4000000 A 192.0.2.12
alias 300 CNAME www
`

var zone = func() []dns.RR {
	var all []dns.RR
	p := dns.NewZoneParser(strings.NewReader(zoneText), "example.", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		all = append(all, rr)
	}
	for i := range 40 { // about 8,000 octets: TCP between front and child
		rr, _ := dns.NewRR(fmt.Sprintf("large.example. 300 TXT \"%03d%s\"", i, strings.Repeat("x", 190)))
		all = append(all, rr)
	}
	return all
}()

// ServeDNS answers from zone.
func (a *authority) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	q := r.Question[0]
	if strings.HasSuffix(q.Name, "example.") {
		time.Sleep(time.Duration(a.slow.Load()))
	}
	m := new(dns.Msg).SetReply(r)
	m.RecursionAvailable, m.Compress = true, true
	name := strings.ToLower(q.Name)
	found := false
	for range 2 {
		for _, rr := range zone {
			if rr.Header().Name != name {
				continue
			}
			found = true
			if cname, ok := rr.(*dns.CNAME); ok && q.Qtype != dns.TypeCNAME {
				m.Answer = append(m.Answer, rr)
				name = cname.Target
				break
			}
			if rr.Header().Rrtype == q.Qtype {
				m.Answer = append(m.Answer, rr)
			}
		}
		if name == strings.ToLower(q.Name) {
			break
		}
	}
	if len(m.Answer) == 0 {
		if !found {
			m.Rcode = dns.RcodeNameError
		}
		soa, _ := dns.NewRR("example. 300 SOA ns.example. nobody.example. 1 3600 600 86400 300")
		m.Ns = append(m.Ns, soa)
	}
	if opt := r.IsEdns0(); opt != nil {
		m.SetEdns0(1232, opt.Do())
	}
	if w.LocalAddr().Network() == "udp" {
		m.Truncate(1232)
	}
	w.WriteMsg(m)
}

// corefile is a server block whose recursor forwards to a.
func corefile(t *testing.T, a *authority, before, options string) string {
	t.Helper()
	include := filepath.Join(t.TempDir(), "insecure.conf")
	if err := os.WriteFile(include, []byte("domain-insecure: \"example\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`.:0 {
    bind 127.0.0.1
    mark
    %s
    recursor {
        forward %s
        include %s
        threads 1
        memory 64MiB
        state %s
        %s
    }
}
`, before, a.addr, include, t.TempDir(), options)
}

func input(text string) caddy.CaddyfileInput {
	return caddy.CaddyfileInput{Filepath: "Testfile", Contents: []byte(text), ServerTypeName: "dns"}
}

// serve starts a Corefile until the test ends.
func serve(t *testing.T, text string) *caddy.Instance {
	t.Helper()
	inst, err := caddy.Start(input(text))
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, inst, "udp", message("x.localhost.", dns.TypeA))
	t.Cleanup(func() {
		if slices.Contains(caddy.Instances(), inst) {
			stop(t, inst)
		}
	})
	return inst
}

func stop(t *testing.T, inst *caddy.Instance) {
	t.Helper()
	for _, err := range inst.ShutdownCallbacks() {
		t.Error(err)
	}
	if err := inst.Stop(); err != nil {
		t.Error(err)
	}
	if n := pool.Len(); n != 0 {
		t.Errorf("%d children are left", n)
	}
}

func udpOf(inst *caddy.Instance) string { return inst.Servers()[0].LocalAddr().String() }

func message(name string, qtype uint16) *dns.Msg { return new(dns.Msg).SetQuestion(name, qtype) }

// exchange asks the server, over UDP with room for 4,096 octets when m has EDNS.
func exchange(t *testing.T, inst *caddy.Instance, network string, m *dns.Msg) *dns.Msg {
	t.Helper()
	c := dns.Client{Net: network, Timeout: 10 * time.Second}
	addr := udpOf(inst)
	if network == "tcp" {
		addr = inst.Servers()[0].Addr().String()
	}
	r, _, err := c.Exchange(m, addr)
	if err != nil {
		t.Fatalf("%s over %s: %v", m.Question[0].Name, network, err)
	}
	return r
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestResolves(t *testing.T) {
	needsUnbound(t)
	a := newAuthority(t)
	inst := serve(t, corefile(t, a, "", ""))
	edns := func(size uint16, do bool) func(*dns.Msg) { return func(m *dns.Msg) { m.SetEdns0(size, do) } }
	for name, tt := range map[string]struct {
		name    string
		qtype   uint16
		network string
		change  func(*dns.Msg)
		want    string
	}{
		"an address":            {name: "WwW.eXample.", qtype: dns.TypeA, want: "NOERROR rd ra ?WwW.eXample. | WwW.eXample./A |"},
		"over TCP":              {name: "www.example.", qtype: dns.TypeAAAA, network: "tcp", want: "NOERROR rd ra ?www.example. | www.example./AAAA |"},
		"an alias":              {name: "Alias.example.", qtype: dns.TypeA, want: "NOERROR rd ra ?Alias.example. | Alias.example./CNAME www.example./A |"},
		"no such name":          {name: "gone.example.", qtype: dns.TypeA, want: "NXDOMAIN rd ra ?gone.example. | | example./SOA"},
		"no such type":          {name: "www.example.", qtype: dns.TypeMX, want: "NOERROR rd ra ?www.example. | | example./SOA"},
		"not to be validated":   {name: "www.nowhere.", qtype: dns.TypeA, change: edns(1232, false), want: "SERVFAIL rd ra ?www.nowhere. | | | OPT bogus"},
		"and unchecked":         {name: "www.nowhere.", qtype: dns.TypeA, change: func(m *dns.Msg) { m.CheckingDisabled = true }, want: "NXDOMAIN rd ra cd ?www.nowhere. | | example./SOA"},
		"the client's options":  {name: "www.example.", qtype: dns.TypeA, change: func(m *dns.Msg) { m.Extra = clientMessage("x.", 1).Extra }, want: "NOERROR rd ra ?www.example. | www.example./A | | OPT do"},
		"the child's own name":  {name: "child.sinkhole.invalid.", qtype: dns.TypeTXT, want: "NXDOMAIN rd ra ?child.sinkhole.invalid. | | invalid./SOA"},
		"the child's version":   {name: "version.bind.", qtype: dns.TypeTXT, change: func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }, want: "REFUSED rd ?version.bind. | |"},
		"a special name":        {name: "x.LocalHost.", qtype: dns.TypeA, want: "NOERROR rd ra ?x.LocalHost. | x.LocalHost./A |"},
		"RD clear is not asked": {name: "www.example.", qtype: dns.TypeA, change: func(m *dns.Msg) { m.RecursionDesired = false }, want: "REFUSED ?www.example. | |"},
	} {
		t.Run(name, func(t *testing.T) {
			m := message(tt.name, tt.qtype)
			if tt.change != nil {
				tt.change(m)
			}
			network := "udp"
			if tt.network != "" {
				network = tt.network
			}
			r := exchange(t, inst, network, m)
			if opt := r.IsEdns0(); opt != nil { // CoreDNS echoes the options that it knows itself
				opt.Option = slices.DeleteFunc(opt.Option, func(o dns.EDNS0) bool { return o.Option() != dns.EDNS0EDE })
			}
			// Which of the codes it is hangs on the child's version and cache.
			got := regexp.MustCompile(`(6|9|10) \([^)]*\): \(.*\)$`).ReplaceAllString(shown(r), "bogus")
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	if r := exchange(t, inst, "udp", message("long.example.", dns.TypeA)); r.Answer[0].Header().Ttl != 86400 {
		t.Errorf("a TTL of 4,000,000 s became %d", r.Answer[0].Header().Ttl)
	}
}

// TestLargeAnswers: 8,000 octets come whole over TCP, and cut to his size to
// whoever asked over UDP.
func TestLargeAnswers(t *testing.T) {
	needsUnbound(t)
	inst := serve(t, corefile(t, newAuthority(t), "", ""))
	for _, size := range []uint16{0, 512, 1232, 4096} {
		m := message("large.example.", dns.TypeTXT)
		limit := dns.MinMsgSize
		if size > 0 {
			m.SetEdns0(size, false)
			limit = int(size)
		}
		r := exchange(t, inst, "udp", m)
		r.Compress = true // as it came
		if !r.Truncated || r.Len() > limit || len(r.Answer) == 0 && size > 512 {
			t.Errorf("room for %d: %d octets, truncated %v, %d records", size, r.Len(), r.Truncated, len(r.Answer))
		}
		r = exchange(t, inst, "tcp", m)
		if r.Truncated || len(r.Answer) != 40 {
			t.Errorf("over TCP: truncated %v, %d records", r.Truncated, len(r.Answer))
		}
	}
}

func TestKilledChild(t *testing.T) {
	needsUnbound(t)
	inst := serve(t, corefile(t, newAuthority(t), "", ""))
	r, _ := Active()
	pid := r.child.Status().PID
	before := value(t, "coredns_recursor_restarts_total")
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var apologies int
	eventually(t, "it answers again", func() bool {
		m := message("www.example.", dns.TypeA)
		m.SetEdns0(1232, false)
		got := shown(exchange(t, inst, "udp", m))
		switch {
		case strings.HasPrefix(got, "NOERROR"):
			return r.child.Status().PID != pid
		case strings.HasSuffix(got, "OPT 23 (Network Error): (the resolver is being restarted)"):
			apologies++
		default:
			t.Errorf("meanwhile: %s", got)
		}
		return false
	})
	if apologies == 0 {
		t.Error("no client heard of it")
	}
	if got := value(t, "coredns_recursor_restarts_total"); got != before+1 {
		t.Errorf("restarts went from %v to %v", before, got)
	}
	if got := value(t, "coredns_recursor_up"); got != 1 {
		t.Errorf("coredns_recursor_up is %v", got)
	}
}

// twoBlocks is a Corefile of two server blocks with one recursor.
func twoBlocks(t *testing.T, a *authority, options string) string {
	t.Helper()
	one := corefile(t, a, "", options)
	return one + strings.Replace(one, ".:0", "example:0", 1)
}

func childOf(t *testing.T) (pid int) {
	t.Helper()
	r, ok := Active()
	if !ok {
		t.Fatal("no recursor is active")
	}
	return r.child.Status().PID
}

func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// TestReload: the child outlives a reload that changes nothing about it, makes
// room for another where it does, and a reload that is refused leaves none.
func TestReload(t *testing.T) {
	needsUnbound(t)
	a := newAuthority(t)
	text := twoBlocks(t, a, "")
	inst := serve(t, text)
	defer func() { stop(t, inst) }() // the one that serves in the end
	first := childOf(t)
	if n := pool.Len(); n != 1 {
		t.Fatalf("two blocks have %d children", n)
	}
	reload := func(what, text string) error {
		t.Helper()
		next, err := inst.Restart(input(text))
		if err == nil {
			inst = next
			eventually(t, "the new generation serves", func() bool {
				exchange(t, inst, "udp", message("x.localhost.", dns.TypeA))
				return lastServed.Load() == newest.Load()
			})
		}
		if n := pool.Len(); n != 1 {
			t.Errorf("%s: %d children", what, n)
		}
		m := message("www.example.", dns.TypeA)
		m.SetEdns0(1232, false)
		if r := exchange(t, inst, "udp", m); r.Rcode != dns.RcodeSuccess {
			t.Errorf("%s: got %s", what, shown(r))
		}
		return err
	}

	if err := reload("nothing changed", text); err != nil {
		t.Fatal(err)
	}
	if err := reload("another plugin changed", strings.ReplaceAll(text, "bind", "cache\n    bind")); err != nil {
		t.Fatal(err)
	}
	if got := childOf(t); got != first || !alive(first) {
		t.Errorf("the child %d became %d", first, got)
	}

	changed := strings.ReplaceAll(text, "threads 1", "threads 2")
	for what, refused := range map[string]string{
		"a later start fails":                          strings.Replace(text, "bind", "refuse\n    bind", 1),
		"a later start fails, with another child":      strings.Replace(changed, "bind", "refuse\n    bind", 1),
		"a setup fails":                                text + "bad:0 {\n recursor {\n antwort\n }\n}\n",
		"blocks differ":                                strings.Replace(text, "threads 1", "threads 2", 1),
		"unbound-checkconf refuses":                    strings.ReplaceAll(text, "threads 1", "include "+file(t, "antwort: 42\n")),
		"the program is missing":                       strings.ReplaceAll(text, "threads 1", "unbound /nonexistent/unbound"),
		"the child leaves at once, as often as it may": strings.ReplaceAll(text, "threads 1", "include "+file(t, "interface: 192.0.2.1\n")),
	} {
		if err := reload(what, refused); err == nil {
			t.Errorf("%s: it was taken", what)
		}
		if got := childOf(t); got != first || !alive(first) {
			t.Errorf("%s: the child %d became %d", what, first, got)
		}
	}

	if err := reload("threads changed", changed); err != nil {
		t.Fatal(err)
	}
	second := childOf(t)
	if second == first || alive(first) || !alive(second) {
		t.Errorf("the child %d (%v) became %d (%v)", first, alive(first), second, alive(second))
	}
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lines.conf")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestIncludeIsReadAnew: lines that changed on disk are in force after a reload.
func TestIncludeIsReadAnew(t *testing.T) {
	needsUnbound(t)
	lines := file(t, "local-data: 'here.example. A 192.0.2.77'\n")
	text := corefile(t, newAuthority(t), "", "include "+lines)
	inst := serve(t, text)
	defer func() { stop(t, inst) }()
	answer := func() string {
		r := exchange(t, inst, "udp", message("here.example.", dns.TypeA))
		if len(r.Answer) != 1 {
			t.Fatalf("got %s", shown(r))
		}
		return r.Answer[0].(*dns.A).A.String()
	}
	if got := answer(); got != "192.0.2.77" {
		t.Fatalf("got %s", got)
	}
	if err := os.WriteFile(lines, []byte("local-data: 'here.example. A 192.0.2.78'\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	next, err := inst.Restart(input(text))
	if err != nil {
		t.Fatal(err)
	}
	inst = next
	if got := answer(); got != "192.0.2.78" {
		t.Errorf("got %s", got)
	}
}

// TestStartRefused: what stands in the way of a start is said with what to do,
// and nothing is left of it.
func TestStartRefused(t *testing.T) {
	needsUnbound(t)
	a := newAuthority(t)
	lines := file(t, "# one\nantwort: 42\n")
	for name, tt := range map[string]struct{ options, want string }{
		"the program is missing": {"unbound /nonexistent/unbound", `unbound "/nonexistent/unbound": no such file or directory; want the path of an Unbound`},
		"a line is refused":      {"include " + lines, lines + ":2: unknown keyword 'antwort'"},
		"no file":                {"include /nonexistent/lines", `include "/nonexistent/lines": no such file or directory; want a file with lines of unbound.conf`},
		"no anchors":             {"trust-anchor /nonexistent/key", `trust-anchor "/nonexistent/key": no such file or directory; want a file of DS and DNSKEY records`},
		"it leaves at once":      {"include " + file(t, "interface: 192.0.2.1\n"), "unbound: child left with status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			inst, err := caddy.Start(input(corefile(t, a, "", tt.options)))
			if err == nil {
				stop(t, inst)
				t.Fatal("it started")
			}
			if want := "Testfile:5: recursor: " + tt.want; !strings.HasPrefix(err.Error(), "Testfile:5: recursor: ") || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "next start") {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if n := pool.Len(); n != 0 {
				t.Errorf("%d children are left", n)
			}
		})
	}
}

func TestStopLeavesNothing(t *testing.T) {
	needsUnbound(t)
	a := newAuthority(t)
	text := corefile(t, a, "", "")
	before := 0
	for i := range 3 {
		inst, err := caddy.Start(input(text))
		if err != nil {
			t.Fatal(err)
		}
		pid := childOf(t)
		for range 5 {
			exchange(t, inst, "udp", message("www.example.", dns.TypeA))
			exchange(t, inst, "tcp", message("large.example.", dns.TypeTXT))
		}
		stop(t, inst)
		if alive(pid) {
			t.Errorf("the child %d is left", pid)
		}
		if _, ok := Active(); ok {
			t.Error("a recursor is active after the stop")
		}
		if i == 0 { // the runtime's own come with the first
			before = runtime.NumGoroutine()
			continue
		}
		eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
	}
	if got := value(t, "coredns_recursor_up"); got != 0 {
		t.Errorf("coredns_recursor_up is %v after the stop", got)
	}
}

// TestDrain: what is under way when a child makes room for another is answered.
func TestDrain(t *testing.T) {
	needsUnbound(t)
	a := newAuthority(t)
	text := corefile(t, a, "", "")
	inst := serve(t, text)
	defer func() { stop(t, inst) }()
	a.slow.Store(int64(300 * time.Millisecond))
	r, _ := Active()
	done := make(chan *dns.Msg)
	go func() { done <- exchange(t, inst, "udp", message("www.example.", dns.TypeA)) }()
	eventually(t, "it is under way", func() bool { return r.flights.inFlight.Load() == 1 })
	next, err := inst.Restart(input(strings.ReplaceAll(text, "threads 1", "threads 2")))
	if err != nil {
		t.Fatal(err)
	}
	inst = next
	if m := <-done; m.Rcode != dns.RcodeSuccess {
		t.Errorf("got %s", shown(m))
	}
}

func TestStatus(t *testing.T) {
	needsUnbound(t)
	a := newAuthority(t)
	serve(t, corefile(t, a, "", ""))
	r, _ := Active()
	s := r.Status()
	for key, want := range map[string]any{
		"up": true, "version": FoundVersion(), "pid": r.child.Status().PID, "mode": "forward " + a.addr,
		"restarts": 0, "threads": 1, "memory": int64(64 << 20), "tracking": false, "uptime_seconds": int64(0),
	} {
		if !reflect.DeepEqual(s[key], want) {
			t.Errorf("%s: got %v, want %v", key, s[key], want)
		}
	}
	if got := fmt.Sprint(s["anchors"]); !strings.Contains(got, ". 20326") {
		t.Errorf("anchors: %s", got)
	}
	if s["port"].(uint16) < 1024 || s["resident"].(int64) == 0 {
		t.Errorf("got %v", s)
	}
	old := (&unbound.Program{Version: FoundVersion()}).Older(unbound.Floor)
	if warned := strings.Contains(strings.Join(r.Warnings(), "\n"), "is older than "+unbound.Floor); warned != old {
		t.Errorf("Unbound %s: warnings %q", FoundVersion(), r.Warnings())
	}
	if r.link.Swap(nil); !strings.Contains(fmt.Sprint(r.Status()["up"]), "true") {
		t.Error("the child's own word on it is lost")
	}
}

func TestWarnings(t *testing.T) {
	for name, tt := range map[string]struct {
		status unbound.Status
		want   []string
	}{
		"all is well":   {unbound.Status{Up: true, Version: "1.26.2"}, nil},
		"old":           {unbound.Status{Up: true, Version: "1.17.1", Path: "/usr/sbin/unbound"}, []string{"recursor: Unbound 1.17.1 (/usr/sbin/unbound) is older than 1.26.2, the first with all fixes of 2026; Debian 13 ships it, and what your distribution back-ports it says in its changelog"}},
		"down":          {unbound.Status{Version: "1.26.2", Last: &unbound.Death{Why: errors.New("unbound: child left"), Next: time.Second, Try: 3}}, []string{"recursor: unbound: child left; next start in 1s (try 3); cached and listed names are answered meanwhile"}},
		"not yet":       {unbound.Status{Version: "1.26.2"}, []string{"recursor: Unbound does not answer yet"}},
		"died one time": {unbound.Status{Up: true, Version: "1.26.2", InARow: 1, Last: &unbound.Death{Why: errors.New("x")}}, nil},
		"keeps dying":   {unbound.Status{Up: true, Version: "1.26.2", InARow: 4, Last: &unbound.Death{Why: errors.New("unbound: child left")}}, []string{"recursor: Unbound died 4 times in a row, last: unbound: child left"}},
		"updated":       {unbound.Status{Up: true, Version: "1.26.2", Path: "/usr/sbin/unbound", Replaced: true}, []string{"recursor: /usr/sbin/unbound was updated and Unbound 1.26.2 still runs; a reload of the Corefile starts the new one"}},
		"as root":       {unbound.Status{Up: true, Version: "1.26.2", User: "root"}, []string{"recursor: Unbound runs as root, which may not change its user here; run the server as an ordinary user"}},
	} {
		if got := warnings(tt.status); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

// value reads a metric that has no labels.
func value(t *testing.T, name string) float64 {
	t.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestMetrics(t *testing.T) {
	needsUnbound(t)
	inst := serve(t, corefile(t, newAuthority(t), "", "include "+file(t, "statistics-interval: 1\n")))
	for range 3 {
		exchange(t, inst, "udp", message("www.example.", dns.TypeA))
	}
	exchange(t, inst, "udp", message("x.test.", dns.TypeA))
	exchange(t, inst, "udp", message("www.nowhere.", dns.TypeA))
	eventually(t, "the child writes its statistics", func() bool {
		r, _ := Active()
		s, ok := r.child.Statistics()
		return ok && s.Queries >= 3
	})
	if got := value(t, "coredns_recursor_unbound_num_queries_total"); got < 4 {
		t.Errorf("Unbound has seen %v queries, want at least the 4 that it was asked", got)
	}
	if value(t, "coredns_recursor_special_use_total") < 1 || value(t, "coredns_recursor_bogus_total") < 1 {
		t.Error("a question was not counted")
	}
	problems, err := testutil.GatherAndLint(prometheus.DefaultGatherer)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "coredns_recursor_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if text := f.String(); strings.HasPrefix(f.GetName(), "coredns_recursor_") && (strings.Contains(text, "example") || strings.Contains(text, "nowhere")) {
			t.Errorf("a metric holds a name: %s", text)
		}
	}
}

func TestRecursionTimes(t *testing.T) {
	var s unbound.Statistics
	s.Recursion[3], s.Recursion[17], s.Recursion[30] = 2, 3, 4 // 8 us, 0.13 s, 17 minutes
	s.RecursionTime = 3 * time.Second
	var m dto.Metric
	if err := recursionTimes(s).Write(&m); err != nil {
		t.Fatal(err)
	}
	h := m.GetHistogram()
	if h.GetSampleCount() != 9 || h.GetSampleSum() != 3 {
		t.Errorf("count %d, sum %v", h.GetSampleCount(), h.GetSampleSum())
	}
	for _, b := range h.GetBucket() {
		want := uint64(2)
		if b.GetUpperBound() >= 0.131072 {
			want = 5
		}
		if b.GetCumulativeCount() != want {
			t.Errorf("up to %v s: %d, want %d", b.GetUpperBound(), b.GetCumulativeCount(), want)
		}
	}
}

func TestCheck(t *testing.T) {
	needsUnbound(t)
	lines := file(t, "antwort: 42\n")
	for name, tt := range map[string]struct{ block, want string }{
		"alone":             {"recursor", ""},
		"with a block":      {"recursor {\n threads 2\n forward 192.0.2.1 [2001:db8::1]:5353\n}", ""},
		"a line is refused": {"\nrecursor {\n include " + lines + "\n}", "Testfile:2: recursor: unbound: unbound-checkconf refuses the configuration: " + lines + ":1: unknown keyword 'antwort'"},
		"an option is none": {"recursor {\n antwort\n}", "unknown option"},
	} {
		t.Run(name, func(t *testing.T) {
			d := caddyfile.NewDispenser("Testfile", strings.NewReader(tt.block))
			warnings, err := Check(&d)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				old := (&unbound.Program{Version: FoundVersion()}).Older(unbound.Floor)
				if (len(warnings) == 1) != old {
					t.Errorf("warnings %q", warnings)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	if _, ok := Active(); ok || pool.Len() != 0 {
		t.Error("a check started a child")
	}
}
