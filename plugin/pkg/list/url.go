package list

import (
	"bytes"
	"strconv"
)

const (
	whyScheme   = "no URL of a host; want scheme://host/"
	whyPort     = "no such port; want 0 to 65535"
	whyHostless = "no host between the marks; want scheme://host/"
)

// url reads scheme://user@host:port/path; false where e is none. Any scheme
// will do, also those that reports write so that nobody clicks (hxxp). A rule
// comes of it where the URL says no more than its host: a path or a query is
// one page of a host that is more often hacked than bad, and is passed over
// unless the file says urls=hosts.
func (r *reader) url(e []byte) bool {
	i := bytes.Index(e, []byte("://"))
	if i <= 0 || !scheme(e[:i]) {
		return false
	}
	text, behind := cutField(e[i+len("://"):])
	authority, rest := cutAt(text, "/?#\\")
	switch {
	case len(behind) > 0 && !beyond(rest):
		r.refuse(e, whySpace)
	case string(e[:i]) == "file" || len(authority) == 0:
		r.refuse(e, whyScheme)
	case beyond(rest) && r.res.Options.URLs != "hosts":
		r.pass(passURL)
	default:
		if at := bytes.LastIndexByte(authority, '@'); at >= 0 {
			authority = authority[at+1:]
		}
		r.authority(e, authority)
	}
	return true
}

// hostAnd reads host:port, host:port/, and hosts with a path; false where e is
// none of them. A host with no more than a slash behind it is a pattern in lists
// for browsers, which means other names too, and is passed over as a path.
func (r *reader) hostAnd(e []byte) bool {
	authority, rest := cutAt(e, "/")
	port := portLike(authority)
	if !port && (len(rest) == 0 || !hostLike(authority)) {
		return false
	}
	if (beyond(rest) || !port) && r.res.Options.URLs != "hosts" {
		r.pass(passPath)
		return true
	}
	r.authority(e, authority)
	return true
}

// authority takes host or host:port: the host, and nothing below it.
func (r *reader) authority(e, text []byte) {
	host, port := text, []byte(nil)
	if text[0] == '[' {
		if i := bytes.IndexByte(text, ']'); i > 0 {
			host, port = text[:i+1], text[i+1:]
		}
	} else if i := bytes.LastIndexByte(text, ':'); i >= 0 {
		host, port = text[:i], text[i:]
	}
	switch {
	case len(port) > 1 && !portNumber(port[1:]) || len(port) > 0 && port[0] != ':':
		r.refuse(e, whyPort)
	case len(host) == 0:
		r.refuse(e, whyHostless)
	default:
		r.host(e, host)
	}
}

// host takes the host of a URL or of a row: an address, or this very name.
func (r *reader) host(e, text []byte) {
	switch {
	case isLocal(text):
		r.pass(passLocal)
	case bytes.ContainsAny(text, "*^|"): // of lists for browsers: http://bad.example^
		r.pass(passPattern)
	case r.address(text, false, false):
	default:
		name, why := r.name(text)
		if why != "" {
			r.refuse(e, why)
			return
		}
		r.block(name, Exact, true, false, e)
	}
}

// beyond tells whether a URL says more than its host.
func beyond(rest []byte) bool {
	switch string(rest) {
	case "", "/", "?", "/?", "#", "/#":
		return false
	}
	return true
}

// cutAt cuts e before the first of these octets.
func cutAt(e []byte, octets string) (before, rest []byte) {
	if i := bytes.IndexAny(e, octets); i >= 0 {
		return e[:i], e[i:]
	}
	return e, nil
}

// scheme: RFC 3986, section 3.1.
func scheme(text []byte) bool {
	for i, c := range text {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return len(text) > 0
}

func portNumber(text []byte) bool {
	if len(text) > len("65535") || !digits(text) {
		return false
	}
	n, err := strconv.Atoi(string(text))
	return err == nil && n <= 65535
}

// hostLike: a name or an address, as far as its octets tell.
func hostLike(text []byte) bool {
	return len(text) > 0 && (hostLen(text) == len(text) || bytes.IndexByte(text, '*') >= 0 || isAddr6(text))
}

// portLike: a name or an address, a colon and a number.
func portLike(text []byte) bool {
	i := bytes.LastIndexByte(text, ':')
	if i <= 0 || !digits(text[i+1:]) {
		return false
	}
	before := text[:i]
	if n := len(before); before[0] == '[' && before[n-1] == ']' {
		return isAddr(before[1 : n-1])
	}
	return hostLike(before) && !isAddr6(before)
}

// fangs are what reports put in place of dots and colons, so that nobody clicks.
var fangs = []struct{ drawn, real string }{{"[.]", "."}, {"[dot]", "."}, {"[:]", ":"}, {"[://]", "://"}}

// refang puts dots back into the host of e: evil[.]example. What else is in e
// must be of a name, for [.] stands in regular expressions too.
func refang(e []byte) []byte {
	if i := bytes.IndexByte(e, '['); i <= 0 || i+2 >= len(e) || e[i+1] != '.' && e[i+1] != 'd' && e[i+1] != ':' {
		return e
	}
	head, tail := e, []byte(nil)
	from := max(0, bytes.Index(e, []byte("//"))) // of the scheme
	if from > 0 {
		from += len("//")
	}
	if i := bytes.IndexAny(e[from:], "/?#"); i >= 0 && !bytes.HasPrefix(e[from+i:], []byte("//]")) {
		head, tail = e[:from+i], e[from+i:]
	}
	if bytes.ContainsAny(head, `^|*$(){}+\`) {
		return e
	}
	for _, f := range fangs {
		head = bytes.ReplaceAll(head, []byte(f.drawn), []byte(f.real))
	}
	return append(bytes.Clone(head), tail...)
}
