package answer

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/policy"
	"sinkhole/plugin/pkg/query"
)

// longName is a name of 191 octets, of which others can use none but example.
func longName(i int) string {
	label := fmt.Sprintf("%02d", i) + strings.Repeat("x", 58)
	return label + ".a" + label + ".b" + label + ".example."
}

// chainTo is an answer in which n CNAMEs lead from ok.example to a listed name.
func chainTo(n int, listed string) string {
	var s strings.Builder
	owner := "ok.example."
	for i := range n {
		target := longName(i)
		if i == n-1 {
			target = listed
		}
		fmt.Fprintf(&s, "%s 300 IN CNAME %s\n", owner, target)
		owner = target
	}
	return s.String()
}

func TestReplyFits(t *testing.T) {
	p := testPolicy(t)
	tests := map[string]struct {
		ask    string
		chain  int
		stream bool
		size   int    // at most
		want   string // the first line, and the EDE
	}{
		"a short chain fits without EDNS":                {ask: "ok.example. A", chain: 2, size: 512, want: "NOERROR"},
		"a long one does not":                            {ask: "ok.example. A", chain: 4, size: 512, want: "NOERROR tc"},
		"with EDNS it does":                              {ask: "ok.example. A edns", chain: 4, size: 1232, want: `NOERROR edns0 1232 ede 4 "sinkhole"`},
		"whatever the client takes, not more than 1232":  {ask: "ok.example. A edns size=65535", chain: 8, size: 1232, want: `NOERROR tc edns0 1232 ede 4 ""`},
		"a client that takes 600":                        {ask: "ok.example. A edns size=600", chain: 4, size: 600, want: `NOERROR tc edns0 1232 ede 4 ""`},
		"a stream takes all":                             {ask: "ok.example. A", chain: 8, stream: true, size: 65535, want: "NOERROR"},
		"as many links as are followed, on a stream too": {ask: "ok.example. A edns", chain: 64, stream: true, size: 65535, want: `NOERROR edns0 1232 ede 4 "sinkhole"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req := question(t, tt.ask)
			m, _ := ask(t, p, req, upstream(t, req, chainTo(tt.chain, "bad.example.")), tt.stream)
			wire, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			if len(wire) > tt.size {
				t.Errorf("%d octets, want at most %d", len(wire), tt.size)
			}
			lines := strings.Split(show(m), "\n")
			got := lines[0]
			if last := lines[len(lines)-1]; strings.HasPrefix(last, "edns") {
				got += " " + last
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if m.Truncated && len(m.Answer)+len(m.Ns) > 0 {
				t.Errorf("truncated, and not empty: %v", m)
			}
		})
	}
}

// TestReplyWithoutVerdict: what does not block has no answer of ours.
func TestReplyWithoutVerdict(t *testing.T) {
	p := testPolicy(t)
	req := question(t, "good.example. A")
	if m, drop := ask(t, p, req, nil, false); m != nil || drop {
		t.Errorf("got %v, %v", m, drop)
	}
}

// FuzzReply reads the first octets as what the client says, and the rest as an
// upstream message, which is bent to the question. What we answer packs, is as
// long as the client takes, and is for this client.
func FuzzReply(f *testing.F) {
	for _, up := range []string{"ok.example. 1 IN CNAME bad.example.", chainTo(5, "bad.example."), "ok.example. 1 IN A 192.0.2.66",
		"ok.example. 1 IN CNAME x.wild.zone.example.", "ok.example. 1 IN A 192.0.2.200", "ok.example. 1 IN A 192.0.2.201",
		"ok.example. 1 IN DNAME nx.example.", "ok.example. 1 IN HTTPS 1 bad.example. ipv4hint=192.0.2.66", "ok.example. 1 IN CNAME ok.example."} {
		wire, err := upstream(f, question(f, "ok.example. A"), up).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint16(dns.TypeA), uint16(512), byte(0), "ok.example.", wire)
		f.Add(uint16(dns.TypeANY), uint16(512), byte(9), "a.wild.zone.example.", wire)
		f.Add(uint16(dns.TypeTXT), uint16(512), byte(11), "data.zone.example.", wire)
		f.Add(uint16(dns.TypeHTTPS), uint16(4096), byte(7), `a\000b.TALKATIVE.example.`, wire)
	}
	p := testPolicy(f)
	f.Fuzz(func(t *testing.T, qtype, size uint16, flags byte, name string, wire []byte) {
		wireName, err := dnsname.Append(nil, name)
		if err != nil || !dns.IsFqdn(name) {
			return
		}
		req := new(dns.Msg).SetQuestion(name, qtype)
		if _, err := req.Pack(); err != nil {
			return
		}
		if flags&1 != 0 {
			req.SetEdns0(size, flags&2 != 0)
		}
		stream := flags&4 != 0
		up := new(dns.Msg)
		if up.Unpack(wire) != nil {
			up = nil
		} else if flags&8 != 0 {
			up.Question = req.Question
		}
		m, drop := ask(t, p, req, up, stream)
		if m == nil || drop {
			return
		}
		reply, err := m.Pack()
		if err != nil {
			t.Fatalf("%v: %v", m, err)
		}
		if most := query.Limit(req, stream); len(reply) > most {
			t.Fatalf("%d octets, want at most %d", len(reply), most)
		}
		back := unpacked(t, m)
		if back.Id != req.Id || len(back.Question) != 1 || back.Question[0].Qtype != qtype || !back.Response {
			t.Fatalf("%v answers %v", back, req)
		}
		got, err := dnsname.Append(nil, back.Question[0].Name)
		if err != nil || string(got) != string(wireName) {
			t.Fatalf("the question is %q, want %q", got, wireName)
		}
		if (back.IsEdns0() != nil) != (req.IsEdns0() != nil) || binary.BigEndian.Uint16(reply[10:]) > 2 {
			t.Fatalf("EDNS %v for %v", back.IsEdns0(), req.IsEdns0())
		}
	})
}

// TestReplyAllocations holds the cost of a reply: what a message of these parts
// needs, and what miekg/dns needs to tell its length.
func TestReplyAllocations(t *testing.T) {
	p := testPolicy(t)
	for text, most := range map[string]float64{
		"bad.example. A":           6,
		"bad.example. A edns":      11,
		"www.bad.example. TXT":     5,
		"refused.example. A edns":  8,
		"truncate.example. A edns": 8,
		"drop.example. A edns":     0,
	} {
		req := question(t, text)
		v := p.Decide(policy.Query{Name: wire(t, req.Question[0].Name)})
		if n := testing.AllocsPerRun(100, func() { Reply(req, p, v, nil, 0, false) }); n > most {
			t.Errorf("%s: %v allocations, want at most %v", text, n, most)
		}
	}
}

func BenchmarkReply(b *testing.B) {
	p := testPolicy(b)
	for _, text := range []string{"bad.example. A", "bad.example. A edns", "www.bad.example. TXT edns"} {
		b.Run(text, func(b *testing.B) {
			req := question(b, text)
			v := p.Decide(policy.Query{Name: wire(b, req.Question[0].Name)})
			b.ReportAllocs()
			for b.Loop() {
				Reply(req, p, v, nil, 0, false)
			}
		})
	}
}
