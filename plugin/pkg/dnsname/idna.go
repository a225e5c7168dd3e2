package dnsname

import (
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// ErrIDNA: the name holds characters that no international name may hold, or
// octets that are no UTF-8.
var ErrIDNA = errors.New("no international name (IDNA)")

// maxUnicode bounds the text of an international name, in octets: the longest
// UTF-8 form of one code point for every octet that a name has. The encoder's
// work grows with the square of a label, and a line of a list may have 64 KiB.
const maxUnicode = utf8.UTFMax * MaxLen

// lookup is UTS 46 as browsers apply it, non-transitional: ß stays ß. The rules
// on hyphens are left out, for real names break them (r3---sn-x.example).
var lookup = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.BidiRule(),
	idna.CheckHyphens(false),
	idna.StrictDomainName(false),
)

// dots are the other full stops of UTS 46, section 2.3: ideographic, fullwidth
// and halfwidth.
var dots = strings.NewReplacer("。", ".", "．", ".", "｡", ".")

// ToASCII turns the labels of text that are not ASCII into A-labels. ASCII
// labels stay as they are, for a list may name any of them: _dmarc, xn--
// anything, and what breaks the rules of host names.
func ToASCII(text string) (string, error) {
	if ascii(text) {
		return text, nil
	}
	if len(text) > maxUnicode {
		return "", ErrNameLong
	}
	if !utf8.ValidString(text) {
		return "", ErrIDNA
	}
	labels := strings.Split(dots.Replace(text), ".")
	for i, label := range labels {
		if ascii(label) {
			continue
		}
		a, err := lookup.ToASCII(label)
		if err != nil {
			return "", ErrIDNA
		}
		if a == "" { // only code points that the mapping drops, as U+00AD
			return "", ErrEmptyLabel
		}
		labels[i] = a
	}
	return strings.Join(labels, "."), nil
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
