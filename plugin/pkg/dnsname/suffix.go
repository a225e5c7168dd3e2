package dnsname

import (
	"bytes"
	"unsafe"

	"golang.org/x/net/publicsuffix"
)

// Suffix says what a name is in the Public Suffix List.
type Suffix uint8

const (
	NoSuffix Suffix = iota // a name that somebody registered, or below one; also the root
	TopLevel               // a single label, listed or not
	ICANN                  // a suffix under which registries sell names: co.uk
	Private                // a suffix whose owner gives out names: github.io
)

// String is the word for s in a sentence to an operator.
func (s Suffix) String() string {
	switch s {
	case TopLevel:
		return "a top-level domain"
	case ICANN:
		return "a public suffix"
	case Private:
		return "a private public suffix"
	}
	return "no public suffix"
}

// SuffixOf says what this very name is; names below a suffix are none.
func SuffixOf(name []byte) Suffix {
	parent := Parent(name)
	switch {
	case parent == nil:
		return NoSuffix
	case len(parent) == 1:
		return TopLevel
	}
	at, icann := suffixAt(name)
	switch {
	case at > 0:
		return NoSuffix
	case icann:
		return ICANN
	}
	return Private
}

// Registered is the registrable domain of name, the one label below its public
// suffix, as a part of name; nil where name is itself a suffix or the root.
func Registered(name []byte) []byte {
	if Parent(name) == nil {
		return nil
	}
	at, _ := suffixAt(name)
	for p := Parent(name); p != nil; p = Parent(p) {
		if len(p) <= len(name)-at {
			if len(p) == len(name)-at && at > 0 {
				return name
			}
			return nil
		}
		name, at = p, at-(len(name)-len(p))
	}
	return nil
}

// suffixAt is where the public suffix begins in name, and whether it is one of
// ICANN's.
//
// The list wants text. Text without escapes is the wire form less its first and
// last octet with dots in the places of lengths, so an offset in one is an
// offset in the other. A dot inside a label becomes NUL, which no suffix holds.
func suffixAt(name []byte) (at int, icann bool) {
	var buf [MaxLen]byte
	if len(name) < 2 || len(name) > MaxLen {
		return 0, false
	}
	text := buf[:copy(buf[:], name[1:len(name)-1])]
	for i, c := range text {
		if c == '.' {
			text[i] = 0
		}
	}
	for i := int(name[0]); i < len(text); i += int(name[i+1]) + 1 {
		text[i] = '.'
	}
	text = bytes.TrimRight(text, ".") // only where the bytes are no name
	if len(text) == 0 {
		return 0, false
	}
	// A string without a copy: it lives no longer than buf, and the list keeps
	// nothing. A copy would cost an allocation for names over 32 octets.
	suffix, icann := publicsuffix.PublicSuffix(unsafe.String(unsafe.SliceData(text), len(text)))
	return len(text) - len(suffix), icann
}
