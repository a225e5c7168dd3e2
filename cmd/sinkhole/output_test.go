package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"sinkhole/plugin/pkg/control"
)

// TestOddNamesOnTheTerminal: names of files, zones and categories, and lines of
// lists, hold any octet, and make no line of their own in any form of output.
func TestOddNamesOnTheTerminal(t *testing.T) {
	const odd = "=<b>\nlists\t\x1b[2J\u202e\xff\"'"
	serial := uint32(7)
	status := control.Status{
		Version:  "v1",
		Warnings: []string{odd},
		Lists:    []control.List{{File: odd, Category: odd, State: control.StateInForce, Reason: odd, Zone: &control.Zone{Name: odd, Serial: &serial, Policy: "given"}}},
		Feeds:    []control.Feed{{Zone: odd, State: "failing", Reason: odd}},
	}
	source := control.Source{File: odd, Line: 1, Text: odd}
	explanation := control.Explanation{
		Name: odd, Type: "A", Verdict: "nxdomain", Category: odd, Action: "nxdomain", Zone: odd, Trigger: "qname", Source: &source,
		PassedOver: []control.PassedOver{{Category: odd, Action: odd, Zone: odd, Trigger: "qname", Source: source, Why: odd}},
	}
	explain := func(w io.Writer, output string, lines bool) {
		p := explanations{s: stdio{out: w}, output: output, lines: lines}
		p.add(explanation)
	}
	for name, row := range map[string]struct {
		print func(io.Writer)
		lines int // 0: any number
	}{
		"status table":  {func(w io.Writer) { printStatus(w, outputTable, status) }, 11},
		"status csv":    {func(w io.Writer) { printStatus(w, outputCSV, status) }, 2},
		"status json":   {func(w io.Writer) { printStatus(w, outputJSON, status) }, 0},
		"explain table": {func(w io.Writer) { explain(w, outputTable, false) }, 4},
		"explain line":  {func(w io.Writer) { explain(w, outputTable, true) }, 1},
		"explain csv":   {func(w io.Writer) { explain(w, outputCSV, false) }, 2},
		"explain json":  {func(w io.Writer) { explain(w, outputJSON, false) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			row.print(&b)
			text := b.String()
			if n := strings.Count(text, "\n"); row.lines > 0 && n != row.lines {
				t.Errorf("%d lines, want %d:\n%s", n, row.lines, text)
			}
			if strings.ContainsAny(text, "\x1b\t\u202e") && !strings.Contains(name, "json") || !utf8.ValidString(text) || strings.Contains(text, "\x1b") {
				t.Errorf("it moves a cursor: %q", text)
			}
			if strings.Contains(name, "json") && (!json.Valid(b.Bytes()) || strings.ContainsAny(text, "<>")) {
				t.Errorf("it is no JSON for a page: %s", text)
			}
			if strings.Contains(name, "csv") {
				rows, err := csv.NewReader(&b).ReadAll()
				if err != nil || len(rows) != 2 || !strings.HasPrefix(rows[1][0], "'=") {
					t.Errorf("a spreadsheet takes %q for a formula (%v)", rows, err)
				}
			}
		})
	}
}
