package list

import (
	"bytes"
)

const (
	whySpace  = "white space inside; want one name a line, or 0.0.0.0 and names"
	whyRecord = "a record of a zone; zones stand in the folder rpz"
)

// local are the names that hosts files give to the machine itself and its
// network, as Debian, macOS and the large lists write them.
var local = map[string]bool{
	"localhost": true, "localhost.localdomain": true, "local": true,
	"localhost4": true, "localhost4.localdomain4": true,
	"localhost6": true, "localhost6.localdomain6": true,
	"broadcasthost": true,
	"ip6-localhost": true, "ip6-loopback": true, "ip6-localnet": true,
	"ip6-mcastprefix": true, "ip6-allnodes": true, "ip6-allrouters": true, "ip6-allhosts": true,
}

// fields reads a line that white space divides: of hosts, or of a format that
// is not ours.
func (r *reader) fields(e []byte) {
	first, rest := cutField(e)
	if blank, ok := r.hostsAddr(first); ok {
		if !blank {
			r.pass(passHosts)
			return
		}
		for len(rest) > 0 {
			first, rest = cutField(rest)
			r.hostsName(first)
		}
		return
	}
	if why := foreign(e); why != passNot {
		r.pass(why)
		return
	}
	if zoneRecord(e) {
		r.refuse(e, whyRecord)
		return
	}
	r.refuse(e, whySpace)
}

// hostsName reads one name of a hosts line: the name, and nothing below it.
func (r *reader) hostsName(text []byte) {
	if isAddr(text) || isLocal(text) { // "0.0.0.0 0.0.0.0" is common
		r.pass(passLocal)
		return
	}
	if why := foreign(text); why != passNot {
		r.pass(why)
		return
	}
	name, why := r.name(text)
	if why != "" {
		r.refuse(text, why)
		return
	}
	r.block(name, Exact, true, false, text)
}

func isLocal(text []byte) bool {
	var buf [32]byte
	text = bytes.TrimSuffix(text, []byte("."))
	if len(text) > len(buf) {
		return false
	}
	lower := buf[:0]
	for _, c := range text {
		lower = append(lower, host[c]|c&'.') // other octets make it no match
	}
	return local[string(lower)]
}

// hostsAddr tells whether a hosts line begins here, and whether with an address
// that blocks: unspecified or loopback. Any other is where a name is, and such a
// line (10.1.2.3 nas.local) blocks nothing.
func (r *reader) hostsAddr(text []byte) (blank, ok bool) {
	h := &r.hosts
	if string(text) == string(h.text[:h.n]) { // nearly always the last line's
		return h.blank, true
	}
	if string(text) == "0" { // 0.0.0.0 as inet_aton writes it
		return true, true
	}
	addr, ok := parseAddr(text)
	if !ok {
		return false, false
	}
	addr = addr.Unmap()
	blank = addr.IsUnspecified() || addr.IsLoopback()
	h.n, h.blank = copy(h.text[:], text), blank
	return blank, true
}

// cutField is the first field and what follows it, trimmed.
func cutField(e []byte) (field, rest []byte) {
	for i, c := range e {
		if space(c) {
			return e[:i], bytes.TrimLeft(e[i:], " \t\v\f\r")
		}
	}
	return e, nil
}

// zoneRecord tells a line of a zone file.
func zoneRecord(e []byte) bool {
	if e[0] == '$' || e[0] == '@' {
		return true
	}
	_, rest := cutField(e)
	for len(rest) > 0 {
		var field []byte
		field, rest = cutField(rest)
		switch string(field) {
		case "IN", "A", "NS": // in lower case they stand in prose
			return true
		}
		switch string(bytes.ToUpper(field)) {
		case "CNAME", "SOA", "AAAA", "TXT":
			return true
		}
	}
	return false
}
