package sinkhole

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	_ "github.com/coredns/coredns/plugin/bind"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/query"
)

func init() {
	dnsserver.Directives = []string{"bind", "subscribers", "sinkhole", "fails", "answers"}
	caddy.Quiet = true
	plugin.Register("subscribers", setupGate)
	plugin.Register("fails", setupFails)
	plugin.Register("answers", setupAnswers)
}

// setupGate is a plugin subscribers that lets everybody ask.
func setupGate(c *caddy.Controller) error {
	c.Next()
	dnsserver.GetConfig(c).AddPlugin(func(next plugin.Handler) plugin.Handler {
		return plugin.HandlerFunc(func(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
			src := &query.Source{Addr: w.RemoteAddr().(*net.UDPAddr).AddrPort()}
			return next.ServeDNS(query.WithSource(ctx, src), w, r)
		})
	})
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

// setupAnswers is what stands below: every name has the address 192.0.2.1.
func setupAnswers(c *caddy.Controller) error {
	c.Next()
	dnsserver.GetConfig(c).AddPlugin(func(plugin.Handler) plugin.Handler {
		return plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
			m := new(dns.Msg)
			m.SetReply(r)
			hdr := dns.RR_Header{Name: r.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300}
			m.Answer = []dns.RR{&dns.A{Hdr: hdr, A: net.IPv4(192, 0, 2, 1)}}
			return dns.RcodeSuccess, w.WriteMsg(m)
		})
	})
	return nil
}

// place is where a server of a test keeps its things.
type place struct{ lists, state string }

func newPlace(t *testing.T, files map[string]string) place {
	t.Helper()
	p := place{t.TempDir(), t.TempDir()}
	drop(t, p.lists, files)
	return p
}

// hosts counts the Corefiles: each has an address of its own. On the same one
// they would share a socket, and CoreDNS cannot stop a server that has not begun
// to read from it: of two reloads at once the first would go on answering.
var hosts atomic.Uint32

// corefile has five server blocks that share their lists.
func (p place) corefile(options, more string) caddy.Input {
	var b strings.Builder
	host := hosts.Add(1)
	for _, zone := range []string{".", "a.example", "b.example", "c.example", "d.example"} {
		fmt.Fprintf(&b, "%s:0 {\nbind 127.0.0.%d\nsubscribers\nsinkhole {\nlists %s\nstate %s\nsettle 50ms\n%s\n}\nanswers\n%s\n}\n",
			zone, 1+host%250, p.lists, p.state, options, more)
		more = ""
	}
	return caddy.CaddyfileInput{Contents: []byte(b.String()), Filepath: "Corefile", ServerTypeName: "dns"}
}

func begin(t *testing.T, in caddy.Input) *caddy.Instance {
	t.Helper()
	inst, err := caddy.Start(in)
	if err != nil {
		t.Fatal(err)
	}
	return inst
}

// end stops a server as the binary does.
func end(t *testing.T, inst *caddy.Instance) {
	t.Helper()
	for _, err := range inst.ShutdownCallbacks() {
		t.Error(err)
	}
	if err := inst.Stop(); err != nil {
		t.Error(err)
	}
	if n := pool.Len(); n != 0 {
		t.Errorf("%d sets of lists are held after the end", n)
	}
}

// address is what the server says to a question about a name.
func address(t *testing.T, inst *caddy.Instance, name string) string {
	t.Helper()
	for _, s := range inst.Servers() {
		if s.LocalAddr() == nil {
			continue
		}
		m := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA)
		reply, err := dns.Exchange(m, s.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		if len(reply.Answer) == 0 {
			return dns.RcodeToString[reply.Rcode]
		}
		return reply.Answer[0].(*dns.A).A.String()
	}
	t.Fatal("no UDP server")
	return ""
}

// soon waits until the server says so.
func soon(t *testing.T, inst *caddy.Instance, name, want string) {
	t.Helper()
	got := ""
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if got = address(t, inst, name); got == want {
			return
		}
	}
	t.Errorf("%s is %s, want %s", name, got, want)
}

const (
	sinkholed = "0.0.0.0"
	resolved  = "192.0.2.1"
)

func active(t *testing.T) *Sinkhole {
	t.Helper()
	s, ok := Active()
	if !ok {
		t.Fatal("no lists are active")
	}
	return s
}

func TestServer(t *testing.T) {
	p := newPlace(t, map[string]string{"malware/a.txt": "bad.example\n"})
	goroutines := runtime.NumGoroutine()
	inst := begin(t, p.corefile("", ""))
	if n := pool.Len(); n != 1 {
		t.Errorf("five server blocks hold %d sets of lists, want 1", n)
	}
	soon(t, inst, "www.bad.example", sinkholed)
	soon(t, inst, "new.example", resolved)
	drop(t, p.lists, map[string]string{"phishing/b.txt": "new.example\n"})
	soon(t, inst, "new.example", sinkholed)
	if err := os.RemoveAll(filepath.Join(p.lists, "phishing")); err != nil {
		t.Fatal(err)
	}
	soon(t, inst, "new.example", resolved)
	end(t, inst)
	if _, ok := Active(); ok {
		t.Error("lists are active after the end")
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines are left, %d were there before", n, goroutines)
	}

	// The last good version is in force from the first query.
	drop(t, p.lists, map[string]string{"malware/a.txt": ""})
	inst = begin(t, p.corefile("", ""))
	if got := address(t, inst, "bad.example"); got != sinkholed {
		t.Errorf("after a restart bad.example is %s, want %s", got, sinkholed)
	}
	end(t, inst)
}

// TestReload goes through the ways a reload can end.
func TestReload(t *testing.T) {
	p := newPlace(t, map[string]string{"malware/a.txt": "bad.example\n"})
	inst := begin(t, p.corefile("", ""))
	first := active(t)

	inst, err := inst.Restart(p.corefile("", ""))
	if err != nil {
		t.Fatal(err)
	}
	if active(t) != first || pool.Len() != 1 {
		t.Errorf("a Corefile that changes nothing has lists of its own (%d)", pool.Len())
	}

	inst, err = inst.Restart(p.corefile("category malware {\naction nxdomain\n}", ""))
	if err != nil {
		t.Fatal(err)
	}
	if active(t) == first || pool.Len() != 1 {
		t.Errorf("a Corefile that changes a category keeps the lists (%d are held)", pool.Len())
	}
	soon(t, inst, "bad.example", "NXDOMAIN")

	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, in := range map[string]caddy.Input{
		"in our setup":       p.corefile("antwort 192.0.2.1", ""),
		"in a later setup":   p.corefile("", "fails setup"),
		"in a later startup": p.corefile("", "fails startup"),
		"in a listener": caddy.CaddyfileInput{ServerTypeName: "dns", Filepath: "Corefile", Contents: fmt.Appendf(nil,
			".:%d {\nbind 127.0.0.1\nsinkhole {\nlists %s\nstate %s\n}\n}\n", taken.LocalAddr().(*net.UDPAddr).Port, p.lists, p.state)},
		"with lists of its own":         p.corefile("category malware", "fails startup"),
		"with a drop folder of its own": place{t.TempDir(), p.state}.corefile("", "fails startup"),
	} {
		t.Run(name, func(t *testing.T) {
			before := active(t)
			if _, err := inst.Restart(in); err == nil {
				t.Fatal("it did not fail")
			}
			if active(t) != before || pool.Len() != 1 {
				t.Errorf("the old lists do not go on (%d are held)", pool.Len())
			}
			file := strings.ReplaceAll(name, " ", "-") + ".txt"
			drop(t, p.lists, map[string]string{"phishing/" + file: "new.example\n"})
			soon(t, inst, "new.example", sinkholed)
			if err := os.Remove(filepath.Join(p.lists, "phishing", file)); err != nil {
				t.Fatal(err)
			}
			soon(t, inst, "new.example", resolved)
			soon(t, inst, "bad.example", "NXDOMAIN")
		})
	}
	end(t, inst)

	// And the last good versions are those of the Corefile that was in force.
	drop(t, p.lists, map[string]string{"malware/a.txt": ""})
	inst = begin(t, p.corefile("", ""))
	soon(t, inst, "bad.example", sinkholed)
	end(t, inst)
}

// A state in the drop folder would be read as lists, its copies of lists too.
func TestStateInTheDropFolder(t *testing.T) {
	p := newPlace(t, nil)
	for _, state := range []string{p.lists, filepath.Join(p.lists, "state")} {
		_, err := open(with(func(c *Config) { c.Lists = p.lists }), state)
		want := "lists " + p.lists + ": the state " + state + " lies in it, and would be read as lists; want a folder of its own"
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestNoListsNoFolder(t *testing.T) {
	p := newPlace(t, nil)
	p.lists = filepath.Join(p.lists, "none")
	inst := begin(t, p.corefile("", ""))
	soon(t, inst, "www.example", resolved)
	if w := active(t).Warnings(); !slices.Contains(w, p.lists+": is not there; want a folder; nothing is in force") {
		t.Errorf("the warnings are %q", w)
	}
	drop(t, p.lists, map[string]string{"malware/a.txt": "bad.example\n"})
	soon(t, inst, "bad.example", sinkholed)
	end(t, inst)
}
