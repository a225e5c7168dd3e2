package list

import (
	"bytes"
	"slices"
)

// maxTables bounds the forms of rows without a header that a file is looked
// through for.
const maxTables = 8

// table is a form of rows: a separator and a number of columns, with what the
// columns hold.
type table struct {
	comma   byte
	columns int
	rows    int
	quoted  bool // all of them
	kinds   [maxColumns][fieldKinds]int
	same    [maxColumns]int    // how often the host is the one of the row before
	last    [maxColumns]uint64 // its hash

	found  bool // such lines are rows
	column int  // -1: nobody can say which
	warned bool
}

type kindOfField uint8

const (
	fieldOther kindOfField = iota
	fieldName              // a URL or a name
	fieldAddr
	fieldKinds
)

// surveyRow is the first reading of a line: what the columns of rows hold.
func (r *reader) surveyRow(text []byte) {
	if !separated(text) {
		return
	}
	e := trim(text)
	if len(e) == 0 || commentLine(e) || lineForm(e) {
		return
	}
	for _, comma := range []byte(",;\t") {
		if bytes.IndexByte(e, comma) < 0 || comma == ';' && inlineComment(e) > 0 {
			continue
		}
		n, open := r.split(e, comma)
		if n < 2 || open || comma == '\t' && isAddr(r.rows.fields[0]) {
			continue
		}
		if s := r.tableOf(comma, n); s != nil {
			s.add(r.rows.fields[:n], e[0] == '"')
			return
		}
		if len(r.rows.tables) < maxTables {
			r.rows.tables = append(r.rows.tables, table{comma: comma, columns: n, quoted: true})
			r.rows.tables[len(r.rows.tables)-1].add(r.rows.fields[:n], e[0] == '"')
			return
		}
	}
}

func (r *reader) tableOf(comma byte, columns int) *table {
	for i := range r.rows.tables {
		if s := &r.rows.tables[i]; s.comma == comma && s.columns == columns {
			return s
		}
	}
	return nil
}

func (s *table) add(fields [][]byte, quoted bool) {
	s.rows++
	s.quoted = s.quoted && quoted
	for i, f := range fields {
		kind := fieldKind(f)
		s.kinds[i][kind]++
		if kind == fieldOther {
			continue
		}
		hash := hashHost(f)
		if hash == s.last[i] {
			s.same[i]++
		}
		s.last[i] = hash
	}
}

// chooseColumns chooses the column of each form of rows.
func (r *reader) chooseColumns() {
	r.rows.chosen = true
	for i := range r.rows.tables {
		r.rows.tables[i].choose()
	}
}

// choose takes the one column that holds names or URLs in nine of ten rows, or
// else the one that holds addresses. Names that are all the same (the link to
// where the list comes from) are not what is listed.
func (s *table) choose() {
	var of [fieldKinds][]int
	for i := range s.columns {
		if s.rows > 1 && s.same[i]*2 >= s.rows-1 {
			continue
		}
		for kind := fieldName; kind < fieldKinds; kind++ {
			if s.kinds[i][kind]*10 >= s.rows*9 {
				of[kind] = append(of[kind], i)
			}
		}
	}
	names := of[fieldName]
	if len(names) == 0 {
		names = of[fieldAddr]
	}
	s.column = -1
	if len(names) == 1 {
		s.column = names[0]
	}
	// One line is no table, and two columns of names may be a sentence.
	s.found = len(names) > 0 && (s.quoted || s.rows > 1 && (s.columns > 2 || len(names) == 1))
}

// fieldKind tells what a field holds, as far as its octets tell.
func fieldKind(text []byte) kindOfField {
	if i := bytes.Index(text, []byte("://")); i > 0 && scheme(text[:i]) {
		return fieldName
	}
	if isAddr(text) || portLike(text) && isAddr(text[:bytes.LastIndexByte(text, ':')]) {
		return fieldAddr
	}
	if i := bytes.IndexByte(text, '.'); i <= 0 || i == len(text)-1 || hostLen(text) != len(text) {
		return fieldOther
	}
	if last := text[bytes.LastIndexByte(text, '.')+1:]; !bytes.HasPrefix(last, []byte("xn--")) && (len(last) < 2 || slices.ContainsFunc(last, func(c byte) bool { return c >= '0' && c <= '9' || c == '_' })) {
		return fieldOther // a version, a file
	}
	return fieldName
}

// hashHost tells hosts apart, well enough to see that they differ (FNV-1a).
func hashHost(text []byte) uint64 {
	if i := bytes.Index(text, []byte("://")); i >= 0 {
		text, _ = cutAt(text[i+len("://"):], "/?#")
	}
	h := uint64(14695981039346656037)
	for _, c := range text {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}
