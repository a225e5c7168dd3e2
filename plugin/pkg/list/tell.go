package list

import "bytes"

const whyLong = "a line over 64 KiB; want one entry a line"

// entryLine is the second reading of a line: it becomes rules, a refusal, or is
// passed over.
func (r *reader) entryLine(line int, text []byte, long bool) {
	if long {
		r.endRow()
		r.line, r.text = line, text
		r.refuse(text, whyLong)
		return
	}
	r.line, r.text = line, text
	entry := trim(text)
	if r.entryName(entry) {
		return
	}
	// What quotes and comment marks mean is for rows and options to say.
	if r.rowLine(entry) || len(entry) == 0 || r.option(unquote(entry)) {
		return
	}
	if entry = unquote(cutComment(entry)); len(entry) > 0 {
		r.entry(entry)
	}
}

// entryName takes what is a name and nothing else, as nearly all lines of nearly
// all lists are. A name without a dot may be the header of a column, or an option.
func (r *reader) entryName(e []byte) bool {
	if len(r.rows.held) > 0 || bytes.IndexByte(e, '.') < 0 {
		return false
	}
	name, ok := appendHost(r.room[:0], e)
	if ok {
		r.rows.started, r.rows.pending = true, nil
		r.block(name, r.plainReach(), false, false, e)
	}
	return ok
}

// option reads a line of the files of other programs.
func (r *reader) option(e []byte) bool { return len(e) > 0 && (r.dnsmasq(e) || r.unbound(e)) }

// entry tells an entry by its form. The order matters: what is specific stands
// before what would take it for its own.
func (r *reader) entry(e []byte) {
	e = refang(e)
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
	case r.address(e, false, false) || r.url(e):
	case spaced(e):
		r.fields(e)
	case r.hostAnd(e):
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
