package subscriber

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func readAll(text string) (entries []string, res Result, err error) {
	res, err = Read("clients/mail/a.txt", strings.NewReader(text), func(e Entry) {
		entries = append(entries, e.String())
	})
	return entries, res, err
}

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
		notes      []string
	}{
		{
			name: "all forms",
			text: "192.0.2.7\n192.0.2.128/25\n2001:db8:0:100::/56\n100.64.0.7:1024-2047\n",
			want: []string{"192.0.2.7/32", "192.0.2.128/25", "2001:db8:0:100::/56", "100.64.0.7:1024-2047"},
		},
		{
			name: "BOM, CRLF, blanks, comments, no last line end",
			text: "\ufeff# our mail\r\n\r\n  192.0.2.7\t # the old one\r\n; so\r\n// and so\r\n! and so\r\n192.0.2.8;x\r\n192.0.2.9 //",
			want: []string{"192.0.2.7/32", "192.0.2.9/32"},
			notes: []string{
				`clients/mail/a.txt:7: "192.0.2.8;x": ` + errForm.Error(),
			},
		},
		{
			name: "refusals say line, text and reason, and the rest is taken",
			text: "192.0.2.7\nmail.example\n0.0.0.0/0\n100.64.0.7:1024\n[2001:db8::1]:1-2\n",
			want: []string{"192.0.2.7/32"},
			notes: []string{
				`clients/mail/a.txt:2: "mail.example": no address, prefix or block of ports; want 192.0.2.7, 2001:db8:0:100::/56 or 100.64.0.7:1024-2047`,
				`clients/mail/a.txt:3: "0.0.0.0/0": covers every address; want a prefix of one bit or more`,
				`clients/mail/a.txt:4: "100.64.0.7:1024": no block of ports; want FIRST-LAST from 0 to 65535, FIRST not above LAST`,
				`clients/mail/a.txt:5: "[2001:db8::1]:1-2": a block of ports of an IPv6 address; want its prefix`,
			},
		},
		{
			name:  "a warning, and the entry is taken",
			text:  "192.0.2.7/24\n",
			want:  []string{"192.0.2.0/24"},
			notes: []string{`clients/mail/a.txt:1: "192.0.2.7/24": warning: bits behind the prefix; taken as 192.0.2.0/24`},
		},
		{
			name:  "a long text is cut, and not within a character",
			text:  "192.0.2.7\n" + strings.Repeat("ü", 100) + "\n",
			want:  []string{"192.0.2.7/32"},
			notes: []string{`clients/mail/a.txt:2: "` + strings.Repeat("ü", 40) + `": ` + errForm.Error()},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, res, err := readAll(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			var notes []string
			warnings := 0
			for _, n := range res.Notes {
				notes = append(notes, n.String())
				if n.Warning {
					warnings++
				}
			}
			if !slices.Equal(notes, tt.notes) {
				t.Errorf("got notes\n%s\nwant\n%s", strings.Join(notes, "\n"), strings.Join(tt.notes, "\n"))
			}
			if res.Entries != len(tt.want) || res.Warnings != warnings || res.Refused != len(notes)-warnings {
				t.Errorf("got %d entries, %d warnings, %d refused", res.Entries, res.Warnings, res.Refused)
			}
		})
	}
}

func TestReadRefusesWhole(t *testing.T) {
	nine := strings.Repeat("192.0.2.7\n", 9)
	for _, tt := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", ErrEmpty},
		{"only comments", "# none\n\n", ErrEmpty},
		{"HTML", "\n <!DOCTYPE html><html>", ErrHTML},
		{"binary", "192.0.2.7\n\x00\x01", ErrBinary},
		{"UTF-16", "\xff\xfe1\x009\x002\x00", ErrBinary},
		{"over one in ten", nine + "a\nb\n", ErrUnreadable},
		{"not a text of entries", strings.Repeat("word\n", 10), ErrUnreadable},
		{"a line without end", nine + strings.Repeat("a", MaxLine+1), ErrLine},
		{"gzip cut off", packGzip(t, nine)[:20], ErrBroken},
		{"gzip broken", "\x1f\x8b\x08\xff\xff", ErrBroken},
		{"zstd cut off", packZstd(t, nine)[:12], ErrBroken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := readAll(tt.text); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	if _, res, err := readAll(nine + "a\n"); err != nil || res.Entries != 9 || res.Refused != 1 {
		t.Errorf("one in ten: got %d entries, %v", res.Entries, err)
	}
	if _, _, err := readAll("a\n"); err != nil {
		t.Errorf("one line that is no entry: got %v, want a refusal of the line only", err)
	}
}

func TestReadPacked(t *testing.T) {
	for name, text := range map[string]string{"gzip": packGzip(t, "192.0.2.7\n"), "zstd": packZstd(t, "192.0.2.7\n")} {
		got, _, err := readAll(text)
		if err != nil || !slices.Equal(got, []string{"192.0.2.7/32"}) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestReadBounds(t *testing.T) {
	broken := errors.New("the disk")
	for name, before := range map[string]string{"at once": "", "in what is packed": packGzip(t, "192.0.2.7\n")[:15]} {
		r := io.MultiReader(strings.NewReader(before), iotest.ErrReader(broken))
		if _, err := Read("a", r, func(Entry) {}); !errors.Is(err, broken) {
			t.Errorf("%s: got %v, want %v", name, err, broken)
		}
	}
	_, res, _ := readAll(strings.Repeat("a\n", MaxNotes+5))
	if len(res.Notes) != MaxNotes || res.Refused != MaxNotes+5 {
		t.Errorf("got %d notes of %d refusals, want %d of %d", len(res.Notes), res.Refused, MaxNotes, MaxNotes+5)
	}
}

func packGzip(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func packZstd(t *testing.T, text string) string {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(z.EncodeAll([]byte(text), nil))
}

// FuzzRead holds Read to a slow twin: the fields of lines, one ParseEntry each.
func FuzzRead(f *testing.F) {
	f.Add([]byte("192.0.2.7 # a\r\n\xef\xbb\xbf100.64.0.7:1-2\n//x\n\nb"))
	f.Add([]byte("<html>"))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("\x28\xb5\x2f\xfd\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var got []Entry
		res, err := Read("a", bytes.NewReader(text), func(e Entry) { got = append(got, e) })
		if res.Entries != len(got) || len(res.Notes) > MaxNotes || len(res.Notes) != min(MaxNotes, res.Refused+res.Warnings) {
			t.Fatalf("%d entries, %d notes of %d refusals and %d warnings; emitted %d", res.Entries, len(res.Notes), res.Refused, res.Warnings, len(got))
		}
		if err != nil || bytes.HasPrefix(text, []byte("\x1f\x8b")) || bytes.HasPrefix(text, []byte("\x28\xb5\x2f\xfd")) {
			return
		}
		var want []Entry
		for _, line := range strings.Split(string(text), "\n") {
			if e, _, err := ParseEntry(slowEntry(line)); err == nil {
				want = append(want, e)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// slowEntry joins the words of a line up to the first that begins a comment.
func slowEntry(line string) string {
	line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSuffix(line, "\r"), "\ufeff"))
	for _, mark := range []string{"#", ";", "!", "//"} {
		if strings.HasPrefix(line, mark) {
			return ""
		}
		for _, blank := range []string{" ", "\t"} {
			line, _, _ = strings.Cut(line, blank+mark)
		}
	}
	return strings.TrimSpace(line)
}
