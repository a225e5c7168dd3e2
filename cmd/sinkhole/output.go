package main

import (
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode"
)

// The forms in which a verb says what it found.
const (
	outputTable = "table"
	outputJSON  = "json"
	outputCSV   = "csv"
)

// choice is a flag that takes one of a few words.
type choice struct {
	value *string
	words []string
}

func (c choice) String() string {
	if c.value == nil {
		return ""
	}
	return *c.value
}

func (c choice) Set(s string) error {
	for _, w := range c.words {
		if s == w {
			*c.value = s
			return nil
		}
	}
	return fmt.Errorf("want one of %s", strings.Join(c.words, ", "))
}

func outputFlag(flags *flag.FlagSet) *string {
	v := outputTable
	flags.Var(choice{&v, []string{outputTable, outputJSON, outputCSV}}, "output", "`FORM` of the output: table, json or csv")
	return &v
}

// writeTable aligns rows under their header. On a terminal the header is bold;
// in a pipe the columns are the same without it.
func writeTable(w io.Writer, header []string, rows [][]string) {
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{header}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = visible(cell); cell == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	tw.Flush()
	head, rest, _ := strings.Cut(b.String(), "\n")
	fmt.Fprintf(w, "%s\n%s", bold(w, strings.TrimRight(head, " ")), rest)
}

// writeCSV writes rows under their header (RFC 4180). A cell that a spreadsheet
// would take for a formula gets an apostrophe.
func writeCSV(w io.Writer, header []string, rows [][]string) {
	cw := csv.NewWriter(w)
	cw.Write(header)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = visible(cell); cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				cells[i] = "'" + cells[i]
			}
		}
		cw.Write(cells)
	}
	cw.Flush()
}

// visible writes what could move a cursor or hide text (control characters,
// direction marks, octets that are no UTF-8) as escapes: names of files and
// hosts hold any octet.
func visible(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == unicode.ReplacementChar && !strings.HasPrefix(s[i:], "\ufffd"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !unicode.IsPrint(r):
			q := fmt.Sprintf("%+q", r)
			b.WriteString(q[1 : len(q)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// bold marks s on a terminal, unless the user asked for none (NO_COLOR).
func bold(w io.Writer, s string) string {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return s
	}
	if st, err := f.Stat(); err != nil || st.Mode()&os.ModeCharDevice == 0 {
		return s
	}
	return "\x1b[1m" + s + "\x1b[0m"
}
