package testnet

import (
	"slices"
	"sort"
	"strings"

	"github.com/miekg/dns"
)

// negativeTTL is the SOA's MINIMUM: what a denial may be kept (RFC 2308).
const negativeTTL = 60 // seconds

// A proof is a list of NSEC or NSEC3 records. These four are those of RFC 4035
// 3.1.3 and RFC 5155 7.2; a zone that is not signed proves nothing.

// denyType proves that name exists and lacks a type.
func (z *zone) denyType(name string) []dns.RR {
	if !z.hashes() {
		return z.nsec(name)
	}
	if rr := z.nsec3At(name); rr != nil {
		return []dns.RR{rr}
	}
	return z.encloserProof(name) // below opt-out a delegation has no NSEC3
}

// denyName proves that name does not exist, and no wildcard stands in for it.
func (z *zone) denyName(name string) []dns.RR {
	closest, _ := z.encloser(name)
	if !z.hashes() {
		return append(z.nsec(name), z.nsec("*."+strings.TrimPrefix(closest, "."))...)
	}
	return append(z.encloserProof(name), z.nsec3Over("*."+strings.TrimPrefix(closest, ".")))
}

// denyExpanded proves that name, which a wildcard answered, does not exist.
func (z *zone) denyExpanded(name string) []dns.RR {
	if !z.hashes() {
		return z.nsec(name)
	}
	_, next := z.encloser(name)
	return []dns.RR{z.nsec3Over(next)}
}

// denyWildcardType proves that name does not exist and the wildcard that stands
// in for it lacks a type.
func (z *zone) denyWildcardType(name, wildcard string) []dns.RR {
	if !z.hashes() {
		return append(z.nsec(name), z.nsec(wildcard)...)
	}
	return append(z.encloserProof(name), z.nsec3At(wildcard))
}

// nsec is the record at name or, where it has none, the one that covers it.
func (z *zone) nsec(name string) []dns.RR {
	if z.Denial != NSEC {
		return nil
	}
	i, found := slices.BinarySearchFunc(z.owners, name, canonical)
	if !found {
		i-- // the apex sorts first and is an owner, so there is one before
	}
	owner := z.owners[i]
	return []dns.RR{&dns.NSEC{
		Hdr:        header(owner, dns.TypeNSEC, negativeTTL),
		NextDomain: z.owners[(i+1)%len(z.owners)],
		TypeBitMap: z.types(owner, dns.TypeNSEC),
	}}
}

// hashedName is a link of the NSEC3 chain: no salt and no iterations (RFC 9276).
type hashedName struct{ hash, name string }

func hashOf(name string) string { return dns.HashName(name, dns.SHA1, 0, "") }

// hashOwners makes the NSEC3 chain: owners and empty non-terminals, without the
// delegations that opt-out leaves out.
func (z *zone) hashOwners() {
	chained := map[string]bool{z.origin: true}
	for _, name := range z.owners {
		if z.Denial == OptOut && z.cut(name) == name && z.names[name][dns.TypeDS] == nil {
			continue
		}
		for ; name != z.origin; name = parentName(name) {
			chained[name] = true
		}
	}
	for name := range chained {
		z.hashed = append(z.hashed, hashedName{hashOf(name), name})
	}
	slices.SortFunc(z.hashed, func(a, b hashedName) int { return strings.Compare(a.hash, b.hash) })
}

func (z *zone) nsec3(i int) dns.RR {
	flags := uint8(0)
	if z.Denial == OptOut {
		flags = 1
	}
	owner := strings.ToLower(z.hashed[i].hash) + "." + strings.TrimPrefix(z.origin, ".")
	return &dns.NSEC3{
		Hdr:        header(owner, dns.TypeNSEC3, negativeTTL),
		Hash:       dns.SHA1,
		Flags:      flags,
		HashLength: 20,
		NextDomain: z.hashed[(i+1)%len(z.hashed)].hash,
		TypeBitMap: z.types(z.hashed[i].name, dns.TypeNSEC3),
	}
}

// nsec3At is the record of name, nil where it has none.
func (z *zone) nsec3At(name string) dns.RR {
	h := hashOf(name)
	i := sort.Search(len(z.hashed), func(i int) bool { return z.hashed[i].hash >= h })
	if i == len(z.hashed) || z.hashed[i].hash != h {
		return nil
	}
	return z.nsec3(i)
}

// nsec3Over is the record whose interval holds the hash of name.
func (z *zone) nsec3Over(name string) dns.RR {
	h := hashOf(name)
	i := sort.Search(len(z.hashed), func(i int) bool { return z.hashed[i].hash >= h })
	return z.nsec3((i + len(z.hashed) - 1) % len(z.hashed))
}

// encloserProof is the closest provable encloser of name and the denial of the
// name below it (RFC 5155 7.2.1).
func (z *zone) encloserProof(name string) []dns.RR {
	for {
		next := name
		name = parentName(name)
		if rr := z.nsec3At(name); rr != nil {
			return []dns.RR{rr, z.nsec3Over(next)}
		}
	}
}
