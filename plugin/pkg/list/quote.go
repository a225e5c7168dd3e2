package list

import "bytes"

// maxRowLines and MaxLine bound a row whose quotes hold line ends. Where the
// quotes do not end by then, its lines are read one by one.
const maxRowLines = 16

const whyQuotes = "a quote without its end; want it within 16 lines"

// heldLine is one line of a row in quotes, by its end in held.
type heldLine struct{ line, end int }

// hold keeps a line whose quote has no end yet.
func (r *reader) hold(e []byte) {
	r.rows.held = append(append(r.rows.held, e...), '\n')
	r.rows.lines = append(r.rows.lines, heldLine{r.line, len(r.rows.held)})
}

// heldRow reads the next line of a row in quotes. A line that is a whole row by
// itself says that the quote was no beginning.
func (r *reader) heldRow(e []byte) bool {
	h := r.rows.header
	if n, open := r.split(e, h.comma); n == h.columns && !open && len(e) > 0 && e[0] == '"' ||
		len(r.rows.lines) == maxRowLines || len(r.rows.held)+len(e) > MaxLine {
		line, text, own := r.line, r.text, bytes.Clone(e)
		r.letGo()
		r.line, r.text = line, text
		return r.rowLine(own)
	}
	r.hold(e)
	if _, open := r.split(r.rows.held[:len(r.rows.held)-1], h.comma); open {
		return true
	}
	line, text := r.line, r.text
	whole := bytes.Clone(r.rows.held[:len(r.rows.held)-1])
	r.line, r.text = r.rows.lines[0].line, whole[:r.rows.lines[0].end-1]
	r.rows.held, r.rows.lines = r.rows.held[:0], r.rows.lines[:0]
	if n, _ := r.split(whole, h.comma); n < h.columns {
		r.refuse(whole, whyColumn)
	} else {
		r.row(*h, n, whole)
	}
	r.line, r.text = line, text
	return true
}

// letGo refuses the line with the quote, and reads those behind it one by one.
func (r *reader) letGo() {
	held, lines := r.rows.held, r.rows.lines
	r.rows.held, r.rows.lines = nil, nil
	r.rows.reading = true
	defer func() { r.rows.reading = false }()
	for i, l := range lines {
		text := held[:l.end-1]
		if i > 0 {
			text = held[lines[i-1].end : l.end-1]
		}
		r.line, r.text = l.line, text
		if i == 0 {
			r.refuse(text, whyQuotes)
			continue
		}
		r.entryLine(l.line, text, false)
	}
}

// endRow is called behind the last line.
func (r *reader) endRow() {
	if len(r.rows.lines) > 0 {
		r.letGo()
	}
}
