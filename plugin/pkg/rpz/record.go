package rpz

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/list"
)

// maxTTL is the largest time to live, in seconds (RFC 2181, section 8).
const maxTTL = 1<<31 - 1

const (
	whyNoOwner  = "begins with a blank, and no record stands before it; want a name in front"
	whyNoType   = "no record type; want NAME [TTL] [CLASS] TYPE DATA"
	whyClass    = "a class other than IN; policy is about the Internet"
	whyTTL      = "a time to live over 2147483647 seconds"
	whyMeta     = "a type of questions, not of records"
	whyNoZone   = "out of the zone %s; want a name in it, or one without the final dot"
	whyCNAME    = "want one target behind CNAME: . *. rpz-passthru. rpz-drop. rpz-tcp-only. or a name"
	whyLongName = "the name is over 255 octets with the zone's behind it"
	whyControl  = `a control octet in a name; want \DDD for it`
	whyOctets   = `neither ASCII nor UTF-8; want \DDD for other octets`

	passZone      = "records of the zone itself"
	passDNSSEC    = "DNSSEC records"
	passUnknown   = "rules with unknown actions"
	passDuplicate = "duplicates"
	passNoRule    = "types that make no rule"

	warnNoRule = "SOA, NS, DNAME and ZONEMD make no rule; ignored"
	warnIDN    = "taken as %s; want the A-label"
)

// found is what one record says: parse fills it and changes nothing else.
type found struct {
	owner []byte // wire form, whole
	full  bool   // it was written absolute
	typ   uint16
	ttl   uint32
	told  bool     // the TTL stands in the record
	rdata [][]byte // tokens

	trigger Trigger
	wild    bool
	name    []byte // of the trigger, without * and rpz-nsdname
	prefix  netip.Prefix
	action  Action
	record  []byte   // of local data, packed
	soa     *dns.SOA // where it is one

	pass  string // it makes no rule: why
	guard string // it can be read and is refused: why
	warn  []string
}

func (f *found) warnf(format string, args ...any) {
	f.warn = append(f.warn, fmt.Sprintf(format, args...))
}

// record takes a record, or says why it is none.
func (r *reader) record(text []byte) (why string) {
	f := &r.found
	*f = found{warn: f.warn[:0]}
	if why := r.parse(text, f); why != "" {
		return why
	}
	r.take(text, f)
	return ""
}

// parse reads an entry whose tokens are in r.tok.
func (r *reader) parse(text []byte, f *found) (why string) {
	tok := r.tok
	if classes[text[0]] == blank {
		if f.owner = append(r.room[:0], r.at.owner...); len(f.owner) == 0 {
			return whyNoOwner
		}
	} else {
		f.full = absolute(tok[0])
		if f.owner, why = r.appendName(r.room[:0], tok[0], f); why != "" {
			return why
		}
		tok = tok[1:]
	}
	if why := r.head(tok, f); why != "" {
		return why
	}
	switch {
	case f.guard != "":
		return ""
	case f.typ == dns.TypeSOA:
		return r.parseSOA(f)
	}
	return r.rule(f)
}

// head reads what stands between owner and data: TTL and class in any order,
// and the type.
func (r *reader) head(tok [][]byte, f *found) (why string) {
	classed := false // a class stands there
	for i, t := range tok {
		if isCNAME(t) {
			f.typ, f.rdata = dns.TypeCNAME, tok[i+1:]
			return ""
		}
		if c := t[0]; '0' <= c && c <= '9' && !f.told {
			n, ok := seconds(t)
			switch {
			case !ok:
				return fmt.Sprintf("%q is neither a time to live nor a record type", t)
			case n > maxTTL:
				return whyTTL
			}
			f.ttl, f.told = uint32(n), true
			continue
		}
		word := strings.ToUpper(string(t))
		if class, ok := classOf(word); ok && !classed {
			if classed = true; class != dns.ClassINET {
				f.guard = whyClass
			}
			continue
		}
		typ, ok := typeOf(word)
		if !ok {
			return fmt.Sprintf("%q is no record type; want NAME [TTL] [CLASS] TYPE DATA", shorten(t))
		}
		f.typ, f.rdata = typ, tok[i+1:]
		return ""
	}
	return whyNoType
}

// shorten is the beginning of a token, for a reason.
func shorten(t []byte) []byte { return t[:min(len(t), 40)] }

func isCNAME(t []byte) bool { return len(t) == 5 && bytes.EqualFold(t, []byte("CNAME")) }

func classOf(word string) (uint16, bool) {
	if class, ok := dns.StringToClass[word]; ok {
		return class, true
	}
	return numbered(word, "CLASS")
}

func typeOf(word string) (uint16, bool) {
	if typ, ok := dns.StringToType[word]; ok {
		return typ, true
	}
	return numbered(word, "TYPE")
}

// numbered reads TYPE65280 (RFC 3597, section 5).
func numbered(word, prefix string) (uint16, bool) {
	digits, ok := strings.CutPrefix(word, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	return uint16(n), err == nil
}

// seconds reads a time: 3600, or 1h30m as BIND writes it.
func seconds(t []byte) (n uint64, ok bool) {
	part, digits := uint64(0), false
	for i, c := range t {
		if '0' <= c && c <= '9' {
			if part = part*10 + uint64(c-'0'); part > 1<<40 {
				return 0, false
			}
			digits = true
			if i == len(t)-1 {
				n += part
			}
			continue
		}
		if !digits || n > 1<<50 {
			return 0, false
		}
		switch c | 0x20 {
		case 's':
		case 'm':
			part *= 60
		case 'h':
			part *= 60 * 60
		case 'd':
			part *= 24 * 60 * 60
		case 'w':
			part *= 7 * 24 * 60 * 60
		default:
			return 0, false
		}
		n += part
		part, digits = 0, false
	}
	return n, len(t) > 0
}

// appendName appends a name as it stands in a record: @, relative or absolute.
func (r *reader) appendName(dst, t []byte, f *found) (name []byte, why string) {
	if len(t) == 1 && t[0] == '@' {
		return append(dst, r.at.origin...), ""
	}
	for _, c := range t {
		if c < ' ' || c == 0x7f {
			return dst, whyControl
		}
		if c >= 0x80 {
			text, err := dnsname.ToASCII(string(t))
			if err != nil {
				return dst, whyOctets
			}
			f.warnf(warnIDN, text)
			t = []byte(text)
			break
		}
	}
	name, err := dnsname.AppendBytes(dst, t)
	if err != nil {
		return dst, err.Error()
	}
	if absolute(t) {
		return name, ""
	}
	if len(name)-1+len(r.at.origin) > len(dst)+dnsname.MaxLen {
		return dst, whyLongName
	}
	return append(name[:len(name)-1], r.at.origin...), ""
}

// absolute tells whether a name ends in a dot that is not escaped.
func absolute(t []byte) bool {
	n := len(t) - 1
	if n < 0 || t[n] != '.' {
		return false
	}
	escapes := 0
	for i := n - 1; i >= 0 && t[i] == '\\'; i-- {
		escapes++
	}
	return escapes%2 == 0
}

// inZone cuts the zone's name from a name below it, in place: what is left is a
// wire name again.
func inZone(name, apex []byte) (rel []byte, ok bool) {
	at := 0
	for len(name)-at > len(apex) {
		at += int(name[at]) + 1
	}
	if string(name[at:]) != string(apex) {
		return nil, false
	}
	name[at] = 0
	return name[:at+1], true
}

// rule finds out what a record means.
func (r *reader) rule(f *found) (why string) {
	r.setApex(r.at.origin)
	rel := append(r.relRoom[:0], f.owner...)
	rel, ok := inZone(rel, r.apex)
	switch {
	case !ok:
		f.guard = fmt.Sprintf(whyNoZone, dnsname.String(r.apex))
		r.outside++
		return ""
	case r.furniture(f, len(rel) == 1):
		return ""
	}
	if r.trigger(f, rel); f.guard != "" {
		return ""
	}
	if why := r.act(f, rel); why != "" || f.pass != "" {
		return why
	}
	r.guard(f)
	return ""
}

// furniture tells what makes no rule: the draft, section 2, leaves it to the zone
// as a zone.
func (r *reader) furniture(f *found, apex bool) bool {
	switch f.typ {
	case dns.TypeDNSKEY, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM, dns.TypeDS,
		dns.TypeCDS, dns.TypeCDNSKEY, dns.TypeSIG, dns.TypeKEY, dns.TypeNXT, dns.TypeDLV:
		f.pass = passDNSSEC
	case dns.TypeCNAME:
	case dns.TypeSOA, dns.TypeNS, dns.TypeDNAME, dns.TypeZONEMD:
		f.pass = passZone
		if !apex {
			f.pass = passNoRule
			f.warn = append(f.warn, warnNoRule)
		}
	default:
		if apex {
			f.pass = passZone
		}
	}
	return f.pass != ""
}

// guard says where a rule may not be, and warns where it covers the names of
// many.
func (r *reader) guard(f *found) {
	if f.name == nil {
		return
	}
	if len(f.name) == 1 && !f.wild {
		f.guard = whyRoot
		return
	}
	if f.action != Passthru && r.o.Protected != nil {
		reach := list.Exact
		if f.wild {
			reach = list.Subtree
		}
		if f.guard = r.o.Protected(f.name, reach); f.guard != "" {
			return
		}
	}
	if f.trigger == NSDName {
		return
	}
	if len(f.name) == 1 {
		f.warn = append(f.warn, warnAll)
		return
	}
	if s := dnsname.SuffixOf(f.name); s != dnsname.NoSuffix {
		f.warnf("%s: taken as the zone says", s)
	}
}

const (
	whyRoot = "a rule on the root itself; want a name below it, or * for every name"
	warnAll = "covers every name: taken as the zone says"
)
