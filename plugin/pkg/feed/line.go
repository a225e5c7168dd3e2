package feed

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// maxLine bounds a line of the file, in octets. A record of 65,535 octets, each
// written as four, stays below.
const maxLine = 512 << 10

// appendLine appends the record as it stands in the file, without an end of line:
// the one text of all records that are equal (RFC 4034, section 6.2, but with the
// TTL it came with).
func appendLine(dst []byte, rr dns.RR) ([]byte, error) {
	h := rr.Header()
	switch {
	case h.Class != dns.ClassINET:
		return dst, fmt.Errorf("a record of class %s: %q", dns.Class(h.Class), h.Name)
	case h.Rrtype == dns.TypeOPT, h.Rrtype >= 128 && h.Rrtype < 256:
		return dst, fmt.Errorf("a record of type %s, which no zone holds: %q", dns.Type(h.Rrtype), h.Name)
	}
	h.Name = dns.CanonicalName(h.Name)
	canonical(rr)
	if h.Name[0] == '$' { // a directive, where it stands at the beginning of a line
		dst = append(dst, `\036`...)
	}
	if c, ok := rr.(*dns.CNAME); ok { // nearly all records of a policy zone
		dst = append(dst, h.Name[leading(h.Name):]...)
		dst = append(dst, '\t')
		dst = strconv.AppendUint(dst, uint64(h.Ttl), 10)
		dst = append(dst, "\tIN\tCNAME\t"...)
		return append(dst, c.Target...), nil
	}
	if h.Rrtype == dns.TypeNULL { // it has no text of its own
		unknown := new(dns.RFC3597)
		if err := unknown.ToRFC3597(rr); err != nil {
			return dst, fmt.Errorf("a record of type NULL: %q", h.Name)
		}
		rr = unknown
	}
	text := rr.String()
	if strings.ContainsAny(text, "\n\x00") {
		return dst, fmt.Errorf("a record of type %s that has no text: %q", dns.Type(h.Rrtype), h.Name)
	}
	return append(dst, text[leading(h.Name):]...), nil
}

// leading is how many octets of a name appendLine has written in other words.
func leading(name string) int {
	if name[0] == '$' {
		return 1
	}
	return 0
}

// canonical has the names in a record's data in lower case, where they are no
// more than names (RFC 4034, section 6.2; RFC 6840, section 5.1).
func canonical(rr dns.RR) {
	lower := func(names ...*string) {
		for _, n := range names {
			*n = dns.CanonicalName(*n)
		}
	}
	switch r := rr.(type) {
	case *dns.CNAME:
		lower(&r.Target)
	case *dns.DNAME:
		lower(&r.Target)
	case *dns.NS:
		lower(&r.Ns)
	case *dns.PTR:
		lower(&r.Ptr)
	case *dns.MX:
		lower(&r.Mx)
	case *dns.SRV:
		lower(&r.Target)
	case *dns.SOA:
		lower(&r.Ns, &r.Mbox)
	case *dns.NAPTR:
		lower(&r.Replacement)
	case *dns.RP:
		lower(&r.Mbox, &r.Txt)
	case *dns.AFSDB:
		lower(&r.Hostname)
	case *dns.KX:
		lower(&r.Exchanger)
	case *dns.RRSIG:
		lower(&r.SignerName)
	}
}
