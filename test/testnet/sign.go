package testnet

import (
	"crypto"
	"fmt"
	"time"

	"github.com/miekg/dns"
)

// key signs a zone, its keys included.
type key struct {
	public  *dns.DNSKEY
	private crypto.Signer
}

func newKey(origin string) (*key, error) {
	public := &dns.DNSKEY{
		Hdr:       header(origin, dns.TypeDNSKEY, defaultTTL),
		Flags:     dns.ZONE | dns.SEP,
		Protocol:  3,
		Algorithm: dns.ECDSAP256SHA256,
	}
	private, err := public.Generate(256)
	if err != nil {
		return nil, fmt.Errorf("testnet: a key for %s: %w", origin, err)
	}
	return &key{public, private.(crypto.Signer)}, nil
}

const day = 24 * time.Hour

// off is how far outside their time the signatures of such zones are. A resolver
// forgives a clock that is wrong: Unbound a tenth of the validity, a day at most
// (val-sig-skew-max).
const off = 3 * day

// validity is when the zone's signatures hold.
func (z *zone) validity() (from, until time.Time) {
	switch z.Flaw {
	case Expired:
		return z.now.Add(-30 * day), z.now.Add(-off)
	case NotYet:
		return z.now.Add(off), z.now.Add(30 * day)
	}
	return z.now.Add(-time.Hour), z.now.Add(30 * day)
}

// sign returns the signature of a set, nil where the zone makes none. Delegation
// NS and glue are not the zone's own and have none (RFC 4035 2.2).
func (z *zone) sign(set []dns.RR) *dns.RRSIG {
	h := set[0].Header()
	if !z.signed() {
		return nil
	}
	if cut := z.cut(h.Name); cut != "" && h.Rrtype != dns.TypeDS && h.Rrtype != dns.TypeNSEC {
		return nil
	}
	at := rrset{h.Name, h.Rrtype}
	if sig := z.sigs[at]; sig != nil {
		return sig
	}
	from, until := z.validity()
	sig := &dns.RRSIG{
		Hdr:        header(h.Name, dns.TypeRRSIG, h.Ttl),
		Algorithm:  z.key.public.Algorithm,
		KeyTag:     z.key.public.KeyTag(),
		SignerName: z.origin,
		Inception:  uint32(from.Unix()),
		Expiration: uint32(until.Unix()),
	}
	if err := sig.Sign(z.key.private, set); err != nil {
		panic(fmt.Sprintf("testnet: signing %s: %v", h, err)) // a fault of this package
	}
	if z.Flaw == BadSignature && h.Rrtype != dns.TypeDNSKEY {
		sig.Signature = turnBit(sig.Signature)
	}
	z.sigs[at] = sig
	return sig
}

// turnBit changes a signature, in base 64, and leaves its length.
func turnBit(sig string) string {
	first := byte('A')
	if sig[0] == first {
		first = 'B'
	}
	return string(first) + sig[1:]
}
