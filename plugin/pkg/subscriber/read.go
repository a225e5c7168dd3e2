package subscriber

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"sinkhole/plugin/pkg/unpack"
)

// Bounds of a class file.
const (
	MaxSize  = 512 << 20 // octets, unpacked
	MaxLine  = 64 << 10  // octets; a file with a longer line is refused
	MaxNotes = 1000      // kept of all that are counted

	// A file of fewer lines is too short to say that it is no class file.
	minUnreadable = 10
)

// Reasons to refuse a file as a whole.
var (
	ErrEmpty      = errors.New("empty: not one entry; delete the file to take its entries away")
	ErrHTML       = errors.New("an HTML or XML page, not a list of prefixes")
	ErrBinary     = errors.New("binary or UTF-16, not a text in UTF-8")
	ErrUnreadable = errors.New("over one in ten lines cannot be read")
	ErrLine       = fmt.Errorf("a line over %d KiB", MaxLine>>10)
	ErrBroken     = unpack.ErrBroken
	ErrSize       = unpack.ErrSize
)

// Result is what came of a file. It is filled also where the file is refused.
type Result struct {
	Entries  int
	Refused  int    // lines that are no entry
	Warnings int    // lines that were taken for something they do not quite say
	Notes    []Note // refusals and warnings in the order of lines, at most MaxNotes
}

// Read reads the class file of that name: one entry a line. It calls emit for
// each; the entries of a file that is refused are void.
func Read(file string, r io.Reader, emit func(Entry)) (Result, error) {
	var res Result
	text, release, err := unpack.Reader(r, MaxSize)
	if err != nil {
		return res, err
	}
	defer release()
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, MaxLine)
	seen := false
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		switch {
		case strings.IndexByte(line, 0) >= 0, strings.HasPrefix(line, "\xff\xfe"), strings.HasPrefix(line, "\xfe\xff"):
			return res, ErrBinary
		case !seen && strings.HasPrefix(line, "<"):
			return res, ErrHTML
		}
		seen = seen || line != ""
		if entry := strings.TrimSpace(cutComment(line)); entry != "" {
			res.take(Note{File: file, Line: n, Text: entry}, emit)
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return res, ErrLine
	} else if err != nil {
		return res, err
	}
	return res, res.judge()
}

// take reads one entry.
func (res *Result) take(n Note, emit func(Entry)) {
	e, warning, err := ParseEntry(n.Text)
	if err != nil {
		res.Refused++
		n.Why = err.Error()
		res.note(n)
		return
	}
	if warning != "" {
		res.Warnings++
		n.Why, n.Warning = warning, true
		res.note(n)
	}
	res.Entries++
	emit(e)
}

// judge refuses a file that is no class file as a whole.
func (res *Result) judge() error {
	switch all := res.Entries + res.Refused; {
	case all == 0:
		return ErrEmpty
	case all >= minUnreadable && res.Refused*10 > all:
		return fmt.Errorf("%w: %d of %d", ErrUnreadable, res.Refused, all)
	}
	return nil
}

// cutComment is a line without its comment, which begins the line or follows
// white space, with the marks that lists know.
func cutComment(line string) string {
	for i := range len(line) {
		if i > 0 && line[i-1] != ' ' && line[i-1] != '\t' {
			continue
		}
		if rest := line[i:]; strings.IndexByte("#;!", rest[0]) >= 0 || strings.HasPrefix(rest, "//") {
			return line[:i]
		}
	}
	return line
}
