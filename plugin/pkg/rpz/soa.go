package rpz

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

// nameOf is the zone of a file without SOA.
func nameOf(file string) string {
	name := path.Base(file)
	for _, packed := range []string{".gz", ".zst"} {
		name = strings.TrimSuffix(name, packed)
	}
	for _, end := range []string{".rpz", ".zone", ".db", ".txt", ".conf"} {
		if short, ok := strings.CutSuffix(name, end); ok && short != "" {
			return short
		}
	}
	return name
}

// name is that of the zone as people write it.
func (r *reader) name() string {
	if r.soa != nil {
		return dnsname.String(r.apex)
	}
	return strings.TrimSuffix(r.o.Name, ".")
}

// setApex fixes the zone where no SOA has named it: what $ORIGIN says before the
// first rule, else the name of the file.
func (r *reader) setApex(origin []byte) {
	if r.apex != nil {
		return
	}
	r.apex = bytes.Clone(origin)
	if r.origins {
		return
	}
	if own, err := dnsname.Append(nil, r.o.Name); err == nil {
		r.apex = own
	}
}

// parseSOA reads the zone's own record.
func (r *reader) parseSOA(f *found) (why string) {
	f.pass = passZone
	rr, why := r.parseRR(f, 0)
	if why != "" {
		return why
	}
	f.soa = rr.(*dns.SOA)
	return ""
}

// start is the origin until an $ORIGIN says another: the zone's name, as programs
// have it that are told which zone a file is. Here an SOA tells it, and before it
// the file's name is a guess.
func (p *place) start(apex []byte) {
	for guess := p.origin; p != nil; p = p.below {
		if string(p.origin) == string(guess) {
			p.origin = apex
		}
	}
}

const (
	warnForeign  = "an SOA of another name than the zone's, which is %s; ignored"
	warnOtherSOA = "another SOA than that of line %d, which stays"
)

// takeSOA keeps the first SOA, which names the zone.
func (r *reader) takeSOA(f *found, warn func(string)) {
	ours := r.apex == nil || string(f.owner) == string(r.apex)
	switch {
	case !ours && !r.fixed && r.records < maxBefore:
		r.wanted, r.guessed = bytes.Clone(f.owner), !f.full && !r.origins
	case !ours:
		warn(fmt.Sprintf(warnForeign, dnsname.String(r.apex)))
	case r.soa == nil:
		r.apex, r.fixed = bytes.Clone(f.owner), true
		if f.full && !r.origins {
			r.at.start(r.apex)
		}
		r.soa, r.soaLine = f.soa, r.at.line
		r.soa.Hdr = dns.RR_Header{Name: dns.Fqdn(dnsname.String(r.apex)), Rrtype: dns.TypeSOA, Class: dns.ClassINET}
		r.soa.Hdr.Ttl = r.ttl(f)
	default:
		again := *f.soa
		again.Hdr = r.soa.Hdr
		if again != *r.soa { // a transfer as dig prints it ends in the SOA that it began with
			warn(fmt.Sprintf(warnOtherSOA, r.soaLine))
		}
	}
}

// ttl is how long a record lives: as it says, as $TTL says, as the record before
// (RFC 1035, section 5.1), as the SOA says (RFC 2308, section 4).
func (r *reader) ttl(f *found) uint32 {
	switch {
	case f.told:
		return f.ttl
	case r.defaultTTL >= 0:
		return uint32(r.defaultTTL)
	case r.lastTTL >= 0:
		return uint32(r.lastTTL)
	case f.soa != nil:
		return min(f.soa.Minttl, maxTTL)
	case r.soa != nil:
		return min(r.soa.Minttl, maxTTL)
	}
	return defaultTTL
}
