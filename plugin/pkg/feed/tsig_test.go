package feed

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const secret = "c2Vrcml0c2Vrcml0c2Vrcml0c2Vrcml0c2Vrcml0MTI="

func testKey(algorithm string) Key { return Key{"transfer.example.", algorithm, secret} }

// answerer signs as a primary does, each message for which it is told to.
type answerer struct {
	key     Key
	mac     string
	timers  bool
	pending []byte // messages not signed since
}

func (a *answerer) message(t testing.TB, m *dns.Msg, signed bool, at time.Time) []byte {
	t.Helper()
	if !signed {
		wire, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		a.pending = append(a.pending, wire...)
		return wire
	}
	m.SetTsig(a.key.Name, a.key.Algorithm, fudge, at.Unix())
	var wire []byte
	var err error
	if len(a.pending) == 0 {
		wire, a.mac, err = dns.TsigGenerate(m, a.key.Secret, a.mac, a.timers)
	} else {
		wire, a.mac, err = dns.TsigGenerateWithProvider(m, over{a.key, a.pending}, a.mac, a.timers)
		a.pending = nil
	}
	if err != nil {
		t.Fatal(err)
	}
	a.timers = true
	return wire
}

// over makes the digest over the messages in between, too: they stand behind the
// MAC before, which is a length and its octets.
type over struct {
	key     Key
	pending []byte
}

func (o over) Generate(msg []byte, t *dns.TSIG) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(o.key.Secret)
	if err != nil {
		return nil, err
	}
	n := 2 + int(binary.BigEndian.Uint16(msg))
	h := hmac.New(hashes[o.key.Algorithm], raw)
	h.Write(msg[:n])
	h.Write(o.pending)
	h.Write(msg[n:])
	return h.Sum(nil), nil
}

func (over) Verify([]byte, *dns.TSIG) error { return errors.ErrUnsupported }

// answers are n messages to the question that s has signed.
func answers(t testing.TB, s *signer, asked *dns.Msg, n int, signed func(i int) bool, at time.Time) (wires [][]byte) {
	t.Helper()
	a := &answerer{key: s.key, mac: hex.EncodeToString(s.mac)}
	for i := range n {
		m := new(dns.Msg)
		m.SetReply(asked)
		m.Answer = []dns.RR{rr(t, fmt.Sprintf("n%d CNAME .", i))}
		wires = append(wires, a.message(t, m, signed(i), at))
	}
	return wires
}

func checkAll(s *signer, wires [][]byte, now time.Time) error {
	for i, wire := range wires {
		m := new(dns.Msg)
		if err := m.Unpack(wire); err != nil {
			return err
		}
		if err := s.check(wire, m, now); err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
	}
	return s.end()
}

// TestTSIG: which messages are signed, what somebody changed, and what is said.
func TestTSIG(t *testing.T) {
	all := func(int) bool { return true }
	now := time.Now()
	for _, row := range []struct {
		name   string
		n      int
		signed func(int) bool
		change func(s *signer, wires [][]byte) [][]byte
		at     time.Time
		want   string // "": it is taken
	}{
		{name: "every message signed", n: 5, signed: all},
		{name: "the first and the last", n: 5, signed: func(i int) bool { return i%4 == 0 }},
		{name: "99 in between", n: 101, signed: func(i int) bool { return i%100 == 0 }},
		{name: "100 in between", n: 102, signed: func(i int) bool { return i%101 == 0 }, want: "more than 99 messages without a signature"},
		{name: "not the first", n: 2, signed: func(i int) bool { return i > 0 }, want: "its answer is not signed"},
		{name: "not the last", n: 3, signed: func(i int) bool { return i < 2 }, want: "the last message is not signed"},
		{name: "an octet of the first changed", n: 2, signed: all, want: "message 0: tsig: a signature that is not by key",
			change: func(_ *signer, w [][]byte) [][]byte { w[0][len(w[0])/3] ^= 0x20; return w }},
		{name: "an octet in between changed", n: 3, signed: func(i int) bool { return i != 1 }, want: "message 2: tsig: a signature that is not by key",
			change: func(_ *signer, w [][]byte) [][]byte { w[1][30] ^= 0x20; return w }},
		{name: "a message left out", n: 3, signed: all, want: "message 1: tsig: a signature that is not by key",
			change: func(_ *signer, w [][]byte) [][]byte { return [][]byte{w[0], w[2]} }},
		{name: "two messages exchanged", n: 3, signed: all, want: "message 1: tsig: a signature that is not by key",
			change: func(_ *signer, w [][]byte) [][]byte { return [][]byte{w[0], w[2], w[1]} }},
		{name: "another secret", n: 1, signed: all, want: "a signature that is not by key",
			change: func(s *signer, w [][]byte) [][]byte { s.key.Secret = "b3RoZXI="; return w }},
		{name: "another name", n: 1, signed: all, want: `signed by key "transfer.example."`,
			change: func(s *signer, w [][]byte) [][]byte { s.key.Name = "other.example."; return w }},
		{name: "another algorithm", n: 1, signed: all, want: `of "hmac-sha256."; want "transfer.example." of "hmac-sha512."`,
			change: func(s *signer, w [][]byte) [][]byte { s.key.Algorithm = dns.HmacSHA512; return w }},
		{name: "an answer to another question of ours", n: 1, signed: all, want: "a signature that is not by key",
			change: func(s *signer, w [][]byte) [][]byte { s.mac = []byte("another"); return w }},
		{name: "signed an hour ago", n: 1, signed: all, at: now.Add(-time.Hour), want: "its clock and ours are too far apart"},
		{name: "signed in an hour", n: 1, signed: all, at: now.Add(time.Hour), want: "its clock and ours are too far apart"},
		{name: "no key of ours", n: 1, signed: all, want: "it signs, and there is no key for it",
			change: func(s *signer, w [][]byte) [][]byte { s.key = Key{}; return w }},
	} {
		t.Run(row.name, func(t *testing.T) {
			asked := new(dns.Msg).SetAxfr(apex)
			s := &signer{key: testKey(dns.HmacSHA256)}
			if _, err := s.sign(asked, now); err != nil {
				t.Fatal(err)
			}
			at := row.at
			if at.IsZero() {
				at = now
			}
			wires := answers(t, s, asked, row.n, row.signed, at)
			if row.change != nil {
				wires = row.change(s, wires)
			}
			err := checkAll(s, wires, now)
			switch {
			case row.want == "" && err != nil:
				t.Errorf("got %v", err)
			case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want) || reasonOf(err) != Unsigned):
				t.Errorf("got  %v\nwant %s", err, row.want)
			}
		})
	}
}

// TestTSIGAlgorithms: the question is one that others can check, of every
// algorithm, and so is what they answer.
func TestTSIGAlgorithms(t *testing.T) {
	for _, algorithm := range algorithms {
		t.Run(algorithm, func(t *testing.T) {
			s := &signer{key: testKey(algorithm)}
			asked := new(dns.Msg).SetAxfr(apex)
			wire, err := s.sign(asked, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			wires := answers(t, s, asked, 3, func(int) bool { return true }, time.Now())
			if err := dns.TsigVerify(wire, secret, "", false); err != nil {
				t.Errorf("the question: %v", err)
			}
			if err := checkAll(s, wires, time.Now()); err != nil {
				t.Errorf("the answer: %v", err)
			}
		})
	}
}

// TestTSIGSays: what a primary says of our signature is said in words.
func TestTSIGSays(t *testing.T) {
	for code, want := range map[uint16]string{
		dns.RcodeBadKey:  "it says BADKEY of our signature by key \"transfer.example.\", and does not have the key",
		dns.RcodeBadSig:  "it says BADSIG of our signature by key \"transfer.example.\", and has another secret",
		dns.RcodeBadTime: "it says BADTIME of our signature by key \"transfer.example.\", and its clock and ours are too far apart",
	} {
		s := &signer{key: testKey(dns.HmacSHA256), first: true}
		m := new(dns.Msg).SetRcode(new(dns.Msg).SetAxfr(apex), dns.RcodeNotAuth)
		m.SetTsig(s.key.Name, s.key.Algorithm, fudge, time.Now().Unix())
		m.Extra[0].(*dns.TSIG).Error = code
		wire, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		got := s.check(wire, m, time.Now())
		text := fmt.Sprint(got)
		if code == dns.RcodeBadSig { // its number is that of BADVERS, too
			text = strings.Replace(text, "BADVERS", "BADSIG", 1)
		}
		if !strings.Contains(text, want) {
			t.Errorf("got  %s\nwant %s", text, want)
		}
	}
}

// FuzzSigned: no message makes the checker panic, and none of a stranger passes.
func FuzzSigned(f *testing.F) {
	now := time.Now()
	s := &signer{key: testKey(dns.HmacSHA256)}
	asked := new(dns.Msg).SetAxfr(apex)
	if _, err := s.sign(asked, now); err != nil {
		f.Fatal(err)
	}
	for _, wire := range answers(f, s, asked, 2, func(int) bool { return true }, now) {
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		m := new(dns.Msg)
		if m.Unpack(wire) != nil {
			return
		}
		s := &signer{key: testKey(dns.HmacSHA256), mac: []byte("of a question that nobody knows"), first: true}
		if err := s.check(wire, m, now); err == nil && m.Rcode == dns.RcodeSuccess {
			t.Fatalf("%x is taken", wire)
		}
	})
}
