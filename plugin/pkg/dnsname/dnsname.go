// Package dnsname holds domain names as they stand on the wire: one form for
// lists, questions and answers, so that comparing is comparing bytes.
//
// # Layout
//
// A name is the octets of RFC 1035, section 3.1, uncompressed, with the letters
// A to Z in lower case (RFC 4343) and the root's empty label at the end:
//
//	+---+---------------+---+---------------------------+---+
//	| 3 | 'b' 'a' 'd'   | 7 | 'e' 'x' 'a' 'm' 'p' 'l' 'e' | 0 |
//	+---+---------------+---+---------------------------+---+
//
// A label has 1 to 63 octets of any value, a name at most 255 with all length
// octets. A parent is a suffix of the same bytes: walking from www.bad.example
// up to the root moves a slice and copies nothing.
//
// # Contract
//
// Append and ToASCII take any text, Valid takes any bytes. All others expect
// what Append made; on other bytes they answer something, but do not panic.
// What is called for every query allocates nothing; String makes its result,
// ToASCII what was not ASCII, and the Public Suffix List one refusal a name.
package dnsname

import "errors"

// Limits of RFC 1035, section 2.3.4, in octets.
const (
	MaxLen   = 255 // a name on the wire, with every length octet
	MaxLabel = 63  // a label without its length octet
)

// What text cannot be as a name. The texts are made to stand behind the quoted
// name in a refusal.
var (
	ErrEmpty      = errors.New("empty name")
	ErrEmptyLabel = errors.New("empty label")
	ErrLabelLong  = errors.New("label over 63 octets")
	ErrNameLong   = errors.New("name over 255 octets")
	ErrEscape     = errors.New(`bad escape; want \X or \DDD from \000 to \255`)
)

// Append appends the wire form of a name in presentation form (RFC 1035,
// section 5.1): \X and \DDD are escapes, the final dot is optional, "." is the
// root. Other octets stand for themselves, letters become lower case. On a
// refusal dst comes back as it was.
//
// It is not inlined, or the room of every caller would move to the heap: the
// compiler does not see through a generic function.
//
//go:noinline
func Append(dst []byte, text string) ([]byte, error) { return appendWire(dst, text) }

// AppendBytes is Append for text in a byte slice.
func AppendBytes(dst, text []byte) ([]byte, error) { return appendWire(dst, text) }

func appendWire[T string | []byte](dst []byte, text T) ([]byte, error) {
	if len(text) == 0 {
		return dst, ErrEmpty
	}
	start := len(dst)
	if len(text) == 1 && text[0] == '.' {
		return append(dst, 0), nil
	}
	at := start // of the length octet of the label being read
	dst = append(dst, 0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '.':
			if len(dst) == at+1 {
				return dst[:start], ErrEmptyLabel
			}
			dst[at] = byte(len(dst) - at - 1)
			at = len(dst)
			dst = append(dst, 0)
			continue
		case c == '\\':
			octet, n := escape(text[i+1:])
			if n == 0 {
				return dst[:start], ErrEscape
			}
			c, i = octet, i+n
		}
		dst = append(dst, lower[c])
		if len(dst)-at-1 > MaxLabel {
			return dst[:start], ErrLabelLong
		}
		if len(dst)-start >= MaxLen {
			return dst[:start], ErrNameLong
		}
	}
	if len(dst) == at+1 { // the text ended in a dot: its octet is the root label
		return dst, nil
	}
	dst[at] = byte(len(dst) - at - 1)
	return append(dst, 0), nil
}

// escape reads what follows a backslash: one octet and how much text it took,
// 0 where it is no escape.
func escape[T string | []byte](text T) (octet byte, n int) {
	if len(text) == 0 {
		return 0, 0
	}
	if !digit(text[0]) {
		return text[0], 1
	}
	if len(text) < 3 || !digit(text[1]) || !digit(text[2]) {
		return 0, 0
	}
	v := int(text[0]-'0')*100 + int(text[1]-'0')*10 + int(text[2]-'0')
	if v > 255 {
		return 0, 0
	}
	return byte(v), 3
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// lower maps A to Z to a to z and every other octet to itself (RFC 4343: only
// ASCII letters have case in a name).
var lower = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			t[i] += 'a' - 'A'
		}
	}
	return t
}()

// AppendText appends name in presentation form without the final dot; the root
// is ".". As in BIND, `"().;\@$` get a backslash and octets that are no
// printable ASCII are written \DDD, so that Append reads back the same name and
// no octet of a name reaches a terminal as it is.
func AppendText(dst, name []byte) []byte {
	start := len(dst)
	for len(name) > 0 && name[0] != 0 {
		n := min(int(name[0]), len(name)-1)
		if len(dst) > start {
			dst = append(dst, '.')
		}
		for _, c := range name[1 : 1+n] {
			dst = appendOctet(dst, c)
		}
		name = name[1+n:]
	}
	if len(dst) == start {
		return append(dst, '.')
	}
	return dst
}

func appendOctet(dst []byte, c byte) []byte {
	switch {
	case c <= ' ' || c > '~':
		return append(dst, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
	case c == '"' || c == '(' || c == ')' || c == '.' || c == ';' || c == '\\' || c == '@' || c == '$':
		return append(dst, '\\', c)
	}
	return append(dst, c)
}

// String is name in presentation form, see AppendText.
func String(name []byte) string {
	var buf [4 * MaxLen]byte
	return string(AppendText(buf[:0], name))
}

// Parent is name without its first label; the root has none.
func Parent(name []byte) []byte {
	if len(name) == 0 || name[0] == 0 || int(name[0])+1 >= len(name) {
		return nil
	}
	return name[int(name[0])+1:]
}

// Labels counts the labels of name without the root's: 0 for the root.
func Labels(name []byte) int {
	n := 0
	for name = Parent(name); name != nil; name = Parent(name) {
		n++
	}
	return n
}

// Under tells whether name is zone or below it, by label: evil.example is not
// under vil.example.
func Under(name, zone []byte) bool {
	for len(name) > len(zone) {
		name = Parent(name)
	}
	return len(zone) > 0 && string(name) == string(zone)
}

// Valid tells whether the bytes are one whole name as Append makes it.
func Valid(name []byte) bool {
	if len(name) > MaxLen {
		return false
	}
	for len(name) > 0 {
		n := int(name[0])
		if n == 0 {
			return len(name) == 1
		}
		if n > MaxLabel || n+1 >= len(name) {
			return false
		}
		for _, c := range name[1 : 1+n] {
			if lower[c] != c {
				return false
			}
		}
		name = name[1+n:]
	}
	return false
}
