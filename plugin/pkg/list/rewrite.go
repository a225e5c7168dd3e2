package list

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

// RcodeAny is the Rcode of an exception that removes all rewrites.
const RcodeAny = -1

// Rewrite is the answer that a rule gives ($dnsrewrite). It is immutable, and
// rules of one file that say the same may share one. In an exception it says
// which rewrites are removed: the equal one, or with RcodeAny all.
type Rewrite struct {
	Rcode   int      // dns.RcodeSuccess where there is a CNAME or a record
	CNAME   string   // presentation form with the final dot; "": none
	Records []dns.RR // owner ".", TTL 0; the answer to other types of question is NODATA
}

// Key is w in a few words, equal for rewrites that mean the same:
// "NOERROR;CNAME;garden.example.", "NOERROR;A;192.0.2.1", "REFUSED;;", "" for
// an exception that removes all.
func (w *Rewrite) Key() string {
	switch {
	case w == nil || w.Rcode == RcodeAny:
		return ""
	case w.CNAME != "":
		return "NOERROR;CNAME;" + strings.ToLower(w.CNAME)
	case len(w.Records) == 0:
		return dns.RcodeToString[w.Rcode] + ";;"
	}
	var records []string
	for _, rr := range w.Records {
		h := rr.Header()
		records = append(records, "NOERROR;"+dns.TypeToString[h.Rrtype]+";"+strings.TrimPrefix(rr.String(), h.String()))
	}
	slices.Sort(records)
	return strings.Join(slices.Compact(records), " ")
}

// Combine is what several rewrites that hold for one question say together, the
// most specific first: one with an RCODE stands alone, then one with a CNAME;
// the records of the others add up. nil where there are none.
func Combine(rewrites []*Rewrite) *Rewrite {
	if len(rewrites) < 2 {
		return append(rewrites, nil)[0]
	}
	for _, alone := range []func(*Rewrite) bool{
		func(w *Rewrite) bool { return w.Rcode > dns.RcodeSuccess },
		func(w *Rewrite) bool { return w.CNAME != "" },
	} {
		if i := slices.IndexFunc(rewrites, alone); i >= 0 {
			return rewrites[i]
		}
	}
	sum := &Rewrite{}
	for _, w := range rewrites {
		for _, rr := range w.Records {
			if !slices.ContainsFunc(sum.Records, func(has dns.RR) bool { return dns.IsDuplicate(has, rr) }) {
				sum.Records = append(sum.Records, rr)
			}
		}
	}
	return sum
}

const (
	whyRewrite   = "want an address, a name, NOERROR, NXDOMAIN, REFUSED or SERVFAIL, or RCODE;TYPE;VALUE"
	whyRcode     = "no RCODE; want one like NOERROR, NXDOMAIN or REFUSED before the first ;"
	whyRRType    = "no type that an answer can have; want A, AAAA, CNAME, HTTPS, MX, PTR, SRV, SVCB or TXT"
	whyIPv4      = "want an IPv4 address behind A;"
	whyIPv6      = "want an IPv6 address behind AAAA;"
	whyTarget    = "want a whole name as the target"
	whyMX        = "want a preference and a name behind MX;"
	whySRV       = "want priority, weight, port and name behind SRV;"
	whySVCB      = "want priority, name and key=value behind HTTPS; or SVCB;"
	whyTooMuch   = "more than a record can hold"
	maxRdata     = 65_535 // octets (RFC 1035, section 3.2.1)
	maxTXTString = 255    // octets (RFC 1035, section 3.3)
)

// parseRewrite reads the value of $dnsrewrite: nothing, which in an exception
// means all rewrites and else NODATA; a keyword in capitals, an address or a
// name; or RCODE;TYPE;VALUE.
func parseRewrite(value string) (*Rewrite, string) {
	rcode, rest, full := strings.Cut(value, ";")
	if full {
		rrtype, data, ok := strings.Cut(rest, ";")
		if !ok {
			return nil, whyRewrite
		}
		return fullRewrite(rcode, rrtype, data)
	}
	if value == "" {
		return &Rewrite{Rcode: RcodeAny}, ""
	}
	if strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		switch rcode := dns.StringToRcode[value]; value {
		case "NOERROR", "SERVFAIL", "NXDOMAIN", "REFUSED":
			return &Rewrite{Rcode: rcode}, ""
		}
		return nil, whyRewrite
	}
	if addr, err := netip.ParseAddr(value); err == nil {
		return addressRewrite(addr), ""
	}
	if target, ok := target(value); ok {
		return &Rewrite{CNAME: target}, ""
	}
	return nil, whyRewrite
}

// fullRewrite reads RCODE;TYPE;VALUE. Where the RCODE is not NOERROR the others
// say nothing.
func fullRewrite(rcode, rrtype, data string) (*Rewrite, string) {
	code, ok := dns.StringToRcode[strings.ToUpper(rcode)]
	switch {
	case !ok || code > 15: // more need an extended header (RFC 6891, section 6.1.3)
		return nil, whyRcode
	case code != dns.RcodeSuccess || rrtype == "" && data == "":
		return &Rewrite{Rcode: code}, ""
	}
	rrtype = strings.ToUpper(rrtype)
	if rrtype == "CNAME" {
		if target, ok := target(data); ok {
			return &Rewrite{CNAME: target}, ""
		}
		return nil, whyTarget
	}
	read, ok := recordReaders[rrtype]
	if !ok {
		return nil, whyRRType
	}
	rr, why := read(data)
	if why != "" {
		return nil, why
	}
	*rr.Header() = dns.RR_Header{Name: ".", Rrtype: dns.StringToType[rrtype], Class: dns.ClassINET}
	rr, ok = canonical(rr)
	if !ok {
		return nil, whyTooMuch
	}
	return &Rewrite{Records: []dns.RR{rr}}, ""
}

// canonical is a record as it comes back from the wire, where escapes are one
// octet however they were written.
func canonical(rr dns.RR) (dns.RR, bool) {
	wire := make([]byte, maxRdata+16) // the root, and ten octets of header
	n, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		return nil, false
	}
	rr, _, err = dns.UnpackRR(wire[:n], 0)
	return rr, err == nil
}

// recordReaders read the VALUE of a TYPE. The header is set by who asks.
var recordReaders = map[string]func(data string) (rr dns.RR, why string){
	"A":     readA,
	"AAAA":  readAAAA,
	"HTTPS": readHTTPS,
	"MX":    readMX,
	"PTR":   readPTR,
	"SRV":   readSRV,
	"SVCB":  readSVCB,
	"TXT":   readTXT,
}

// target reads the name of a CNAME, PTR, MX: with or without the final dot.
func target(text string) (string, bool) {
	name, why := appendName(nil, []byte(text))
	if why != "" || len(name) < 2 {
		return "", false
	}
	return dnsname.String(name) + ".", true
}

// targetOrRoot also reads ".", which says that there is none (RFC 2782, 9460).
func targetOrRoot(text string) (string, bool) {
	if text == "." {
		return text, true
	}
	return target(text)
}

func addressRewrite(addr netip.Addr) *Rewrite {
	h := dns.RR_Header{Name: ".", Class: dns.ClassINET}
	if addr.Is4() {
		h.Rrtype = dns.TypeA
		return &Rewrite{Records: []dns.RR{&dns.A{Hdr: h, A: addr.AsSlice()}}}
	}
	h.Rrtype = dns.TypeAAAA
	return &Rewrite{Records: []dns.RR{&dns.AAAA{Hdr: h, AAAA: addr.AsSlice()}}}
}

func readA(data string) (dns.RR, string) {
	addr, err := netip.ParseAddr(data)
	if err != nil || !addr.Is4() {
		return nil, whyIPv4
	}
	return &dns.A{A: addr.AsSlice()}, ""
}

func readAAAA(data string) (dns.RR, string) {
	addr, err := netip.ParseAddr(data)
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return nil, whyIPv6
	}
	return &dns.AAAA{AAAA: addr.AsSlice()}, ""
}

func readPTR(data string) (dns.RR, string) {
	name, ok := target(data)
	if !ok {
		return nil, whyTarget
	}
	return &dns.PTR{Ptr: name}, ""
}

func readMX(data string) (dns.RR, string) {
	fields := strings.Fields(data)
	if len(fields) != 2 {
		return nil, whyMX
	}
	name, ok := targetOrRoot(fields[1])
	n, err := strconv.ParseUint(fields[0], 10, 16)
	if !ok || err != nil {
		return nil, whyMX
	}
	return &dns.MX{Preference: uint16(n), Mx: name}, ""
}

func readSRV(data string) (dns.RR, string) {
	fields := strings.Fields(data)
	if len(fields) != 4 {
		return nil, whySRV
	}
	var n [3]uint16
	for i := range n {
		v, err := strconv.ParseUint(fields[i], 10, 16)
		if err != nil {
			return nil, whySRV
		}
		n[i] = uint16(v)
	}
	name, ok := targetOrRoot(fields[3])
	if !ok {
		return nil, whySRV
	}
	return &dns.SRV{Priority: n[0], Weight: n[1], Port: n[2], Target: name}, ""
}

// readTXT takes the value as it stands, with the escapes of a zone file (\DDD),
// and divides it where a string of a record is full.
func readTXT(data string) (dns.RR, string) {
	var txt dns.TXT
	for {
		n, octets := 0, 0
		for n < len(data) && octets < maxTXTString {
			n += escaped(data[n:])
			octets++
		}
		txt.Txt = append(txt.Txt, data[:n])
		if data = data[n:]; data == "" {
			return &txt, ""
		}
	}
}

// escaped is how much of a text stands for its first octet.
func escaped(text string) int {
	switch {
	case text[0] != '\\' || len(text) == 1:
		return 1
	case len(text) > 3 && digits([]byte(text[1:4])):
		return 4
	}
	return 2
}

func readHTTPS(data string) (dns.RR, string) {
	svcb, why := readService(data)
	if why != "" {
		return nil, why
	}
	return &dns.HTTPS{SVCB: *svcb}, ""
}

func readSVCB(data string) (dns.RR, string) {
	svcb, why := readService(data)
	if why != "" {
		return nil, why
	}
	return svcb, ""
}

func readService(data string) (*dns.SVCB, string) {
	fields := strings.Fields(data)
	if len(fields) < 2 {
		return nil, whySVCB
	}
	n, err := strconv.ParseUint(fields[0], 10, 16)
	name, ok := targetOrRoot(fields[1])
	if err != nil || !ok {
		return nil, whySVCB
	}
	svcb := &dns.SVCB{Priority: uint16(n), Target: name}
	for _, field := range fields[2:] {
		v, why := readParam(field)
		if why != "" {
			return nil, why
		}
		svcb.Value = slices.DeleteFunc(svcb.Value, func(has dns.SVCBKeyValue) bool { return has.Key() == v.Key() })
		svcb.Value = append(svcb.Value, v)
	}
	slices.SortFunc(svcb.Value, func(a, b dns.SVCBKeyValue) int { return int(a.Key()) - int(b.Key()) })
	return svcb, ""
}

// readParam has the parser of zone files read one key=value (RFC 9460, section
// 2.1). echconfig is the name that drafts had for ech.
func readParam(field string) (dns.SVCBKeyValue, string) {
	key, value, ok := strings.Cut(field, "=")
	if key == "echconfig" {
		key = "ech"
	}
	text := key
	if ok {
		text = key + "=" + value
	}
	rr, err := dns.NewRR(". 0 IN SVCB 1 . " + text)
	if svcb, is := rr.(*dns.SVCB); err == nil && is && len(svcb.Value) == 1 {
		return svcb.Value[0], ""
	}
	return nil, fmt.Sprintf("%.40q is no parameter of a service; want one like alpn=h3 or ipv4hint=192.0.2.1", field)
}
