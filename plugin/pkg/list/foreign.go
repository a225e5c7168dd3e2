package list

import "bytes"

// dnsmasqOptions and unboundOptions begin the lines of those programs' files
// that stand in published lists.
var (
	dnsmasqOptions = []string{"address=", "local=", "server=", "rev-server=", "ipset=", "nftset=",
		"cname=", "host-record=", "bogus-nxdomain=", "bogus-priv=", "rebind-domain-ok=", "conf-file=", "addn-hosts="}
	unboundOptions = []string{"local-zone:", "local-data:", "local-data-ptr:", "local-zone-override:",
		"local-zone-tag:", "domain-insecure:", "private-domain:", "include:", "forward-zone:", "stub-zone:", "name:"}
)

// foreign recognises an entry of another form, which must not be read as a
// name; passNot where it is none.
func foreign(e []byte) passReason {
	first, _ := cutField(e)
	switch {
	case begins(e, dnsmasqOptions):
		return passDnsmasq
	case begins(e, unboundOptions) || string(e) == "server:":
		return passUnbound
	case quotedRow(e):
		return passCSV
	case bytes.Contains(first, []byte("://")):
		return passURL
	case first[0] == '/':
		return passPath
	case len(first) < len(e): // the rest have no white space
		return passNot
	case bytes.HasPrefix(e, []byte("[$")):
		return passModifier
	}
	return hostAndMore(e)
}

func begins(e []byte, options []string) bool {
	for _, o := range options {
		if len(e) >= len(o) && string(e[:len(o)]) == o {
			return true
		}
	}
	return false
}

// quotedRow tells a row of quoted columns. Rows without quotes are too like
// prose to be told, and are refused.
func quotedRow(e []byte) bool {
	return e[0] == '"' && (bytes.Contains(e, []byte(`","`)) || bytes.Contains(e, []byte(`", "`)))
}

// hostAndMore tells host:port, host/path and patterns.
func hostAndMore(e []byte) passReason {
	if i := bytes.IndexByte(e, '/'); i > 0 {
		before := e[:i]
		if hostLike(before) || portLike(before) {
			return passPath
		}
	}
	if portLike(e) {
		return passPort
	}
	if bytes.ContainsAny(e, "^|*&?=") {
		return passPattern
	}
	if i := bytes.IndexByte(e, '$'); i > 0 {
		return passModifier
	}
	return passNot
}

// hostLike: a name or an address, as far as its octets tell.
func hostLike(text []byte) bool {
	return len(text) > 0 && (hostLen(text) == len(text) || bytes.IndexByte(text, '*') >= 0)
}

// portLike: a name or an address, a colon and a number.
func portLike(text []byte) bool {
	i := bytes.LastIndexByte(text, ':')
	if i <= 0 || len(text)-i > len(":65535") || !digits(text[i+1:]) {
		return false
	}
	before := text[:i]
	if n := len(before); before[0] == '[' && before[n-1] == ']' {
		return isAddr(before[1 : n-1])
	}
	return hostLike(before)
}
