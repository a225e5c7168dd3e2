package list

import "bytes"

// maxHeaderLen bounds the name of a column, in octets.
const maxHeaderLen = 40

// header says which columns count; -1: there is none of that kind.
type header struct {
	comma       byte
	columns     int
	value       int
	kind        columnKind
	ioc         int // what the value is
	compromised int
	netmask     int // of a value that is the beginning of a block
}

// headerAt is the header that names one column.
func headerAt(column int) header {
	return header{value: column, kind: columnName, ioc: -1, compromised: -1, netmask: -1}
}

// columnKind is what the values of a column are.
type columnKind uint8

const (
	columnNone  columnKind = iota
	columnAny              // of several kinds: another column tells
	columnName             // names, or addresses, or URLs
	columnStart            // the first address of a block
)

// Columns by their names, in small letters, less all that is no letter or digit.
var (
	anyColumns  = wordSet("iocvalue ioc indicator indicatorvalue observable observablevalue artifact")
	nameColumns = wordSet("domain domains domainname fqdn host hostname hosts dnsname domainaddress adresdomeny site website " +
		"maliciousdomain phishingdomain baddomain domainorurl hostorurl " +
		"url urls uri phishurl phishingurl maliciousurl malwareurl " +
		"ip ips ipaddress ipaddr address addr ipv4 ipv6 ipv4address ipv6address cidr ipcidr iprange network netblock subnet prefix " +
		"dstip destip destinationip srcip sourceip ipdst ipsrc c2ip hostip serverip")
	typeColumns = wordSet("ioctype indicatortype observabletype type datatype")

	// listedTypes are what is read of the words in a type column.
	listedTypes = wordSet("domain domainname hostname host fqdn dns url uri " +
		"ip ipv4 ipv6 ipaddr ipaddress address cidr netblock ipv4addr ipv6addr ipdst ipsrc ipport ipdstport ipsrcport")
)

// rowComment looks for a header in a comment. One that names no column that we
// know yields to one that does.
func (r *reader) rowComment(e []byte) {
	h := r.headerOf(commentOf(e), true)
	if h != nil && h.columns > 1 && (r.rows.pending == nil || h.value >= 0 || r.rows.pending.value < 0) {
		r.rows.pending = h
	}
}

// headerOf reads names of columns, with one of the separators. Where none of
// them is known, only the first line of a file or a comment can be a header.
func (r *reader) headerOf(e []byte, first bool) *header {
	for _, comma := range []byte(",;\t") {
		if bytes.IndexByte(e, comma) < 0 {
			continue
		}
		n, open := r.split(e, comma)
		if open || n < 2 {
			continue
		}
		if h := headerOfColumns(r.rows.fields[:n], comma); h != nil && (h.value >= 0 || first && n > 2) {
			return h
		}
	}
	var buf [maxHeaderLen]byte
	if first && nameColumns[string(nameOfColumn(buf[:0], e))] && columnLike(e) {
		return &header{columns: 1, value: -1, ioc: -1, compromised: -1, netmask: -1}
	}
	return nil
}

func headerOfColumns(fields [][]byte, comma byte) *header {
	h := &header{comma: comma, columns: len(fields), value: -1, ioc: -1, compromised: -1, netmask: -1}
	plainValue, start := -1, -1
	var buf [maxHeaderLen]byte
	for i, f := range fields {
		if !columnLike(f) {
			return nil
		}
		switch name := nameOfColumn(buf[:0], f); {
		case h.kind < columnName && anyColumns[string(name)]:
			h.value, h.kind = i, columnAny
		case h.value < 0 && nameColumns[string(name)]:
			h.value, h.kind = i, columnName
		case h.ioc < 0 && typeColumns[string(name)]:
			h.ioc = i
		case string(name) == "value":
			plainValue = i
		case string(name) == "start" || string(name) == "startip":
			start = i
		case string(name) == "netmask":
			h.netmask = i
		case string(name) == "iscompromised" || string(name) == "compromised":
			h.compromised = i
		}
	}
	switch {
	case h.value >= 0:
	case plainValue >= 0 && h.ioc >= 0:
		h.value, h.kind = plainValue, columnAny
	case start >= 0 && h.netmask >= 0:
		h.value, h.kind = start, columnStart
	}
	return h
}

// columnLike: a few words, and nothing that stands in names, dates or sentences.
func columnLike(text []byte) bool {
	letters, words := 0, 1
	for _, c := range text {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			letters++
		case c == ' ':
			words++
		case c != '_' && c != '-' && c != '#' && c != '(' && c != ')' && c != '/' && (c < '0' || c > '9'):
			return false
		}
	}
	return letters > 0 && words <= 4 && len(text) <= maxHeaderLen
}

// nameOfColumn is a column's name in small letters and digits only, in the room
// of dst.
func nameOfColumn(dst, text []byte) []byte {
	for _, c := range text {
		if l := host[c]; l != 0 && l != '-' && l != '_' && len(dst) < cap(dst) {
			dst = append(dst, l)
		}
	}
	return dst
}
