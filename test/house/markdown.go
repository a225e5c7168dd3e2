package house

import (
	"regexp"
	"strings"
)

// Fence is a fenced block of a Markdown file.
type Fence struct {
	Info  string // what stands behind the opening fence
	Line  int    // of the opening fence
	Lines []string
}

// Text is the block's inside.
func (f Fence) Text() string { return strings.Join(f.Lines, "\n") + "\n" }

var fenceMark = regexp.MustCompile("^ {0,3}(```+|~~~+) *([A-Za-z.]*)")

// fences lists the blocks fenced with this info word; "*" takes all.
func fences(md []byte, info string) []Fence {
	var (
		out  []Fence
		open *Fence
		mark string
	)
	for i, line := range strings.Split(string(md), "\n") {
		m := fenceMark.FindStringSubmatch(line)
		switch {
		case open == nil && m != nil:
			open, mark = &Fence{Info: m[2], Line: i + 1}, m[1]
		case open != nil && m != nil && m[1] == mark && m[2] == "":
			if info == "*" || open.Info == info {
				out = append(out, *open)
			}
			open = nil
		case open != nil:
			open.Lines = append(open.Lines, line)
		}
	}
	return out
}

// Section is a heading of the second level and what stands below it.
type Section struct {
	Title string
	Line  int // of the heading
	Body  []byte
}

// sections cuts a Markdown file at its headings of the second level; a fenced
// line is no heading.
func sections(md []byte) []Section {
	var out []Section
	fenced := ""
	for i, line := range strings.SplitAfter(string(md), "\n") {
		m := fenceMark.FindStringSubmatch(line)
		switch {
		case m != nil && fenced == "":
			fenced = m[1]
		case m != nil && m[1] == fenced:
			fenced = ""
		case fenced == "" && strings.HasPrefix(line, "## "):
			out = append(out, Section{Title: strings.TrimSpace(line[3:]), Line: i + 1})
			continue
		}
		if len(out) > 0 {
			s := &out[len(out)-1]
			s.Body = append(s.Body, line...)
		}
	}
	return out
}

// section is the body of one section, nil when it is missing.
func section(md []byte, title string) *Section {
	for _, s := range sections(md) {
		if s.Title == title {
			return &s
		}
	}
	return nil
}

// prose is a Markdown file with its fenced blocks blanked, lines kept.
func prose(md []byte) string {
	lines := strings.Split(string(md), "\n")
	for _, f := range fences(md, "*") {
		for i := f.Line - 1; i <= f.Line+len(f.Lines) && i < len(lines); i++ {
			lines[i] = ""
		}
	}
	return strings.Join(lines, "\n")
}
