// Package testnet is a small signed internet on loopback: a root, top-level
// domains and zones, sound ones and broken ones, for a real resolver to iterate
// over. It listens on port 53 of addresses in 127.53.0.0/24, so a test runs it
// in a network namespace of its own: Isolated makes one.
//
// # The map
//
//	.                 NSEC    root     the anchor of everything; a.root. is its server
//	├── corp-a.       NSEC3   tld      a top-level domain that denies with hashes
//	│   ├── shop      NSEC3   zones    secure below NSEC3
//	│   └── ads       none    zones    insecure: no DS, denied by NSEC3
//	├── corp-b.       none    tld      insecure from the root down
//	│   └── tracker   none    zones    what lists name: t1, t2, *.wild
//	└── zone.         NSEC    tld      a top-level domain that denies with names
//	    ├── secure    NSEC    zones    the sound one: see its names below
//	    ├── nsec3     NSEC3   zones    sound, denies with hashes
//	    ├── optout    opt-out zones    NSEC3 over its secure names only
//	    │   ├── child none    zones    insecure below opt-out: no NSEC3 of its own
//	    │   └── sub   NSEC    zones    secure below opt-out
//	    ├── insecure  none    zones    no DS
//	    ├── bogus     NSEC    zones    signatures with a bit turned
//	    ├── expired   NSEC    zones    signatures that ended days ago
//	    ├── future    NSEC    zones    signatures that begin in days
//	    ├── unsigned  NSEC    zones    a DS in the parent, and no signatures
//	    ├── wrongds   NSEC    zones    a DS for a key that is not there
//	    ├── lame      none    lame     its server refuses
//	    ├── half      none    silent and zones: one of two servers is dead
//	    ├── slow      NSEC    slow     answers after SetDelay
//	    └── silent    none    silent   never answers
//
// Servers are root 127.53.0.1, tld .2, zones .3, lame .4, slow .5, silent .6.
//
// Names worth knowing (Internet has them all):
//
//	www.ZONE                    A and AAAA, in every zone that answers
//	*.bulk.secure.zone          a wildcard, as many names as a test wants; a
//	                            resolver may make them up itself (RFC 8198)
//	*.any.insecure.zone         and one whose every name its server is asked for
//	big, huge.secure.zone       TXT of about 2,300 and 12,000 octets: TCP
//	ttl0, ttlmax, ttlover       TTL 0, 2^31-1, and 2^32-1, which means 0 (RFC 2181) or a lot (RFC 8767)
//	chain.secure.zone           CNAME to secure, insecure, NSEC3, and an address
//	safe-chain.secure.zone      the same through secure zones only
//	loop.secure.zone            CNAME to a CNAME back
//	x.old.secure.zone           DNAME old.secure.zone to new.nsec3.zone
//	cdn.secure.zone             CNAME to t1.tracker.corp-b
//	edited.ZONE                 with a TTL of 2: insecure, slow, half and others
//	shared.secure.zone          A 203.0.113.66, the address that lists name
//	svc, alias, ads-svc         HTTPS with hints; alias mode; a listed target
//	reveal, shared.bogus.zone   bogus answers that show a listed name, address
//	a.b.ent.secure.zone         makes b.ent and ent empty non-terminals
//
// # Keys
//
// Each Net makes its keys anew (ECDSA P-256, one key a zone, flags 257) and
// signs an RRset when it is first asked for. TrustAnchorFile holds the root's
// DS; without it a resolver finds the whole tree bogus.
package testnet

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Options may stay empty.
type Options struct {
	// Zones stand beside those of Internet; a parent must be among either.
	Zones []Zone
	// Now is the time by which signatures are made; zero is the time of Start.
	Now time.Time
	// SlowBy is how long the server "slow" takes at first; zero is 300 ms.
	SlowBy time.Duration
}

// Net is a running test internet.
type Net struct {
	servers map[string]*server
	zones   map[string]*zone // by origin

	mu      sync.Mutex // guards queries
	queries []Query
}

// Query is a question that an authoritative server saw.
type Query struct {
	Server string // "root", "tld", ...
	Name   string // lower case, with the final dot
	Type   uint16
	TCP    bool
}

func (q Query) String() string {
	return fmt.Sprintf("%s %s at %s", q.Name, dns.TypeToString[q.Type], q.Server)
}

// Start listens and serves until ctx ends or Close is called. The addresses must
// be free: see Isolated.
func Start(ctx context.Context, o Options) (*Net, error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	if o.SlowBy == 0 {
		o.SlowBy = 300 * time.Millisecond
	}
	n := &Net{servers: map[string]*server{}, zones: map[string]*zone{}}
	if err := n.build(slices.Concat(Internet(), o.Zones), o.Now); err != nil {
		return nil, err
	}
	for _, name := range serverNames {
		n.servers[name] = newServer(n, name)
	}
	n.servers["lame"].zones = nil
	n.servers["silent"].silent.Store(true)
	n.servers["slow"].delay.Store(int64(o.SlowBy))
	for _, s := range n.servers {
		if err := s.listen(ctx); err != nil {
			n.Close()
			return nil, err
		}
	}
	context.AfterFunc(ctx, n.Close)
	return n, nil
}

// Close stops serving. When it returns the addresses are free again.
func (n *Net) Close() {
	for _, s := range n.servers {
		s.close()
	}
}

// build makes the zones, and enters each in the one above it.
func (n *Net) build(all []Zone, now time.Time) error {
	for _, spec := range all {
		z, err := newZone(spec, now)
		if err != nil {
			return err
		}
		if n.zones[z.origin] != nil {
			return fmt.Errorf("testnet: zone %s stands twice", z.origin)
		}
		n.zones[z.origin] = z
	}
	for _, z := range n.zones {
		if z.origin == "." {
			continue
		}
		parent := n.zoneOf(parentName(z.origin))
		if parent == nil {
			return fmt.Errorf("testnet: zone %s has no parent", z.origin)
		}
		if err := parent.delegate(z); err != nil {
			return err
		}
	}
	for _, z := range n.zones {
		z.arrange()
	}
	return nil
}

// zoneOf is the zone that holds name.
func (n *Net) zoneOf(name string) *zone {
	for {
		if z := n.zones[name]; z != nil || name == "." {
			return z
		}
		name = parentName(name)
	}
}

// TrustAnchorFile writes the root's DS into dir, as a trust anchor in the form
// that Unbound's trust-anchor-file reads, and returns the file's path.
func (n *Net) TrustAnchorFile(dir string) (string, error) {
	ds := n.zones["."].key.public.ToDS(dns.SHA256)
	// Blanks and no tabs: the line also serves as the value of `trust-anchor:`.
	return write(dir, "root.key", strings.ReplaceAll(ds.String(), "\t", " ")+"\n")
}

// UnboundInclude writes lines of unbound.conf for behind a `server:`, and
// returns the file's path: our root in place of the real one, servers on
// loopback allowed, and nothing tried over IPv6.
//
// The root stands there as a stub zone and not as root-hints: Debian's AppArmor
// profile lets Unbound read no file of a temporary directory, and these lines
// need none.
func (n *Net) UnboundInclude(dir string) (string, error) {
	var b strings.Builder
	b.WriteString("do-not-query-localhost: no\ndo-ip6: no\n")
	// A resolver that filters loopback addresses out of answers would lose the
	// glue of the whole test internet.
	for origin := range n.zones {
		if origin != "." && parentName(origin) == "." {
			fmt.Fprintf(&b, "private-domain: %q\n", origin)
		}
	}
	b.WriteString("private-domain: \"root.\"\n")
	fmt.Fprintf(&b, "stub-zone:\n  name: \".\"\n  stub-addr: %s\n  stub-prime: no\n", Address("root"))
	return write(dir, "unbound.include", b.String())
}

func write(dir, name, text string) (string, error) {
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// Queries are all questions seen since the start, or since Forget.
func (n *Net) Queries() []Query {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.queries)
}

// Asked are the questions for name and what lies below it.
func (n *Net) Asked(name string) []Query {
	name = dns.CanonicalName(name)
	return slices.DeleteFunc(n.Queries(), func(q Query) bool { return !dns.IsSubDomain(name, q.Name) })
}

// Forget empties the log of questions.
func (n *Net) Forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.queries = nil
}

func (n *Net) saw(q Query) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.queries = append(n.queries, q)
}

// SetDelay makes a server, by its name, answer each question after d.
func (n *Net) SetDelay(server string, d time.Duration) { n.servers[server].delay.Store(int64(d)) }

// SetSilent makes a server, by its name, answer nothing until it is told to
// answer again.
func (n *Net) SetSilent(server string, silent bool) { n.servers[server].silent.Store(silent) }

// Edit replaces the records of one name and type, by their data in presentation
// form; the TTL stays, a new set has 300. Without data the set goes. The zone is
// signed anew.
//
//	n.Edit("www.secure.zone.", dns.TypeA, "192.0.2.99")
func (n *Net) Edit(name string, rrtype uint16, data ...string) error {
	name = dns.CanonicalName(name)
	z := n.zoneOf(name)
	z.mu.Lock()
	defer z.mu.Unlock()
	ttl := uint32(defaultTTL)
	if old := z.names[name][rrtype]; old != nil {
		ttl = old[0].Header().Ttl
	}
	var set []dns.RR
	for _, d := range data {
		rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", name, ttl, dns.TypeToString[rrtype], d))
		if err != nil {
			return fmt.Errorf("testnet: %s %s %q: %w", name, dns.TypeToString[rrtype], d, err)
		}
		set = append(set, rr)
	}
	z.replace(name, rrtype, set)
	z.arrange()
	return nil
}

// serverNames are the servers in the order of their addresses.
var serverNames = []string{"root", "tld", "zones", "lame", "slow", "silent"}

// Address is where a server, by its name, listens on port 53.
func Address(server string) netip.Addr {
	i := slices.Index(serverNames, server)
	if i < 0 {
		panic("testnet: no server is called " + server)
	}
	return netip.AddrFrom4([4]byte{127, 53, 0, byte(i + 1)})
}
