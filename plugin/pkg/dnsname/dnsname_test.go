package dnsname

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"
)

// wire makes a name for a test.
func wire(t testing.TB, text string) []byte {
	t.Helper()
	name, err := Append(nil, text)
	if err != nil {
		t.Fatalf("Append(%q): %v", text, err)
	}
	return name
}

func TestAppend(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	name255 := strings.Repeat(label63+".", 3) + strings.Repeat("b", 61)
	tests := map[string]struct {
		text string
		want string
		err  error
	}{
		"a name":                              {text: "bad.example", want: "\x03bad\x07example\x00"},
		"with its final dot":                  {text: "bad.example.", want: "\x03bad\x07example\x00"},
		"the root":                            {text: ".", want: "\x00"},
		"upper case":                          {text: "BAD.ExamPle", want: "\x03bad\x07example\x00"},
		"upper case by number":                {text: `\066AD.example`, want: "\x03bad\x07example\x00"},
		"octets beyond ASCII keep their case": {text: "\xc4.example", want: "\x01\xc4\x07example\x00"},
		"an escaped dot":                      {text: `a\.b.example`, want: "\x03a.b\x07example\x00"},
		"a dot by number":                     {text: `a\046b.example`, want: "\x03a.b\x07example\x00"},
		"a NUL by number":                     {text: `\000.example`, want: "\x01\x00\x07example\x00"},
		"a label of 63":                       {text: label63 + ".example", want: "\x3f" + label63 + "\x07example\x00"},
		"a label of 64":                       {text: label63 + "a.example", err: ErrLabelLong},
		"a name of 255":                       {text: name255, want: "\x3f" + label63 + "\x3f" + label63 + "\x3f" + label63 + "\x3d" + strings.Repeat("b", 61) + "\x00"},
		"a name of 255 and its final dot":     {text: name255 + ".", want: "\x3f" + label63 + "\x3f" + label63 + "\x3f" + label63 + "\x3d" + strings.Repeat("b", 61) + "\x00"},
		"a name of 256":                       {text: name255 + "b", err: ErrNameLong},
		"a name of 257, the last label short": {text: name255 + ".b", err: ErrNameLong},
		"a megabyte":                          {text: strings.Repeat("a.", 1<<19), err: ErrNameLong},
		"nothing":                             {text: "", err: ErrEmpty},
		"two dots inside":                     {text: "a..example", err: ErrEmptyLabel},
		"a dot in front":                      {text: ".example", err: ErrEmptyLabel},
		"two dots":                            {text: "..", err: ErrEmptyLabel},
		"two dots behind":                     {text: "example..", err: ErrEmptyLabel},
		"a lone backslash":                    {text: `a\`, err: ErrEscape},
		"a number of two digits":              {text: `a\04`, err: ErrEscape},
		"a number over 255":                   {text: `a\256`, err: ErrEscape},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Append([]byte("before"), tt.text)
			if !errors.Is(err, tt.err) {
				t.Fatalf("refusal %v, want %v", err, tt.err)
			}
			if string(got) != "before"+tt.want {
				t.Errorf("got %q, want %q", got, "before"+tt.want)
			}
			again, err := AppendBytes(nil, []byte(tt.text))
			if !errors.Is(err, tt.err) || string(again) != tt.want {
				t.Errorf("AppendBytes: got %q, %v", again, err)
			}
		})
	}
}

func TestAppendText(t *testing.T) {
	tests := map[string]struct{ name, want string }{
		"a name":                  {"\x03bad\x07example\x00", "bad.example"},
		"the root":                {"\x00", "."},
		"specials get backslash":  {"\x09\".;\\@$()~\x00", `\"\.\;\\\@\$\(\)~`},
		"unprintable as numbers":  {"\x04\x00 \x7f\xff\x00", `\000\032\127\255`},
		"cut bytes are no reason": {"\x09bad", "bad"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := String([]byte(tt.name)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestWalk(t *testing.T) {
	name := wire(t, "www.bad.example")
	var got []string
	for n := name; n != nil; n = Parent(n) {
		got = append(got, String(n)+" "+strconv.Itoa(Labels(n)))
	}
	want := "www.bad.example 3, bad.example 2, example 1, . 0"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
}

func TestUnder(t *testing.T) {
	tests := map[string]struct {
		name, zone string
		want       bool
	}{
		"itself":                     {"evil.example", "evil.example", true},
		"below":                      {"a.b.evil.example", "evil.example", true},
		"above":                      {"example", "evil.example", false},
		"a tail that is no label":    {"evil.example", "vil.example", false},
		"all are under the root":     {"evil.example", ".", true},
		"the root is under itself":   {".", ".", true},
		"the root is under no other": {".", "example", false},
		"a length octet as a letter": {`x\003bad.example`, "bad.example", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Under(wire(t, tt.name), wire(t, tt.zone)); got != tt.want {
				t.Errorf("Under(%s, %s) = %v", tt.name, tt.zone, got)
			}
		})
	}
}

func TestValid(t *testing.T) {
	tests := map[string]struct {
		name string
		want bool
	}{
		"a name":           {"\x03bad\x07example\x00", true},
		"the root":         {"\x00", true},
		"nothing":          {"", false},
		"no root label":    {"\x03bad", false},
		"cut":              {"\x03ba", false},
		"more behind":      {"\x03bad\x00\x00", false},
		"upper case":       {"\x03Bad\x00", false},
		"a pointer":        {"\xc0\x0c", false},
		"a label of 64":    {"\x40" + strings.Repeat("a", 64) + "\x00", false},
		"a name of 255":    {strings.Repeat("\x01a", 127) + "\x00", true},
		"a name of 257":    {strings.Repeat("\x01a", 128) + "\x00", false},
		"any octet at all": {"\x02\x00\xff\x00", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Valid([]byte(tt.name)); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// slowAppend says what a name in presentation form is, in the fewest words:
// octets first, then labels, then limits.
func slowAppend(text string) ([]byte, error) {
	if text == "" {
		return nil, ErrEmpty
	}
	if text == "." {
		return []byte{0}, nil
	}
	labels := []string{""}
	for text != "" {
		octet, rest := text[:1], text[1:]
		switch {
		case octet == ".":
			labels = append(labels, "")
			text = rest
			continue
		case octet == `\` && len(rest) >= 3 && digit(rest[0]):
			n, err := strconv.ParseUint(rest[:3], 10, 8)
			if err != nil || rest[1] == '_' || rest[2] == '_' {
				return nil, ErrEscape
			}
			octet, rest = string([]byte{byte(n)}), rest[3:]
		case octet == `\` && len(rest) >= 1 && !digit(rest[0]):
			octet, rest = rest[:1], rest[1:]
		case octet == `\`:
			return nil, ErrEscape
		}
		if "A" <= octet && octet <= "Z" {
			octet = string([]byte{octet[0] + 32})
		}
		labels[len(labels)-1] += octet
		text = rest
	}
	if labels[len(labels)-1] == "" {
		labels = labels[:len(labels)-1]
	}
	var name []byte
	for _, label := range labels {
		if label == "" {
			return nil, ErrEmptyLabel
		}
		if len(label) > 63 {
			return nil, ErrLabelLong
		}
		name = append(append(name, byte(len(label))), label...)
	}
	if name = append(name, 0); len(name) > 255 {
		return nil, ErrNameLong
	}
	return name, nil
}

func FuzzAppend(f *testing.F) {
	for _, s := range []string{"bad.example", "BAD.example.", ".", "", "a..b", `\.\\\046x`, `\25`, "\xff\x00",
		strings.Repeat("a.", 127), strings.Repeat("a.", 128), strings.Repeat("b", 64)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Append(nil, text)
		want, slowErr := slowAppend(text)
		// Where several things are wrong, either may be named.
		if (err == nil) != (slowErr == nil) || !bytes.Equal(got, want) {
			t.Fatalf("%q: got %q, %v; want %q, %v", text, got, err, want, slowErr)
		}
		if err != nil {
			return
		}
		if !Valid(got) {
			t.Fatalf("%q: %q is not valid", text, got)
		}
		if again := wire(t, String(got)); !bytes.Equal(again, got) {
			t.Fatalf("%q: %s reads back as %q", got, String(got), again)
		}
	})
}

// FuzzBytes hands any bytes to all that expect a name: nothing may panic, and
// what Valid accepts must survive the way through text.
func FuzzBytes(f *testing.F) {
	for _, s := range []string{"\x03bad\x07example\x00", "\x00", "", "\x02co\x02uk\x00", "\x3f", "\xc0\x0c", "\x01.\x02ck\x00"} {
		f.Add([]byte(s), []byte("\x07example\x00"))
	}
	f.Fuzz(func(t *testing.T, name, zone []byte) {
		Labels(name)
		Under(name, zone)
		SuffixOf(name)
		text := String(name)
		if !Valid(name) {
			return
		}
		if again := wire(t, text); !bytes.Equal(again, name) {
			t.Fatalf("%q: %s reads back as %q", name, text, again)
		}
	})
}

func TestAllocatesNothing(t *testing.T) {
	name, zone := wire(t, "www.a-rather-long-label-for-a-name.bad.example.co.uk"), wire(t, "example.co.uk")
	text := String(name)
	buf := make([]byte, 0, 4*MaxLen)
	tests := map[string]func(){
		"Append":     func() { Append(buf, text) },
		"AppendText": func() { AppendText(buf, name) },
		"Parent":     func() { Parent(name) },
		"Labels":     func() { Labels(name) },
		"Under":      func() { Under(name, zone) },
		"Valid":      func() { Valid(name) },
		"ToASCII":    func() { ToASCII(text) },
	}
	for what, f := range tests {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", what, n)
		}
	}
}

// TestSuffixAllocatesOnce: x/net makes a refusal that nobody reads, no more.
func TestSuffixAllocatesOnce(t *testing.T) {
	name := wire(t, "www.a-rather-long-label-for-a-name.bad.example.co.uk")
	if n := testing.AllocsPerRun(100, func() { SuffixOf(name) }); n > 1 {
		t.Errorf("it allocates %v times", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	buf := make([]byte, 0, MaxLen)
	for b.Loop() {
		Append(buf, "www.login.bad.example")
	}
}

func BenchmarkAppendText(b *testing.B) {
	name, buf := wire(b, "www.login.bad.example"), make([]byte, 0, MaxLen)
	for b.Loop() {
		AppendText(buf, name)
	}
}

func BenchmarkUnder(b *testing.B) {
	name, zone := wire(b, "www.login.bad.example"), wire(b, "bad.example")
	for b.Loop() {
		Under(name, zone)
	}
}

func BenchmarkValid(b *testing.B) {
	name := wire(b, "www.login.bad.example")
	for b.Loop() {
		Valid(name)
	}
}

func BenchmarkSuffixOf(b *testing.B) {
	for _, text := range []string{"bad.example", "example.com", "www.example.com"} {
		b.Run(text, func(b *testing.B) {
			name := wire(b, text)
			for b.Loop() {
				SuffixOf(name)
			}
		})
	}
}
