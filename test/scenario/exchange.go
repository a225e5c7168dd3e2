package scenario

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/miekg/dns"
	"github.com/quic-go/quic-go"
)

const (
	// answerWithin is how long an answer is waited for. Unbound answers what no
	// server answers after many seconds.
	answerWithin = 15 * time.Second
	// quiet is how long after the sentinel's answer another must not come.
	quiet = 100 * time.Millisecond
)

// exchange sends a message and returns what comes back; nil is silence.
func (w *world) exchange(q question, payload []byte) ([]byte, error) {
	switch q.network {
	case "dot":
		return w.overTLS(q, payload)
	case "doh":
		return w.overHTTPS(q, payload)
	case "doq":
		return w.overQUIC(q, payload)
	}
	conn, err := dial(q)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(answerWithin))
	if q.network == "tcp" {
		return overStream(conn, payload)
	}
	if _, err := conn.Write(payload); err != nil {
		return nil, err
	}
	buf := make([]byte, dns.MaxMsgSize)
	n, err := conn.Read(buf)
	if err != nil {
		return nil, silent(err)
	}
	return buf[:n], nil
}

// silent takes the end of waiting, and of a connection, as no answer.
func silent(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func dial(q question) (net.Conn, error) {
	d := net.Dialer{Timeout: answerWithin}
	if q.network == "udp" {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(q.from, q.port))
		return d.Dial("udp", q.to.String())
	}
	d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(q.from, q.port))
	return d.Dial("tcp", q.to.String())
}

// overStream sends and reads one message with its length in front (RFC 1035
// 4.2.2).
func overStream(conn io.ReadWriter, payload []byte) ([]byte, error) {
	framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(payload))), payload...)
	if _, err := conn.Write(framed); err != nil {
		return nil, err
	}
	return readFramed(conn)
}

func readFramed(r io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, silent(err)
	}
	raw := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// trust is the script's certificate as the only root.
func (w *world) trust(protocols ...string) (*tls.Config, error) {
	pem, err := os.ReadFile(w.getenv("SINKHOLE_CERT"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("SINKHOLE_CERT holds no certificate")
	}
	return &tls.Config{RootCAs: pool, ServerName: certName, NextProtos: protocols}, nil
}

func (w *world) overTLS(q question, payload []byte) ([]byte, error) {
	conf, err := w.trust("dot")
	if err != nil {
		return nil, err
	}
	conn, err := dial(q)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(answerWithin))
	return overStream(tls.Client(conn, conf), payload)
}

func (w *world) overHTTPS(q question, payload []byte) ([]byte, error) {
	conf, err := w.trust()
	if err != nil {
		return nil, err
	}
	tr := &http.Transport{
		TLSClientConfig:   conf,
		ForceAttemptHTTP2: true,
		DisableKeepAlives: true,
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return dial(q) },
	}
	client := http.Client{Transport: tr, Timeout: answerWithin}
	resp, err := client.Post("https://"+certName+"/dns-query", "application/dns-message", bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, nil // no answer of DNS
	}
	return io.ReadAll(resp.Body)
}

func (w *world) overQUIC(q question, payload []byte) ([]byte, error) {
	conf, err := w.trust("doq")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(q.from, q.port)))
	if err != nil {
		return nil, err
	}
	defer udp.Close()
	tr := quic.Transport{Conn: udp}
	defer tr.Close()
	conn, err := tr.Dial(ctx, net.UDPAddrFromAddrPort(q.to), conf, nil)
	if err != nil {
		return nil, err
	}
	defer conn.CloseWithError(0, "")
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	stream.SetDeadline(time.Now().Add(answerWithin))
	payload = append([]byte{0, 0}, payload[2:]...) // the ID is 0 (RFC 9250 4.2.1)
	if err := writeFramed(stream, payload); err != nil {
		return nil, err
	}
	return readFramed(stream)
}

// writeFramed sends a message and ends the sending side, as each question of
// DoQ must (RFC 9250 4.2).
func writeFramed(s *quic.Stream, payload []byte) error {
	framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(payload))), payload...)
	if _, err := s.Write(framed); err != nil {
		return err
	}
	return s.Close()
}
