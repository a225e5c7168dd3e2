package sinkhole

import (
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

const (
	// maxOwnQuestions bounds what one client's question may make us ask for the
	// servers of its names. A name under a top-level domain takes 4 for the servers
	// and 64 for their addresses: 13 of the root, 13 of the domain, some of its own,
	// each by A and AAAA.
	maxOwnQuestions = 256
	// ownQuestionsFor bounds how long after the first another is begun.
	ownQuestionsFor = 5 * time.Second
	// askAtOnce is how many addresses are asked for at the same time.
	askAtOnce = 16
)

// delegations are the servers of the names that one query has to do with, asked
// for as far as a zone wants to know.
//
// As in BIND (lib/ns/query.c, rpz_rewrite) a zone whose servers cannot be known
// is passed over, and a server whose addresses cannot be known makes SERVFAIL:
// else whoever has an address refused at the right moment gets by. What goes over
// a bound cannot be known.
type delegations struct {
	c     *client
	begun time.Time
	asked int

	inside, apex []byte // between the two there is no other zone
	servers      map[string][][]byte
	unasked      []string // servers found whose addresses nobody has asked for
	addrs        map[string]addresses
}

// addresses are those of a server.
type addresses struct {
	all   []netip.Addr
	known bool
}

// NS implements policy.Delegations.
func (d *delegations) NS(name []byte) (servers [][]byte) {
	if d.inside != nil && dnsname.Under(d.inside, name) && dnsname.Under(name, d.apex) && len(name) > len(d.apex) {
		return nil
	}
	servers, ok := d.servers[string(name)]
	if ok || !d.may(1) {
		return servers
	}
	if d.servers == nil {
		d.servers = map[string][][]byte{}
		d.addrs = map[string]addresses{}
	}
	servers = d.serversOf(name)
	d.servers[string(name)] = servers
	for _, s := range servers {
		if _, known := d.addrs[string(s)]; !known {
			d.addrs[string(s)] = addresses{}
			d.unasked = append(d.unasked, string(s))
		}
	}
	return servers
}

func (d *delegations) serversOf(name []byte) (servers [][]byte) {
	m := d.c.ask(askedServers, dns.Fqdn(dnsname.String(name)), dns.TypeNS)
	if m == nil || m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return nil
	}
	for _, rr := range m.Answer {
		ns, ok := rr.(*dns.NS)
		if !ok || string(wireOf(rr.Header().Name)) != string(name) {
			continue
		}
		if s := wireOf(ns.Ns); s != nil {
			servers = append(servers, s)
		}
	}
	for _, rr := range m.Ns { // the zone that says there are none, or no such name
		if apex := wireOf(rr.Header().Name); rr.Header().Rrtype == dns.TypeSOA && len(m.Answer) == 0 && dnsname.Under(name, apex) {
			d.inside, d.apex = name, apex
		}
	}
	return servers
}

// Addrs implements policy.Delegations. The first time it asks for the addresses of
// all servers found so far: whoever wants one wants them all.
func (d *delegations) Addrs(server []byte) (addrs []netip.Addr, ok bool) {
	if len(d.unasked) > 0 {
		d.addressesOf(d.unasked)
		d.unasked = nil
	}
	a := d.addrs[string(server)]
	return a.all, a.known
}

// addressesOf asks for the addresses of servers.
func (d *delegations) addressesOf(servers []string) {
	var (
		asks  sync.WaitGroup
		mu    sync.Mutex
		room  = make(chan struct{}, askAtOnce)
		types = [...]uint16{dns.TypeA, dns.TypeAAAA}
	)
	for i, s := range servers {
		if !d.may(len(types)) {
			servers = servers[:i]
			break
		}
		d.addrs[s] = addresses{known: true}
	}
	for _, s := range servers {
		for _, qtype := range types {
			room <- struct{}{}
			asks.Go(func() {
				defer func() { <-room }()
				found := d.ofType(s, qtype)
				mu.Lock()
				defer mu.Unlock()
				a := d.addrs[s]
				d.addrs[s] = addresses{append(a.all, found.all...), a.known && found.known}
			})
		}
	}
	asks.Wait()
}

// ofType asks for the addresses of a server in one family. A fault of those below
// is no answer.
func (d *delegations) ofType(server string, qtype uint16) (found addresses) {
	defer func() {
		if recover() != nil {
			bugs.Inc()
			found = addresses{}
		}
	}()
	m := d.c.ask(askedAddress, dns.Fqdn(dnsname.String([]byte(server))), qtype)
	if m == nil || m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return addresses{}
	}
	found.known = true
	for _, rr := range m.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			found.add(rr.A)
		case *dns.AAAA:
			found.add(rr.AAAA)
		}
	}
	return found
}

func (a *addresses) add(ip []byte) {
	if addr, ok := netip.AddrFromSlice(ip); ok {
		a.all = append(a.all, addr.Unmap())
	}
}

// may tells whether so many more questions are within bounds, and counts them.
func (d *delegations) may(questions int) bool {
	if d.begun.IsZero() {
		d.begun = time.Now()
	}
	if d.asked+questions > maxOwnQuestions || time.Since(d.begun) > ownQuestionsFor {
		outOfBounds.Inc()
		return false
	}
	d.asked += questions
	return true
}

// wireOf is a name of an answer in wire form, nil for what is none.
func wireOf(text string) []byte {
	name, err := dnsname.Append(nil, text)
	if err != nil {
		return nil
	}
	return name
}
