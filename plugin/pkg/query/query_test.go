package query

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// message makes a message of words: a type, and what is unusual about it. It is
// what a parser makes of it on the wire.
func message(t testing.TB, words string) *dns.Msg {
	t.Helper()
	m := &dns.Msg{MsgHdr: dns.MsgHdr{Id: 0x2b1e, RecursionDesired: true}}
	m.Question = []dns.Question{{Name: "Host.Example.", Qtype: dns.TypeA, Qclass: dns.ClassINET}}
	opt := func() *dns.OPT {
		o := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT, Class: 4096}}
		m.Extra = append(m.Extra, o)
		return o
	}
	for _, word := range strings.Fields(words) {
		name, value, _ := strings.Cut(word, "=")
		n, _ := strconv.Atoi(value)
		switch name {
		case "response":
			m.Response = true
		case "norec":
			m.RecursionDesired = false
		case "cd":
			m.CheckingDisabled = true
		case "opcode":
			m.Opcode = n
		case "class":
			m.Question[0].Qclass = dns.StringToClass[value]
		case "none":
			m.Question = nil
		case "two":
			m.Question = append(m.Question, m.Question[0])
		case "edns":
			opt()
		case "do":
			opt().SetDo()
		case "version":
			opt().SetVersion(uint8(n))
		case "owner":
			opt().Hdr.Name = value
		case "cookie":
			o := opt()
			o.Option = append(o.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: strings.Repeat("a5", n)})
		case "unknown":
			o := opt()
			o.Option = append(o.Option, &dns.EDNS0_LOCAL{Code: uint16(n), Data: []byte("x")})
		case "answer-opt":
			m.Answer = append(m.Answer, opt())
			m.Extra = m.Extra[:len(m.Extra)-1]
		case "authority-opt":
			m.Ns = append(m.Ns, opt())
			m.Extra = m.Extra[:len(m.Extra)-1]
		case "authority-soa":
			m.Ns = append(m.Ns, &dns.SOA{Hdr: dns.RR_Header{Name: "example.", Rrtype: dns.TypeSOA, Class: dns.ClassINET}, Ns: ".", Mbox: "."})
		case "tsig":
			m.Extra = append(m.Extra, &dns.TSIG{Hdr: dns.RR_Header{Name: "key.example.", Rrtype: dns.TypeTSIG, Class: dns.ClassANY}, Algorithm: dns.HmacSHA256})
		case "sig0", "sig":
			s := &dns.SIG{RRSIG: dns.RRSIG{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeSIG, Class: dns.ClassANY}, SignerName: "key.example."}}
			if name == "sig" {
				s.TypeCovered = dns.TypeA
			}
			m.Extra = append(m.Extra, s)
		case "extra":
			m.Extra = append(m.Extra, &dns.TXT{Hdr: dns.RR_Header{Name: "x.example.", Rrtype: dns.TypeTXT, Class: dns.ClassINET}, Txt: []string{"x"}})
		default:
			qtype, ok := dns.StringToType[name]
			if !ok {
				t.Fatalf("no such word: %s", word)
			}
			m.Question[0].Qtype = qtype
		}
	}
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	out := new(dns.Msg)
	if err := out.Unpack(wire); err != nil {
		t.Fatal(err)
	}
	return out
}

// describe says what a reply is, in words, from the wire.
func describe(t testing.TB, m *dns.Msg) string {
	t.Helper()
	if m == nil {
		return "silence"
	}
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	m = new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		t.Fatal(err)
	}
	words := []string{dns.RcodeToString[m.Rcode]}
	if m.Rcode == dns.RcodeBadVers { // has two names
		words[0] = "BADVERS"
	}
	for _, f := range []struct {
		set  bool
		name string
	}{
		{m.RecursionDesired, "rd"}, {m.RecursionAvailable, "ra"}, {m.CheckingDisabled, "cd"},
		{m.Authoritative, "aa"}, {m.AuthenticatedData, "ad"}, {m.Truncated, "tc"}, {!m.Response, "no-response"},
	} {
		if f.set {
			words = append(words, f.name)
		}
	}
	if len(wire) == 12 {
		return strings.Join(append(words, "12 octets"), " ")
	}
	for _, q := range m.Question {
		words = append(words, q.Name)
	}
	for _, rr := range m.Extra {
		o := rr.(*dns.OPT)
		words = append(words, fmt.Sprint("opt ", o.UDPSize()))
		if o.Version() != 0 {
			words = append(words, "version")
		}
		if o.Do() {
			words = append(words, "do")
		}
		for _, option := range o.Option {
			words = append(words, fmt.Sprint("ede ", option.(*dns.EDNS0_EDE).InfoCode))
		}
	}
	if n := len(m.Answer) + len(m.Ns); n > 0 {
		words = append(words, fmt.Sprint(n, " records"))
	}
	return strings.Join(words, " ")
}

// rows are the gate as a subscriber meets it.
var rows = []struct{ name, ask, want string }{
	{"a recursive question is let in", "A", "pass"},
	{"of any type, a question for all types too", "ANY", "pass"},
	{"a question with EDNS is let in", "A do", "pass"},
	{"options that nobody knows are ignored", "A unknown=65001", "pass"},
	{"a client cookie is let in", "A cookie=8", "pass"},
	{"a client and a server cookie are let in", "A cookie=24", "pass"},
	{"records behind the question are ignored", "A extra edns", "pass"},
	{"a SIG that covers a type is a record, and not a signature of the message", "A sig", "pass"},
	{"a response is not answered", "A response", "silence"},
	{"an opcode other than QUERY is not implemented", "A opcode=5", "NOTIMP rd 12 octets"},
	{"so is NOTIFY", "SOA opcode=4 norec", "NOTIMP 12 octets"},
	{"the opcode is judged before the counts", "two opcode=2", "NOTIMP rd 12 octets"},
	{"the opcode is judged before EDNS", "A opcode=2 edns edns", "NOTIMP rd 12 octets"},
	{"no question is malformed", "none", "FORMERR rd 12 octets"},
	{"no question is malformed, EDNS or not", "none edns", "FORMERR rd 12 octets"},
	{"no question, but a cookie: a probe", "none cookie=8", "NOERROR rd ra opt 1232"},
	{"no question, but a cookie of ours: a probe", "none cookie=40", "NOERROR rd ra opt 1232"},
	{"a probe has a whole cookie", "none cookie=7", "FORMERR rd 12 octets"},
	{"a probe has nothing but a cookie", "none cookie=8 authority-soa", "FORMERR rd 12 octets"},
	{"two questions are malformed", "two", "FORMERR rd 12 octets"},
	{"two OPTs are malformed", "A edns edns", "FORMERR rd ra Host.Example."},
	{"an OPT is owned by the root", "A owner=example.", "FORMERR rd ra Host.Example."},
	{"an OPT does not stand in the answer", "A answer-opt", "FORMERR rd ra Host.Example."},
	{"an OPT does not stand in the authority", "A authority-opt edns", "FORMERR rd ra Host.Example."},
	{"a cookie has 8 octets at least", "A cookie=7", "FORMERR rd ra Host.Example."},
	{"a server cookie has 8 octets at least", "A cookie=15", "FORMERR rd ra Host.Example."},
	{"a cookie has 40 octets at most", "A cookie=41", "FORMERR rd ra Host.Example."},
	{"a version of EDNS that is none is said to be none", "A version=1", "BADVERS rd ra Host.Example. opt 1232"},
	{"a version that is none comes before the type", "AXFR version=255", "BADVERS rd ra Host.Example. opt 1232"},
	{"TSIG is not ours to check", "A tsig", "NOTAUTH rd ra Host.Example."},
	{"nor is SIG(0)", "A edns sig0", "NOTAUTH rd ra Host.Example. opt 1232"},
	{"TSIG is the last record", "A tsig edns", "FORMERR rd ra Host.Example."},
	{"there is one TSIG", "A tsig tsig", "FORMERR rd ra Host.Example."},
	{"SIG(0) is the last record", "A sig0 edns", "FORMERR rd ra Host.Example."},
	{"other classes are not for here", "TXT class=CH do", "REFUSED rd ra Host.Example. opt 1232 do ede 21"},
	{"class ANY is one of them", "A class=ANY", "REFUSED rd ra Host.Example."},
	{"OPT is no type to ask for", "OPT edns", "FORMERR rd 12 octets"},
	{"TSIG is none", "TSIG", "FORMERR rd 12 octets"},
	{"TKEY is none", "TKEY cd", "FORMERR rd cd 12 octets"},
	{"NXNAME is none", "NXNAME", "FORMERR rd 12 octets"},
	{"NXNAME is none with EDNS either", "NXNAME edns", "FORMERR rd 12 octets"},
	{"MAILA is not implemented any more", "MAILA edns", "NOTIMP rd 12 octets"},
	{"nor is MAILB", "MAILB", "NOTIMP rd 12 octets"},
	{"there are no zones to transfer", "AXFR edns", "REFUSED rd ra Host.Example. opt 1232 ede 21"},
	{"nor parts of them", "IXFR authority-soa", "REFUSED rd ra Host.Example."},
	{"the cache is not shown to who wants no recursion", "A norec edns", "REFUSED ra Host.Example. opt 1232 ede 20"},
	{"what is malformed comes before what is not wanted", "A norec edns edns", "FORMERR ra Host.Example."},
	{"the reply copies CD and DO, and nothing else", "A norec cd do", "REFUSED ra cd Host.Example. opt 1232 do ede 20"},
}

func TestSubscriber(t *testing.T) {
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			m := message(t, row.ask)
			v := Judge(m, true)
			if got := describe(t, v.Reply(m)); (v == Pass) != (row.want == "pass") || v != Pass && got != row.want {
				t.Errorf("%s: got %s, %s; want %s", row.ask, v, got, row.want)
			}
			if twin := slowJudge(m, true); v != twin {
				t.Errorf("%s: got %s, the slow twin says %s", row.ask, v, twin)
			}
		})
	}
}

// TestStranger asks what a subscriber may ask, and all else: a stranger learns
// that he is one, or nothing.
func TestStranger(t *testing.T) {
	for _, row := range append(rows[:len(rows):len(rows)],
		struct{ name, ask, want string }{"with EDNS, a stranger hears why", "A do", "REFUSED rd Host.Example. opt 1232 do ede 18"},
	) {
		t.Run(row.name, func(t *testing.T) {
			m := message(t, row.ask)
			want := "REFUSED"
			switch {
			case strings.Contains(row.want, "ede 18"):
				want = row.want
			case row.want == "silence", strings.HasPrefix(row.want, "FORMERR") && m.Opcode == dns.OpcodeQuery && Judge(m, true) <= Malformed:
				want = "silence"
			}
			got := describe(t, Judge(m, false).Reply(m))
			if !strings.HasPrefix(got, want) || strings.Contains(got, " ra") {
				t.Errorf("%s: got %s, want %s", row.ask, got, want)
			}
		})
	}
}

func TestVerdictWords(t *testing.T) {
	seen := map[string]bool{Pass.String(): true}
	for v := Pass + 1; v < numVerdict; v++ {
		if v.String() == "" || seen[v.String()] {
			t.Errorf("verdict %d: the word %q is none, or another's", v, v)
		}
		seen[v.String()] = true
	}
	if Pass.Reply(message(t, "A")) != nil {
		t.Error("a question that passes has a reply of the gate")
	}
}

// slowJudge is the table of the package comment: the first line that fits.
func slowJudge(m *dns.Msg, served bool) Verdict {
	opts, signatures, foreign := 0, 0, 0
	cookie, short, version := false, false, false
	for i, rr := range append(append(append([]dns.RR{}, m.Answer...), m.Ns...), m.Extra...) {
		h, behind := rr.Header(), i >= len(m.Answer)+len(m.Ns)
		last := behind && i == len(m.Answer)+len(m.Ns)+len(m.Extra)-1
		switch {
		case h.Rrtype == dns.TypeOPT && (!behind || h.Name != "."):
			foreign++
		case h.Rrtype == dns.TypeOPT:
			opts++
			version = version || h.Ttl>>16&0xff != 0
			for _, option := range rr.(*dns.OPT).Option {
				if option.Option() == dns.EDNS0COOKIE {
					n := len(option.String()) / 2
					cookie = n == 8 || n > 15 && n < 41
					short = !cookie
					break
				}
			}
		case h.Rrtype == dns.TypeTSIG && !last, signature(rr) && behind && !last:
			foreign++
		case h.Rrtype == dns.TypeTSIG, signature(rr) && last:
			signatures++
		}
	}
	broken := foreign > 0 || opts > 1 || short
	questions := len(m.Question)
	var qtype, class uint16
	if questions > 0 {
		qtype, class = m.Question[0].Qtype, m.Question[0].Qclass
	}
	query := m.Opcode == dns.OpcodeQuery
	probe := questions == 0 && cookie && !broken && len(m.Answer)+len(m.Ns) == 0
	for _, line := range []struct {
		fits bool
		v    Verdict
	}{
		{m.Response, Response},
		{!served && query && (questions != 1 && !probe || broken), Noise},
		{!served, Stranger},
		{!query, Opcode},
		{probe, Probe},
		{questions != 1, Count},
		{broken, Malformed},
		{version, Version},
		{signatures > 0, Signed},
		{class != dns.ClassINET, Class},
		{qtype == dns.TypeOPT || qtype == dns.TypeTSIG || qtype == dns.TypeTKEY || qtype == 128, Meta},
		{qtype == 253 || qtype == 254, MailType},
		{qtype == 251 || qtype == 252, Transfer},
		{!m.RecursionDesired, Recursion},
	} {
		if line.fits {
			return line.v
		}
	}
	return Pass
}

func signature(rr dns.RR) bool {
	s, ok := rr.(*dns.SIG)
	return ok && s.TypeCovered == 0
}

// FuzzJudge gives the gate any packet that the parser takes.
func FuzzJudge(f *testing.F) {
	for _, row := range rows {
		wire, err := message(f, row.ask).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		m := new(dns.Msg)
		if m.Unpack(wire) != nil {
			return
		}
		for _, served := range []bool{true, false} {
			v := Judge(m, served)
			if twin := slowJudge(m, served); v != twin {
				t.Fatalf("served %v: got %s, the slow twin says %s\n%s", served, v, twin, m)
			}
			r := v.Reply(m)
			if r == nil {
				continue
			}
			out, err := r.Pack()
			if err != nil {
				t.Fatalf("%s: the reply cannot be packed: %v\n%s", v, err, m)
			}
			// The name may have been longer than its wire form, by compression.
			if most := len(wire) + 255 + 6; len(out) > most || r.Id != m.Id || !r.Response {
				t.Fatalf("%s: a reply of %d octets to %d\n%s", v, len(out), len(wire), r)
			}
		}
		Limit(m, false)
	})
}

func TestJudgeAllocatesNothing(t *testing.T) {
	for _, ask := range []string{"A", "A do", "A cookie=24", "A norec", "A tsig"} {
		m := message(t, ask)
		if n := testing.AllocsPerRun(100, func() { Judge(m, true) }); n != 0 {
			t.Errorf("%s: %v allocations, want none", ask, n)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	m := message(b, "A do")
	b.ReportAllocs()
	for b.Loop() {
		Judge(m, true)
	}
}
