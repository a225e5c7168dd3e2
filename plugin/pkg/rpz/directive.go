package rpz

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"sinkhole/plugin/pkg/dnsname"
)

const (
	// maxDepth bounds files that include files.
	maxDepth = 8
	// maxParts bounds how many files one zone includes.
	maxParts = 256
	// maxGenerate bounds the records of one $GENERATE, maxMade those of all in
	// one zone, maxMadeText their text in octets.
	maxGenerate = 1 << 16
	maxMade     = 1 << 20
	maxMadeText = 64 << 20
)

const (
	wantDirective = "want $ORIGIN, $TTL, $INCLUDE or $GENERATE"
	wantOrigin    = "want $ORIGIN NAME"
	wantTTL       = "want $TTL SECONDS, or 1h30m"
	wantInclude   = "want $INCLUDE FILE [ORIGIN]"
	wantGenerate  = "want $GENERATE START-STOP[/STEP] NAME [TTL] [CLASS] TYPE DATA"
)

// directive takes an entry that begins with a dollar.
func (r *reader) directive(text []byte) (why string) {
	word, args := strings.ToUpper(string(r.tok[0])), r.tok[1:]
	switch word {
	case "$ORIGIN":
		return r.origin(args)
	case "$TTL":
		return r.setTTL(args)
	case "$INCLUDE":
		return r.include(args)
	case "$GENERATE":
		return r.generate(args)
	}
	return fmt.Sprintf("%q is no directive; %s", shorten(r.tok[0]), wantDirective)
}

func (r *reader) origin(args [][]byte) (why string) {
	if len(args) != 1 {
		return wantOrigin
	}
	name, why := r.appendName(nil, args[0], &found{})
	if why != "" {
		return why
	}
	r.at.origin, r.origins = name, true
	return ""
}

func (r *reader) setTTL(args [][]byte) (why string) {
	if len(args) != 1 {
		return wantTTL
	}
	n, ok := seconds(args[0])
	switch {
	case !ok:
		return wantTTL
	case n > maxTTL:
		return whyTTL
	}
	r.defaultTTL = int64(n)
	return ""
}

// include reads another file in the place of the line. Its origin and its last
// owner are its own (RFC 1035, section 5.1).
func (r *reader) include(args [][]byte) (why string) {
	if len(args) != 1 && len(args) != 2 {
		return wantInclude
	}
	file, why := r.partName(string(bytes.Trim(args[0], `"`)))
	if why != "" {
		return why
	}
	p := &place{below: r.at, file: file, origin: r.at.origin}
	if len(args) == 2 {
		if p.origin, why = r.appendName(nil, args[1], &found{}); why != "" {
			return why
		}
	}
	if r.parts++; r.parts > maxParts {
		return fmt.Sprintf("over %d files are included", maxParts)
	}
	r.at = p
	err := r.each(func() (io.ReadCloser, error) { return r.o.Part(file) })
	r.at = p.below
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("there is no %s", file)
	case r.err == nil:
		r.err = fmt.Errorf("%s: %w", file, err)
	}
	return ""
}

// partName is the file that an $INCLUDE means: relative to the file at hand, and
// inside the folder of zones.
func (r *reader) partName(name string) (file, why string) {
	if r.o.Part == nil {
		return "", "files are not included here"
	}
	if name == "" || path.IsAbs(name) {
		return "", "want a file beside this one, relative to it"
	}
	file = path.Join(path.Dir(r.at.file), name)
	if root := rootOf(r.file); file == root || root != "." && !strings.HasPrefix(file, root+"/") || strings.HasPrefix(file, "../") {
		return "", "a file outside of the folder of zones"
	}
	depth := 1
	for p := r.at; p != nil; p = p.below {
		if p.file == file {
			return "", "the file is being read already"
		}
		if depth++; depth > maxDepth+1 {
			return "", fmt.Sprintf("files include files over %d deep", maxDepth)
		}
	}
	return file, ""
}

// rootOf is the folder of zones: the last that is called so above the file, else
// that of the file.
func rootOf(file string) string {
	for dir := path.Dir(file); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if path.Base(dir) == "rpz" {
			return dir
		}
	}
	return path.Dir(file)
}

// generate makes records of a pattern, as BIND does: $ is a number that counts,
// ${OFFSET,WIDTH,BASE} writes it otherwise, \$ is a dollar.
func (r *reader) generate(args [][]byte) (why string) {
	if len(args) < 4 {
		return wantGenerate
	}
	from, to, step, ok := countOf(string(args[0]))
	if !ok {
		return wantGenerate
	}
	n := (to-from)/step + 1
	if n > maxGenerate {
		return fmt.Sprintf("makes %d records; want at most %d", n, maxGenerate)
	}
	if r.made += n; r.made > maxMade {
		return fmt.Sprintf("over %d records are made in one zone", maxMade)
	}
	pattern := bytes.Join(args[1:], []byte(" "))
	for i := from; i <= to && !r.done(); i += step {
		text, ok := expand(pattern, i)
		if !ok {
			return "want ${OFFSET,WIDTH,BASE} with BASE one of d o x X n N"
		}
		if r.madeText += len(text); r.madeText > maxMadeText {
			return "over 64 MiB of records are made in one zone"
		}
		if why = r.split(text); why == "" {
			why = r.record(text)
		}
		if why != "" { // the others would say the same
			return why
		}
	}
	return ""
}

// countOf reads START-STOP/STEP.
func countOf(s string) (from, to, step int, ok bool) {
	s, by, stepped := strings.Cut(s, "/")
	first, last, ranged := strings.Cut(s, "-")
	step = 1
	var err error
	if stepped {
		step, err = strconv.Atoi(by)
	}
	from, errFrom := strconv.Atoi(first)
	to, errTo := strconv.Atoi(last)
	return from, to, step, ranged && err == nil && errFrom == nil && errTo == nil &&
		step > 0 && from >= 0 && to >= from && to <= maxTTL && step <= maxTTL
}

// expand puts the number i into a pattern.
func expand(pattern []byte, i int) (text []byte, ok bool) {
	for at := 0; at < len(pattern); at++ {
		c := pattern[at]
		switch {
		case c == '\\' && at+1 < len(pattern):
			at++
			if pattern[at] != '$' {
				text = append(text, c)
			}
			text = append(text, pattern[at])
		case c != '$':
			text = append(text, c)
		case at+1 < len(pattern) && pattern[at+1] == '$':
			at++
			text = append(text, '$')
		case at+1 < len(pattern) && pattern[at+1] == '{':
			end := bytes.IndexByte(pattern[at:], '}')
			if end < 0 {
				return nil, false
			}
			if text, ok = spell(text, string(pattern[at+2:at+end]), i); !ok {
				return nil, false
			}
			at += end
		default:
			text = strconv.AppendInt(text, int64(i), 10)
		}
		if len(text) > maxEntry {
			return nil, false
		}
	}
	return text, true
}

// spell writes i as OFFSET,WIDTH,BASE says.
func spell(dst []byte, how string, i int) ([]byte, bool) {
	fields := strings.Split(how, ",")
	offset, err := strconv.Atoi(strings.TrimSpace(fields[0]))
	if err != nil || len(fields) > 3 || offset > maxTTL || offset < -maxTTL {
		return dst, false
	}
	width, base := 0, "d"
	if len(fields) > 1 {
		if width, err = strconv.Atoi(strings.TrimSpace(fields[1])); err != nil || width < 0 || width > dnsname.MaxLen {
			return dst, false
		}
	}
	if len(fields) > 2 {
		base = strings.TrimSpace(fields[2])
	}
	i += offset
	switch base {
	case "d", "o", "x", "X":
		return fmt.Appendf(dst, "%0*"+base, width, i), true
	case "n", "N":
		return nibbles(dst, uint64(max(i, 0)), width, base == "N"), true
	}
	return dst, false
}

// nibbles writes i in hexadecimal from its end, with a dot between two digits.
func nibbles(dst []byte, i uint64, width int, upper bool) []byte {
	digits := "0123456789abcdef"
	if upper {
		digits = "0123456789ABCDEF"
	}
	for n := 0; ; {
		dst = append(dst, digits[i&15])
		i >>= 4
		if n += 2; i == 0 && n > width {
			return dst
		}
		dst = append(dst, '.')
	}
}
