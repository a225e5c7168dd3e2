package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// event is what cmd/test2json writes, as far as we need it.
type event struct {
	Action     string
	Package    string
	ImportPath string // of build-output and build-fail
	Test       string
	Output     string
}

// outcome of a test; the greater one wins when it ran more than once.
type outcome int

const (
	skipped outcome = iota + 1
	passed
	failed
)

// id names a test: of a package, or a step by itself.
type id struct{ pkg, test string }

func (i id) String() string {
	if i.test == "" {
		return i.pkg
	}
	return i.pkg + " " + i.test
}

// tally counts the tests of all steps.
type tally struct {
	w       io.Writer
	results map[id]outcome
	reasons map[id]string // why it was skipped

	// Of the step that runs.
	name   string
	events int
	failed int
	open   map[id]bool     // begun, not ended
	said   map[id][]string // output of tests and packages that have not ended
	loose  []string        // output that is no event
}

func newTally(w io.Writer) *tally {
	return &tally{w: w, results: map[id]outcome{}, reasons: map[id]string{}}
}

// begin says that a step begins.
func (t *tally) begin(name string) {
	t.name, t.events, t.failed = name, 0, 0
	t.open, t.said, t.loose = map[id]bool{}, map[id][]string{}, nil
}

// line takes a line of the step's output.
func (t *tally) line(text []byte) {
	var e event
	if len(text) == 0 || text[0] != '{' || json.Unmarshal(text, &e) != nil || e.Action == "" {
		t.loose = append(t.loose, string(text)+"\n")
		return
	}
	t.events++
	if e.Package == "" { // of a build
		t.loose = append(t.loose, e.Output)
		return
	}
	i := id{e.Package, e.Test}
	switch e.Action {
	case "run", "start":
		t.open[i] = true
	case "output":
		t.said[i] = append(t.said[i], e.Output)
	case "pass", "fail", "skip":
		delete(t.open, i)
		t.ended(i, e.Action)
		delete(t.said, i)
	}
}

// ended takes the end of a test, or of a package.
func (t *tally) ended(i id, action string) {
	switch {
	case action == "fail":
		t.fail(i)
	case i.test == "":
		if line := last(t.said[i]); strings.HasPrefix(line, "ok") {
			fmt.Fprintln(t.w, line)
		}
	case action == "skip":
		t.set(i, skipped)
		t.reasons[i] = reason(t.said[i])
	default:
		t.set(i, passed)
	}
}

// fail counts a failed test. A package that fails is counted only where none of
// its tests is: for what it does outside of them.
func (t *tally) fail(i id) {
	inTest := false
	for other, o := range t.results {
		inTest = inTest || o == failed && other.pkg == i.pkg && other.test != ""
	}
	if i.test == "" && inTest {
		t.failed++
		return
	}
	fmt.Fprintf(t.w, "FAILED %s\n%s%s", i, strings.Join(t.loose, ""), strings.Join(t.said[i], ""))
	t.loose = nil
	t.set(i, failed)
}

func (t *tally) set(i id, o outcome) {
	if o == failed {
		t.failed++
	}
	t.results[i] = max(t.results[i], o)
}

// end takes the end of a step. What had begun and was not heard of again failed.
func (t *tally) end(ok bool, took time.Duration) {
	for i := range t.open {
		if i.test != "" {
			t.fail(i)
		}
	}
	i := id{pkg: t.name}
	switch {
	case !ok && t.failed == 0:
		t.fail(i)
	case t.events == 0:
		t.set(i, passed)
	}
	fmt.Fprintf(t.w, "%s: %s\n", t.name, took.Round(100*time.Millisecond))
}

// close names what was skipped and what failed, and counts. It reports whether
// all is well: nothing failed, and something was tested.
func (t *tally) close() bool {
	n := map[outcome]int{}
	lines := map[outcome][]string{}
	for i, o := range t.results {
		n[o]++
		switch o {
		case skipped:
			lines[o] = append(lines[o], fmt.Sprintf("skipped: %s: %s", i, t.reasons[i]))
		case failed:
			lines[o] = append(lines[o], fmt.Sprintf("failed: %s", i))
		}
	}
	for _, o := range []outcome{skipped, failed} {
		slices.Sort(lines[o])
		for _, line := range lines[o] {
			fmt.Fprintln(t.w, line)
		}
	}
	fmt.Fprintf(t.w, "%d passed, %d failed, %d skipped\n", n[passed], n[failed], n[skipped])
	return n[failed] == 0 && n[passed] > 0
}

// reason is what a test said before it was skipped, without the place.
func reason(said []string) string {
	for _, line := range slices.Backward(said) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "---") || strings.HasPrefix(line, "===") {
			continue
		}
		if _, text, ok := strings.Cut(line, ".go:"); ok {
			_, text, _ = strings.Cut(text, ": ")
			return text
		}
		return line
	}
	return "no reason given"
}

func last(lines []string) string {
	for _, line := range slices.Backward(lines) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}
