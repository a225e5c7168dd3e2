package testnet

import (
	"fmt"
	"strings"
)

// Denial is how a zone says that something does not exist, and with that
// whether it is signed.
type Denial uint8

// The denials. A zone with any but None gets a DS in its parent.
const (
	None Denial = iota // not signed
	NSEC
	NSEC3
	OptOut // NSEC3, and delegations without DS have none of their own
)

// Flaw is what is wrong with a signed zone.
type Flaw uint8

// The flaws.
const (
	Sound        Flaw = iota
	BadSignature      // every signature but the DNSKEY's has a bit turned
	Expired           // every signature ended days ago
	NotYet            // every signature begins in days
	NoSignature       // none, though the parent holds a DS
	ForeignDS         // the parent's DS belongs to another key
)

// Zone is a zone as a test writes it. SOA, NS, the address of its name server
// and the delegation in the parent come by themselves.
type Zone struct {
	Name    string   // with the final dot
	Servers []string // by name; Address knows where they are
	Denial  Denial
	Flaw    Flaw
	// Records are in master-file form, relative to Name; a record without a TTL
	// has 300.
	Records string
}

// www is what every zone that answers has.
const www = "www A 192.0.2.10\nwww AAAA 2001:db8::10\n"

// Internet are the zones of the package comment's map.
func Internet() []Zone {
	one := func(name string, d Denial, records string) Zone {
		return Zone{Name: name, Servers: []string{"zones"}, Denial: d, Records: www + records}
	}
	flawed := func(name string, f Flaw, records string) Zone {
		z := one(name, NSEC, records)
		z.Flaw = f
		return z
	}
	elsewhere := func(name string, d Denial, servers ...string) Zone {
		z := one(name, d, "* A 192.0.2.11\nedited 2 A 192.0.2.13\n")
		z.Servers = servers
		return z
	}
	return []Zone{
		{Name: ".", Servers: []string{"root"}, Denial: NSEC},
		{Name: "zone.", Servers: []string{"tld"}, Denial: NSEC},
		{Name: "corp-a.", Servers: []string{"tld"}, Denial: NSEC3},
		{Name: "corp-b.", Servers: []string{"tld"}},

		one("shop.corp-a.", NSEC3, ""),
		one("ads.corp-a.", None, "banner A 192.0.2.20\n"),
		one("tracker.corp-b.", None, tracker),

		one("secure.zone.", NSEC, secure+large),
		one("nsec3.zone.", NSEC3, "x.new A 192.0.2.30\nstep3 CNAME end.secure.zone.\n*.wild A 192.0.2.31\na.b.ent A 192.0.2.32\n"),
		one("optout.zone.", OptOut, ""),
		one("child.optout.zone.", None, ""),
		one("sub.optout.zone.", NSEC, ""),
		one("insecure.zone.", None, "*.any A 192.0.2.41\n*.any AAAA 2001:db8::41\nstep2 CNAME step3.nsec3.zone.\nloop CNAME loop.secure.zone.\nedited 2 A 192.0.2.40\n"),

		flawed("bogus.zone.", BadSignature, "reveal CNAME t1.tracker.corp-b.\nshared A 203.0.113.66\n* A 192.0.2.12\n"),
		flawed("expired.zone.", Expired, ""),
		flawed("future.zone.", NotYet, ""),
		flawed("unsigned.zone.", NoSignature, ""),
		flawed("wrongds.zone.", ForeignDS, ""),

		elsewhere("lame.zone.", None, "lame"),
		elsewhere("half.zone.", None, "silent", "zones"),
		elsewhere("slow.zone.", NSEC, "slow"),
		elsewhere("silent.zone.", None, "silent"),
	}
}

const tracker = `
@ A 192.0.2.50
t1 A 192.0.2.51
t1 AAAA 2001:db8::51
t2 A 192.0.2.52
*.wild A 192.0.2.53
`

const secure = `
@ A 192.0.2.1
@ MX 10 mail
mail A 192.0.2.2
end A 192.0.2.3
plain TXT "a short text"
*.bulk A 192.0.2.4
*.bulk AAAA 2001:db8::4
exists.bulk TXT "hides nothing but itself"
a.b.ent A 192.0.2.5
ttl0 0 A 192.0.2.6
ttlmax 2147483647 A 192.0.2.7
ttlover 4294967295 A 192.0.2.8
edited 2 A 192.0.2.9
chain CNAME step2.insecure.zone.
safe-chain CNAME step3.nsec3.zone.
to-bogus CNAME www.bogus.zone.
loop CNAME loop.insecure.zone.
old DNAME new.nsec3.zone.
cdn CNAME cdn2
cdn2 CNAME t1.tracker.corp-b.
cdn-wild CNAME any.wild.tracker.corp-b.
shared A 203.0.113.66
shared6 AAAA 2001:db8:666::1
svc HTTPS 1 www.nsec3.zone. alpn=h2 ipv4hint=192.0.2.60 ipv6hint=2001:db8::60
alias HTTPS 0 www.secure.zone.
ads-svc HTTPS 1 t1.tracker.corp-b. alpn=h2
ads-svc A 192.0.2.61
hint-svc HTTPS 1 . ipv4hint=203.0.113.66
_dns SVCB 1 www.secure.zone. alpn=dot port=853
`

// large are answers over 1,232 octets, which a child asks its servers for, and
// over 4,096, which the front asks its child for.
var large = text("big", 11) + text("huge", 58)

// text is a TXT record of n strings of 200 octets.
func text(owner string, n int) string {
	var b strings.Builder
	b.WriteString(owner + " TXT")
	for i := range n {
		fmt.Fprintf(&b, " \"%03d%s\"", i, strings.Repeat("x", 197))
	}
	return b.String() + "\n"
}
