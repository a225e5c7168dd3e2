package unbound

import (
	"bytes"
	"strings"
	"sync"
)

const (
	// keptLines are the last words that a death is explained by.
	keptLines = 6
	// maxLine bounds a line of the child's, in bytes; what is longer is cut.
	maxLine = 512
)

// journal is the child's standard error: its statistics are read, the last of
// its complaints are kept, all else is dropped.
type journal struct {
	mu     sync.Mutex
	rest   []byte // of a line whose end has not come yet
	cut    bool   // the rest of this line is dropped
	last   []string
	gather gathering
	// answers: it has answered, and knows names that nobody else is to know.
	answers bool
}

// settle is called when the child answers: from then on only those of its words
// are kept by which it dies.
func (j *journal) settle() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.answers, j.last = true, nil
}

// Write never fails: the child must not be stopped by what it says.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for rest := p; len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		rest = after
		if !j.cut {
			j.rest = append(j.rest, line[:min(len(line), maxLine-len(j.rest))]...)
			j.cut = len(j.rest) == maxLine
		}
		if whole {
			j.line(string(j.rest))
			j.rest, j.cut = j.rest[:0], false
		}
	}
	return len(p), nil
}

// line takes in one line.
func (j *journal) line(text string) {
	level, message, stamped := message(text)
	switch {
	case !stamped:
	case level == "info":
		j.gather.line(message)
		return
	case level == "notice", level == "warning", level == "debug":
		return
	}
	if text = strings.TrimSpace(text); text == "" || j.answers && stamped && level != "fatal error" {
		return
	}
	if stamped {
		text = level + ": " + message
	}
	if len(j.last) == keptLines {
		j.last = append(j.last[:0], j.last[1:]...)
	}
	j.last = append(j.last, text)
}

// message takes the stamp off a line of Unbound's log:
//
//	[1795611956] unbound[13996:0] info: start of service (unbound 1.17.1).
func message(text string) (level, message string, ok bool) {
	if !strings.HasPrefix(text, "[") {
		return "", "", false
	}
	_, rest, ok := strings.Cut(text, "] ")
	if !ok {
		return "", "", false
	}
	if _, rest, ok = strings.Cut(rest, "] "); !ok {
		return "", "", false
	}
	return strings.Cut(rest, ": ")
}

// lastWords are the complaints kept, the oldest first.
func (j *journal) lastWords() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.last...)
}

// statistics are what the child has written down so far.
func (j *journal) statistics() (Statistics, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.gather.total()
}
