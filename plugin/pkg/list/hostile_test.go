package list

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// forms write one name in every form that takes one.
var forms = map[string]string{
	"plain":    "%s",
	"hosts":    "0.0.0.0 %s",
	"wildcard": "*.%s",
	"Adblock":  "||%s^",
	"at most":  "|%s|",
	"except":   "@@||%s^",
	"answer":   "||%s^$dnsrewrite=192.0.2.1",
}

// TestHostileNames: what is no name is refused in every form, with the reason;
// what is an odd name is that name.
func TestHostileNames(t *testing.T) {
	const (
		long63 = "a23456789012345678901234567890123456789012345678901234567890123"
		empty  = "empty label"
	)
	longest := strings.Repeat(long63+".", 3) + long63[:61] // 255 octets on the wire
	tests := map[string]struct {
		text string
		want string // the name, or why there is none
	}{
		"a label of 63":                 {long63 + ".example", long63 + ".example"},
		"a label of 64":                 {long63 + "4.example", "label over 63 octets"},
		"a label of 64, at the end":     {"a." + long63 + "4", "label over 63 octets"},
		"an onion of 75":                {long63 + "456789012345.onion", "label over 63 octets"},
		"a name of 255 octets":          {longest, longest},
		"a name of 256":                 {"b" + longest, "label over 63 octets|name over 255 octets"},
		"a name of 256 in short ones":   {strings.Repeat("a.", 127) + "b", "name over 255 octets"},
		"a name of 64 KiB":              {strings.Repeat("a.", 32000) + "example", "name over 255 octets"},
		"an empty label inside":         {"a..example", empty},
		"two dots at the end":           {"a.example..", empty},
		"a final dot":                   {"a.example.", "a.example"},
		"an escaped dot":                {`a\.b.example`, whyEscape},
		"an escaped blank":              {`a\032b.example`, `a\032b.example`},
		"an escaped NUL":                {`a\000b.example`, `a\000b.example`},
		"an escaped dot, as a number":   {`a\046b.example`, `a\.b.example`},
		"an escaped capital":            {`\065.example`, "a.example"},
		"an escape over 255":            {`a\256.example`, "escape"},
		"half an escape":                {`a\03.example`, whyEscape},
		"a backslash at the end":        {`a.example\`, whyEscape},
		"a regular expression":          {`ads\d+.example`, whyEscape + "|patterns"},
		"NUL":                           {"a\x00b.example", `no name holds '\x00'`},
		"a bell":                        {"a\ab.example", `no name holds '\a'`},
		"DEL":                           {"a\x7fb.example", `no name holds '\x7f'`},
		"an octet that is no UTF-8":     {"a\xffb.example", "IDNA|UTF-8"},
		"half a character":              {"b\xc3.example", "IDNA|UTF-8"},
		"a character of two directions": {"a\u202eb.example", "IDNA"},
		"a blank of no width":           {"a\u200bb.example", "ab.example"},
		"a full stop of another script": {"a\u3002example", "a.example"},
		"a letter that looks like a":    {"\u0430ds.example", "xn--ds-6kc.example"},
		"a code that is no IDNA":        {"xn--a.example", "xn--a.example"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for form, line := range forms {
				said, _ := eachEntry(t, fmt.Sprintf(line, tt.text), ReadOptions{})
				got := said[0]
				if strings.HasPrefix(got, "refused") || strings.HasPrefix(got, "passed over") {
					ok := slices.ContainsFunc(strings.Split(tt.want, "|"), func(why string) bool { return strings.Contains(got, why) })
					if !ok {
						t.Errorf("%s: got %.200s, want %.100s", form, got, tt.want)
					}
					continue
				}
				if fields := strings.Fields(strings.TrimPrefix(got, "except ")); fields[1] != tt.want {
					t.Errorf("%s: got %.200s, want %.100s", form, got, tt.want)
				}
			}
		})
	}
}

// TestHostileFiles: files that are no lists, and lists with pieces of such files
// in them.
func TestHostileFiles(t *testing.T) {
	good := strings.Repeat("a.example\n", 20_000) // beyond what is looked at before the first line
	wide := func(bigEndian bool, text string) string {
		var b []byte
		for _, u := range utf16.Encode([]rune(text)) {
			if bigEndian {
				b = append(b, byte(u>>8), byte(u))
			} else {
				b = append(b, byte(u), byte(u>>8))
			}
		}
		return string(b)
	}
	tests := map[string]struct {
		text    string
		err     error
		entries int
		refused int
	}{
		"UTF-16, little end, marked":      {"\xff\xfe" + wide(false, good), ErrBinary, 0, 0},
		"UTF-16, big end, marked":         {"\xfe\xff" + wide(true, good), ErrBinary, 0, 0},
		"UTF-16, little end":              {wide(false, good), ErrBinary, 0, 0},
		"UTF-16, big end":                 {wide(true, good), ErrBinary, 0, 0},
		"UTF-32":                          {"\xff\xfe\x00\x00a\x00\x00\x00", ErrBinary, 0, 0},
		"NUL octets alone":                {strings.Repeat("\x00", 1<<20), ErrBinary, 0, 0},
		"a hole in a file":                {good + strings.Repeat("\x00", 4096) + "\nb.example\n", nil, 20_001, 1},
		"UTF-16 behind a list":            {good + wide(false, "b.example\nc.example\n") + "\nd.example\n", nil, 20_001, 3},
		"a page behind a list":            {good + "<html><body>503</body></html>\nb.example\n", nil, 20_001, 1},
		"a line of three megabytes":       {good + strings.Repeat("a", 3<<20) + "\nb.example\n", nil, 20_001, 1},
		"a line of dots":                  {good + strings.Repeat(".", 60<<10) + "\nb.example\n", nil, 20_001, 1},
		"a line of bars":                  {good + strings.Repeat("|", 60<<10) + "\nb.example\n", nil, 20_001, -1},
		"a line of dollars":               {good + "||b.example^" + strings.Repeat("$", 60<<10) + "\nb.example\n", nil, 20_001, -1},
		"a line of commas":                {good + "||b.example^$" + strings.Repeat(",", 60<<10) + "\nb.example\n", nil, 20_002, 0},
		"a line of backslashes":           {good + "||b.example^$dnsrewrite=" + strings.Repeat(`\`, 60<<10) + "\nb.example\n", nil, 20_002, -1},
		"a line of comment marks":         {good + strings.Repeat("#", 60<<10) + "\nb.example\n", nil, 20_001, 0},
		"a hosts line of thirty thousand": {good + "0.0.0.0" + strings.Repeat(" b.example", 6000) + "\n", nil, 26_000, 0},
		"old Macintosh line ends":         {"a.example\rb.example\rc.example\r", ErrNoEntry, 0, 1},
		"line ends of three kinds":        {"a.example\r\nb.example\nc.example\r\r\n", nil, 3, 0},
		"vertical tabs and form feeds":    {"\va.example\f\n", nil, 1, 0},
		"a file that is one BOM":          {"\xef\xbb\xbf", ErrEmpty, 0, 0},
		"a file that is two":              {"\xef\xbb\xbf\xef\xbb\xbfa.example\n", nil, -1, -1},
		"an end of a DOS text":            {"a.example\r\n\x1a", nil, 1, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			emitted := 0
			res, err := Read("feed.txt", fileOf(tt.text), ReadOptions{}, func(Rule) { emitted++ })
			if !errors.Is(err, tt.err) || tt.entries >= 0 && res.Entries != tt.entries || emitted != res.Entries || tt.refused >= 0 && res.Refused != tt.refused {
				t.Errorf("%d entries, %d refused, %v; want %d, %d, %v; %.300v", res.Entries, res.Refused, err, tt.entries, tt.refused, tt.err, res.Notes)
			}
		})
	}
}

// TestHostileMemory: what a file of nothing but odd lines makes us hold when it
// has been read. Its lines are made as they are read.
func TestHostileMemory(t *testing.T) {
	// A condition or an answer with what stands around it takes about 500
	// octets, of which maxModifiers may differ.
	const lines, most = 100_000, 48 << 20
	for name, line := range map[string]string{
		"refused lines":       "n%d is no name\n",
		"passed over lines":   "||n%d.example^$image\n",
		"wrong modifiers":     "||a.example^$dnstype=N%d\n",
		"distinct conditions": "||a.example^$denyallow=n%d.example\n",
		"distinct answers":    "||a.example^$dnsrewrite=n%d.example\n",
		"rules taken away":    "||n%d.example^$badfilter\n",
		"options":             "# sinkhole: category=n%d\n",
		"no options":          "# sinkhole: n%d=x\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := &reader{file: "feed.txt", emit: func(Rule) {}}
			r.res.Options = defaultOptions()
			open := func() (io.ReadCloser, error) { return io.NopCloser(&made{line: line, lines: lines}), nil }
			before := heap()
			for _, pass := range []func(int, []byte, bool){r.survey, r.entryLine} {
				if err := eachLine(open, defaultMaxSize, nil, pass); err != nil {
					t.Fatal(err)
				}
			}
			if held := int64(heap()) - int64(before); held > most {
				t.Errorf("%d MiB held, want at most %d", held>>20, most>>20)
			}
			runtime.KeepAlive(r)
		})
	}
}

// heap is how much is held after a collection, in octets.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// made is a file of numbered lines.
type made struct {
	line     string
	n, lines int
	left     bytes.Buffer
}

func (m *made) Read(p []byte) (int, error) {
	for m.left.Len() < len(p) && m.n < m.lines {
		fmt.Fprintf(&m.left, m.line, m.n)
		m.n++
	}
	return m.left.Read(p)
}

// TestNoteKeepsTheFile: a note is one sentence about a line; the name of the file
// stands in it as it is, and who shows it escapes for where it stands.
func TestNoteKeepsTheFile(t *testing.T) {
	const file = "<b>&\n\x1b[31m\u202e.txt"
	res, err := Read(file, fileOf(strings.Repeat("\n", 2000)+"a.example\n<img src=x onerror=alert(1)>\n\x01\n"), ReadOptions{}, func(Rule) {})
	if err != nil || len(res.Notes) != 2 {
		t.Fatalf("%+v, %v", res, err)
	}
	for i, want := range []string{
		file + `:2002: "<img src=x onerror=alert(1)>": ` + whySpace,
		file + `:2003: "\x01": no name holds '\x01'`,
	} {
		if got := res.Notes[i].String(); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// TestPassedOver: every line that makes no rule is told, with its reason.
func TestPassedOver(t *testing.T) {
	for reason, why := range passWhys {
		if (why == "" || passTexts[reason] == "") && passReason(reason) != passNot {
			t.Errorf("reason %d has no words", reason)
		}
	}
	var told []string
	text := "a.example\n||b.example^$image\n10.1.2.3 nas.example\n# a comment\nnot a name\n0.0.0.0 localhost c.example\n"
	res, err := Read("feed.txt", fileOf(text), ReadOptions{PassedOver: func(n Note) { told = append(told, n.String()) }}, func(Rule) {})
	want := []string{
		`feed.txt:2: "||b.example^$image": passed over: ` + passWhys[passModifier],
		`feed.txt:3: "10.1.2.3 nas.example": passed over: ` + passWhys[passHosts],
		`feed.txt:6: "0.0.0.0 localhost c.example": passed over: ` + passWhys[passLocal],
	}
	if !slices.Equal(told, want) || res.PassedOver != len(told) || err != nil {
		t.Errorf("got  %q, %+v, %v\nwant %q", told, res, err, want)
	}
}
