package peer

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// world is what the names of this test resolve to. Each of four domains has
// hosts, aliases in its own and other domains, and name servers of its own.
type world struct {
	records map[string][]dns.RR
	names   []string // that are asked
}

const (
	domains = 4
	hosts   = 5
)

func newWorld() *world {
	w := &world{records: map[string][]dns.RR{}}
	w.add("example. NS ns.registry.example.", "ns.registry.example. A 203.0.113.250")
	for d := range domains {
		zone := fmt.Sprintf("d%d.example.", d)
		w.add(fmt.Sprintf("%s NS ns1.p%d.example.", zone, d%3), fmt.Sprintf("%s NS ns2.p%d.example.", zone, (d+1)%3))
		w.asked(zone, fmt.Sprintf("A 203.0.113.%d", d))
		for h := range hosts {
			name := fmt.Sprintf("h%d.%s", h, zone)
			w.asked(name, fmt.Sprintf("A 192.0.2.%d", d*16+h), fmt.Sprintf("A 198.51.100.%d", h*16+d),
				fmt.Sprintf("AAAA 2001:db8:%d::%d", d, h+1), fmt.Sprintf(`TXT "host %d"`, h))
			w.asked("sub."+name, fmt.Sprintf("A 192.0.2.%d", 128+d*16+h))
		}
		w.asked("alias."+zone, fmt.Sprintf("CNAME h1.d%d.example.", (d+1)%domains))
		w.asked("far."+zone, fmt.Sprintf("CNAME alias.d%d.example.", (d+2)%domains))
		w.names = append(w.names, "gone."+zone, "deep.sub.h0."+zone)
	}
	for p := range 3 {
		zone := fmt.Sprintf("p%d.example.", p)
		w.add(fmt.Sprintf("%s NS ns1.%s", zone, zone), fmt.Sprintf("%s NS ns2.%s", zone, zone))
		w.add(fmt.Sprintf("ns1.%s A 203.0.113.%d", zone, 100+p*10), fmt.Sprintf("ns2.%s A 203.0.113.%d", zone, 101+p*10))
		w.add(fmt.Sprintf("ns1.%s AAAA 2001:db8:53::%d", zone, p+1))
	}
	w.asked("garden.example.", "A 192.0.2.254", `TXT "walled"`)
	w.asked("h1.d0.example.garden.example.", "A 192.0.2.253")
	return w
}

func (w *world) add(records ...string) {
	for _, text := range records {
		rr, err := dns.NewRR("$TTL 300\n" + text)
		if err != nil {
			panic(err)
		}
		w.records[rr.Header().Name] = append(w.records[rr.Header().Name], rr)
	}
}

// asked adds records of a name that is asked.
func (w *world) asked(name string, records ...string) {
	for _, r := range records {
		w.add(name + " " + r)
	}
	w.names = append(w.names, name)
}

// listen serves the world on loopback, UDP and TCP, as a resolver.
func (w *world) listen() (addr string, stop func(), err error) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	ln, err := net.Listen("tcp", pc.LocalAddr().String())
	if err != nil {
		pc.Close()
		return "", nil, err
	}
	both := []*dns.Server{{PacketConn: pc, Handler: w}, {Listener: ln, Handler: w}}
	for _, s := range both {
		go s.ActivateAndServe()
	}
	return pc.LocalAddr().String(), func() {
		for _, s := range both {
			s.Shutdown()
		}
	}, nil
}

// ServeDNS implements dns.Handler.
func (w *world) ServeDNS(to dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true
	name, qtype := strings.ToLower(q.Question[0].Name), q.Question[0].Qtype
	for range 8 {
		next := ""
		for _, rr := range w.records[name] {
			cname, alias := rr.(*dns.CNAME)
			if rr.Header().Rrtype == qtype || alias {
				m.Answer = append(m.Answer, rr)
			}
			if alias && qtype != dns.TypeCNAME {
				next = cname.Target
			}
		}
		if next == "" {
			break
		}
		name = next
	}
	if len(m.Answer) == 0 || m.Answer[len(m.Answer)-1].Header().Rrtype == dns.TypeCNAME && qtype != dns.TypeCNAME {
		if !w.exists(name) {
			m.Rcode = dns.RcodeNameError
		}
		soa, _ := dns.NewRR(w.zoneOf(name) + " 300 SOA ns.registry.example. hostmaster.example. 1 7200 3600 1209600 300")
		m.Ns = []dns.RR{soa}
	}
	if q.IsEdns0() != nil {
		m.SetEdns0(1232, false)
	}
	to.WriteMsg(m)
}

// zoneOf is the closest name at or above that has name servers.
func (w *world) zoneOf(name string) string {
	for !slices.ContainsFunc(w.records[name], func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeNS }) {
		at, end := dns.NextLabel(name, 0)
		if end {
			return "."
		}
		name = name[at:]
	}
	return name
}

// exists: the name or one below it has records.
func (w *world) exists(name string) bool {
	if len(w.records[name]) > 0 {
		return true
	}
	for other := range w.records {
		if dns.IsSubDomain(name, other) {
			return true
		}
	}
	return false
}

// questions are all names, in a few types and from a few clients.
func (w *world) questions() (all []question) {
	for i, name := range w.names {
		for j, qtype := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeMX} {
			all = append(all, question{name: name, qtype: qtype, client: clients[(i+j)%len(clients)], tcp: (i+j)%7 == 0})
		}
		if slices.ContainsFunc(w.records[name], func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeCNAME }) {
			all = append(all, question{name: name, qtype: dns.TypeCNAME, client: clients[i%len(clients)]})
		}
	}
	return all
}

// delegations brings a server to know all name servers. BIND answers the first
// question of a domain before it does, when it asks another resolver and not the
// domain's parents, and matches no name server then.
func (w *world) delegations(addr string) error {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	for range 2 {
		for name, records := range w.records {
			asked := map[uint16]bool{}
			for _, rr := range records {
				qtype := rr.Header().Rrtype
				if servers := strings.HasPrefix(name, "ns") || qtype == dns.TypeNS; !servers || asked[qtype] {
					continue
				}
				asked[qtype] = true
				b, err := new(dns.Msg).SetQuestion(name, qtype).Pack()
				if err != nil {
					return err
				}
				conn.Write(b) // what comes back, or does not, is nothing to us
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
	return nil
}

// clients are addresses of loopback that ask.
var clients = []string{"127.0.0.1", "127.0.0.2", "127.0.1.5"}
