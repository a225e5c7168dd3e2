package sinkhole

import (
	"bytes"
	"encoding/json"
	golog "log"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	clog "github.com/coredns/coredns/plugin/pkg/log"

	"sinkhole/plugin/pkg/control"
)

// TestOddNamesInEveryOutput: whoever may drop a file chooses its name, and what
// stands in it. Neither makes a second line, an element of a page or a label of
// its own anywhere.
func TestOddNamesInEveryOutput(t *testing.T) {
	const odd = "<script>alert(1)<\nin force\t\x1b[2J\u202e\xff\"'&`.txt"
	dir := t.TempDir()
	drop(t, dir, map[string]string{
		"malware/" + odd:    "bad.example # <b>\x1b[31m\n",
		"c2/refused-" + odd: "",
		"c2/none-" + odd:    "https://a.example/<script>\n",
		"rpz/zone-" + odd:   "zone.example CNAME .\n",
		"a\n<i>/" + odd:     "other.example\n",
		"c2/x\n# HELP coredns_sinkhole_bugs_total": "one.example\n",
	})
	var logged bytes.Buffer
	golog.SetOutput(&logged)
	defer golog.SetOutput(os.Stderr)
	clog.D.Clear()
	s, err := open(func() Config { c := Defaults(); c.Lists = dir; return c }(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, f := range s.folder.Files() {
		tell(f)
	}

	// JSON: valid, in UTF-8, and as package json writes it, < and > are escaped.
	status, err := json.Marshal(control.Status{Lists: s.Status(), Warnings: s.Warnings()})
	if err != nil || !utf8.Valid(status) || bytes.ContainsAny(status, "<>\n\x1b") {
		t.Errorf("the status is %q (%v)", status, err)
	}
	if n := len(s.Status()); n != 6 {
		t.Errorf("%d lists, want 6", n)
	}
	clean := func(what, text string) {
		t.Helper()
		if strings.ContainsAny(text, "\n\x1b\t\x00") || !utf8.ValidString(text) || strings.Contains(text, "\u202e") {
			t.Errorf("%s holds what moves a cursor: %q", what, text)
		}
	}
	for _, w := range s.Warnings() {
		clean("a warning", w)
	}
	for line := range strings.Lines(logged.String()) {
		clean("a line of the log", strings.TrimSuffix(line, "\n"))
		if !strings.Contains(line, "plugin/sinkhole: ") {
			t.Errorf("a file makes a line of the log: %q", line)
		}
	}
	for line := range strings.Lines(exposed(t, collected{s})) {
		if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "# ") && !strings.HasPrefix(line, "coredns_sinkhole_") {
			t.Errorf("a name makes a line of the metrics: %q", line)
		}
	}
	for _, name := range []string{"bad.example", "zone.example", "other.example", "one.example"} {
		e, err := s.Explain(control.Question{Name: name})
		if text, jsonErr := json.Marshal(e); err != nil || jsonErr != nil || !e.Blocked || !utf8.Valid(text) || bytes.ContainsAny(text, "<>\n\x1b") {
			t.Errorf("%s is explained as %s (%v, %v)", name, text, err, jsonErr)
		}
		texts, err := s.texts(t.Context(), name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, text := range texts {
			clean("a string of a TXT record", text)
		}
	}
}
