package recursor

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// clientMessage is a question as clients may dress it up.
func clientMessage(name string, qtype uint16) *dns.Msg {
	m := new(dns.Msg).SetQuestion(name, qtype)
	m.SetEdns0(4096, true)
	opt := m.IsEdns0()
	opt.Option = append(opt.Option,
		&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: []byte{192, 0, 2, 0}},
		&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"},
		&dns.EDNS0_NSID{Code: dns.EDNS0NSID},
		&dns.EDNS0_PADDING{Padding: make([]byte, 64)})
	return m
}

// TestQuestion: of the client's message the child sees name, type, DO and CD.
func TestQuestion(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*dns.Msg)
		want   question
	}{
		"plain":   {func(m *dns.Msg) { m.Extra = nil }, question{name: "\x03www\x07example\x00", qtype: dns.TypeA}},
		"DO":      {func(m *dns.Msg) {}, question{name: "\x03www\x07example\x00", qtype: dns.TypeA, do: true}},
		"CD":      {func(m *dns.Msg) { m.CheckingDisabled, m.Extra = true, nil }, question{name: "\x03www\x07example\x00", qtype: dns.TypeA, cd: true}},
		"a type":  {func(m *dns.Msg) { m.Question[0].Qtype = 65280 }, question{name: "\x03www\x07example\x00", qtype: 65280, do: true}},
		"root":    {func(m *dns.Msg) { m.Question[0].Name = "." }, question{name: "\x00", qtype: dns.TypeA, do: true}},
		"escapes": {func(m *dns.Msg) { m.Question[0].Name = `a\.B\000.example.` }, question{name: "\x04a.b\x00\x07example\x00", qtype: dns.TypeA, do: true}},
	} {
		t.Run(name, func(t *testing.T) {
			r := clientMessage("WwW.eXample.", dns.TypeA)
			tt.change(r)
			q, ok := ask(r)
			if !ok || q != tt.want {
				t.Fatalf("got %+v, want %+v", q, tt.want)
			}
			wire := q.append(nil)
			newID(wire)
			m := new(dns.Msg)
			if err := m.Unpack(wire); err != nil {
				t.Fatal(err)
			}
			want := new(dns.Msg).SetQuestion(strings.ToLower(r.Question[0].Name), tt.want.qtype)
			want.Id, want.AuthenticatedData, want.CheckingDisabled = m.Id, true, tt.want.cd
			want.SetEdns0(4096, tt.want.do)
			if m.String() != want.String() {
				t.Errorf("on the wire\n%s\nwant\n%s", m, want)
			}
			if len(wire) > maxQuery {
				t.Errorf("%d octets, the bound is %d", len(wire), maxQuery)
			}
		})
	}
	r := clientMessage("x.example.", dns.TypeA)
	r.Question[0].Name = strings.Repeat("a", 64) + "."
	if q, ok := ask(r); ok {
		t.Errorf("a name that is none became %q", q.name)
	}
}

func TestLongestQuestionFits(t *testing.T) {
	label := strings.Repeat("a", 63) + "."
	q, ok := ask(clientMessage(label+label+label+strings.Repeat("a", 61)+".", dns.TypeA))
	if !ok || len(q.name) != 255 {
		t.Fatalf("a name of %d octets", len(q.name))
	}
	if n := len(q.append(nil)); n != maxQuery {
		t.Errorf("%d octets, want %d", n, maxQuery)
	}
}

func TestIDsDiffer(t *testing.T) {
	seen := map[uint16]bool{}
	var b [2]byte
	for range 1000 {
		newID(b[:])
		seen[binary.BigEndian.Uint16(b[:])] = true
	}
	if len(seen) < 900 { // 1,000 of 65,536 meet about 8 times
		t.Errorf("%d different IDs in 1,000", len(seen))
	}
}

// slowAnswers says what answers means, field by field.
func slowAnswers(wire, query []byte) bool {
	var want dns.Msg
	if want.Unpack(query) != nil || len(wire) < headerLen {
		return false
	}
	word := func(at int) uint16 { return binary.BigEndian.Uint16(wire[at:]) }
	if word(0) != want.Id || word(2)>>15 != 1 || word(2)>>11&0xf != dns.OpcodeQuery || word(4) != 1 {
		return false
	}
	name, at, err := dns.UnpackDomainName(wire, headerLen)
	if err != nil || name != want.Question[0].Name || len(wire) < at+4 {
		return false
	}
	var plain [256]byte
	n, err := dns.PackDomainName(name, plain[:], 0, nil, false)
	if err != nil || at-headerLen != n {
		return false // compressed, which a question never is
	}
	return word(at) == want.Question[0].Qtype && word(at+2) == dns.ClassINET
}

func FuzzAnswers(f *testing.F) {
	q := question{name: "\x03www\x07example\x00", qtype: dns.TypeA, do: true}
	query := q.append(nil)
	reply := func(change func(*dns.Msg)) []byte {
		m := new(dns.Msg)
		if err := m.Unpack(query); err != nil {
			f.Fatal(err)
		}
		m.Response = true
		change(m)
		wire, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		return wire
	}
	for _, change := range []func(*dns.Msg){
		func(m *dns.Msg) {},
		func(m *dns.Msg) { m.Id++ },
		func(m *dns.Msg) { m.Response = false },
		func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify },
		func(m *dns.Msg) { m.Question[0].Name = "WWW.example." },
		func(m *dns.Msg) { m.Question[0].Name = "wwx.example." },
		func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA },
		func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
		func(m *dns.Msg) { m.Question = nil },
		func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) },
		func(m *dns.Msg) { m.Truncated = true },
	} {
		f.Add(reply(change))
	}
	f.Add(query)
	f.Add([]byte{})
	f.Add(append(append([]byte{}, query[:headerLen]...), 0xc0, 0x0c, 0, 1, 0, 1))
	f.Fuzz(func(t *testing.T, wire []byte) {
		got, want := answers(wire, query), slowAnswers(wire, query)
		if got != want {
			t.Errorf("answers(%x) = %v, want %v", wire, got, want)
		}
		if got {
			truncated(wire)
			readReply(wire)
		}
	})
}

// TestOnlyTheAnswerAnswers is the table behind the fuzz target's seeds.
func TestOnlyTheAnswerAnswers(t *testing.T) {
	q := question{name: "\x03www\x07example\x00", qtype: dns.TypeA}
	query := q.append(nil)
	newID(query)
	right := append([]byte{}, query...)
	right[2] |= 0x80
	if !answers(right, query) || !slowAnswers(right, query) {
		t.Fatal("the answer is not taken")
	}
	for at := range headerLen + len(q.name) + 4 {
		if at == 2 || at == 3 || at >= 6 && at < headerLen { // flags beside QR and opcode, counts
			continue
		}
		wrong := append([]byte{}, right...)
		wrong[at] ^= 1
		if answers(wrong, query) {
			t.Errorf("octet %d differs, and it is taken", at)
		}
	}
	for n := range headerLen + len(q.name) + 4 {
		if answers(right[:n], query) {
			t.Errorf("the first %d octets are taken", n)
		}
	}
}
