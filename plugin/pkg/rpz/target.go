package rpz

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

// special are the targets of CNAME that are an action and no name (draft,
// section 3), in wire form.
var special = map[string]Action{
	"\x00":                 NXDOMAIN,
	"\x01*\x00":            NODATA,
	"\x0crpz-passthru\x00": Passthru,
	"\x08rpz-drop\x00":     Drop,
	"\x0crpz-tcp-only\x00": TCPOnly,
}

const (
	warnUnknown = "unknown action; want . *. rpz-passthru. rpz-drop. rpz-tcp-only. or local data; ignored"
	warnDot     = "the target lost its final dot and is %s; taken as %s"
	warnInside  = "the target is %s, inside the zone; a final dot may be lost"
)

// act finds out what a rule does.
func (r *reader) act(f *found, rel []byte) (why string) {
	if f.typ != dns.TypeCNAME {
		return r.data(f)
	}
	if len(f.rdata) != 1 {
		return whyCNAME
	}
	t := f.rdata[0]
	if len(t) == 1 && t[0] == '.' { // nine of ten rules
		return ""
	}
	target, why := r.appendName(r.targetRoom[:0], t, f)
	if why != "" {
		return why
	}
	if a, ok := special[string(target)]; ok {
		f.action = a
		return ""
	}
	if oldPassthru(target, rel, f) {
		f.action = Passthru
		return ""
	}
	return r.odd(f, rel, target)
}

// odd finds out about a target that is neither an action as it should be
// written, nor the trigger itself.
func (r *reader) odd(f *found, rel, target []byte) (why string) {
	label, rest := target[:target[0]+1], target[target[0]+1:]
	inside := dnsname.Under(target, r.apex)
	switch {
	case !inside:
		if reserved(target) {
			f.pass = passUnknown
			f.warn = append(f.warn, warnUnknown)
			return ""
		}
		return r.data(f)
	case string(rest) == string(r.apex) || string(rest) == string(r.at.origin):
		// One label below the zone or the origin: an action less its dot?
		bare := append(append(r.bareRoom[:0], label...), 0)
		if a, ok := special[string(bare)]; ok {
			f.action = a
			f.warnf(warnDot, dnsname.String(target), dnsname.String(bare)+".")
			return ""
		}
		if reserved(bare) {
			f.pass = passUnknown
			f.warn = append(f.warn, warnUnknown)
			return ""
		}
	}
	if own, ok := inZone(append(r.bareRoom[:0], target...), r.apex); ok && oldPassthru(own, rel, f) {
		f.action = Passthru
		f.warnf(warnDot, dnsname.String(target), "rpz-passthru.")
		return ""
	}
	f.warnf(warnInside, dnsname.String(target))
	return r.data(f)
}

// oldPassthru: before there was rpz-passthru, a rule pointed at its own trigger,
// with or without the label that says what kind of trigger it is. A wildcard
// target is none: BIND, too, puts the name asked into it first.
func oldPassthru(target, rel []byte, f *found) bool {
	if starAt(target, 0) {
		return false
	}
	if string(target) == string(rel) {
		return true
	}
	if f.trigger == QName {
		return false
	}
	bare := len(rel) - len(marked(f.trigger)) - 2 // less the mark and its length octet, the root in its place
	return len(target) == bare+1 && string(target[:bare]) == string(rel[:bare])
}

// marked is the label at the end of an owner with that trigger.
func marked(t Trigger) string {
	for mark, of := range marks {
		if of == t {
			return mark
		}
	}
	return ""
}

// reserved: names in a top-level domain that begins with rpz- are kept for
// actions to come (draft, section 3).
func reserved(target []byte) bool {
	last := target
	for len(last) > int(last[0])+2 {
		last = last[last[0]+1:]
	}
	return len(last) > len("rpz-") && string(last[1:5]) == "rpz-"
}

const (
	// maxData bounds the records of one rule, in octets: an answer has 64 KiB.
	maxData = 32 << 10
	// maxRecords bounds their number.
	maxRecords = 128
	// maxTexts is how many different records are remembered as they were read:
	// a zone has few, and many rules that use them.
	maxTexts = 4096
)

// data reads a record of local data: into its packed form, owner the root.
func (r *reader) data(f *found) (why string) {
	f.action = Data
	if dns.TypeToString[f.typ] != "" && meta(f.typ) {
		return whyMeta
	}
	ttl := r.ttl(f)
	key := append(r.key[:0], r.at.origin...)
	key = strconv.AppendUint(key, uint64(f.typ), 10)
	key = strconv.AppendUint(append(key, ' '), uint64(ttl), 10)
	for _, t := range f.rdata {
		key = append(append(key, ' '), t...)
	}
	r.key = key
	if packed, ok := r.texts[string(key)]; ok {
		f.record = packed
		return ""
	}
	packed, why := r.pack(f, ttl)
	if why != "" {
		return why
	}
	if len(r.texts) >= maxTexts {
		clear(r.texts)
	}
	r.texts[string(key)] = packed
	f.record = packed
	return ""
}

func meta(typ uint16) bool {
	switch typ {
	case dns.TypeNone, dns.TypeANY, dns.TypeAXFR, dns.TypeIXFR, dns.TypeMAILA, dns.TypeMAILB, dns.TypeOPT, dns.TypeTSIG, dns.TypeTKEY, dns.TypeReserved:
		return true
	}
	return false
}

// pack reads the data of a record and packs it.
func (r *reader) pack(f *found, ttl uint32) (packed []byte, why string) {
	rr, why := r.parseRR(f, ttl)
	if why != "" {
		return nil, why
	}
	buf := make([]byte, maxData)
	n, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		return nil, fmt.Sprintf("data of type %s that has no wire form, or over 32 KiB of it", typeName(f.typ))
	}
	return bytes.Clone(buf[:n]), ""
}

// parseRR has miekg/dns read one record: type and data, in the zone's words.
func (r *reader) parseRR(f *found, ttl uint32) (rr dns.RR, why string) {
	var b strings.Builder
	fmt.Fprintf(&b, ". %d IN %s %s\n", ttl, typeName(f.typ), bytes.Join(f.rdata, []byte(" ")))
	zp := dns.NewZoneParser(strings.NewReader(b.String()), dnsname.String(r.at.origin)+".", "")
	rr, ok := zp.Next()
	if !ok {
		return nil, fmt.Sprintf("not the data of type %s%s", typeName(f.typ), parserSays(zp.Err()))
	}
	if _, more := zp.Next(); more || zp.Err() != nil || rr.Header().Rrtype != f.typ {
		return nil, fmt.Sprintf("not the data of type %s", typeName(f.typ))
	}
	return rr, ""
}

func typeName(typ uint16) string { return dns.Type(typ).String() }

// parserSays is what miekg/dns has to say, without its name and its line.
func parserSays(err error) string {
	if err == nil {
		return ""
	}
	text := strings.TrimPrefix(err.Error(), "dns: ")
	if i := strings.LastIndex(text, " at line: "); i >= 0 {
		text = text[:i]
	}
	return ": " + strings.TrimSuffix(text, `: "\n"`)
}
