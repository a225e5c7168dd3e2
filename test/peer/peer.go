// Package peer asks sinkhole and BIND the same questions under the same response
// policy zones, drawn at random, and compares what comes back. BIND is where the
// policy language comes from, and feeds are written for it.
//
//	world.go   the names that both resolve, on one upstream on loopback
//	draw.go    zones of a few rules each, from a seed
//	server.go  the two servers, started on the zones
//
// Where the two differ on purpose is said in accepted, with the reason.
package peer

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// question is one question from one address of loopback.
type question struct {
	name   string
	qtype  uint16
	client string
	tcp    bool
}

func (q question) String() string {
	over := "UDP"
	if q.tcp {
		over = "TCP"
	}
	return fmt.Sprintf("%s %s from %s by %s", q.name, dns.TypeToString[q.qtype], q.client, over)
}

// silence is how long an answer may take before it is none.
const silence = 500 * time.Millisecond

// ask says in words what a server answers: TC, or rcode and answer section without
// TTLs, in the order of the alphabet.
func ask(addr string, q question) string {
	m := new(dns.Msg).SetQuestion(q.name, q.qtype)
	m.SetEdns0(1232, false)
	network, local := "udp", net.Addr(&net.UDPAddr{IP: net.ParseIP(q.client)})
	if q.tcp {
		network, local = "tcp", &net.TCPAddr{IP: net.ParseIP(q.client)}
	}
	c := dns.Client{Net: network, Timeout: silence, Dialer: &net.Dialer{LocalAddr: local, Timeout: silence}}
	r, _, err := c.Exchange(m, addr)
	if err != nil {
		if timeout := net.Error(nil); errors.As(err, &timeout) || q.tcp {
			return "silence"
		}
		return err.Error()
	}
	if r.Truncated { // BIND leaves the rcode of what it would have said
		return "TC"
	}
	words := []string{dns.RcodeToString[r.Rcode]}
	var records []string
	for _, rr := range r.Answer {
		hdr := rr.Header()
		data := strings.TrimPrefix(rr.String(), hdr.String())
		records = append(records, strings.ToLower(fmt.Sprintf("%s %s %s", hdr.Name, dns.TypeToString[hdr.Rrtype], data)))
	}
	slices.Sort(records)
	return strings.Join(append(words, records...), "; ")
}
