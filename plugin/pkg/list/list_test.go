package list

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sinkhole/plugin/pkg/dnsname"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fileOf is a file with that text.
func fileOf(text string) Source {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
}

// say puts a rule into words.
func say(r Rule) string {
	what := r.Prefix.String()
	if r.Name != nil {
		what = r.Reach.String() + " " + dnsname.String(r.Name)
	}
	for _, mark := range []struct {
		is   bool
		word string
	}{{r.Reopens, "reopening "}, {r.Important, "important "}, {r.Except, "except "}} {
		if mark.is {
			what = mark.word + what
		}
	}
	if r.Cond != nil {
		what += " if " + r.Cond.Key()
	}
	switch {
	case r.Rewrite != nil && r.Except && r.Rewrite.Rcode == RcodeAny:
		what += " from every answer"
	case r.Rewrite != nil && r.Except:
		what += " from answer " + r.Rewrite.Key()
	case r.Rewrite != nil:
		what += " answer " + r.Rewrite.Key()
	}
	return what
}

// read is Read of a text, with its rules in words.
func read(text string, o ReadOptions) (rules []string, res Result, err error) {
	res, err = Read("feed.txt", fileOf(text), o, func(r Rule) { rules = append(rules, say(r)) })
	return rules, res, err
}

// eachEntry says of every line of a text what became of it.
func eachEntry(t testing.TB, text string, o ReadOptions) (said []string, res Result) {
	t.Helper()
	r := &reader{file: "feed.txt", o: o}
	r.res.Options = defaultOptions()
	var line []string
	r.emit = func(rule Rule) { line = append(line, say(rule)) }
	if err := eachLine(fileOf(text), defaultMaxSize, nil, r.survey); err != nil {
		t.Fatal(err)
	}
	r.res.Notes = nil
	err := eachLine(fileOf(text), defaultMaxSize, nil, func(n int, text []byte, long bool) {
		line = line[:0]
		notes, passed := len(r.res.Notes), r.passed
		r.entryLine(n, text, long)
		for reason := range passed {
			for range r.passed[reason] - passed[reason] {
				line = append(line, "passed over: "+passTexts[reason])
			}
		}
		for _, n := range r.res.Notes[notes:] {
			why := "refused"
			switch {
			case n.Warning:
				why = "warning"
			case n.Guard:
				why = "refused by a guard"
			}
			line = append(line, fmt.Sprintf("%s: %q: %s", why, n.Text, n.Why))
		}
		if len(line) == 0 {
			line = append(line, "nothing")
		}
		said = append(said, strings.Join(line, "; "))
	})
	if err != nil {
		t.Fatal(err)
	}
	return said, r.res
}

// TestGolden reads a file for each reader. The golden files have the lines again,
// each with what became of it.
func TestGolden(t *testing.T) {
	for _, name := range []string{"plain", "hosts", "wildcard", "adblock", "address", "dnsmasq", "unbound", "url", "csv", "foreign", "options"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			said, res := eachEntry(t, string(text), ReadOptions{})
			var got bytes.Buffer
			lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
			for i, line := range lines {
				fmt.Fprintf(&got, "%q\n\t%s\n", line, said[i])
			}
			fmt.Fprintf(&got, "entries %d, refused %d (%d by a guard), passed over %d, warnings %d\noptions %+v\n",
				res.Entries, res.Refused, res.GuardRefused, res.PassedOver, res.Warnings, res.Options)
			compareGolden(t, filepath.Join("testdata", name+".golden"), got.Bytes())
		})
	}
}

func compareGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Fatalf("%s:%d:\ngot  %s\nwant %s", path, i+1, a, b)
		}
	}
}

// TestReadRefuses: what refuses a file as a whole, and what does not.
func TestReadRefuses(t *testing.T) {
	good := func(n int) string { return strings.Repeat("bad.example\n", n) }
	junk := func(n int) string { return strings.Repeat("not a name\n", n) }
	tests := map[string]struct {
		text string
		want error
	}{
		"a list":                                 {good(1), nil},
		"nothing at all":                         {"", ErrEmpty},
		"white space":                            {" \n\t\r\n\n", ErrEmpty},
		"comments only":                          {"# nothing\n! today\n", ErrEmpty},
		"only what is passed over is a list":     {"10.1.2.3 nas.home-lan\n", nil},
		"only what a guard refuses is a list":    {"com\nco.uk\n", nil},
		"of nine entries eight may be":           {good(1) + junk(8), nil},
		"all may not":                            {junk(1), ErrNoEntry},
		"all of nine may not":                    {junk(9), ErrNoEntry},
		"what an overloaded server says":         {"{\"error\":\"too many requests\"}\n", ErrNoEntry},
		"ten may not":                            {junk(10), ErrUnreadable},
		"one in ten may":                         {good(9) + junk(1), nil},
		"two in ten may not":                     {good(8) + junk(2), ErrUnreadable},
		"refusals of a guard do not count":       {good(1) + strings.Repeat("com\n", 50), nil},
		"what is passed over is readable":        {strings.Repeat("http://bad.example/x\n", 90) + junk(10), nil},
		"a page":                                 {"<!DOCTYPE html>\n" + good(100), ErrHTML},
		"a page behind white space and BOM":      {"\xef\xbb\xbf \r\n <HTML>" + good(100), ErrHTML},
		"XML":                                    {`<?xml version="1.0"?>`, ErrHTML},
		"a piece of a page":                      {"<a href=/new>moved</a>\n" + good(100), ErrHTML},
		"the end of a page":                      {"</body>\n", ErrHTML},
		"a comment of a page":                    {"<!-- list -->\n" + good(100), ErrHTML},
		"an angle alone is a line":               {"<\n" + good(100), nil},
		"a page in a line of a list is a line":   {good(100) + "<html>\n", nil},
		"UTF-16 with BOM":                        {"\xff\xfeb\x00a\x00d\x00", ErrBinary},
		"UTF-16 of the other end":                {"\xfe\xff\x00b\x00a\x00d", ErrBinary},
		"UTF-16 without BOM":                     {"b\x00a\x00d\x00", ErrBinary},
		"NUL":                                    {good(10) + "\x00\n", ErrBinary},
		"a program":                              {"\x7fELF\x02\x01\x01", ErrBinary},
		"an archive":                             {"PK\x03\x04" + good(100), ErrBinary},
		"a DOS text ends in SUB":                 {good(100) + "\x1a", nil},
		"an escape character in a comment":       {"# \x1b[1mbold\x1b[0m\n" + good(10), nil},
		"a line of a megabyte is a refused line": {good(20) + strings.Repeat("a", 1<<20) + "\n" + good(20), nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, res, err := read(tt.text, ReadOptions{})
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v; %+v", err, tt.want, res)
			}
			if errors.Is(err, ErrHTML) || errors.Is(err, ErrBinary) {
				if res.Entries > 0 {
					t.Errorf("%d entries of what is no list", res.Entries)
				}
			}
		})
	}
}

// TestReadLines: ends, marks and bounds of lines.
func TestReadLines(t *testing.T) {
	longest := strings.Repeat("#", MaxLine)
	tests := map[string]struct {
		text string
		want []string // rules with their lines, then notes
	}{
		"no end at the end":           {"a.example\nb.example", []string{"1 subtree a.example", "2 subtree b.example"}},
		"CRLF":                        {"a.example\r\nb.example\r\n", []string{"1 subtree a.example", "2 subtree b.example"}},
		"empty lines count":           {"\n\r\na.example", []string{"3 subtree a.example"}},
		"BOM":                         {"\xef\xbb\xbfa.example\n", []string{"1 subtree a.example"}},
		"BOM where parts were joined": {"a.example\n\xef\xbb\xbfb.example\n", []string{"1 subtree a.example", "2 subtree b.example"}},
		"white space of other kinds":  {"\u00a0a.example\u00a0\n\u3000b.example", []string{"1 subtree a.example", "2 subtree b.example"}},
		"the longest line":            {longest + "\na.example", []string{"2 subtree a.example"}},
		"the longest line, CRLF":      {longest + "\r\na.example", []string{"2 subtree a.example"}},
		"one octet more":              {longest + "#\na.example", []string{"2 subtree a.example", `feed.txt:1: "` + longest[:maxText] + `": ` + whyLong}},
		"the last line too long":      {"a.example\n" + longest + "#", []string{"1 subtree a.example", `feed.txt:2: "` + longest[:maxText] + `": ` + whyLong}},
		"far too long": {strings.Repeat("é", 1<<20) + "\na.example",
			[]string{"2 subtree a.example", `feed.txt:1: "` + strings.Repeat("é", maxText/2) + `": ` + whyLong}},
		"an option in a line too long is none": {"# sinkhole: subdomains=off" + longest + "\na.example",
			[]string{"2 subtree a.example", `feed.txt:1: "` + ("# sinkhole: subdomains=off" + longest)[:maxText] + `": ` + whyLong}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			res, err := Read("feed.txt", fileOf(tt.text), ReadOptions{}, func(r Rule) {
				got = append(got, fmt.Sprintf("%d %s", r.Line, say(r)))
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range res.Notes {
				got = append(got, n.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %.300q\nwant %.300q", got, tt.want)
			}
		})
	}
}

// TestAllow: in an allow file every rule is an exception, and no guard stands in
// its way but the one for the root.
func TestAllow(t *testing.T) {
	protected := func([]byte, Reach) string { return "protected" }
	rules, res, err := read("good.example\n0.0.0.0 only.example\n@@||ok.example^\n|one.example^\ncom\nco.uk\ngithub.io\n192.0.2.7\n10.0.0.0/7\n*\n", ReadOptions{Allow: true, Protected: protected})
	want := []string{"except subtree good.example", "except exact only.example", "except subtree ok.example", "except exact one.example",
		"except subtree com", "except subtree co.uk", "except subtree github.io", "except 192.0.2.7/32", "except 10.0.0.0/7"}
	if !slices.Equal(rules, want) || res.Refused != 1 || err != nil {
		t.Errorf("got  %q, %v\nwant %q", rules, err, want)
	}
}

// TestProtected: the guard is asked for what blocks, with the reach that it has.
func TestProtected(t *testing.T) {
	var asked []string
	guard := func(name []byte, reach Reach) string {
		asked = append(asked, reach.String()+" "+dnsname.String(name))
		if dnsname.String(name) == "isp.example" {
			return "a protected name"
		}
		return ""
	}
	rules, res, err := read("bad.example\nisp.example\n0.0.0.0 isp.example a.example\ngithub.io\n@@||isp.example^\n", ReadOptions{Protected: guard})
	if want := []string{"subtree bad.example", "exact a.example", "exact github.io", "except subtree isp.example"}; !slices.Equal(rules, want) || err != nil {
		t.Errorf("rules %q, want %q; %v", rules, want, err)
	}
	if want := []string{"subtree bad.example", "subtree isp.example", "exact isp.example", "exact a.example", "exact github.io"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	if want := `feed.txt:2: "isp.example": a protected name`; res.GuardRefused != 2 || res.Refused != 2 || res.Notes[0].String() != want {
		t.Errorf("%+v; want two refusals of the guard, and %s", res, want)
	}
}

// TestNotesAreBounded: all refusals are counted, the first thousand are kept.
func TestNotesAreBounded(t *testing.T) {
	_, res, _ := read(strings.Repeat("not a name\n", MaxNotes+5), ReadOptions{})
	if res.Refused != MaxNotes+5 || len(res.Notes) != MaxNotes {
		t.Errorf("%d refused, %d notes; want %d and %d", res.Refused, len(res.Notes), MaxNotes+5, MaxNotes)
	}
}

// TestSourceFails: what the disk does is no fault of the file.
func TestSourceFails(t *testing.T) {
	broken := errors.New("the disk is gone")
	opened := 0
	for what, open := range map[string]Source{
		"opening": func() (io.ReadCloser, error) { return nil, broken },
		"reading": func() (io.ReadCloser, error) { return io.NopCloser(failing{broken}), nil },
		"reading later": func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("a.example\n"), failing{broken})), nil
		},
		"unpacking": func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(gzipped(t, "a.example\n")[:15]), failing{broken})), nil
		},
		"unpacking, at once": func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader("\x1f\x8b"), failing{broken})), nil
		},
		"opening the second time": func() (io.ReadCloser, error) {
			if opened++; opened == 2 {
				return nil, broken
			}
			return io.NopCloser(strings.NewReader("a.example\n")), nil
		},
	} {
		_, err := Read("feed.txt", open, ReadOptions{}, func(Rule) {})
		if !errors.Is(err, broken) || errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v, want %v", what, err, broken)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestFormsStayApart: the same name in every form is what its form says, and no
// form takes another's line for its own.
func TestFormsStayApart(t *testing.T) {
	lines := map[string]string{
		"bad.example":                      "subtree bad.example",
		"0.0.0.0 bad.example":              "exact bad.example",
		"*.bad.example":                    "subtree bad.example",
		".bad.example":                     "subtree bad.example",
		"||bad.example^":                   "subtree bad.example",
		"|bad.example^":                    "exact bad.example",
		"@@||bad.example^":                 "except subtree bad.example",
		"192.0.2.7":                        "192.0.2.7/32",
		"address=/bad.example/0.0.0.0":     "subtree bad.example",
		`local-zone: "bad.example" static`: "subtree bad.example",
		"http://bad.example/":              "exact bad.example",
		"http://bad.example/x":             "passed over: URLs",
		"bad.example:80":                   "exact bad.example",
		"bad.example/x":                    "passed over: paths",
		`"1","bad.example"`:                "exact bad.example",
		"bad.example##.ad":                 "passed over: cosmetic rules for pages",
		"bad.example^":                     "passed over: patterns",
		"bad.example$popup":                "passed over: rules with modifiers for pages",
		"198.51.100.1 bad.example":         "passed over: hosts lines for real addresses",
		"# bad.example":                    "nothing",
	}
	all := slices.Sorted(maps.Keys(lines))
	said, _ := eachEntry(t, strings.Join(all, "\n"), ReadOptions{})
	for i, line := range all {
		if said[i] != lines[line] {
			t.Errorf("%s: %s, want %s", line, said[i], lines[line])
		}
	}
}
