package rpz

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"sinkhole/plugin/pkg/dnsname"
)

// marks are the labels at the end of an owner that say what a rule looks at.
var marks = map[string]Trigger{
	"rpz-client-ip": ClientIP,
	"rpz-ip":        IP,
	"rpz-nsip":      NSIP,
	"rpz-nsdname":   NSDName,
}

const (
	warnMark = "no trigger of that name: taken as the name of a query; want rpz-client-ip, rpz-ip, rpz-nsdname or rpz-nsip"
	warnForm = "not in canonical form; want %s"
)

// trigger reads the owner of a rule, less the zone's name. What is no address is
// refused as what can be read: it is a record like any other, and none of ours.
func (r *reader) trigger(f *found, rel []byte) {
	last := rel // its last label
	for len(last) > int(last[0])+2 {
		last = last[last[0]+1:]
	}
	f.trigger = QName
	if len(last) > len("rpz-") && string(last[1:5]) == "rpz-" {
		mark, ok := marks[string(last[1:len(last)-1])]
		if !ok {
			f.warn = append(f.warn, warnMark)
			mark = QName
		}
		if f.trigger = mark; mark != QName {
			rel = append(r.nameRoom[:0], rel[:len(rel)-len(last)]...)
			rel = append(rel, 0)
		}
	}
	switch f.trigger {
	case QName, NSDName:
		f.name = rel
		if len(rel) > 2 && rel[0] == 1 && rel[1] == '*' {
			f.wild, f.name = true, rel[2:]
		}
		return
	}
	if f.prefix, f.guard = decode(rel); f.guard != "" {
		return
	}
	if want := encode(f.prefix); want != dnsname.String(rel) {
		f.warnf(warnForm, want)
	}
}

// decode reads an address as an owner spells it: the prefix length, then the
// words from the last to the first, four in decimal or eight in hexadecimal, zz
// for a run of zeros (draft, section 4.1).
func decode(name []byte) (p netip.Prefix, why string) {
	var words [9][]byte
	n := 0
	for ; name[0] != 0; name = name[name[0]+1:] {
		if n == len(words) {
			return p, "over eight words in an address"
		}
		words[n] = name[1 : 1+name[0]]
		n++
	}
	if n == 0 {
		return p, "no address; want PREFIXLENGTH and the address from its end"
	}
	bits, ok := number(words[0], 10, 128)
	switch {
	case !ok || bits == 0:
		return p, fmt.Sprintf("%q is no prefix length; want 1 to 32, or 1 to 128 for IPv6", shorten(words[0]))
	case n == 5 && !zeros(words[1:n]):
		return decode4(words[1:n], int(bits))
	}
	return decode6(words[1:n], int(bits))
}

func zeros(words [][]byte) bool {
	for _, w := range words {
		if isRun(w) {
			return true
		}
	}
	return false
}

func isRun(word []byte) bool { return string(word) == "zz" }

func decode4(words [][]byte, bits int) (p netip.Prefix, why string) {
	var a [4]byte
	for i, w := range words {
		v, ok := number(w, 10, 255)
		if !ok {
			return p, fmt.Sprintf("%q in an IPv4 address; want 0 to 255", shorten(w))
		}
		a[3-i] = byte(v)
	}
	if bits > 32 {
		return p, fmt.Sprintf("prefix length %d of an IPv4 address; want 1 to 32", bits)
	}
	return masked(netip.PrefixFrom(netip.AddrFrom4(a), bits))
}

func decode6(words [][]byte, bits int) (p netip.Prefix, why string) {
	var a [16]byte
	at, run := 8, false // words still to be filled, from the last
	for _, w := range words {
		if isRun(w) {
			if run {
				return p, "zz twice in an address"
			}
			run = true
			at -= 9 - len(words) // what the others leave
			continue
		}
		v, ok := number(w, 16, 0xffff)
		if !ok {
			return p, fmt.Sprintf("%q in an IPv6 address; want hexadecimal 0 to ffff, or zz", shorten(w))
		}
		at-- // there are at most eight words
		binary.BigEndian.PutUint16(a[2*at:], uint16(v))
	}
	if at != 0 {
		return p, fmt.Sprintf("%d words in an address; want four, or eight of IPv6, or zz for a run of zeros", len(words))
	}
	addr := netip.AddrFrom16(a)
	p, why = masked(netip.PrefixFrom(addr, bits))
	if addr.Is4In6() && bits >= 96 {
		p = netip.PrefixFrom(addr.Unmap(), bits-96)
	}
	return p, why
}

// number reads digits and nothing else.
func number(word []byte, base int, most uint64) (uint64, bool) {
	if len(word) == 0 || bytes.IndexByte(word, '_') >= 0 {
		return 0, false
	}
	v, err := strconv.ParseUint(string(word), base, 64)
	return v, err == nil && v <= most && word[0] != '+'
}

// masked refuses an address with bits beyond its prefix: nobody can tell which
// of the two was meant (draft, section 4.1.1).
func masked(p netip.Prefix) (netip.Prefix, string) {
	if m := p.Masked(); m != p {
		return p, fmt.Sprintf("address bits beyond the prefix length; want %s", encode(m))
	}
	return p, ""
}

// encode spells an address as the owner of a rule: what decode reads, in
// canonical form. Of runs of zeros of one length the last stands for zz, which
// in an address that is read forwards is the first (RFC 5952, section 4.2.3).
func encode(p netip.Prefix) string {
	if p.Addr().Is4() && p.Bits() == 0 { // every IPv4 address: there is no prefix length 0
		p = netip.PrefixFrom(netip.AddrFrom16(p.Addr().As16()), 96)
	}
	var b strings.Builder
	b.WriteString(strconv.Itoa(p.Bits()))
	if p.Addr().Is4() {
		a := p.Addr().As4()
		for i := 3; i >= 0; i-- {
			fmt.Fprintf(&b, ".%d", a[i])
		}
		return b.String()
	}
	a := p.Addr().As16()
	var words [8]uint16
	for i := range words {
		words[i] = binary.BigEndian.Uint16(a[2*i:])
	}
	from, n := longestRun(words)
	for i := 7; i >= 0; i-- {
		if i == from+n-1 && n > 1 {
			b.WriteString(".zz")
			i = from
			continue
		}
		fmt.Fprintf(&b, ".%x", words[i])
	}
	return b.String()
}

// longestRun is the first of the longest runs of zeros.
func longestRun(words [8]uint16) (from, n int) {
	for i := 0; i < len(words); {
		j := i
		for j < len(words) && words[j] == 0 {
			j++
		}
		if j-i > n {
			from, n = i, j-i
		}
		i = max(j, i+1)
	}
	return from, n
}
