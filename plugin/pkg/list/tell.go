package list

import "bytes"

const whyLong = "a line over 64 KiB; want one entry a line"

// entryLine is the second reading of a line: it becomes rules, a refusal, or is
// passed over.
func (r *reader) entryLine(line int, text []byte, long bool) {
	r.line, r.text = line, text
	if long {
		r.refuse(text, whyLong)
		return
	}
	entry := trim(text)
	if name, ok := appendHost(r.room[:0], entry); ok { // nearly all lines of nearly all lists
		r.block(name, r.plainReach(), false, false, entry)
		return
	}
	if entry = unquote(cutComment(entry)); len(entry) > 0 {
		r.entry(entry)
	}
}

// entry tells an entry by its form. The order matters: what is specific stands
// before what would take it for its own.
func (r *reader) entry(e []byte) {
	switch {
	case e[0] == '|' || bytes.HasPrefix(e, []byte("@@")):
		if cosmetic(e) {
			r.pass(passCosmetic)
			return
		}
		r.adblock(e)
	case cosmetic(e):
		r.pass(passCosmetic)
	case e[0] == '*' || e[0] == '.':
		r.wildcard(e)
	case r.address(e, false, false):
	case spaced(e):
		r.fields(e)
	default:
		if why := foreign(e); why != passNot {
			r.pass(why)
			return
		}
		r.plain(e)
	}
}

// trim takes white space from both ends; other than ASCII's too, which comes
// from web pages (U+00A0).
func trim(text []byte) []byte {
	if len(text) > 0 && (text[0] <= ' ' || text[0] >= 0x80 || text[len(text)-1] <= ' ' || text[len(text)-1] >= 0x80) {
		return bytes.TrimSpace(text)
	}
	return text
}

func space(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// spaced tells whether white space divides e.
func spaced(e []byte) bool {
	for _, c := range e {
		if space(c) {
			return true
		}
	}
	return false
}

// unquote takes one pair of quotes away.
func unquote(e []byte) []byte {
	if n := len(e); n >= 2 && (e[0] == '"' || e[0] == '\'') && bytes.IndexByte(e[1:], e[0]) == n-2 {
		return trim(e[1 : n-1])
	}
	return e
}
