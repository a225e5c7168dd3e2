package list

import (
	"bytes"
	"slices"
	"strings"
)

const (
	// maxColumns bounds the columns of a row; a line with more is none.
	maxColumns = 64

	// maxRowLines and MaxLine bound a row whose quotes hold line ends. Where the
	// quotes do not end by then, its lines are read one by one.
	maxRowLines = 16

	// maxTables bounds the forms of rows without a header that a file is looked
	// through for: separator and number of columns.
	maxTables = 8

	whyColumn    = "fewer columns than the header has; want as many"
	whyQuotes    = "a quote without its end; want it within 16 lines"
	warnWhich    = "several columns hold names and no header says which is meant; passed over; want a header or csv-column=N"
	maxHeaderLen = 40 // octets of a column's name
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

// header says which columns count; -1: there is none of that kind.
type header struct {
	comma       byte
	columns     int
	value       int
	kind        columnKind
	ioc         int // what the value is
	compromised int
	netmask     int // of a value that is the beginning of a block
}

// heldLine is one line of a row in quotes, by its end in held.
type heldLine struct{ line, end int }

// columnKind is what the values of a column are.
type columnKind uint8

const (
	columnNone  columnKind = iota
	columnAny              // of several kinds: another column tells
	columnName             // names, or addresses, or URLs
	columnStart            // the first address of a block
)

// Columns by their names, in small letters, less all that is no letter or digit.
var (
	anyColumns  = wordSet("iocvalue ioc indicator indicatorvalue observable observablevalue artifact")
	nameColumns = wordSet("domain domains domainname fqdn host hostname hosts dnsname domainaddress adresdomeny site website " +
		"maliciousdomain phishingdomain baddomain domainorurl hostorurl " +
		"url urls uri phishurl phishingurl maliciousurl malwareurl " +
		"ip ips ipaddress ipaddr address addr ipv4 ipv6 ipv4address ipv6address cidr ipcidr iprange network netblock subnet prefix " +
		"dstip destip destinationip srcip sourceip ipdst ipsrc c2ip hostip serverip")
	typeColumns = wordSet("ioctype indicatortype observabletype type datatype")

	// listedTypes are what is read of the words in a type column.
	listedTypes = wordSet("domain domainname hostname host fqdn dns url uri " +
		"ip ipv4 ipv6 ipaddr ipaddress address cidr netblock ipv4addr ipv6addr ipdst ipsrc ipport ipdstport ipsrcport")
)

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

// rowComment looks for a header in a comment. One that names no column that we
// know yields to one that does.
func (r *reader) rowComment(e []byte) {
	h := r.headerOf(commentOf(e), true)
	if h != nil && h.columns > 1 && (r.rows.pending == nil || h.value >= 0 || r.rows.pending.value < 0) {
		r.rows.pending = h
	}
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

// headerOf reads names of columns, with one of the separators. Where none of
// them is known, only the first line of a file or a comment can be a header.
func (r *reader) headerOf(e []byte, first bool) *header {
	for _, comma := range []byte(",;\t") {
		if bytes.IndexByte(e, comma) < 0 {
			continue
		}
		n, open := r.split(e, comma)
		if open || n < 2 {
			continue
		}
		if h := headerOfColumns(r.rows.fields[:n], comma); h != nil && (h.value >= 0 || first && n > 2) {
			return h
		}
	}
	var buf [maxHeaderLen]byte
	if first && nameColumns[string(nameOfColumn(buf[:0], e))] && columnLike(e) {
		return &header{columns: 1, value: -1, ioc: -1, compromised: -1, netmask: -1}
	}
	return nil
}

func headerOfColumns(fields [][]byte, comma byte) *header {
	h := &header{comma: comma, columns: len(fields), value: -1, ioc: -1, compromised: -1, netmask: -1}
	plainValue, start := -1, -1
	var buf [maxHeaderLen]byte
	for i, f := range fields {
		if !columnLike(f) {
			return nil
		}
		switch name := nameOfColumn(buf[:0], f); {
		case h.kind < columnName && anyColumns[string(name)]:
			h.value, h.kind = i, columnAny
		case h.value < 0 && nameColumns[string(name)]:
			h.value, h.kind = i, columnName
		case h.ioc < 0 && typeColumns[string(name)]:
			h.ioc = i
		case string(name) == "value":
			plainValue = i
		case string(name) == "start" || string(name) == "startip":
			start = i
		case string(name) == "netmask":
			h.netmask = i
		case string(name) == "iscompromised" || string(name) == "compromised":
			h.compromised = i
		}
	}
	switch {
	case h.value >= 0:
	case plainValue >= 0 && h.ioc >= 0:
		h.value, h.kind = plainValue, columnAny
	case start >= 0 && h.netmask >= 0:
		h.value, h.kind = start, columnStart
	}
	return h
}

// columnLike: a few words, and nothing that stands in names, dates or sentences.
func columnLike(text []byte) bool {
	letters, words := 0, 1
	for _, c := range text {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			letters++
		case c == ' ':
			words++
		case c != '_' && c != '-' && c != '#' && c != '(' && c != ')' && c != '/' && (c < '0' || c > '9'):
			return false
		}
	}
	return letters > 0 && words <= 4 && len(text) <= maxHeaderLen
}

// nameOfColumn is a column's name in small letters and digits only, in the room
// of dst.
func nameOfColumn(dst, text []byte) []byte {
	for _, c := range text {
		if l := host[c]; l != 0 && l != '-' && l != '_' && len(dst) < cap(dst) {
			dst = append(dst, l)
		}
	}
	return dst
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
			r.row(header{value: column - 1, kind: columnName, ioc: -1, compromised: -1, netmask: -1}, n, e)
			return true
		}
		if s := r.tableOf(comma, n); s != nil && s.found {
			if s.column < 0 && !s.warned {
				s.warned = true
				r.warn(e, warnWhich)
			}
			r.row(header{value: s.column, kind: columnName, ioc: -1, compromised: -1, netmask: -1}, n, e)
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
	n, open := r.split(r.rows.held[:len(r.rows.held)-1], h.comma)
	if open {
		return true
	}
	line, text := r.line, r.text
	whole := bytes.Clone(r.rows.held[:len(r.rows.held)-1])
	r.line, r.text = r.rows.lines[0].line, whole[:r.rows.lines[0].end-1]
	r.rows.held, r.rows.lines = r.rows.held[:0], r.rows.lines[:0]
	n, _ = r.split(whole, h.comma)
	if n < h.columns {
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

// quotedRow tells a row of quoted columns.
func quotedRow(e []byte) bool {
	return e[0] == '"' && (bytes.Contains(e, []byte(`","`)) || bytes.Contains(e, []byte(`", "`)))
}
