package list

import (
	"bytes"
	"slices"
	"strings"
)

const (
	// maxColumns bounds the columns of a row; a line with more is none.
	maxColumns = 64

	whyColumn = "fewer columns than the header has; want as many"
	warnWhich = "several columns hold names and no header says which is meant; passed over; want a header or csv-column=N"
)

// rows is the state of a file's rows: what the last header said holds until the
// next one, in what else the file may be.
//
//	# "first_seen","ioc_value","ioc_type","is_compromised"     a header, also in a comment
//	"2026-01-02", "bad.example", "domain", "False"             bad.example, and nothing below
//	"2026-01-02", "192.0.2.7:8080", "ip:port", "False"         the address
//	"2026-01-02", "http://ok.example/x", "url", "False"        passed over, as any URL with a path
//	"2026-01-02", "hacked.example", "domain", "True"           passed over
//	"2026-01-02", "d41d8cd98f00b204", "md5_hash", "False"      passed over
//
// A header in a comment counts when the next line has as many columns, so that
// no prose becomes one. Without a header the column is found by what stands in
// it, in nine of ten rows of that form; where several columns could be meant,
// none is taken. csv-column=N says it for all.
type rows struct {
	chosen  bool // the columns of tables
	reading bool // again, the lines behind a quote without an end
	header  *header
	pending *header // from a comment
	started bool    // a line that is no comment has been read
	held    []byte  // lines of a row that is still in quotes
	lines   []heldLine
	tables  []table
	fields  [maxColumns][]byte
}

// rowLine takes a line that is a row, or its header, or part of one; false where
// it is neither.
func (r *reader) rowLine(e []byte) bool {
	if !r.rows.chosen {
		r.chooseColumns()
	}
	if len(r.rows.lines) > 0 {
		return r.heldRow(e)
	}
	if len(e) == 0 {
		return false
	}
	if commentLine(e) {
		r.rowComment(e)
		return false
	}
	first := !r.rows.started
	r.rows.started = true
	if p := r.rows.pending; p != nil {
		r.rows.pending = nil
		if n, open := r.split(e, p.comma); n == p.columns || open {
			r.rows.header = p
		}
	}
	if !first && !separated(e) || lineForm(e) || e[0] != '"' && cosmetic(e) {
		return false
	}
	if h := r.headerOf(e, first); h != nil {
		r.rows.header = h
		return true
	}
	return r.readRow(e)
}

// separated: a row could be divided here.
func separated(e []byte) bool {
	return bytes.IndexByte(e, ',') >= 0 || bytes.IndexByte(e, ';') >= 0 || bytes.IndexByte(e, '\t') >= 0
}

// lineForm tells lines that may hold separators and are of another form.
func lineForm(e []byte) bool {
	switch e[0] {
	case '|', '@', '/', '[', '^', '~', '$':
		return true
	}
	return false
}

// readRow reads a row, where the file's header, csv-column or what its rows hold
// says that it is one.
func (r *reader) readRow(e []byte) bool {
	h := r.rows.header
	if h != nil && h.columns > 1 {
		n, open := r.split(e, h.comma)
		switch {
		case open && r.rows.reading:
			r.refuse(e, whyQuotes)
			return true
		case open:
			r.hold(e)
			return true
		case n == h.columns || n > h.columns && (e[0] == '"' || h.value < 0),
			n > 1 && r.valueLike(h.value, n): // a comma too many in a later column, or columns left out
			r.row(*h, n, e)
			return true
		case n > 1 && e[0] == '"':
			r.refuse(e, whyColumn)
			return true
		}
	}
	for _, comma := range []byte(",;\t") {
		if bytes.IndexByte(e, comma) < 0 || comma == ';' && inlineComment(e) > 0 {
			continue
		}
		n, open := r.split(e, comma)
		if n < 2 || open {
			continue
		}
		if column := r.res.Options.CSVColumn; column > 0 {
			r.row(headerAt(column-1), n, e)
			return true
		}
		if s := r.tableOf(comma, n); s != nil && s.found {
			if s.column < 0 && !s.warned {
				s.warned = true
				r.warn(e, warnWhich)
			}
			r.row(headerAt(s.column), n, e)
			return true
		}
	}
	if quotedRow(e) {
		r.pass(passCSV)
		return true
	}
	return false
}

// row reads the value of a row, which stands in r.rows.fields.
func (r *reader) row(h header, n int, e []byte) {
	if column := r.res.Options.CSVColumn; column > 0 {
		h.value, h.kind = column-1, max(h.kind, columnAny)
	}
	at := func(column int) []byte {
		if column < 0 || column >= n {
			return nil
		}
		return r.rows.fields[column]
	}
	var buf [maxHeaderLen]byte
	value := at(h.value)
	switch {
	case h.value >= n:
		r.refuse(e, whyColumn)
	case len(value) == 0 || noValue(value):
		r.pass(passCSV)
	case yes(at(h.compromised)):
		r.pass(passHacked)
	case h.kind == columnAny && h.ioc >= 0 && !listedTypes[string(nameOfColumn(buf[:0], at(h.ioc)))]:
		r.pass(passCSV)
	case h.kind == columnStart:
		r.block4(e, value, at(h.netmask))
	default:
		r.cell(value)
	}
}

// cell reads a value by its own form: a URL, a host with a port, an address, a
// wildcard, or a name, and nothing below it.
func (r *reader) cell(e []byte) {
	e = refang(e)
	switch {
	case e[0] == '|' || e[0] == '@':
		r.entry(e)
	case e[0] == '*' || e[0] == '.':
		r.wildcard(e)
	case r.url(e) || r.address(e, false, false) || r.hostAnd(e):
	case spaced(e):
		r.refuse(e, whySpace)
	default:
		r.host(e, e)
	}
}

// block4 takes a block of addresses by its beginning and its length in bits.
func (r *reader) block4(e, start, bits []byte) {
	text := append(append(bytes.Clone(start), '/'), bits...)
	if !r.address(text, false, false) {
		r.refuse(e, whyBits)
	}
}

func noValue(text []byte) bool {
	return oneOf(text, "-", "none", "null", "n/a", "na", "unknown")
}

func yes(text []byte) bool {
	return oneOf(text, "true", "yes", "y", "1", "t")
}

// oneOf tells whether text is one of these words, letter case aside.
func oneOf(text []byte, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return len(w) == len(text) && strings.EqualFold(w, string(text)) })
}

// valueLike tells whether a column of the row at hand holds what could be listed.
func (r *reader) valueLike(column, n int) bool {
	return column >= 0 && column < n && fieldKind(r.rows.fields[column]) != fieldOther
}

// split divides a row into r.rows.fields, trimmed and less their quotes. A quote
// ends where a separator or the end of the row follows, so that others inside
// do no harm. open: the last one did not end.
func (r *reader) split(e []byte, comma byte) (n int, open bool) {
	for more := true; more; n++ {
		if n == maxColumns {
			return 0, false
		}
		e = trimBlanks(e)
		if len(e) > 0 && e[0] == '"' {
			end := quoteEnd(e, comma)
			if end < 0 {
				return n + 1, true
			}
			r.rows.fields[n] = trimBlanks(e[1:end])
			e = trimBlanks(e[end+1:])
			if more = len(e) > 0; more {
				e = e[1:]
			}
			continue
		}
		var field []byte
		field, e, more = bytes.Cut(e, []byte{comma})
		r.rows.fields[n] = trimBlanks(field)
	}
	return n, false
}

// quoteEnd is where the quote at e[0] ends; -1: nowhere.
func quoteEnd(e []byte, comma byte) int {
	for i := 1; i < len(e); i++ {
		if e[i] != '"' {
			continue
		}
		j := i + 1
		for j < len(e) && e[j] == ' ' {
			j++
		}
		switch {
		case j == len(e) || e[j] == comma:
			return i
		case e[i+1] == '"':
			i++
		}
	}
	return -1
}

func trimBlanks(e []byte) []byte { return bytes.Trim(e, " ") }

// quotedRow tells a row of quoted columns.
func quotedRow(e []byte) bool {
	return e[0] == '"' && (bytes.Contains(e, []byte(`","`)) || bytes.Contains(e, []byte(`", "`)))
}
