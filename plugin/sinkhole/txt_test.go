package sinkhole

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sinkhole/plugin/pkg/query"
)

// from is a writer whose client sits at an address.
type from struct {
	recorder
	addr net.Addr
}

func (f *from) RemoteAddr() net.Addr { return f.addr }

// askFrom puts a question from an address, over UDP unless stream.
func askFrom(t testing.TB, h *Handler, addr, name string, qtype uint16, size int, stream bool) *dns.Msg {
	t.Helper()
	at, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	w := &from{addr: at}
	if stream {
		w.addr = &net.TCPAddr{IP: at.IP, Port: at.Port}
	}
	req := new(dns.Msg).SetQuestion(name, qtype)
	if size > 0 {
		req.SetEdns0(uint16(size), false)
	}
	if _, err := h.ServeDNS(context.Background(), w, req); err != nil {
		t.Fatal(err)
	}
	if w.msg == nil {
		t.Fatalf("%s: no answer", name)
	}
	b, err := w.msg.Pack()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if limit := query.Limit(req, stream); len(b) > limit {
		t.Errorf("%s: %d octets, over %d", name, len(b), limit)
	}
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

func TestExplainOverDNS(t *testing.T) {
	cfg := Defaults()
	cfg.Categories = categories("c2", "malware")
	cfg.SelfTest = "test.example"
	s := lists(t, cfg, map[string]string{
		"c2/a.txt":                   "bad.example # a \"note\" with \\ in it\n192.0.2.66\n",
		"malware/<b>\n\xff.txt":      "www.bad.example\nodd.example\n",
		"allow/ours.txt":             "ok.bad.example\n",
		"rpz/z.zone":                 "$ORIGIN z.example.\n@ SOA a. b. 7 1 1 1 1\nzone.example CNAME .\n",
		"malware/shadow \u202e名.txt": "# sinkhole: shadow\nshadow.example\n",
	})
	u := &upstream{rcode: dns.RcodeNameError}
	h := &Handler{Next: u, lists: s}
	before := testutil.CollectAndCount(blocked)

	for name, row := range map[string]struct {
		from  string
		qtype uint16
		want  string
	}{
		"fine.example.explain.sinkhole.":    {"127.0.0.1:1", dns.TypeTXT, `fine.example A: pass`},
		"bad.example.explain.sinkhole.":     {"127.9.9.9:1", dns.TypeTXT, `bad.example A: sinkhole by c2/a.txt:1: "bad.example # a \"note\" with \\ in it", category c2`},
		"BAD.example.Explain.SINKHOLE.":     {"[::1]:1", dns.TypeTXT, `BAD.example A: sinkhole by c2/a.txt:1: "bad.example # a \"note\" with \\ in it", category c2`},
		"odd.example.explain.sinkhole.":     {"[::ffff:127.0.0.1]:1", dns.TypeTXT, `odd.example A: sinkhole by "malware/<b>\n\\xff.txt":2: "odd.example", category malware`},
		"ok.bad.example.explain.sinkhole.":  {"127.0.0.1:1", dns.TypeTXT, `ok.bad.example A: allow by allow/ours.txt:1: "ok.bad.example" | passed over by c2/a.txt:1: "bad.example # a \"note\" with \\ in it": allow/ours.txt allows it`},
		"zone.example.explain.sinkhole.":    {"127.0.0.1:1", dns.TypeTXT, `zone.example A: nxdomain by rpz/z.zone:3: "zone.example CNAME .", zone z.example, trigger qname`},
		"shadow.example.explain.sinkhole.":  {"127.0.0.1:1", dns.TypeTXT, `shadow.example A: pass | passed over by "malware/shadow \u202e名.txt":2: "shadow.example": its file is shadow: counted, and blocks nothing`},
		"test.example.explain.sinkhole.":    {"127.0.0.1:1", dns.TypeTXT, `test.example A: sinkhole by :0: "self-test test.example", category self-test`},
		"192.0.2.66.explain.sinkhole.":      {"127.0.0.1:1", dns.TypeTXT, `192.0.2.66 A: sinkhole by c2/a.txt:2: "192.0.2.66", category c2`},
		"2001:db8::7.explain.sinkhole.":     {"127.0.0.1:1", dns.TypeTXT, `2001:db8::7 A: pass`},
		`a\.b.explain.sinkhole.`:            {"127.0.0.1:1", dns.TypeTXT, `a\.b A: pass`},
		"explain.sinkhole.":                 {"127.0.0.1:1", dns.TypeTXT, "NOERROR | SOA sinkhole."},
		"fine.example.explain.sinkhole. ":   {"127.0.0.1:1", dns.TypeA, "NOERROR | SOA sinkhole."},
		"fine.example.explain.sinkhole.  ":  {"127.0.0.1:1", dns.TypeANY, "NOERROR | SOA sinkhole."},
		"fine.example.explain.sinkhole.   ": {"192.0.2.1:1", dns.TypeTXT, "NXDOMAIN | SOA sinkhole."},
		"bad.example.explain.sinkhole. ":    {"[2001:db8::1]:1", dns.TypeTXT, "NXDOMAIN | SOA sinkhole."},
		"bad.example.explain.sinkhole.  ":   {"192.0.2.1:1", dns.TypeA, "NXDOMAIN | SOA sinkhole."},
	} {
		m := askFrom(t, h, row.from, strings.TrimRight(name, " "), row.qtype, 1232, false)
		got := brief(m)
		if len(m.Answer) == 1 {
			txt := m.Answer[0].(*dns.TXT)
			got = unescaped(strings.Join(txt.Txt, " | "))
		}
		if got != row.want {
			t.Errorf("%s from %s: got\n%s\nwant\n%s", name, row.from, got, row.want)
		}
		if !m.RecursionAvailable || m.Authoritative || m.IsEdns0() == nil {
			t.Errorf("%s: the header is %v", name, m.MsgHdr)
		}
	}
	if u.asked > 0 {
		t.Errorf("%d questions leaked to those below", u.asked)
	}
	if after := testutil.CollectAndCount(blocked); after != before {
		t.Error("an explanation counts as a hit")
	}
	// Names beside it are nobody's.
	for _, name := range []string{"sinkhole.", `x.foo\.explain.sinkhole.`, "xexplain.sinkhole.", "explain.sinkhole.example."} {
		asked := u.asked
		if askFrom(t, h, "127.0.0.1:1", name, dns.TypeTXT, 1232, false); u.asked != asked+1 {
			t.Errorf("%s does not pass", name)
		}
	}
	// Who opted out is told, too, and it does not leak.
	opted := source
	opted.OptedOut = true
	w := &from{addr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}}
	asked := u.asked
	h.ServeDNS(query.WithSource(context.Background(), &opted), w, new(dns.Msg).SetQuestion("bad.example.explain.sinkhole.", dns.TypeTXT))
	if u.asked != asked || len(w.msg.Answer) != 1 {
		t.Errorf("to who opted out the answer is %s", brief(w.msg))
	}
}

// unescaped is a string of a TXT record as it is on the wire.
func unescaped(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i+3 < len(s) && s[i+1] >= '0' && s[i+1] <= '9' {
			b.WriteByte((s[i+1]-'0')*100 + (s[i+2]-'0')*10 + s[i+3] - '0')
			i += 3
			continue
		}
		i++
		b.WriteByte(s[i])
	}
	return b.String()
}

// TestLongExplanation: what does not fit has TC over UDP, and is whole and of
// bounded size on a stream.
func TestLongExplanation(t *testing.T) {
	files := map[string]string{}
	for i := range 3 * maxExplained {
		files[fmt.Sprintf("malware/%02d-%s.txt", i, strings.Repeat("long", 50))] = "bad.example # " + strings.Repeat("é", 200) + "\n"
	}
	h := &Handler{Next: &upstream{}, lists: lists(t, Defaults(), files)}
	for _, size := range []int{0, 512, 1232, 4096} {
		if m := askFrom(t, h, "127.0.0.1:1", "bad.example.explain.sinkhole.", dns.TypeTXT, size, false); !m.Truncated || len(m.Answer) > 0 {
			t.Errorf("with %d octets the answer is %s; want TC alone", size, brief(m))
		}
	}
	m := askFrom(t, h, "127.0.0.1:1", "bad.example.explain.sinkhole.", dns.TypeTXT, 0, true)
	txt := m.Answer[0].(*dns.TXT).Txt
	if last := txt[len(txt)-1]; len(txt) != maxExplained+2 || last != "and 47 more were passed over" {
		t.Errorf("%d strings, the last is %q", len(txt), last)
	}
	for _, s := range txt {
		if raw := unescaped(s); len(raw) > maxString {
			t.Errorf("a string of %d octets", len(raw))
		}
	}
}

func TestInExplainZoneAllocatesNothing(t *testing.T) {
	for _, name := range []string{"www.example.com.", "a-name-as-long-as-it.example."} {
		if n := testing.AllocsPerRun(100, func() { inExplainZone(name) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
