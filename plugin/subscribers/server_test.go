package subscribers

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/chaos"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/nsid"
	_ "github.com/coredns/coredns/plugin/proxyproto"
	_ "github.com/coredns/coredns/plugin/tls"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/query"
)

func TestMain(m *testing.M) {
	plugin.Register("witness", setupWitness)
	dnsserver.SetDirectives([]string{"proxyproto", "nsid", "bind", "prometheus", "subscribers", "chaos", "tls", "witness"})
	dnsserver.Quiet = true
	os.Exit(m.Run())
}

// setupWitness adds who stands behind the gate in tests.
func setupWitness(c *caddy.Controller) error {
	c.Next()
	dnsserver.GetConfig(c).AddPlugin(func(plugin.Handler) plugin.Handler { return plugin.HandlerFunc(witness) })
	return nil
}

// witness answers TXT with what it sees of the question, and behaves as badly
// as the question's name says.
func witness(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	m := new(dns.Msg).SetReply(r)
	q := &r.Question[0]
	label, _, _ := strings.Cut(strings.ToLower(q.Name), ".")
	texts := []string{testimony(ctx, r)}
	opt := query.OPT(true) // as no reply of ours should have it
	opt.SetUDPSize(4096)
	opt.SetCo()
	opt.Option = []dns.EDNS0{
		&dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeStaleAnswer, ExtraText: strings.Repeat("stale", 20)},
		&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: strings.Repeat("a5", 24)},
		&dns.EDNS0_LOCAL{Code: 65001, Data: []byte("upstream's")},
	}
	switch label {
	case "code":
		return dns.RcodeServerFailure, nil
	case "nothing":
		return dns.RcodeSuccess, nil
	case "written":
		w.WriteMsg(m)
		return dns.RcodeServerFailure, nil
	case "panic":
		panic("a fault behind the gate")
	case "flags":
		m.AuthenticatedData, m.Zero, m.RecursionDesired, m.CheckingDisabled = true, true, false, true
		m.Id++
	case "rcode":
		m.Rcode = dns.RcodeBadCookie
	case "rewritten":
		q.Name = "other.example."
		m.Question = r.Question
	case "medium", "large": // 700 octets, 400 compressed; 3,000, 1,900 compressed
		n := map[string]int{"medium": 7, "large": 32}[label]
		texts = slices.Repeat([]string{strings.Repeat("t", 30)}, n)
	}
	for _, text := range texts {
		hdr := dns.RR_Header{Name: q.Name, Rrtype: dns.TypeTXT, Class: q.Qclass, Ttl: 60}
		m.Answer = append(m.Answer, &dns.TXT{Hdr: hdr, Txt: []string{text}})
	}
	if label != "bare" {
		m.Extra = append(m.Extra, opt)
	}
	if label == "packed" {
		wire, err := m.Pack()
		if err != nil {
			return dns.RcodeServerFailure, err
		}
		_, err = w.Write(wire)
		return dns.RcodeSuccess, err
	}
	return dns.RcodeSuccess, w.WriteMsg(m)
}

// testimony is all that those behind the gate see of a question.
func testimony(ctx context.Context, r *dns.Msg) string {
	words := []string{"nobody"}
	if s := query.SourceOf(ctx); s != nil {
		words = []string{s.Addr.Addr().String()}
		for _, f := range []struct {
			set  bool
			name string
		}{{s.Stream, "stream"}, {s.Proven, "proven"}, {s.OptedOut, "out"}} {
			if f.set {
				words = append(words, f.name)
			}
		}
	}
	if r.CheckingDisabled {
		words = append(words, "cd")
	}
	if opt := r.IsEdns0(); opt != nil {
		words = append(words, fmt.Sprintf("opt %d, flags %#x, %d options", opt.UDPSize(), opt.Hdr.Ttl, len(opt.Option)))
	}
	if n := len(r.Answer) + len(r.Ns) + len(r.Extra); n > 0 {
		words = append(words, fmt.Sprintf("%d records", n))
	}
	return strings.Join(words, " ")
}

// serve starts a Corefile until the test ends.
func serve(t *testing.T, corefile string) *caddy.Instance {
	t.Helper()
	inst, err := caddy.Start(input(corefile))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, inst) })
	return inst
}

func input(corefile string) caddy.Input {
	return caddy.CaddyfileInput{Contents: []byte(corefile), Filepath: "Corefile", ServerTypeName: "dns"}
}

func end(t *testing.T, inst *caddy.Instance) {
	t.Helper()
	for _, err := range inst.ShutdownCallbacks() {
		t.Error(err)
	}
	if err := inst.Stop(); err != nil {
		t.Error(err)
	}
	if n := pool.Len(); n != 0 {
		t.Errorf("%d folders are followed after the end", n)
	}
	if _, ok := Active(); ok {
		t.Error("somebody is active after the end")
	}
}

func udpOf(inst *caddy.Instance) string { return inst.Servers()[0].LocalAddr().String() }
func tcpOf(inst *caddy.Instance) string { return inst.Servers()[0].Addr().String() }

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

func question(name string) *dns.Msg { return new(dns.Msg).SetQuestion(name, dns.TypeTXT) }

func edns(m *dns.Msg, size uint16, options ...dns.EDNS0) *dns.Msg {
	m.SetEdns0(size, false)
	m.IsEdns0().Option = options
	return m
}

// ask sends a message, and gives the answer and its octets.
func ask(t *testing.T, network, addr string, m *dns.Msg) (*dns.Msg, []byte) {
	t.Helper()
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	answer := askWire(t, network, addr, wire)
	r := new(dns.Msg)
	if err := r.Unpack(answer); err != nil {
		t.Fatalf("%v: %x", err, answer)
	}
	return r, answer
}

// askWire sends octets as they are.
func askWire(t *testing.T, network, addr string, wire []byte) []byte {
	t.Helper()
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	c := dns.Conn{Conn: conn, UDPSize: dns.MaxMsgSize}
	if _, err := c.Write(wire); err != nil {
		t.Fatal(err)
	}
	answer, err := c.ReadMsgHeader(nil)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// seen is what the witness says of a question.
func seen(t *testing.T, r *dns.Msg) string {
	t.Helper()
	if r.Rcode != dns.RcodeSuccess || len(r.Answer) != 1 {
		return dns.RcodeToString[r.Rcode]
	}
	return r.Answer[0].(*dns.TXT).Txt[0]
}

const plain = ".:0 {\nbind 127.0.0.1\nsubscribers\nwitness\n}\n"

// TestWhatIsBehindTheGateSees: a question and its source, and nothing else of
// what a client can put into a message.
func TestWhatIsBehindTheGateSees(t *testing.T) {
	inst := serve(t, plain)
	cookie := &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: strings.Repeat("a5", 8)}
	subnet := &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: net.IPv4(192, 0, 2, 0)}
	full := edns(question("host.example."), 4096, cookie, subnet)
	full.IsEdns0().Hdr.Ttl |= 0xffff // all flags
	full.Extra = append(full.Extra, &dns.TXT{Hdr: dns.RR_Header{Name: "x.example.", Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{"x"}})
	full.Authoritative, full.Truncated, full.Zero, full.RecursionAvailable, full.CheckingDisabled = true, true, true, true, true
	small := edns(question("host.example."), 600)
	for _, tt := range []struct {
		name, network string
		ask           *dns.Msg
		want          string
	}{
		{"a plain question over UDP", "udp", question("host.example."), "127.0.0.1"},
		{"a plain question over TCP", "tcp", question("host.example."), "127.0.0.1 stream proven"},
		{"options, flags and records stay here", "udp", full, "127.0.0.1 cd opt 1232, flags 0x8000, 0 options 1 records"},
		{"over TCP, too", "tcp", full, "127.0.0.1 stream proven cd opt 1232, flags 0x8000, 0 options 1 records"},
		{"the client's size, where it is smaller", "udp", small, "127.0.0.1 opt 600, flags 0x0, 0 options 1 records"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := udpOf(inst)
			if tt.network == "tcp" {
				addr = tcpOf(inst)
			}
			r, _ := ask(t, tt.network, addr, tt.ask)
			if got := seen(t, r); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// outline is what matters of a reply to those who asked.
func outline(r *dns.Msg, wire []byte) string {
	words := []string{dns.RcodeToString[r.Rcode], fmt.Sprint(len(r.Answer), " answers")}
	for _, f := range []struct {
		set  bool
		name string
	}{{r.RecursionDesired, "rd"}, {r.RecursionAvailable, "ra"}, {r.AuthenticatedData, "ad"}, {r.CheckingDisabled, "cd"}, {r.Truncated, "tc"}, {r.Zero, "z"}, {r.Authoritative, "aa"}} {
		if f.set {
			words = append(words, f.name)
		}
	}
	if len(wire) == 12 {
		words = append(words, "12 octets")
	}
	for _, q := range r.Question {
		words = append(words, q.Name)
	}
	for _, rr := range r.Extra {
		opt, ok := rr.(*dns.OPT)
		if !ok {
			words = append(words, "record")
			continue
		}
		words = append(words, fmt.Sprintf("opt %d flags %#x", opt.UDPSize(), opt.Hdr.Ttl&0xffffff))
		for _, option := range opt.Option {
			if e, ok := option.(*dns.EDNS0_EDE); ok {
				words = append(words, fmt.Sprintf("ede %d text %d", e.InfoCode, len(e.ExtraText)))
			} else {
				words = append(words, fmt.Sprint("option ", option.Option()))
			}
		}
	}
	return strings.Join(words, " ")
}

// TestReplies: whatever stands behind the gate writes, the client gets our OPT,
// its own question and flags, and no more than it can take.
func TestReplies(t *testing.T) {
	inst := serve(t, plain)
	do := edns(question("Bare.Example."), 4096)
	do.IsEdns0().SetDo()
	ad := question("flags.example.")
	ad.AuthenticatedData = true
	flags := question("flags.example.")
	cookie := &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: strings.Repeat("a5", 8)}
	for _, tt := range []struct {
		name, network string
		ask           *dns.Msg
		want          string
		most          int // octets; 0: 512
	}{
		{"no EDNS, no OPT", "udp", question("Host.Example."), "NOERROR 1 answers rd ra Host.Example.", 0},
		{"our size, whatever the client's and the upstream's", "udp", edns(question("Host.Example."), 4096), "NOERROR 1 answers rd ra Host.Example. opt 1232 flags 0x0 ede 3 text 100", 1232},
		{"our size, when the client's is smaller", "udp", edns(question("host.example."), 512), "NOERROR 1 answers rd ra host.example. opt 1232 flags 0x0 ede 3 text 100", 512},
		{"our size over TCP", "tcp", edns(question("host.example."), 65535), "NOERROR 1 answers rd ra host.example. opt 1232 flags 0x0 ede 3 text 100", 65535},
		{"an OPT where nobody has made one", "udp", do, "NOERROR 1 answers rd ra Bare.Example. opt 1232 flags 0x8000", 1232},
		{"no option of the client's comes back", "udp", edns(question("bare.example."), 1232, cookie), "NOERROR 1 answers rd ra bare.example. opt 1232 flags 0x0", 1232},
		{"flags are the client's", "udp", flags, "NOERROR 1 answers rd ra flags.example.", 0},
		{"AD for who asks for it", "udp", ad, "NOERROR 1 answers rd ra ad flags.example.", 0},
		{"the question as it came, rewritten or not", "udp", question("Rewritten.Example."), "NOERROR 1 answers rd ra Rewritten.Example.", 0},
		{"packed by whom it may be", "udp", edns(question("packed.example."), 4096), "NOERROR 1 answers rd ra packed.example. opt 1232 flags 0x0 ede 3 text 100", 1232},
		{"an rcode that needs an OPT", "udp", question("rcode.example."), "SERVFAIL 1 answers rd ra rcode.example.", 0},
		{"an rcode that has one", "udp", edns(question("rcode.example."), 1232), "BADCOOKIE 1 answers rd ra rcode.example. opt 1232 flags 0x0 ede 3 text 100", 1232},
		{"who only returns a code", "udp", edns(question("code.example."), 4096), "SERVFAIL 0 answers rd ra code.example. opt 1232 flags 0x0", 1232},
		{"who only returns a code, over TCP", "tcp", question("code.example."), "SERVFAIL 0 answers rd ra code.example.", 0},
		{"who writes and returns a code", "udp", question("written.example."), "NOERROR 0 answers rd ra written.example.", 0},
		{"compressed for who has 512 octets", "udp", question("medium.example."), "NOERROR 7 answers rd ra medium.example.", 512},
		{"compressed for who says 600", "udp", edns(question("medium.example."), 600), "NOERROR 7 answers rd ra medium.example. opt 1232 flags 0x0 ede 3 text 100", 600},
		{"cut for who has 512 octets", "udp", question("large.example."), "NOERROR 11 answers rd ra tc large.example.", 512},
		{"cut for who says 600, the text first", "udp", edns(question("large.example."), 600), "NOERROR 12 answers rd ra tc large.example. opt 1232 flags 0x0 ede 3 text 0", 600},
		{"cut to 1232 for who says more", "udp", edns(question("large.example."), 65535), "NOERROR 27 answers rd ra tc large.example. opt 1232 flags 0x0 ede 3 text 0", 1232},
		{"whole over TCP", "tcp", question("large.example."), "NOERROR 32 answers rd ra large.example.", 65535},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := udpOf(inst)
			if tt.network == "tcp" {
				addr = tcpOf(inst)
			}
			r, wire := ask(t, tt.network, addr, tt.ask)
			if got := outline(r, wire); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if r.Id != tt.ask.Id || len(wire) > max(tt.most, 512) {
				t.Errorf("got %d octets, ID %d for %d", len(wire), r.Id, tt.ask.Id)
			}
		})
	}
}

// TestGate asks over sockets what is no recursive question of a subscriber. The
// rows of package query say the rest.
func TestGate(t *testing.T) {
	served := serve(t, ".:0 {\nbind 127.0.0.1\nsubscribers\nchaos v1 people\nwitness\n}\n")
	strange := serve(t, ".:0 {\nbind 127.0.0.1\nsubscribers {\nserved 192.0.2.0/24\n}\nwitness\n}\n")
	typed := func(qtype uint16) *dns.Msg { return new(dns.Msg).SetQuestion("Host.Example.", qtype) }
	class := func(name string, class uint16) *dns.Msg {
		m := question(name)
		m.Question[0].Qclass = class
		return m
	}
	norec := edns(typed(dns.TypeA), 4096)
	norec.RecursionDesired = false
	notify := new(dns.Msg).SetNotify("example.")
	status := typed(dns.TypeA)
	status.Opcode = dns.OpcodeStatus
	twoOPTs := edns(typed(dns.TypeA), 4096)
	twoOPTs.Extra = append(twoOPTs.Extra, query.OPT(false))
	owned := edns(typed(dns.TypeA), 4096)
	owned.IsEdns0().Hdr.Name = "example."
	misplaced := typed(dns.TypeA)
	misplaced.Answer = []dns.RR{query.OPT(false)}
	signed := typed(dns.TypeA)
	signed.Extra = []dns.RR{&dns.TSIG{Hdr: dns.RR_Header{Name: "key.example.", Rrtype: dns.TypeTSIG, Class: dns.ClassANY}, Algorithm: dns.HmacSHA256, OrigId: signed.Id}}
	none := new(dns.Msg)
	none.Id = 7
	for _, tt := range []struct {
		name string
		inst *caddy.Instance
		ask  *dns.Msg
		want string
	}{
		{"a stranger", strange, edns(typed(dns.TypeA), 4096), "REFUSED 0 answers rd Host.Example. opt 1232 flags 0x0 ede 18 text 0"},
		{"a stranger without EDNS", strange, typed(dns.TypeA), "REFUSED 0 answers rd Host.Example."},
		{"a stranger who asks for CHAOS names", strange, class("version.bind.", dns.ClassCHAOS), "REFUSED 0 answers rd version.bind."},
		{"a stranger's NOTIFY", strange, notify, "REFUSED 0 answers example."},
		{"RD clear", served, norec, "REFUSED 0 answers ra Host.Example. opt 1232 flags 0x0 ede 20 text 0"},
		{"NOTIFY", served, notify, "NOTIMP 0 answers 12 octets"},
		{"STATUS", served, status, "NOTIMP 0 answers rd 12 octets"},
		{"no question", served, none, "FORMERR 0 answers 12 octets"},
		{"two OPTs", served, twoOPTs, "FORMERR 0 answers rd ra Host.Example."},
		{"an OPT that is not the root's", served, owned, "FORMERR 0 answers rd ra Host.Example."},
		{"an OPT in the answer", served, misplaced, "FORMERR 0 answers rd ra Host.Example."},
		{"TSIG", served, signed, "NOTAUTH 0 answers rd ra Host.Example."},
		{"class ANY", served, class("Host.Example.", dns.ClassANY), "REFUSED 0 answers rd ra Host.Example."},
		{"a CHAOS name", served, class("Version.Bind.", dns.ClassCHAOS), "NOERROR 1 answers rd ra Version.Bind."},
		{"a CHAOS name that nobody answers", served, class("version.example.", dns.ClassCHAOS), "REFUSED 0 answers rd ra version.example."},
		{"type OPT, with EDNS", served, edns(typed(dns.TypeOPT), 4096), "FORMERR 0 answers rd 12 octets"},
		{"type NXNAME", served, typed(dns.TypeNXNAME), "FORMERR 0 answers rd 12 octets"},
		{"type NXNAME, with EDNS", served, edns(typed(dns.TypeNXNAME), 4096), "FORMERR 0 answers rd 12 octets"},
		{"type MAILB, with EDNS", served, edns(typed(dns.TypeMAILB), 4096), "NOTIMP 0 answers rd 12 octets"},
		{"type AXFR", served, edns(typed(dns.TypeAXFR), 4096), "REFUSED 0 answers rd ra Host.Example. opt 1232 flags 0x0 ede 21 text 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for network, addr := range map[string]string{"udp": udpOf(tt.inst), "tcp": tcpOf(tt.inst)} {
				r, wire := ask(t, network, addr, tt.ask)
				if got := outline(r, wire); got != tt.want {
					t.Errorf("%s: got  %s\nwant %s", network, got, tt.want)
				}
			}
		})
	}
}

// TestSilence: what gets no answer is followed by a question that gets one.
func TestSilence(t *testing.T) {
	response := question("host.example.")
	response.Response = true
	twoOPTs := edns(question("host.example."), 4096)
	twoOPTs.Extra = append(twoOPTs.Extra, query.OPT(false))
	for _, tt := range []struct {
		name, corefile string
		quiet          *dns.Msg
	}{
		{"a response", plain, response},
		{"a stranger's noise", strings.Replace(plain, "subscribers", "subscribers {\nserved 192.0.2.0/24\n}", 1), twoOPTs},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inst := serve(t, tt.corefile)
			conn, err := net.Dial("udp", udpOf(inst))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(patience))
			c := dns.Conn{Conn: conn}
			tt.quiet.Id = 1
			loud := question("host.example.")
			loud.Id = 2
			for _, m := range []*dns.Msg{tt.quiet, loud} {
				if err := c.WriteMsg(m); err != nil {
					t.Fatal(err)
				}
			}
			r, err := c.ReadMsg()
			if err != nil {
				t.Fatal(err)
			}
			if r.Id != 2 {
				t.Errorf("got an answer to message %d, want one to 2", r.Id)
			}
		})
	}
}

// TestStrangersConnectionEnds: who may not ask holds no connection.
func TestStrangersConnectionEnds(t *testing.T) {
	inst := serve(t, strings.Replace(plain, "subscribers", "subscribers {\nserved 192.0.2.0/24\n}", 1))
	conn, err := net.Dial("tcp", tcpOf(inst))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	c := dns.Conn{Conn: conn}
	if err := c.WriteMsg(question("host.example.")); err != nil {
		t.Fatal(err)
	}
	if r, err := c.ReadMsg(); err != nil || r.Rcode != dns.RcodeRefused {
		t.Fatalf("got %v, %v; want REFUSED", r, err)
	}
	if _, err := c.ReadMsg(); err == nil || os.IsTimeout(err) {
		t.Errorf("got %v, want the end of the connection", err)
	}
}

// TestFaultBehindTheGate: CoreDNS answers, and the server lives.
func TestFaultBehindTheGate(t *testing.T) {
	inst := serve(t, plain)
	if r, _ := ask(t, "udp", udpOf(inst), question("panic.example.")); r.Rcode != dns.RcodeServerFailure {
		t.Errorf("got %s, want SERVFAIL", dns.RcodeToString[r.Rcode])
	}
	if r, _ := ask(t, "udp", udpOf(inst), question("host.example.")); seen(t, r) != "127.0.0.1" {
		t.Errorf("got %s", seen(t, r))
	}
}

// TestNSIDIsAdded: a plugin before the gate adds to our OPT.
func TestNSIDIsAdded(t *testing.T) {
	inst := serve(t, strings.Replace(plain, "subscribers", "nsid node-1\nsubscribers", 1))
	m := edns(question("bare.example."), 4096, &dns.EDNS0_NSID{Code: dns.EDNS0NSID})
	r, wire := ask(t, "udp", udpOf(inst), m)
	if got, want := outline(r, wire), "NOERROR 1 answers rd ra bare.example. opt 1232 flags 0x0 option 3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestIPv6 asks from ::1, also on a socket that serves both families.
func TestIPv6(t *testing.T) {
	inst := serve(t, ".:0 {\nsubscribers\nwitness\n}\n")
	_, port, err := net.SplitHostPort(udpOf(inst))
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{"::1": "::1", "127.0.0.1": "127.0.0.1"} {
		if conn, err := net.Dial("udp", net.JoinHostPort(host, port)); err != nil {
			t.Skipf("no %s here: %v", host, err)
		} else {
			conn.Close()
		}
		r, _ := ask(t, "udp", net.JoinHostPort(host, port), question("host.example."))
		if got := seen(t, r); got != want {
			t.Errorf("from %s: got %s, want %s", host, got, want)
		}
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
