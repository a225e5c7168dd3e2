package list

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"sinkhole/plugin/pkg/dnsname"
)

const (
	whyNumber = "the last label holds no letter: neither a name nor an address"
	whyEscape = `a backslash that is not \DDD`
)

// plain reads a bare name.
func (r *reader) plain(e []byte) {
	name, why := r.name(e)
	if why != "" {
		r.refuse(e, why)
		return
	}
	r.block(name, r.plainReach(), false, false, e)
}

func (r *reader) plainReach() Reach {
	if r.res.Options.Subdomains {
		return Subtree
	}
	return Exact
}

// name reads text as a name, or says why it is none. The name stands in r.room.
func (r *reader) name(text []byte) (name []byte, why string) { return appendName(r.room[:0], text) }

// appendName appends the name that text is, or says why it is none.
func appendName(dst, text []byte) (name []byte, why string) {
	if name, ok := appendHost(dst, text); ok {
		return name, ""
	}
	for _, c := range text {
		if c >= utf8.RuneSelf {
			ascii, err := dnsname.ToASCII(string(text))
			if err != nil {
				return nil, err.Error()
			}
			text = []byte(ascii)
			break
		}
	}
	if why := whyNoHost(text); why != "" {
		return nil, why
	}
	name, err := dnsname.AppendBytes(dst, text)
	if err != nil {
		return nil, err.Error()
	}
	if len(name) > 1 && !lettered(name) {
		return nil, whyNumber
	}
	return name, ""
}

// whyNoHost finds an octet that stands in no host's name. Letters, digits,
// hyphen and underscore do; any other octet must be written \DDD, so that
// regular expressions and the rest of URLs are not taken for names.
func whyNoHost(text []byte) string {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			if i+3 >= len(text) || !digits(text[i+1:i+4]) {
				return whyEscape
			}
			i += 3
		case c != '.' && host[c] == 0:
			return fmt.Sprintf("no name holds %q", rune(c))
		}
	}
	return ""
}

// lettered tells whether the last label of a name holds a letter: no top-level
// domain goes without (RFC 3696, section 2), and 192.0.2 is half an address.
func lettered(name []byte) bool {
	for p := dnsname.Parent(name); len(p) > 1; p = dnsname.Parent(p) {
		name = p
	}
	return bytes.ContainsFunc(name[1:len(name)-1], func(c rune) bool { return 'a' <= c && c <= 'z' })
}

func digits(text []byte) bool {
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(text) > 0
}

// host maps the octets of host names to lower case, all others to 0.
var host = func() (t [256]byte) {
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = byte(c), byte(c)
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = byte(c)
	}
	t['-'], t['_'] = '-', '_'
	return t
}()

// appendHost is the fast way for what is a whole name and nothing else: one
// pass over its octets. Where it says no, name knows why.
func appendHost(dst, text []byte) (name []byte, ok bool) {
	if len(text) > dnsname.MaxLen { // with the final dot
		return nil, false
	}
	at, letter, was := len(dst), false, false // was: of the label before
	dst = append(dst, 0)
	for _, c := range text {
		if c == '.' {
			n := len(dst) - at - 1
			if n == 0 || n > dnsname.MaxLabel {
				return nil, false
			}
			dst[at], at = byte(n), len(dst)
			was, letter = letter, false
			dst = append(dst, 0)
			continue
		}
		l := host[c]
		if l == 0 {
			return nil, false
		}
		letter = letter || l >= 'a'
		dst = append(dst, l)
	}
	n := len(dst) - at - 1
	if n == 0 { // a final dot: its octet is the root label
		return dst, was && len(dst) <= dnsname.MaxLen
	}
	if n > dnsname.MaxLabel || len(dst) >= dnsname.MaxLen {
		return nil, false
	}
	dst[at] = byte(n)
	return append(dst, 0), letter
}
