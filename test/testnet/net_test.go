package testnet

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// direct asks one of the servers, without a resolver between.
func direct(t *testing.T, server string, m *dns.Msg) *dns.Msg {
	t.Helper()
	c := dns.Client{Timeout: answerWithin}
	r, _, err := c.Exchange(m, Address(server).String()+":53")
	if err != nil {
		t.Fatalf("%s: %v", server, err)
	}
	return r
}

func question(name string, qtype uint16) *dns.Msg { return new(dns.Msg).SetQuestion(name, qtype) }

// TestServers asks the servers themselves.
func TestServers(t *testing.T) {
	n := start(t, Options{})

	t.Run("an answer is authoritative and keeps the question's case", func(t *testing.T) {
		r := direct(t, "zones", question("wWw.SeCuRe.zone.", dns.TypeA))
		if !r.Authoritative || r.RecursionAvailable || r.Question[0].Name != "wWw.SeCuRe.zone." || len(r.Answer) != 1 {
			t.Errorf("got %v", r)
		}
	})
	t.Run("a referral is not, and has glue", func(t *testing.T) {
		r := direct(t, "tld", question("www.secure.zone.", dns.TypeA))
		if r.Authoritative || len(r.Answer) != 0 || len(r.Ns) != 1 || len(r.Extra) != 1 {
			t.Errorf("got %v", r)
		}
	})
	t.Run("without EDNS an answer over 512 octets is cut", func(t *testing.T) {
		r := direct(t, "zones", question("big.secure.zone.", dns.TypeTXT))
		if !r.Truncated || len(r.Answer) != 0 || r.IsEdns0() != nil {
			t.Errorf("got %v", r)
		}
	})
	t.Run("TTLs at the ends of their range", func(t *testing.T) {
		for name, want := range map[string]uint32{"ttl0": 0, "ttlmax": 1<<31 - 1, "ttlover": 1<<32 - 1, "www": 300, "edited": 2} {
			r := direct(t, "zones", question(name+".secure.zone.", dns.TypeA))
			if len(r.Answer) != 1 || r.Answer[0].Header().Ttl != want {
				t.Errorf("%s: got %v, want a TTL of %d", name, r.Answer, want)
			}
		}
	})
	t.Run("a lame server refuses", func(t *testing.T) {
		if r := direct(t, "lame", question("www.lame.zone.", dns.TypeA)); r.Rcode != dns.RcodeRefused {
			t.Errorf("got %v", r)
		}
	})
	t.Run("a silent server sees and says nothing, until it is told to", func(t *testing.T) {
		n.Forget()
		c := dns.Client{Timeout: 100 * time.Millisecond}
		if r, _, err := c.Exchange(question("www.silent.zone.", dns.TypeA), Address("silent").String()+":53"); err == nil {
			t.Errorf("got %v", r)
		}
		if got := n.Asked("silent.zone"); len(got) != 1 || got[0].String() != "www.silent.zone. A at silent" {
			t.Errorf("saw %v", got)
		}
		n.SetSilent("silent", false)
		if r := direct(t, "silent", question("www.silent.zone.", dns.TypeA)); len(r.Answer) != 1 {
			t.Errorf("got %v", r)
		}
	})
	t.Run("a delay holds up each question apart", func(t *testing.T) {
		const d = 50 * time.Millisecond
		n.SetDelay("slow", d)
		for range 2 {
			begin := time.Now()
			direct(t, "slow", question("www.slow.zone.", dns.TypeA))
			if took := time.Since(begin); took < d { // a server cannot be too late, only too early
				t.Errorf("answered after %s", took)
			}
		}
	})
	t.Run("the log of questions", func(t *testing.T) {
		n.Forget()
		direct(t, "zones", question("A.Bulk.secure.zone.", dns.TypeA))
		direct(t, "zones", question("www.secure.zone.", dns.TypeAAAA))
		got := n.Asked("bulk.secure.zone")
		if len(n.Queries()) != 2 || len(got) != 1 || got[0] != (Query{"zones", "a.bulk.secure.zone.", dns.TypeA, false}) {
			t.Errorf("saw %v", n.Queries())
		}
	})
}

// TestEdit changes records under a resolver that keeps what it has for 2 s.
func TestEdit(t *testing.T) {
	n := start(t, Options{})
	resolver(t, n, n)
	const question = "edited.secure.zone A"
	if got, want := ask(t, question), "NOERROR, ad, A 192.0.2.9"; got != want {
		t.Fatalf("at first: got %s, want %s", got, want)
	}
	for _, step := range []struct {
		data []string
		want string
	}{
		{[]string{"192.0.2.98", "192.0.2.99"}, "NOERROR, ad, A 192.0.2.98, A 192.0.2.99"},
		{nil, "NXDOMAIN, ad, soa secure.zone."},
	} {
		if err := n.Edit("edited.secure.zone", dns.TypeA, step.data...); err != nil {
			t.Fatal(err)
		}
		got := ""
		for end := time.Now().Add(answerWithin); got != step.want && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			// An order of two records is anybody's.
			got = strings.Replace(ask(t, question), "99, A 192.0.2.98", "98, A 192.0.2.99", 1)
		}
		if got != step.want {
			t.Errorf("after %q: got %s, want %s", step.data, got, step.want)
		}
	}
	if err := n.Edit("edited.secure.zone", dns.TypeA, "not an address"); err == nil {
		t.Error("took what is no address")
	}
}

// TestZones adds zones of a test's own.
func TestZones(t *testing.T) {
	n := start(t, Options{Zones: []Zone{
		{Name: "own.secure.zone.", Servers: []string{"zones"}, Denial: NSEC3, Records: "www A 192.0.2.77"},
		{Name: "corp-c.", Servers: []string{"tld"}, Records: "@ A 192.0.2.78"},
	}})
	resolver(t, n, n)
	for question, want := range map[string]string{
		"www.own.secure.zone A":    "NOERROR, ad, A 192.0.2.77",
		"nosuch.own.secure.zone A": "NXDOMAIN, ad, soa own.secure.zone.",
		"corp-c A":                 "NOERROR, A 192.0.2.78",
		"www.secure.zone A":        "NOERROR, ad, A 192.0.2.10",
	} {
		if got := ask(t, question); got != want {
			t.Errorf("%s: got %s, want %s", question, got, want)
		}
	}
}

// TestRefusedZones wants a sentence for zones that cannot stand.
func TestRefusedZones(t *testing.T) {
	for name, row := range map[string]struct {
		zone Zone
		want string
	}{
		"twice":          {Zone{Name: "secure.zone.", Servers: []string{"zones"}}, "testnet: zone secure.zone. stands twice"},
		"unread":         {Zone{Name: "own.zone.", Servers: []string{"zones"}, Records: "www A nowhere"}, "testnet: zone own.zone.: dns: bad A A: \"nowhere\" at line: 2:13"},
		"no server":      {Zone{Name: "own.zone."}, "testnet: zone own.zone. has no server; want one of root, tld, zones, lame, slow, silent"},
		"no such server": {Zone{Name: "own.zone.", Servers: []string{"zoens"}}, `testnet: zone own.zone.: "zoens" is no server; want one of root, tld, zones, lame, slow, silent`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Start(t.Context(), Options{Zones: []Zone{row.zone}})
			if err == nil || err.Error() != row.want {
				t.Errorf("got %v\nwant %s", err, row.want)
			}
		})
	}
}

// TestClose frees the addresses, so that tests can follow each other.
func TestClose(t *testing.T) {
	for range 3 {
		n := start(t, Options{})
		direct(t, "root", question(".", dns.TypeSOA))
		n.Close()
		n.Close()
	}
}

// TestAddAddress asks from addresses that the loopback device was given.
func TestAddAddress(t *testing.T) {
	Need(t)
	for prefix, from := range map[string]string{
		"198.51.100.1/24":   "198.51.100.77",
		"2001:db8:77::1/64": "2001:db8:77::1",
	} {
		if err := AddAddress(netip.MustParsePrefix(prefix)); err != nil {
			t.Fatal(err)
		}
		c, err := net.ListenPacket("udp", net.JoinHostPort(from, "0"))
		if err != nil {
			t.Errorf("after adding %s: %v", prefix, err)
			continue
		}
		defer c.Close()
		if _, err := c.WriteTo([]byte("to itself"), c.LocalAddr()); err != nil {
			t.Error(err)
		}
		buf := make([]byte, 16)
		c.SetReadDeadline(time.Now().Add(answerWithin))
		if n, _, err := c.ReadFrom(buf); err != nil || string(buf[:n]) != "to itself" {
			t.Errorf("%s: got %q, %v", from, buf[:n], err)
		}
	}
	if err := AddAddress(netip.Prefix{}); err == nil {
		t.Error("took no address at all")
	}
}

// TestNeedNames skips by the name of what is lacking.
func TestNeedNames(t *testing.T) {
	defer func(was string) { lacking = was }(lacking)
	lacking = "a network namespace: run as root"
	var s skipped
	Need(&s)
	if s.said != "lacks a network namespace: run as root" {
		t.Errorf("said %q", s.said)
	}
	lacking, s.said = "", ""
	if Need(&s); s.said != "" {
		t.Errorf("skipped, and said %q", s.said)
	}
}

type skipped struct{ said string }

func (s *skipped) Helper() {}
func (s *skipped) Skipf(format string, args ...any) {
	s.said = strings.TrimSpace(strings.ReplaceAll(format, "%s", args[0].(string)))
}
