package list

import "bytes"

// What the readers of other files in the drop folder share with Read: lines,
// notes, options, and the reasons to refuse a file whole.

// NewResult is the Result of a file of which nothing was read.
func NewResult() Result { return Result{Options: defaultOptions(), Passed: map[string]int{}} }

// EachLine opens the file, unpacks at most maxSize octets and calls f for every
// line, less BOM and line end. Lines count from one. Of a line over MaxLine f
// gets the beginning, and long. What is HTML or binary is refused before.
func EachLine(open Source, maxSize int64, f func(line int, text []byte, long bool)) error {
	if maxSize <= 0 {
		maxSize = defaultMaxSize
	}
	return eachLine(open, maxSize, sniff, f)
}

// Note counts a refusal or a warning about text, and keeps it up to MaxNotes.
func (r *Result) Note(n Note, text []byte) {
	switch {
	case n.Warning:
		r.Warnings++
	default:
		r.Refused++
		if n.Guard {
			r.GuardRefused++
		}
	}
	if len(r.Notes) < MaxNotes {
		n.Text = cut(text)
		r.Notes = append(r.Notes, n)
	}
}

// Pass counts an entry that is understood and makes no rule.
func (r *Result) Pass(reason string) {
	r.PassedOver++
	r.Passed[reason]++
}

// Comment takes the options that stand in the comment of a line.
func (r *Result) Comment(file string, line int, text []byte) {
	if !bytes.Contains(text, []byte(optionMark)) {
		return
	}
	one := reader{file: file, res: *r}
	one.survey(line, text, false)
	*r = one.res
}

// Judge refuses a file that is not what was asked for: nothing in it, or over
// one in ten entries that cannot be read.
func (r *Result) Judge() error { return (&reader{res: *r}).judge() }
