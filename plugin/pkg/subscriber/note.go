package subscriber

import (
	"fmt"
	"unicode/utf8"
)

// maxText is how much of a line a note quotes, in octets.
const maxText = 80

// Note is the refusal of a line, or a warning about one that was taken.
type Note struct {
	File    string
	Line    int    // from one
	Text    string // the entry, cut at 80 octets
	Why     string
	Warning bool
}

// String is the note as editors and grep want it: file:line: "text": why.
func (n Note) String() string {
	if n.Warning {
		return fmt.Sprintf("%s:%d: %q: warning: %s", n.File, n.Line, n.Text, n.Why)
	}
	return fmt.Sprintf("%s:%d: %q: %s", n.File, n.Line, n.Text, n.Why)
}

func (res *Result) note(n Note) {
	if len(res.Notes) == MaxNotes {
		return
	}
	if len(n.Text) > maxText {
		end := maxText
		for end > maxText-utf8.UTFMax && !utf8.RuneStart(n.Text[end]) {
			end--
		}
		n.Text = n.Text[:end]
	}
	res.Notes = append(res.Notes, n)
}
