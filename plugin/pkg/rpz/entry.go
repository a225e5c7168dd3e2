package rpz

import "bytes"

const (
	// maxLines and maxEntry bound an entry whose parentheses stay open: in
	// lines, and in octets.
	maxLines = 128
	maxEntry = 64 << 10

	// maxReplay bounds how many lines of one file are read again because a
	// parenthesis before them was never closed.
	maxReplay = 1 << 20
)

const (
	whyLong  = "a line over 64 KiB"
	whyOpen  = "a parenthesis that is not closed"
	whyClose = "a closing parenthesis without an opening one"
	whyQuote = "a quote that is not closed in its line"
)

// place is where one file is being read. $INCLUDE puts a place above another.
type place struct {
	below  *place // that of the $INCLUDE; nil in the zone's file
	file   string
	line   int    // where the entry at hand begins
	origin []byte // $ORIGIN, wire form
	owner  []byte // of the record before, for those that begin with a blank; empty: none

	open  []byte // the lines so far of an entry with open parentheses
	lines int    // how many
	depth int    // of parentheses
}

// takeLine takes one line of the file at hand.
func (r *reader) takeLine(line int, text []byte, long bool) {
	if r.done() {
		return
	}
	p := r.at
	switch {
	case p.depth > 0 && !long && p.lines < maxLines && len(p.open)+len(text) < maxEntry:
		p.open = append(append(p.open, '\n'), text...)
		p.lines++
		if p.depth = balance(text, p.depth); p.depth == 0 {
			r.entry(p.open)
		}
	case p.depth > 0:
		r.abandon()
		r.takeLine(line, text, long) // the lines read again may have left one open
	case long:
		p.line = line
		r.refuse(text, whyLong)
	default:
		p.line = line
		r.begin(text)
	}
}

// begin takes a line that begins an entry. Most are all of it.
func (r *reader) begin(text []byte) {
	if len(text) == 0 || commentLine(text) {
		r.res.Comment(r.at.file, r.at.line, text)
		return
	}
	if depth := balance(text, 0); depth > 0 {
		p := r.at
		p.open, p.lines, p.depth = append(p.open[:0], text...), 1, depth
		return
	}
	r.entry(text)
}

// commentLine: a semicolon; and, though no owner may be told from it, a line of
// # as those put in front who know lists better than zones.
func commentLine(text []byte) bool {
	return text[0] == ';' || text[0] == '#' && (len(text) == 1 || text[1] == '#' || text[1] == ' ' || text[1] == '\t')
}

// entry takes a whole entry: a record or a directive.
func (r *reader) entry(text []byte) {
	why := r.split(text)
	switch {
	case why != "":
	case len(r.tok) == 0: // blanks and comments
		r.res.Comment(r.at.file, r.at.line, text)
	case text[0] == '$':
		why = r.directive(text)
	default:
		why = r.record(text)
	}
	switch {
	case why == "":
	case bytes.IndexByte(text, '\n') >= 0:
		r.spoilt(text, why)
	default:
		r.refuse(text, why)
	}
}

// abandon gives up an entry whose parentheses stay open.
func (r *reader) abandon() {
	if r.at.depth > 0 {
		r.spoilt(r.at.open, whyOpen)
	}
}

// spoilt refuses an entry of several lines. Where one of them is a record by
// itself, the parenthesis before it was a slip of the pen: reading goes on there,
// so that one bad line costs no other.
func (r *reader) spoilt(text []byte, why string) {
	p := r.at
	first, lines := p.line, bytes.Split(bytes.Clone(text), []byte("\n"))
	p.depth = 0
	n := 1
	for n < len(lines) && !r.isRecord(lines[n]) {
		n++
	}
	r.refuse(lines[0], why)
	if r.replayed += len(lines) - n; r.replayed > maxReplay {
		return
	}
	for i, line := range lines[n:] {
		r.takeLine(first+n+i, line, false)
	}
}

// isRecord tells whether a line is a record by itself, its owner in front.
func (r *reader) isRecord(text []byte) bool {
	if len(text) == 0 || commentLine(text) || text[0] == '$' || balance(text, 0) > 0 || r.split(text) != "" || len(r.tok) < 3 {
		return false
	}
	var f found
	return r.tok[0][0] == text[0] && r.parse(text, &f) == ""
}

// class tells the octets that mean something outside quotes.
type class uint8

const (
	ordinary class = iota
	blank          // also the end of a line within parentheses
	comment
	opening
	closing
	quote
	escape
)

var classes = [256]class{
	' ': blank, '\t': blank, '\n': blank, '\r': blank, '\v': blank, '\f': blank,
	';': comment, '(': opening, ')': closing, '"': quote, '\\': escape,
}

// balance is how deep in parentheses a line ends that began depth deep.
func balance(line []byte, depth int) int {
	if bytes.IndexByte(line, '(') < 0 && depth == 0 {
		return 0
	}
	for i := 0; i < len(line); i++ {
		switch classes[line[i]] {
		case comment:
			return depth
		case opening:
			depth++
		case closing:
			depth = max(depth-1, 0)
		case quote:
			i = quoted(line, i)
		case escape:
			i++
		}
	}
	return depth
}

// quoted is where the quote that begins at i ends: at its closing mark, or at
// the end of the line.
func quoted(text []byte, i int) int {
	for i++; i < len(text) && text[i] != '"' && text[i] != '\n'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i
}

// split cuts an entry into its tokens (RFC 1035, section 5.1), which stand in
// r.tok: parts of text, quotes and escapes as they are. Parentheses and comments
// are left out.
func (r *reader) split(text []byte) (why string) {
	tok, depth := r.tok[:0], 0
	for i := 0; i < len(text); {
		start := i
		switch classes[text[i]] {
		case blank:
			i++
		case comment:
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case opening:
			depth++
			i++
		case closing:
			if depth == 0 {
				return whyClose
			}
			depth--
			i++
		case quote:
			if i = quoted(text, i); i >= len(text) || text[i] != '"' {
				return whyQuote
			}
			i++
			tok = append(tok, text[start:i])
		default:
			for i < len(text) && (classes[text[i]] == ordinary || classes[text[i]] == escape) {
				if text[i] == '\\' && i+1 < len(text) && text[i+1] != '\n' {
					i++
				}
				i++
			}
			tok = append(tok, text[start:i])
		}
	}
	r.tok = tok
	if depth > 0 {
		return whyOpen
	}
	return ""
}
