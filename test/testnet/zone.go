package testnet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const defaultTTL = 300 // seconds, of every record that says none

// zone is a Zone that serves: its records by name and type, and what follows
// from them.
type zone struct {
	Zone
	origin string
	key    *key // nil where nothing is signed
	now    time.Time

	mu    sync.Mutex // guards what follows
	names map[string]map[uint16][]dns.RR
	// exist are the owners and the empty non-terminals above them.
	exist map[string]bool
	// owners are the names of the NSEC chain in canonical order; hashed those
	// of the NSEC3 chain, in the order of their hashes.
	owners []string
	hashed []hashedName
	// sigs are the signatures made so far.
	sigs map[rrset]*dns.RRSIG
}

// rrset names a set within its zone.
type rrset struct {
	name   string
	rrtype uint16
}

func newZone(spec Zone, now time.Time) (*zone, error) {
	if len(spec.Servers) == 0 {
		return nil, fmt.Errorf("testnet: zone %s has no server; want one of %s", spec.Name, strings.Join(serverNames, ", "))
	}
	for _, s := range spec.Servers {
		if !slices.Contains(serverNames, s) {
			return nil, fmt.Errorf("testnet: zone %s: %q is no server; want one of %s", spec.Name, s, strings.Join(serverNames, ", "))
		}
	}
	z := &zone{Zone: spec, origin: dns.CanonicalName(spec.Name), now: now, names: map[string]map[uint16][]dns.RR{}}
	// $TTL, for without it a record takes the TTL of the one before it (RFC 1035 5.1).
	text := fmt.Sprintf("$TTL %d\n%s\n", defaultTTL, spec.Records)
	text += fmt.Sprintf("@ %d SOA %s hostmaster 1 3600 600 86400 %[1]d\n", negativeTTL, z.serverName(0))
	for i, s := range spec.Servers {
		text += fmt.Sprintf("@ NS %s\n%s A %s\n", z.serverName(i), z.serverName(i), Address(s))
	}
	p := dns.NewZoneParser(strings.NewReader(text), z.origin, "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		z.add(rr)
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("testnet: zone %s: %w", z.origin, err)
	}
	if spec.Denial == None {
		return z, nil
	}
	var err error
	if z.key, err = newKey(z.origin); err != nil {
		return nil, err
	}
	if !z.signed() {
		return z, nil
	}
	z.add(z.key.public)
	if z.hashes() {
		z.add(&dns.NSEC3PARAM{Hdr: header(z.origin, dns.TypeNSEC3PARAM, 0), Hash: dns.SHA1})
	}
	return z, nil
}

// signed says whether answers carry signatures and proofs.
func (z *zone) signed() bool { return z.key != nil && z.Flaw != NoSignature }

func (z *zone) hashes() bool { return z.Denial == NSEC3 || z.Denial == OptOut }

// serverName is the i-th name server's name: below the zone, so that its
// address is glue; the root's are below root.
func (z *zone) serverName(i int) string {
	if z.origin == "." {
		return string(rune('a'+i)) + ".root."
	}
	return fmt.Sprintf("ns%d.%s", i+1, z.origin)
}

func header(name string, rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

func (z *zone) add(rr dns.RR) {
	h := rr.Header()
	h.Name = dns.CanonicalName(h.Name)
	z.replace(h.Name, h.Rrtype, append(z.names[h.Name][h.Rrtype], rr))
}

// replace makes set the records of name and type; an empty one takes them away.
func (z *zone) replace(name string, rrtype uint16, set []dns.RR) {
	if len(set) == 0 {
		delete(z.names[name], rrtype)
		if len(z.names[name]) == 0 {
			delete(z.names, name)
		}
		return
	}
	if z.names[name] == nil {
		z.names[name] = map[uint16][]dns.RR{}
	}
	z.names[name][rrtype] = set
}

// delegate enters child: its NS, their addresses, and a DS where child is signed.
func (z *zone) delegate(child *zone) error {
	for _, ns := range child.names[child.origin][dns.TypeNS] {
		z.add(ns)
		for _, a := range child.names[ns.(*dns.NS).Ns][dns.TypeA] {
			z.add(a)
		}
	}
	if child.key == nil {
		return nil
	}
	key := child.key
	if child.Flaw == ForeignDS {
		var err error
		if key, err = newKey(child.origin); err != nil {
			return err
		}
	}
	ds := key.public.ToDS(dns.SHA256)
	ds.Hdr.Ttl = defaultTTL
	z.add(ds)
	return nil
}

// arrange computes what follows from the records, and forgets all signatures.
func (z *zone) arrange() {
	z.sigs = map[rrset]*dns.RRSIG{}
	z.exist = map[string]bool{}
	z.owners, z.hashed = nil, nil
	for name := range z.names {
		for ; name != z.origin; name = parentName(name) {
			z.exist[name] = true
		}
	}
	z.exist[z.origin] = true
	for name := range z.names {
		if cut := z.cut(name); cut == "" || cut == name {
			z.owners = append(z.owners, name)
		}
	}
	slices.SortFunc(z.owners, canonical)
	if z.hashes() {
		z.hashOwners()
	}
}

// cut is the delegation at or above name, nearest to the apex; "" where z is
// authoritative for name.
func (z *zone) cut(name string) string {
	found := ""
	for ; name != z.origin; name = parentName(name) {
		if z.names[name][dns.TypeNS] != nil {
			found = name
		}
	}
	return found
}

// encloser is the closest ancestor of name that exists (RFC 4592 3.3.1), and the
// name one label below it on the way to name.
func (z *zone) encloser(name string) (closest, next string) {
	for !z.exist[name] {
		next, name = name, parentName(name)
	}
	return name, next
}

// types are those at name, as the zone's denials list them.
func (z *zone) types(name string, denial uint16) []uint16 {
	all := slices.Collect(maps.Keys(z.names[name]))
	if z.cut(name) == name {
		all = slices.DeleteFunc(all, func(t uint16) bool { return t != dns.TypeNS && t != dns.TypeDS })
	}
	// At a delegation without DS an NSEC3 stands alone: nothing there is signed.
	signed := z.cut(name) == "" && len(all) > 0 || slices.Contains(all, dns.TypeDS)
	if denial == dns.TypeNSEC {
		all = append(all, dns.TypeNSEC)
		signed = true
	}
	if signed {
		all = append(all, dns.TypeRRSIG)
	}
	slices.Sort(all)
	return all
}

// parentName is name without its first label; the root is its own parent.
func parentName(name string) string {
	if i, end := dns.NextLabel(name, 0); !end {
		return name[i:]
	}
	return "."
}

// canonical orders names as RFC 4034 6.1 says: by labels from the right.
func canonical(a, b string) int {
	la, lb := dns.SplitDomainName(a), dns.SplitDomainName(b)
	slices.Reverse(la)
	slices.Reverse(lb)
	return slices.Compare(la, lb)
}
