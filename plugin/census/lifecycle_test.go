package census

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	_ "github.com/coredns/coredns/plugin/bind"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/query"
	"sinkhole/plugin/pkg/subscriber"
)

func init() {
	dnsserver.Directives = []string{"bind", "subscribers", "census", "fails", "answers"}
	caddy.Quiet = true
	plugin.Register("subscribers", setupGate)
	plugin.Register("fails", setupFails)
	plugin.Register("answers", setupAnswers)
}

// gate is a plugin subscribers: subscribers BITS4.
type gate struct {
	*network
	next plugin.Handler
}

func (g *gate) Name() string { return "subscribers" }

func (g *gate) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	src := &query.Source{Addr: w.RemoteAddr().(*net.UDPAddr).AddrPort()}
	return g.next.ServeDNS(query.WithSource(ctx, src), w, r)
}

func setupGate(c *caddy.Controller) error {
	n := newNetwork()
	for c.Next() {
		bits := 32
		if c.NextArg() {
			fmt.Sscan(c.Val(), &bits)
		}
		n.shape, _ = subscriber.NewShape(bits, 56, nil)
	}
	dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler { return &gate{n, next} })
	return nil
}

// setupFails is a directive that fails at setup or at startup.
func setupFails(c *caddy.Controller) error {
	c.Next()
	c.NextArg()
	failed := errors.New("it fails as it should")
	if c.Val() == "setup" {
		return failed
	}
	c.OnStartup(func() error { return failed })
	return nil
}

func setupAnswers(c *caddy.Controller) error {
	c.Next()
	dnsserver.GetConfig(c).AddPlugin(func(plugin.Handler) plugin.Handler {
		return plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
			m := new(dns.Msg)
			m.SetReply(r)
			return dns.RcodeSuccess, w.WriteMsg(m)
		})
	})
	return nil
}

// corefile has two server blocks, of which the second has no gate.
func corefile(dir, gate, census, more string) caddy.Input {
	block := "{\n bind 127.0.0.1\n %s\n census {\n state %s\n %s\n }\n %s\n answers\n}\n"
	text := fmt.Sprintf(".:0 "+block+"example:0 "+block, "subscribers "+gate, dir, census, more, "", dir, census, more)
	return caddy.CaddyfileInput{Contents: []byte(text), Filepath: "Corefile", ServerTypeName: "dns"}
}

func begin(t *testing.T, in caddy.Input) *caddy.Instance {
	t.Helper()
	inst, err := caddy.Start(in)
	if err != nil {
		t.Fatal(err)
	}
	return inst
}

// ask asks the server n times over UDP.
func ask(t *testing.T, inst *caddy.Instance, n int) {
	t.Helper()
	for _, s := range inst.Servers() {
		if s.LocalAddr() == nil {
			continue
		}
		conn, err := dns.Dial("udp", s.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for range n {
			m := new(dns.Msg).SetQuestion("www.unlisted.example.", dns.TypeA)
			if _, _, err := new(dns.Client).ExchangeWithConn(m, conn); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	t.Fatal("no UDP server")
}

func active(t *testing.T) *Census {
	t.Helper()
	c, ok := Active()
	if !ok {
		t.Fatal("no census is active")
	}
	return c
}

// TestReload goes through the ways a reload can end.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	inst := begin(t, corefile(dir, "32", "memory 1MiB", ""))
	first := active(t)
	ask(t, inst, 5)

	inst, err := inst.Restart(corefile(dir, "32", "memory 1MiB\n detect rate-1 off", ""))
	if err != nil {
		t.Fatal(err)
	}
	if c := active(t); c != first || pool.Len() != 1 {
		t.Errorf("a reload made a new census; %d are held", pool.Len())
	}
	if first.terms.Load().Rules[0].On {
		t.Error("the new settings are not in force")
	}
	ask(t, inst, 5)

	blocked, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer blocked.Close()
	taken := corefile(dir, "32", "memory 2MiB", "").(caddy.CaddyfileInput)
	taken.Contents = []byte(strings.Replace(string(taken.Contents), "example:0", "example:"+fmt.Sprint(blocked.Addr().(*net.TCPAddr).Port), 1))
	var goroutines int
	t.Run("how many goroutines there are", func(*testing.T) { goroutines = settle() })
	for name, in := range map[string]caddy.Input{
		"a setup fails":                      corefile(dir, "32", "memory 2MiB", "fails setup"),
		"a startup fails":                    corefile(dir, "32", "memory 1MiB\n detect rate-1 on", "fails startup"),
		"a startup fails, with other memory": corefile(dir, "32", "memory 2MiB", "fails startup"),
		"a startup fails, with other lines":  corefile(dir, "24", "memory 1MiB", "fails startup"),
		"a port is taken":                    taken,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := inst.Restart(in); err == nil {
				t.Fatal("it was taken")
			}
			if c := active(t); c != first || pool.Len() != 1 || owner.Load() != first {
				t.Errorf("the census is another, or owns the state no more; %d are held", pool.Len())
			}
			if first.terms.Load().Rules[0].On {
				t.Error("the old settings are not in force")
			}
			if n := settle(); n > goroutines {
				t.Errorf("%d goroutines, were %d", n, goroutines)
			}
			ask(t, inst, 1)
		})
	}
	if n := first.tally.Stats().Queries; n != 15 {
		t.Errorf("%d queries counted, want 15", n)
	}

	inst, err = inst.Restart(corefile(dir, "32", "memory 2MiB", ""))
	if err != nil {
		t.Fatal(err)
	}
	second := active(t)
	if second == first || pool.Len() != 1 {
		t.Errorf("with other memory: the same census, or %d are held", pool.Len())
	}
	if err := second.write(time.Now()); err != nil {
		t.Fatal(err)
	}
	if second.tally.Stats().Lines != 1 {
		t.Error("with other memory: what was counted is gone")
	}

	inst, err = inst.Restart(corefile(dir, "24", "memory 2MiB", ""))
	if err != nil {
		t.Fatal(err)
	}
	if w := active(t).Warnings(); active(t).tally.Stats().Lines != 0 || len(w) != 1 || !strings.Contains(w[0], errShape.Error()) {
		t.Errorf("with other lines: %d lines, warnings %q", active(t).tally.Stats().Lines, w)
	}

	inst.ShutdownCallbacks()
	if err := inst.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, ok := Active(); ok || pool.Len() != 0 || owner.Load() != nil {
		t.Error("something is held after the stop")
	}
}

// settle waits until the number of goroutines rests, and gives it.
func settle() int {
	n := runtime.NumGoroutine()
	for range 100 {
		time.Sleep(20 * time.Millisecond)
		if m := runtime.NumGoroutine(); m == n {
			return n
		} else {
			n = m
		}
	}
	return n
}

// TestBlocksDiffer: one Corefile has one census.
func TestBlocksDiffer(t *testing.T) {
	in := corefile(t.TempDir(), "32", "memory 1MiB", "").(caddy.CaddyfileInput)
	in.Contents = []byte(strings.Replace(string(in.Contents), "memory 1MiB", "memory 2MiB", 1))
	_, err := caddy.Start(in)
	if err == nil || !strings.Contains(err.Error(), "census differs from the one at Corefile:4; all server blocks share one") {
		t.Errorf("got %v, want a refusal that names the other block", err)
	}
}

// TestActiveOfNone: where no Corefile in force has a census, the verbs find none.
func TestActiveOfNone(t *testing.T) {
	if _, ok := Active(); ok {
		t.Error("a census is active")
	}
}
