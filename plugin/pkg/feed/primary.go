package feed

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Bounds of talking to a primary.
const (
	maxDial     = 10 * time.Second // a connection
	maxMessage  = 30 * time.Second // a whole message, from when we wait for it
	maxTransfer = time.Hour        // a transfer
)

var (
	errDeclined = errors.New("declined")
	errAnswer   = errors.New("no answer to our question")
)

// talk is a connection to a primary.
type talk struct {
	conn   net.Conn
	signer signer
	zone   string
	times  limits

	asked dns.Msg
	until time.Time // the end of the transfer
	left  int64     // octets that it may still have
	buf   []byte
}

// limits are the bounds above, but in tests.
type limits struct{ dial, message, transfer, gap time.Duration }

// dial connects to a primary, unless ctx ends before.
func dial(ctx context.Context, p Primary, zone string, l limits, max int64) (*talk, error) {
	t := &talk{zone: zone, times: l, left: max, until: time.Now().Add(l.transfer)}
	if p.KeyFile != "" { // read anew each time: a key may change without us
		var err error
		if t.signer.key, _, err = ReadKey(p.KeyFile); err != nil {
			return nil, fmt.Errorf("%w: %w", errTSIG, err)
		}
	}
	d := net.Dialer{Timeout: l.dial}
	conn, err := d.DialContext(ctx, "tcp", p.Addr.String())
	if err != nil {
		return nil, err
	}
	t.conn = conn
	return t, nil
}

// ask sends a question of a type for the zone.
func (t *talk) ask(qtype uint16, old *dns.SOA) error {
	t.asked = dns.Msg{}
	t.asked.SetQuestion(t.zone, qtype)
	t.asked.RecursionDesired = false
	if old != nil { // RFC 1995, section 3
		t.asked.Ns = []dns.RR{old}
	}
	wire, err := t.signer.sign(&t.asked, time.Now())
	if err != nil {
		return err
	}
	t.conn.SetWriteDeadline(time.Now().Add(t.times.message))
	_, err = t.conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...))
	return err
}

// next is the next message of the answer, checked as such.
func (t *talk) next() (*dns.Msg, error) {
	wire, err := t.read()
	if err != nil {
		return nil, err
	}
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		return nil, fmt.Errorf("%w: it cannot be parsed (%v)", errAnswer, err)
	}
	if err := t.fits(m); err != nil {
		return nil, err
	}
	if err := t.signer.check(wire, m, time.Now()); err != nil {
		return nil, err
	}
	if m.Rcode != dns.RcodeSuccess {
		return nil, fmt.Errorf("%w: it answers %s", errDeclined, rcodeText(m.Rcode))
	}
	return m, nil
}

// read reads one message whole.
func (t *talk) read() ([]byte, error) {
	deadline := time.Now().Add(t.times.message)
	if t.until.Before(deadline) {
		deadline = t.until
	}
	t.conn.SetReadDeadline(deadline)
	var length [2]byte
	if _, err := io.ReadFull(t.conn, length[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if t.left -= int64(n); t.left < 0 {
		return nil, errSize
	}
	if cap(t.buf) < n {
		t.buf = make([]byte, dns.MaxMsgSize)
	}
	t.buf = t.buf[:n]
	_, err := io.ReadFull(t.conn, t.buf)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return t.buf, err
}

// fits: m is an answer to what was asked.
func (t *talk) fits(m *dns.Msg) error {
	q := t.asked.Question[0]
	switch {
	case m.Id != t.asked.Id:
		return fmt.Errorf("%w: the ID is another", errAnswer)
	case !m.Response, m.Opcode != dns.OpcodeQuery:
		return fmt.Errorf("%w: it is no response", errAnswer)
	case m.Truncated:
		return fmt.Errorf("%w: it is truncated, by TCP", errAnswer)
	case len(m.Question) > 1, t.signer.first && len(m.Question) == 0 && m.Rcode == dns.RcodeSuccess:
		return fmt.Errorf("%w: it has %d questions", errAnswer, len(m.Question))
	case len(m.Question) == 1 && (!strings.EqualFold(m.Question[0].Name, q.Name) || m.Question[0].Qtype != q.Qtype || m.Question[0].Qclass != q.Qclass):
		return fmt.Errorf("%w: the question is another", errAnswer)
	}
	return nil
}

// soa asks for the zone's SOA.
func (t *talk) soa() (*dns.SOA, error) {
	if err := t.ask(dns.TypeSOA, nil); err != nil {
		return nil, err
	}
	m, err := t.next()
	if err != nil {
		return nil, err
	}
	if err := t.signer.end(); err != nil {
		return nil, err
	}
	for _, rr := range m.Answer {
		if soa, ok := rr.(*dns.SOA); ok && dns.CanonicalName(soa.Hdr.Name) == t.zone && m.Authoritative {
			return soa, nil
		}
	}
	return nil, fmt.Errorf("%w: it does not have the zone", errDeclined)
}

// fetch asks for the zone, for what is new since old where there is one, and
// reads the answer to its end into to.
func (t *talk) fetch(old *base, to *transfer) error {
	t.until = time.Now().Add(t.times.transfer)
	var err error
	if old != nil {
		err = t.ask(dns.TypeIXFR, old.soa)
	} else {
		err = t.ask(dns.TypeAXFR, nil)
	}
	if err != nil {
		return err
	}
	for to.step != ended {
		m, err := t.next()
		if err != nil {
			return err
		}
		if len(m.Answer) == 0 {
			return fmt.Errorf("%w: a message without a record", errAnswer)
		}
		for _, rr := range m.Answer {
			if err := to.add(rr); err != nil {
				return err
			}
			if to.same() {
				break // what stands behind it is the zone that we have
			}
		}
	}
	return t.signer.end()
}

func (t *talk) close() { t.conn.Close() }
