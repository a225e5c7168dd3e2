package dnsname

import (
	"sync"
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

// String is s in words.
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

// suffixAt is where the public suffix begins in name, and whether it is one of
// ICANN's.
//
// The list wants text. Text without escapes is the wire form less its first and
// last octet with dots in the places of lengths, so an offset in one is an
// offset in the other. A dot inside a label becomes NUL, which no suffix holds.
func suffixAt(name []byte) (at int, icann bool) {
	if len(name) < 2 || len(name) > MaxLen {
		return 0, false
	}
	buf := texts.Get().(*[MaxLen]byte)
	defer texts.Put(buf)
	text := buf[:copy(buf[:], name[1:len(name)-1])]
	for i, c := range text {
		if c == '.' {
			text[i] = 0
		}
	}
	last := 0 // where the last label begins
	for i := int(name[0]); i < len(text); i += int(name[i+1]) + 1 {
		text[i], last = '.', i+1
	}
	if last == len(text) { // only where the bytes are no name
		return 0, false
	}
	if allDigits(text[last:]) {
		return last, false // the list would call 1.2.3.4 an address, not a name
	}
	// A string without a copy: the list keeps nothing of it.
	suffix, icann := publicsuffix.PublicSuffix(unsafe.String(unsafe.SliceData(text), len(text)))
	return len(text) - len(suffix), icann
}

// texts lends the room for a name's text: x/net asks first whether it is an
// address, and the refusal of that takes it to the heap. The refusal itself, 48
// octets, is the one allocation of SuffixOf.
var texts = sync.Pool{New: func() any { return new([MaxLen]byte) }}

func allDigits(label []byte) bool {
	for _, c := range label {
		if !digit(c) {
			return false
		}
	}
	return true
}
