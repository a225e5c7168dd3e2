package main

import (
	"net"
	"strings"

	"github.com/miekg/dns"
)

// authority answers for all names that are not listed, so that both servers can
// resolve without a network.
type authority struct {
	addr    string
	servers []*dns.Server
}

const cachedTTL = 86400 // seconds: longer than any run

func startAuthority() (*authority, error) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", pc.LocalAddr().String())
	if err != nil {
		pc.Close()
		return nil, err
	}
	a := &authority{addr: pc.LocalAddr().String()}
	h := dns.HandlerFunc(answer)
	a.servers = []*dns.Server{{PacketConn: pc, Handler: h}, {Listener: ln, Handler: h}}
	for _, s := range a.servers {
		go s.ActivateAndServe()
	}
	return a, nil
}

func (a *authority) stop() {
	for _, s := range a.servers {
		s.Shutdown()
	}
}

func answer(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	m.Authoritative, m.RecursionAvailable = true, true
	name := strings.ToLower(q.Question[0].Name)
	soa, _ := dns.NewRR("bench.example. 86400 SOA ns.bench.example. hostmaster.bench.example. 1 7200 3600 1209600 86400")
	switch {
	case !dns.IsSubDomain("bench.example.", name):
		m.Rcode = dns.RcodeRefused
	case q.Question[0].Qtype == dns.TypeA && name != "bench.example.":
		m.Answer = []dns.RR{&dns.A{
			Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: cachedTTL},
			A:   net.IPv4(192, 0, 2, 1).To4(),
		}}
	default:
		m.Ns = []dns.RR{soa}
	}
	if q.IsEdns0() != nil {
		m.SetEdns0(1232, false)
	}
	w.WriteMsg(m)
}
