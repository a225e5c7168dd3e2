package list

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

// The tests here ask the programs that lists are written for. Behind each stands
// a server that answers everything, so that what the program answers else, or
// not at all, is blocked.

// upstream answers every question about an address with one of 203.0.113.0/24 or
// 2001:db8:ffff::/48, and other questions with a text.
func upstream(t *testing.T) (port string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		text := map[uint16]string{dns.TypeA: "A 203.0.113.9", dns.TypeAAAA: "AAAA 2001:db8:ffff::9", dns.TypeTXT: "TXT upstream"}[q.Question[0].Qtype]
		if rr, err := dns.NewRR(q.Question[0].Name + " 1 IN " + text); err == nil && text != "" {
			m.Answer = append(m.Answer, rr)
		}
		w.WriteMsg(m)
	})}
	go server.ActivateAndServe()
	t.Cleanup(func() { server.Shutdown() })
	_, port, _ = net.SplitHostPort(conn.LocalAddr().String())
	return port
}

// start runs a program on a free port until the test ends.
func start(t *testing.T, name string, command func(conf, port string) (text string, args []string)) (server string) {
	t.Helper()
	path := programPath(name)
	if path == "" {
		t.Skipf("%s is not installed", name)
	}
	for range 5 { // a free port may be taken by another before the program has it
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
		conn.Close()
		conf := filepath.Join(t.TempDir(), "conf")
		text, args := command(conf, port)
		if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(path, args...)
		var said strings.Builder
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		gone := make(chan struct{})
		go func() { cmd.Wait(); close(gone) }()
		server = "127.0.0.1:" + port
		for range 200 {
			if _, err := exchange(server, "up.test-is-up.example", dns.TypeA); err == nil {
				t.Cleanup(func() { cmd.Process.Kill(); <-gone })
				return server
			}
			select {
			case <-gone:
			case <-time.After(50 * time.Millisecond):
				continue
			}
			break
		}
		cmd.Process.Kill()
		<-gone
		t.Logf("%s: %s", name, said.String())
	}
	t.Fatalf("%s does not start", name)
	return ""
}

func programPath(name string) string {
	for _, folder := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin") {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

func exchange(server, name string, qtype uint16) (*dns.Msg, error) {
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	for range 3 {
		m, _, err := (&dns.Client{Timeout: 2 * time.Second}).Exchange(q, server)
		if err == nil || !strings.Contains(err.Error(), "timeout") {
			return m, err
		}
	}
	return nil, fmt.Errorf("no answer")
}

// programBlocks tells whether the program answers itself, or drops the question.
func programBlocks(server, name string, qtype uint16) bool {
	m, err := exchange(server, name, qtype)
	if err != nil || m.Rcode != dns.RcodeSuccess || len(m.Answer) == 0 {
		return true
	}
	text := m.Answer[len(m.Answer)-1].String()
	return !strings.Contains(text, "203.0.113.9") && !strings.Contains(text, "2001:db8:ffff::9") && !strings.Contains(text, "upstream")
}

// ruleSet decides by the rules of one file, by the definition: the rule on the
// longest name counts; where it reopens the name, what stands there as well
// counts more.
type ruleSet []Rule

func (s ruleSet) blocks(text string, qtype uint16) bool {
	name, _ := dnsname.Append(nil, text)
	for zone := name; zone != nil; zone = dnsname.Parent(zone) {
		opens := false
		for _, r := range s {
			if string(r.Name) != string(zone) || r.Reach == Exact && len(zone) != len(name) || !r.Cond.Holds(name, qtype) {
				continue
			}
			if !r.Except {
				return true
			}
			opens = true
		}
		if opens {
			return false
		}
	}
	return false
}

func rulesOf(t *testing.T, text string) (rules ruleSet) {
	t.Helper()
	res, err := Read("feed.conf", fileOf(text), ReadOptions{}, func(r Rule) {
		r.Name, r.Text = append([]byte(nil), r.Name...), nil
		rules = append(rules, r)
	})
	if err != nil || res.Refused > 0 {
		t.Fatalf("%+v, %v", res, err)
	}
	return rules
}

// TestDnsmasqSays compares with dnsmasq itself: what it does with questions for
// addresses. (Questions of other types it sends on since 2.86, where we block.)
func TestDnsmasqSays(t *testing.T) {
	const text = `
address=/plain.example/192.0.2.1
address=/null.example/#
address=/none.example/
local=/local.example/
server=/server.example/
address=/first.example/second.example/#
  address = /blanks.example/#   # a note
address="/quotes.example/#"
address=/UPPER.Example./#
address=/.dot.example/#
address=/*.below.example/#
address=/*.both.example/#
address=/both.example/#
server=/open.null.example/#
address=/shut.open.null.example/#
local=/open.local.example/#
server=/forward.example/127.0.0.1#UPSTREAM
rebind-domain-ok=/rebind.example/
#address=/comment.example/#
`
	up := upstream(t)
	server := start(t, "dnsmasq", func(conf, port string) (string, []string) {
		return "no-resolv\nno-hosts\nserver=127.0.0.1#" + up + strings.ReplaceAll(text, "UPSTREAM", up),
			[]string{"-C", conf, "-k", "-p", port, "--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file=", "--user="}
	})
	rules := rulesOf(t, strings.ReplaceAll(text, "UPSTREAM", up))
	for _, name := range []string{"plain", "null", "none", "local", "server", "first", "second", "blanks", "quotes", "upper", "dot", "below", "both",
		"open.null", "shut.open.null", "open.local", "forward", "rebind", "comment", "other"} {
		for _, ask := range []string{name + ".example", "www." + name + ".example", "x" + name + ".example"} {
			if got, want := rules.blocks(ask, dns.TypeA), programBlocks(server, ask, dns.TypeA); got != want {
				t.Errorf("%s: blocked %v, dnsmasq says %v", ask, got, want)
			}
		}
	}
}

// TestUnboundSays compares with Unbound itself, for three types. Its block_a is
// newer than what distributions have and is not among them.
func TestUnboundSays(t *testing.T) {
	const text = `
server:
    local-zone: "null.example." always_null
    local-zone: 'nxdomain.example' always_nxdomain # a note
	local-zone:   nodata.example   always_nodata
    local-zone:"refuse.example" always_refuse
    local-zone: "refuse2.example" refuse
    local-zone: "static.example" static
    local-zone: "redirect.example" redirect
    local-data: "redirect.example A 192.0.2.1"
    local-zone: "iredirect.example" inform_redirect
    local-zone: "UPPER.example" always_null
    local-zone: "open1.null.example" transparent
    local-zone: "open2.null.example" typetransparent
    local-zone: "open3.null.example" always_transparent
    local-zone: "open4.null.example" inform
    local-zone: "open5.null.example" noview
    local-zone: "open6.null.example" nodefault
    local-zone: "shut.open1.null.example" always_nxdomain
    local-data: "data.example A 192.0.2.1"
    local-data: 'data2.example. 60 IN TXT "a ; b # c"'
    local-data: "data3.example 60 IN CNAME data.example"
    local-data: "data.static.example A 192.0.2.1"
    local-data-ptr: "192.0.2.7 ptr.example"
    local-zone: "one.example" static local-zone: "two.example" static
view:
    name: "some"
    local-zone: "view.example" static
    local-data: "view2.example A 192.0.2.1"
`
	up := upstream(t)
	server := start(t, "unbound", func(conf, port string) (string, []string) {
		return text + "server:\n interface: 127.0.0.1@" + port + "\n do-daemonize: no\n username: \"\"\n chroot: \"\"\n directory: \"" + filepath.Dir(conf) +
			"\"\n pidfile: \"\"\n use-syslog: no\n do-not-query-localhost: no\n module-config: \"iterator\"\n" +
			"remote-control:\n control-enable: no\nforward-zone:\n name: \".\"\n forward-addr: 127.0.0.1@" + up + "\n", []string{"-d", "-c", conf}
	})
	rules := rulesOf(t, text)
	for _, name := range []string{"null", "nxdomain", "nodata", "refuse", "refuse2", "static", "redirect", "iredirect", "upper", "open1.null", "open2.null",
		"open3.null", "open4.null", "open5.null", "open6.null", "shut.open1.null", "data", "data2", "data3", "data.static", "ptr", "one", "two", "view", "view2", "other"} {
		for _, ask := range []string{name + ".example", "www." + name + ".example", "x" + name + ".example"} {
			for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeTXT} {
				if got, want := rules.blocks(ask, qtype), programBlocks(server, ask, qtype); got != want {
					t.Errorf("%s %s: blocked %v, Unbound says %v", ask, dns.TypeToString[qtype], got, want)
				}
			}
		}
	}
}
