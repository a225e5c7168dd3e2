package subscribers

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/miekg/dns"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// certificate writes a certificate for 127.0.0.1 and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"cert.pem": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		"key.pem":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})),
	})
	return filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
}

func trusting(alpn ...string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: alpn}
}

// encrypted asks over one of the encrypted transports.
var encrypted = map[string]func(t *testing.T, addr string, wire []byte) []byte{
	"tls": func(t *testing.T, addr string, wire []byte) []byte {
		conn, err := tls.Dial("tcp", addr, trusting())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write(dnsserver.AddPrefix(wire)); err != nil {
			t.Fatal(err)
		}
		return readPrefixed(t, conn)
	},
	"https": func(t *testing.T, addr string, wire []byte) []byte {
		tr := &http.Transport{TLSClientConfig: trusting(), ForceAttemptHTTP2: true}
		defer tr.CloseIdleConnections()
		return post(t, tr, addr, wire)
	},
	"https3": func(t *testing.T, addr string, wire []byte) []byte {
		tr := &http3.Transport{TLSClientConfig: trusting()}
		defer tr.Close()
		return post(t, tr, addr, wire)
	},
	"quic": func(t *testing.T, addr string, wire []byte) []byte {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		conn, err := quic.DialAddr(ctx, addr, trusting("doq"), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseWithError(0, "")
		stream, err := conn.OpenStreamSync(ctx)
		if err != nil {
			t.Fatal(err)
		}
		stream.SetDeadline(time.Now().Add(patience))
		wire = bytes.Clone(wire)
		wire[0], wire[1] = 0, 0 // RFC 9250, section 4.2.1
		if _, err := stream.Write(dnsserver.AddPrefix(wire)); err != nil {
			t.Fatal(err)
		}
		stream.Close()
		answer := readPrefixed(t, stream)
		if rest, err := io.ReadAll(stream); err != nil || len(rest) > 0 {
			t.Errorf("behind the answer: %d octets, %v; want the end of the stream", len(rest), err)
		}
		return answer
	},
}

func readPrefixed(t *testing.T, r io.Reader) []byte {
	t.Helper()
	var size uint16
	if err := binary.Read(r, binary.BigEndian, &size); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, size)
	if _, err := io.ReadFull(r, answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func post(t *testing.T, tr http.RoundTripper, addr string, wire []byte) []byte {
	t.Helper()
	c := http.Client{Transport: tr, Timeout: patience}
	r, err := c.Post("https://"+addr+"/dns-query", "application/dns-message", bytes.NewReader(wire))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	answer, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v", r.Status, err)
	}
	return answer
}

// TestEncrypted: the gate is the same on every transport, sources are proven,
// and answers of any size come whole.
func TestEncrypted(t *testing.T) {
	cert, key := certificate(t)
	for scheme, send := range encrypted {
		t.Run(scheme, func(t *testing.T) {
			inst := serve(t, fmt.Sprintf("%s://.:0 {\nbind 127.0.0.1\ntls %s %s\nprometheus 127.0.0.1:0\nsubscribers\nwitness\n}\n", scheme, cert, key))
			s := inst.Servers()[0]
			addr := s.Addr()
			if scheme == "quic" || scheme == "https3" {
				addr = s.LocalAddr()
			}
			norec := edns(question("host.example."), 4096)
			norec.RecursionDesired = false
			for _, tt := range []struct {
				name string
				ask  *dns.Msg
				want string
			}{
				{"a large answer comes whole", edns(question("large.example."), 512), "NOERROR 32 answers rd ra large.example. opt 1232 flags 0x0 ede 3 text 100"},
				{"also without EDNS", question("large.example."), "NOERROR 32 answers rd ra large.example."},
				{"RD clear", norec, "REFUSED 0 answers ra host.example. opt 1232 flags 0x0 ede 20 text 0"},
				{"who only returns a code", question("code.example."), "SERVFAIL 0 answers rd ra code.example."},
			} {
				t.Run(tt.name, func(t *testing.T) {
					r, wire := unpacked(t, send, addr.String(), tt.ask)
					if got := outline(r, wire); got != tt.want {
						t.Errorf("got  %s\nwant %s", got, tt.want)
					}
				})
			}
			r, _ := unpacked(t, send, addr.String(), question("host.example."))
			if got, want := seen(t, r), "127.0.0.1 stream proven"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
		t.Run(scheme+" from a stranger", func(t *testing.T) {
			inst := serve(t, fmt.Sprintf("%s://.:0 {\nbind 127.0.0.1\ntls %s %s\nsubscribers {\nserved 192.0.2.0/24\n}\nwitness\n}\n", scheme, cert, key))
			s := inst.Servers()[0]
			addr := s.Addr()
			if scheme == "quic" || scheme == "https3" {
				addr = s.LocalAddr()
			}
			r, wire := unpacked(t, send, addr.String(), edns(question("host.example."), 4096))
			if got, want := outline(r, wire), "REFUSED 0 answers rd host.example. opt 1232 flags 0x0 ede 18 text 0"; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func unpacked(t *testing.T, send func(*testing.T, string, []byte) []byte, addr string, m *dns.Msg) (*dns.Msg, []byte) {
	t.Helper()
	wire, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	answer := send(t, addr, wire)
	r := new(dns.Msg)
	if err := r.Unpack(answer); err != nil {
		t.Fatal(err)
	}
	return r, answer
}

// TestProxied: behind a balancer the address is the client's; over UDP nothing
// is proven, and the balancer's own address may not ask.
func TestProxied(t *testing.T) {
	inst := serve(t, ".:0 {\nbind 127.0.0.1\nproxyproto {\nallow 127.0.0.1/32\n}\nsubscribers {\nserved 192.0.2.0/24 2001:db8::/32\n}\nwitness\n}\n")
	tlvs := serve(t, ".:0 {\nbind 127.0.0.1\nproxyproto {\nallow 127.0.0.1/32\ntlv_metadata\n}\nsubscribers {\nserved 192.0.2.0/24 2001:db8::/32\n}\nwitness\n}\n")
	for _, client := range []string{"192.0.2.7", "2001:db8::7", "203.0.113.7"} {
		for network, want := range map[string]string{"udp": client, "tcp": client + " stream proven"} {
			if client == "203.0.113.7" {
				want = "REFUSED"
			}
			t.Run(client+" over "+network, func(t *testing.T) {
				for _, inst := range []*caddy.Instance{inst, tlvs} {
					addr := udpOf(inst)
					if network == "tcp" {
						addr = tcpOf(inst)
					}
					if got := seen(t, askProxied(t, network, addr, client)); got != want {
						t.Errorf("got %s, want %s", got, want)
					}
				}
			})
		}
	}
	if r, _ := ask(t, "udp", udpOf(inst), question("host.example.")); r.Rcode != dns.RcodeRefused {
		t.Errorf("the balancer itself: got %s, want REFUSED", dns.RcodeToString[r.Rcode])
	}
}

// askProxied asks as a balancer does for client, with PROXY protocol version 2.
func askProxied(t *testing.T, network, addr, client string) *dns.Msg {
	t.Helper()
	a := netip.MustParseAddr(client)
	family, size := byte(0x10), 12
	if a.Is6() {
		family, size = 0x20, 36
	}
	if network == "udp" {
		family |= 2
	} else {
		family |= 1
	}
	header := append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21"), family, 0, byte(size))
	header = append(header, a.AsSlice()...)
	header = append(header, a.AsSlice()...)
	header = append(header, 0x14, 0xe9, 0, 53)
	wire, err := question("host.example.").Pack()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if network == "tcp" {
		wire = dnsserver.AddPrefix(wire)
	}
	if _, err := conn.Write(append(header, wire...)); err != nil {
		t.Fatal(err)
	}
	c := dns.Conn{Conn: conn}
	r, err := c.ReadMsg()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// writer is a client at an address.
type writer struct {
	dns.ResponseWriter
	remote net.Addr
}

func (w writer) RemoteAddr() net.Addr { return w.remote }

// wrapped is an address as plugin proxyproto gives it.
type wrapped struct {
	net.Addr
	client net.Addr
}

func (w wrapped) Unwrap() net.Addr { return w.client }

func TestSourceOf(t *testing.T) {
	udp := func(ip string) *net.UDPAddr { return &net.UDPAddr{IP: net.ParseIP(ip), Port: 4242} }
	tcp := func(ip string) *net.TCPAddr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 4242} }
	early := &http.Request{TLS: &tls.ConnectionState{}}
	over := &http.Request{TLS: &tls.ConnectionState{HandshakeComplete: true}}
	for _, tt := range []struct {
		name, server string
		remote       net.Addr
		request      *http.Request
		want         string
	}{
		{"UDP", "dns://127.0.0.1:53", udp("192.0.2.7"), nil, "192.0.2.7:4242 false false"},
		{"UDP, v4-mapped", "dns://:53", udp("::ffff:192.0.2.7"), nil, "192.0.2.7:4242 false false"},
		{"UDP, on a link", "dns://:53", &net.UDPAddr{IP: net.ParseIP("fe80::1"), Port: 4242, Zone: "eth0"}, nil, "[fe80::1]:4242 false false"},
		{"TCP", "dns://:53", tcp("2001:db8::7"), nil, "[2001:db8::7]:4242 true true"},
		{"DoT", "tls://:853", tcp("192.0.2.7"), nil, "192.0.2.7:4242 true true"},
		{"DoH", "https://:443", tcp("192.0.2.7"), over, "192.0.2.7:4242 true true"},
		{"gRPC", "grpc://:443", tcp("192.0.2.7"), nil, "192.0.2.7:4242 true true"},
		{"DoQ", "quic://:853", udp("192.0.2.7"), nil, "192.0.2.7:4242 true true"},
		{"DoH3", "https3://:443", udp("192.0.2.7"), over, "192.0.2.7:4242 true true"},
		{"DoH3, early data", "https3://:443", udp("192.0.2.7"), early, "192.0.2.7:4242 true false"},
		{"UDP from a balancer", "dns://:53", wrapped{udp("127.0.0.1"), udp("192.0.2.7")}, nil, "192.0.2.7:4242 false false"},
		{"TCP from a balancer", "dns://:53", wrapped{tcp("127.0.0.1"), tcp("192.0.2.7")}, nil, "192.0.2.7:4242 true true"},
		{"no server", "", tcp("192.0.2.7"), nil, "192.0.2.7:4242 true true"},
		{"no address", "https://:443", &net.TCPAddr{Port: 4242}, over, "invalid AddrPort true true"},
		{"an address of no network", "dns://:53", &net.UnixAddr{Name: "/run/x", Net: "unix"}, nil, "invalid AddrPort false false"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := context.Background()
			if tt.server != "" {
				ctx = context.WithValue(ctx, dnsserver.Key{}, &dnsserver.Server{Addr: tt.server})
			}
			if tt.request != nil {
				ctx = context.WithValue(ctx, dnsserver.HTTPRequestKey{}, tt.request)
			}
			v := &visit{ResponseWriter: writer{remote: tt.remote}}
			v.tellSource(ctx)
			s := &v.source
			if got := fmt.Sprint(s.Addr, " ", s.Stream, " ", s.Proven); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestSourceAllocatesNothing: an address is a value.
func TestSourceAllocatesNothing(t *testing.T) {
	ctx := context.WithValue(context.Background(), dnsserver.Key{}, &dnsserver.Server{Addr: "dns://:53"})
	var w dns.ResponseWriter = writer{remote: &net.UDPAddr{IP: net.ParseIP("fe80::1"), Port: 4242, Zone: "eth0"}}
	v := &visit{ResponseWriter: w}
	if n := testing.AllocsPerRun(100, func() { v.tellSource(ctx) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
	if !v.source.Addr.IsValid() {
		t.Error("no address")
	}
}
