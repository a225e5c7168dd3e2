package feed

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/miekg/dns"
)

// signer signs a question and checks all messages of the answer (RFC 8945,
// section 5.3.1). miekg/dns checks each message for itself: it refuses messages
// in between that are not signed, as some primaries send them, and where it is
// told to let them pass nothing covers them.
type signer struct {
	key      Key
	mac      []byte    // of the message signed last
	over     hash.Hash // what has come since, when unsigned is not zero
	unsigned int       // messages since the one signed last
	first    bool      // it was the question
}

// fudge is how far two clocks may be apart (RFC 8945, section 10).
const fudge = 300 // seconds

// maxUnsigned is how many messages may come between two that are signed (RFC
// 8945, section 5.3.1).
const maxUnsigned = 99

var errTSIG = errors.New("tsig")

// sign packs the question m, signed where there is a key.
func (s *signer) sign(m *dns.Msg, now time.Time) ([]byte, error) {
	s.first, s.unsigned = true, 0
	if s.key.Name == "" {
		return m.Pack()
	}
	m.SetTsig(s.key.Name, s.key.Algorithm, fudge, now.Unix())
	wire, mac, err := dns.TsigGenerate(m, s.key.Secret, "", false)
	if err != nil {
		return nil, err
	}
	s.mac, err = hex.DecodeString(mac)
	return wire, err
}

// check checks the next message of the answer, m as it came in wire.
func (s *signer) check(wire []byte, m *dns.Msg, now time.Time) error {
	t := m.IsTsig()
	switch {
	case s.key.Name == "" && t == nil:
		s.first = false
		return nil
	case s.key.Name == "":
		return fmt.Errorf("%w: it signs, and there is no key for it; want primary ADDRESS KEYFILE", errTSIG)
	case t == nil && s.first && m.Rcode != dns.RcodeSuccess:
		return nil // it has no signature to give, as to a key that it does not know
	case t == nil && s.first:
		return fmt.Errorf("%w: its answer is not signed", errTSIG)
	case t == nil:
		return s.pass(wire)
	case t.Error != 0:
		return fmt.Errorf("%w: it says %s of our signature by key %q, and %s", errTSIG, rcodeText(int(t.Error)), s.key.Name, tsigHint(t.Error))
	case dns.CanonicalName(t.Hdr.Name) != s.key.Name, dns.CanonicalName(t.Algorithm) != s.key.Algorithm:
		return fmt.Errorf("%w: signed by key %q of %q; want %q of %q", errTSIG, t.Hdr.Name, t.Algorithm, s.key.Name, s.key.Algorithm)
	}
	mac, err := hex.DecodeString(t.MAC)
	if err != nil {
		return fmt.Errorf("%w: %v", errTSIG, err)
	}
	digest, err := s.digest(wire, t)
	if err != nil {
		return err
	}
	if !hmac.Equal(digest, mac) {
		return fmt.Errorf("%w: a signature that is not by key %q", errTSIG, s.key.Name)
	}
	if off := now.Unix() - int64(t.TimeSigned); off > int64(t.Fudge) || -off > int64(t.Fudge) {
		return fmt.Errorf("%w: signed at %s: its clock and ours are too far apart", errTSIG, time.Unix(int64(t.TimeSigned), 0).UTC().Format(time.RFC3339))
	}
	s.mac, s.unsigned, s.first = mac, 0, false
	return nil
}

// pass takes a message that is not signed itself: the next signature covers it.
func (s *signer) pass(wire []byte) error {
	if s.unsigned == maxUnsigned {
		return fmt.Errorf("%w: more than %d messages without a signature", errTSIG, maxUnsigned)
	}
	if s.unsigned == 0 {
		var err error
		if s.over, err = s.begin(); err != nil {
			return err
		}
	}
	s.unsigned++
	s.over.Write(wire)
	return nil
}

// end: nothing came behind the last signature.
func (s *signer) end() error {
	if s.unsigned > 0 {
		return fmt.Errorf("%w: the last message is not signed", errTSIG)
	}
	return nil
}

// digest is what the MAC of the message in wire must be. t is its TSIG.
func (s *signer) digest(wire []byte, t *dns.TSIG) ([]byte, error) {
	h := s.over
	if s.unsigned == 0 {
		var err error
		if h, err = s.begin(); err != nil {
			return nil, err
		}
	}
	at, ok := lastRecord(wire)
	if !ok {
		return nil, fmt.Errorf("%w: a message that cannot be parsed", errTSIG)
	}
	header := [12]byte(wire)
	binary.BigEndian.PutUint16(header[0:], t.OrigId)
	binary.BigEndian.PutUint16(header[10:], binary.BigEndian.Uint16(header[10:])-1)
	h.Write(header[:])
	h.Write(wire[len(header):at])
	if s.first { // all variables of it, RFC 8945, section 4.3.3
		h.Write(wireName(s.key.Name))
		h.Write([]byte{0, dns.ClassANY, 0, 0, 0, 0}) // the TTL is zero
		h.Write(wireName(s.key.Algorithm))
	}
	h.Write(timers(t))
	if s.first { // no error, and no other data: see check
		h.Write([]byte{0, 0, 0, 0})
	}
	return h.Sum(nil), nil
}

// begin is the digest behind the MAC that came before.
func (s *signer) begin() (hash.Hash, error) {
	secret, err := base64.StdEncoding.DecodeString(s.key.Secret)
	if err != nil {
		return nil, err
	}
	h := hmac.New(hashes[s.key.Algorithm], secret)
	h.Write(binary.BigEndian.AppendUint16(nil, uint16(len(s.mac))))
	h.Write(s.mac)
	return h, nil
}

var hashes = map[string]func() hash.Hash{
	dns.HmacSHA1:   sha1.New,
	dns.HmacSHA224: sha256.New224,
	dns.HmacSHA256: sha256.New,
	dns.HmacSHA384: sha512.New384,
	dns.HmacSHA512: sha512.New,
}

// timers are the time signed, of 48 bits, and the fudge.
func timers(t *dns.TSIG) []byte {
	b := binary.BigEndian.AppendUint64(nil, t.TimeSigned)[2:]
	return binary.BigEndian.AppendUint16(b, t.Fudge)
}

// wireName is a name of a key or of an algorithm, in lower case.
func wireName(name string) []byte {
	b := make([]byte, 256)
	n, err := dns.PackDomainName(name, b, 0, nil, false)
	if err != nil {
		return nil // it was read by us
	}
	return b[:n]
}

// lastRecord is where the last record of a message begins.
func lastRecord(wire []byte) (at int, ok bool) {
	if len(wire) < 12 {
		return 0, false
	}
	count := func(i int) int { return int(binary.BigEndian.Uint16(wire[4+2*i:])) }
	at = 12
	for range count(0) {
		if at, ok = skipName(wire, at); !ok {
			return 0, false
		}
		at += 4
	}
	last := 0
	for range count(1) + count(2) + count(3) {
		last = at
		if at, ok = skipName(wire, at); !ok || at+10 > len(wire) {
			return 0, false
		}
		at += 10 + int(binary.BigEndian.Uint16(wire[at+8:]))
	}
	return last, last > 0 && at == len(wire)
}

func skipName(wire []byte, at int) (int, bool) {
	for at < len(wire) {
		switch c := int(wire[at]); {
		case c == 0:
			return at + 1, true
		case c >= 0xc0:
			return at + 2, true
		default:
			at += 1 + c
		}
	}
	return 0, false
}

func tsigHint(code uint16) string {
	switch int(code) {
	case dns.RcodeBadTime:
		return "its clock and ours are too far apart"
	case dns.RcodeBadKey:
		return "does not have the key, or for another algorithm"
	}
	return "has another secret"
}
