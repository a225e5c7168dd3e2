package list

import (
	"bytes"
	"cmp"
)

// foreign recognises an entry that means something which names cannot say and
// must not be read as one; passNot where it is none.
func foreign(e []byte) passReason {
	first, _ := cutField(e)
	switch {
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
	if _, modifiers := splitModifiers(e); len(modifiers) > 0 { // bad.example$important
		return cmp.Or(modifierKind(modifiers), passPattern)
	}
	return passNot
}
