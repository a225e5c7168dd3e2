package sinkhole

import (
	"math"
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

	inside, apex []byte   // between the two there is no other zone
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
	l, ok := d.c.known.get(keyNS+string(name), d.now())
	if !ok {
		if !d.may(1) {
			return nil
		}
		l = d.learnServers(name)
	}
	if l.apex != nil {
		d.inside, d.apex = name, l.apex
	}
	for _, s := range l.servers {
		if _, met := d.addrs[string(s)]; !met {
			if d.addrs == nil {
				d.addrs = map[string]addresses{}
			}
			d.addrs[string(s)] = addresses{}
			d.unasked = append(d.unasked, string(s))
		}
	}
	return l.servers
}

// What is known stands under one of these and the name.
const (
	keyNS    = "ns "
	keyAddrs = "addrs "
)

// learnServers asks for the servers of the zone that name is the apex of.
func (d *delegations) learnServers(name []byte) (l learnt) {
	m := d.c.ask(askedServers, dns.Fqdn(dnsname.String(name)), dns.TypeNS)
	if m == nil || m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return l
	}
	ttl := uint32(math.MaxUint32)
	for _, rr := range m.Answer {
		ttl = min(ttl, rr.Header().Ttl)
		ns, ok := rr.(*dns.NS)
		if !ok || string(wireOf(rr.Header().Name)) != string(name) {
			continue
		}
		if s := wireOf(ns.Ns); s != nil {
			l.servers = append(l.servers, s)
		}
	}
	for _, rr := range m.Ns { // the zone that says there are none, or no such name
		apex := wireOf(rr.Header().Name)
		if rr.Header().Rrtype == dns.TypeSOA && len(m.Answer) == 0 && apex != nil && dnsname.Under(name, apex) {
			l.apex, ttl = apex, min(ttl, rr.Header().Ttl)
		}
	}
	if l.servers != nil || l.apex != nil {
		d.c.known.learn(keyNS+string(name), l, ttl, d.now())
	}
	return l
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

// addressesOf finds the addresses of servers, and asks for those that are not
// known.
func (d *delegations) addressesOf(servers []string) {
	var (
		asks  sync.WaitGroup
		mu    sync.Mutex
		room  = make(chan struct{}, askAtOnce)
		types = [...]uint16{dns.TypeA, dns.TypeAAAA}
		ask   []string
		ttls  = map[string]uint32{} // of what is asked for
	)
	for _, s := range servers {
		if l, ok := d.c.known.get(keyAddrs+s, d.now()); ok {
			d.addrs[s] = l.addrs
		} else if d.may(len(types)) {
			d.addrs[s], ttls[s] = addresses{known: true}, math.MaxUint32
			ask = append(ask, s)
		}
	}
	for _, s := range ask {
		for _, qtype := range types {
			room <- struct{}{}
			asks.Go(func() {
				defer func() { <-room }()
				found, ttl := d.ofType(s, qtype)
				mu.Lock()
				defer mu.Unlock()
				a := d.addrs[s]
				d.addrs[s], ttls[s] = addresses{append(a.all, found.all...), a.known && found.known}, min(ttls[s], ttl)
			})
		}
	}
	asks.Wait()
	for _, s := range ask {
		if d.addrs[s].known {
			d.c.known.learn(keyAddrs+s, learnt{addrs: d.addrs[s]}, ttls[s], d.now())
		}
	}
}

// ofType asks for the addresses of a server in one family. A fault of those below
// is no answer.
func (d *delegations) ofType(server string, qtype uint16) (found addresses, ttl uint32) {
	defer func() {
		if recover() != nil {
			bugs.Inc()
			found = addresses{}
		}
	}()
	m := d.c.ask(askedAddress, dns.Fqdn(dnsname.String([]byte(server))), qtype)
	if m == nil || m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return addresses{}, 0
	}
	found.known, ttl = true, math.MaxUint32
	for _, rr := range append(m.Answer[:len(m.Answer):len(m.Answer)], m.Ns...) {
		ttl = min(ttl, rr.Header().Ttl)
		switch rr := rr.(type) {
		case *dns.A:
			found.add(rr.A)
		case *dns.AAAA:
			found.add(rr.AAAA)
		}
	}
	return found, ttl
}

func (a *addresses) add(ip []byte) {
	if addr, ok := netip.AddrFromSlice(ip); ok {
		a.all = append(a.all, addr.Unmap())
	}
}

// may tells whether so many more questions are within bounds, and counts them.
func (d *delegations) may(questions int) bool {
	if d.asked+questions > maxOwnQuestions || time.Since(d.now()) > ownQuestionsFor {
		outOfBounds.Inc()
		return false
	}
	d.asked += questions
	return true
}

// now is when the servers were first asked for.
func (d *delegations) now() time.Time {
	if d.begun.IsZero() {
		d.begun = time.Now()
	}
	return d.begun
}

// wireOf is a name of an answer in wire form, nil for what is none.
func wireOf(text string) []byte {
	name, err := dnsname.Append(nil, text)
	if err != nil {
		return nil
	}
	return name
}
