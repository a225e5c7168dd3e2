package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sinkhole/plugin/pkg/dnsname"
)

// TestPopularName reads lines of lists of popular names as they are published.
func TestPopularName(t *testing.T) {
	tests := map[string]struct {
		line int
		text string
		want string // "rank name", "" for a line that says nothing, "unread"
	}{
		"a name":                   {7, "www.example", "7 www.example"},
		"upper case, final dot":    {7, "WWW.Example.", "7 www.example"},
		"rank and name (Tranco)":   {7, "3,www.example", "3 www.example"},
		"CRLF (Umbrella)":          {7, "3,www.example\r", "3 www.example"},
		"quotes":                   {7, `"3","www.example"`, "3 www.example"},
		"more columns (Majestic)":  {7, "3,www.example,com,12", "3 www.example"},
		"blanks behind the comma":  {7, "3, www.example", "3 www.example"},
		"a top-level domain":       {7, "3,example", "3 example"},
		"IDNA":                     {7, "bücher.example", "7 xn--bcher-kva.example"},
		"underscore":               {7, "_dmarc.www.example", "7 _dmarc.www.example"},
		"empty":                    {7, " \t", ""},
		"a comment":                {7, "# popular", ""},
		"a header":                 {1, "rank,domain", ""},
		"a header further down":    {2, "rank,domain", "unread"},
		"no name":                  {7, "3,", "unread"},
		"the root":                 {7, ".", "unread"},
		"an empty label":           {7, "a..example", "unread"},
		"a sentence":               {7, "not a name", "unread"},
		"a rank that is no number": {7, "first,www.example", "unread"},
		"a name of 256 octets":     {7, strings.Repeat("a.", 127) + "b", "unread"},
		"octets that are no UTF-8": {7, "a\xff.example", "unread"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := popularText(tt.line, tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func popularText(line int, text string) string {
	rank, name, ok := popularName(nil, line, []byte(text))
	switch {
	case !ok:
		return "unread"
	case name == nil:
		return ""
	}
	return strconv.Itoa(rank) + " " + dnsname.String(name)
}

var popularForm = regexp.MustCompile(`^(?:([0-9]{1,9}),)?((?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63})$`)

// FuzzPopularName holds the reader to a regular expression, for lines that are a
// name or rank,name.
func FuzzPopularName(f *testing.F) {
	for _, line := range []string{"www.example", "1,www.example", "\"1\",\"a\"", "1,", ",", "#", "rank,domain", "a\\.b"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got := popularText(2, line)
		m := popularForm.FindStringSubmatch(line)
		if m == nil || len(m[2]) > 253 {
			return
		}
		rank, _ := strconv.Atoi(m[1])
		if m[1] == "" {
			rank = 2
		}
		if want := strconv.Itoa(rank) + " " + m[2]; got != want {
			t.Fatalf("%q: got %q, want %q", line, got, want)
		}
	})
}
