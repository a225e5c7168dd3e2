package option

import (
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// reader is the twin of Caddy's dispenser, as much of it as Tokens asks for:
// words by line, no quotes, no imports.
type reader struct {
	words []word
	at    int
	depth int
}

type word struct {
	text string
	line int
}

func read(text string) *reader {
	r := &reader{at: -1}
	for i, line := range strings.Split(text, "\n") {
		for _, w := range strings.Fields(line) {
			r.words = append(r.words, word{w, i + 1})
		}
	}
	return r
}

func (r *reader) Next() bool {
	if r.at+1 >= len(r.words) {
		return false
	}
	r.at++
	return true
}

func (r *reader) NextArg() bool {
	if r.at+1 >= len(r.words) || r.at >= 0 && r.words[r.at+1].line != r.words[r.at].line || r.words[r.at+1].text == "{" {
		return false
	}
	r.at++
	return true
}

func (r *reader) NextBlock() bool {
	if r.depth == 0 {
		if r.at+1 >= len(r.words) || r.words[r.at+1].text != "{" {
			return false
		}
		r.at++
		r.depth++
	}
	if !r.Next() {
		return false
	}
	if r.Val() == "}" {
		r.depth--
		return false
	}
	return true
}

func (r *reader) RemainingArgs() []string {
	var args []string
	for r.NextArg() {
		args = append(args, r.Val())
	}
	return args
}

func (r *reader) Val() string  { return r.words[max(r.at, 0)].text }
func (r *reader) File() string { return "Testfile" }
func (r *reader) Line() int    { return r.words[max(r.at, 0)].line }
func (r *reader) Errf(format string, args ...any) error {
	return fmt.Errorf("%s:%d - Error during parsing: %s", r.File(), r.Line(), fmt.Sprintf(format, args...))
}

// settings has a field for each reader of an option.
type settings struct {
	Word   string
	Words  []string
	On     bool
	Flag   bool
	Wait   time.Duration
	Count  int
	Memory int64
}

var grammar = Grammar[settings]{
	"word":  func(t Tokens, s *settings) (err error) { s.Word, err = One(t, "a word"); return err },
	"words": func(t Tokens, s *settings) (err error) { s.Words, err = Some(t, "a word or more"); return err },
	"switch": func(t Tokens, s *settings) (err error) {
		s.On, err = Switch(t)
		return err
	},
	"flag":   func(t Tokens, s *settings) error { s.Flag = true; return None(t) },
	"wait":   func(t Tokens, s *settings) (err error) { s.Wait, err = Duration(t, time.Second, time.Hour); return err },
	"count":  func(t Tokens, s *settings) (err error) { s.Count, err = Int(t, 1, 64); return err },
	"memory": func(t Tokens, s *settings) (err error) { s.Memory, err = Bytes(t, 1<<20, 1<<30); return err },
}

func TestBlock(t *testing.T) {
	for name, row := range map[string]struct {
		text    string
		want    settings
		wantErr string
	}{
		"no block":       {text: "thing", want: settings{}},
		"an empty block": {text: "thing {\n}", want: settings{}},
		"every option": {
			text: "thing {\n word a\n words b c\n switch on\n flag\n wait 90s\n count 8\n memory 64MiB\n}",
			want: settings{"a", []string{"b", "c"}, true, true, 90 * time.Second, 8, 64 << 20},
		},
		"the bounds are within": {
			text: "thing {\n wait 1h\n count 64\n memory 1G\n switch off\n}",
			want: settings{Wait: time.Hour, Count: 64, Memory: 1 << 30},
		},
		"an argument of the directive": {
			text:    "thing here",
			wantErr: `Testfile:1 - Error during parsing: thing takes a block, got ["here"]`,
		},
		"an unknown option names the accepted ones": {
			text:    "thing {\n flag\n flagge\n}",
			wantErr: `Testfile:3 - Error during parsing: unknown option "flagge"; want one of count, flag, memory, switch, wait, word, words`,
		},
		"twice in a server block": {
			text:    "thing {\n flag\n}\nthing {\n word a\n}",
			wantErr: `Testfile:4 - Error during parsing: thing stands twice in this server block; want it once`,
		},
		"no word":      {text: "thing {\n word\n}", wantErr: `Testfile:2 - Error during parsing: word : want a word`},
		"two words":    {text: "thing {\n word a b\n}", wantErr: `Testfile:2 - Error during parsing: word "a" "b": want a word`},
		"no words":     {text: "thing {\n words\n}", wantErr: `Testfile:2 - Error during parsing: words: want a word or more`},
		"a flag's arg": {text: "thing {\n flag on\n}", wantErr: `Testfile:2 - Error during parsing: flag "on": want no argument`},
		"no switch":    {text: "thing {\n switch yes\n}", wantErr: `Testfile:2 - Error during parsing: switch "yes": want on or off`},
		"too short":    {text: "thing {\n wait 10ms\n}", wantErr: `Testfile:2 - Error during parsing: wait "10ms": want a duration from 1s to 1h0m0s`},
		"too long":     {text: "thing {\n wait 2d\n}", wantErr: `Testfile:2 - Error during parsing: wait "2d": want a duration from 1s to 1h0m0s`},
		"no duration":  {text: "thing {\n wait soon\n}", wantErr: `Testfile:2 - Error during parsing: wait "soon": want a duration from 1s to 1h0m0s`},
		"no unit":      {text: "thing {\n wait 5\n}", wantErr: `Testfile:2 - Error during parsing: wait "5": want a duration from 1s to 1h0m0s`},
		"below":        {text: "thing {\n count 0\n}", wantErr: `Testfile:2 - Error during parsing: count "0": want a whole number from 1 to 64`},
		"above":        {text: "thing {\n count 65\n}", wantErr: `Testfile:2 - Error during parsing: count "65": want a whole number from 1 to 64`},
		"no number":    {text: "thing {\n count 1.5\n}", wantErr: `Testfile:2 - Error during parsing: count "1.5": want a whole number from 1 to 64`},
		"too small":    {text: "thing {\n memory 1MB\n}", wantErr: `Testfile:2 - Error during parsing: memory "1MB": want a size from 1MiB to 1GiB`},
		"no size":      {text: "thing {\n memory much\n}", wantErr: `Testfile:2 - Error during parsing: memory "much": want a size from 1MiB to 1GiB`},
	} {
		t.Run(name, func(t *testing.T) {
			var got settings
			place, err := Block(read(row.text), grammar, &got)
			if place.String() != "Testfile:1" {
				t.Errorf("it stands at %s", place)
			}
			if row.wantErr != "" {
				if err == nil || err.Error() != row.wantErr {
					t.Fatalf("got error %v\nwant      %s", err, row.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, row.want) {
				t.Errorf("got %+v, want %+v", got, row.want)
			}
		})
	}
}

// TestRest leaves the directive's arguments to the caller.
func TestRest(t *testing.T) {
	r := read("thing a b {\n flag\n}")
	r.Next()
	args := r.RemainingArgs()
	var got settings
	if err := Rest(r, grammar, &got); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b"}; !slices.Equal(args, want) || !got.Flag {
		t.Errorf("got arguments %q and %+v, want %q and the flag", args, got, want)
	}
}

func TestPrefix(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.7":               "192.0.2.7/32",
		"192.0.2.7/24":            "192.0.2.0/24",
		"2001:db8::1":             "2001:db8::1/128",
		"2001:DB8::1/32":          "2001:db8::/32",
		"::ffff:192.0.2.7":        "192.0.2.7/32",
		"::ffff:192.0.2.7/120":    "192.0.2.0/24",
		"::ffff:0.0.0.0/96":       "0.0.0.0/0",
		"::/0":                    "::/0",
		"0.0.0.0/0":               "0.0.0.0/0",
		"fe80::1%eth0":            "",
		"fe80::/10%eth0":          "",
		"192.0.2.0/33":            "",
		"192.0.2":                 "",
		"lines.example":           "",
		"":                        "",
		"192.0.2.7/24/24":         "",
		"192.0.2.7 192.0.2.8":     "",
		"2001:db8::1/129":         "",
		"1.2.3.4:53":              "",
		"[2001:db8::1]":           "",
		"0300.0250.0.1":           "",
		"192.0.2.7/255.255.255.0": "",
	} {
		p, err := Prefix(text)
		got := ""
		if err == nil {
			got = p.String()
		} else if p != (netip.Prefix{}) {
			t.Errorf("%q: an error and the prefix %s", text, p)
		}
		if got != want {
			t.Errorf("%q: got %q, want %q (error %v)", text, got, want, err)
		}
	}
}

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"0": 0, "0d": 0, "30d": 30 * day, "1.5d": 36 * time.Hour, "-1d": -day, "36500d": 36500 * day,
		"90m": 90 * time.Minute, "1h30m": 90 * time.Minute, "1ms": time.Millisecond,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: got %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "5", "1d12h", "1 d", "soon", "36501d", "-36501d", "NaNd", "Infd", "1e999d"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q: got %s, want an error", text, got)
		}
	}
}

// slowSize says what a size is, in the fewest words.
func slowSize(text string) (int64, bool) {
	m := regexp.MustCompile(`^(\d+)\s*(|B|K|KiB|M|MiB|G|GiB|kB|KB|MB|GB)$`).FindStringSubmatch(strings.TrimLeft(text, " \t"))
	if m == nil {
		return 0, false
	}
	unit := map[string]int64{
		"": 1, "B": 1, "K": 1 << 10, "KiB": 1 << 10, "M": 1 << 20, "MiB": 1 << 20, "G": 1 << 30, "GiB": 1 << 30,
		"kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9,
	}[m[2]]
	n, ok := new(big.Int).SetString(m[1], 10)
	if !ok {
		return 0, false
	}
	n.Mul(n, big.NewInt(unit))
	return n.Int64(), n.IsInt64()
}

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1024": 1024, "64MiB": 64 << 20, "512MB": 512e6, "1G": 1 << 30, "1 GiB": 1 << 30, "5kB": 5000, "7B": 7,
		"9223372036854775807": math.MaxInt64,
	} {
		if got, ok := parseSize(text); !ok || got != want {
			t.Errorf("%q: got %d, %t; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "-0", "+5", "1.5G", "1k", "1TB", "9223372036854775808", "9007199254740993K", "8589934592G"} {
		if got, ok := parseSize(text); ok {
			t.Errorf("%q: got %d, want none", text, got)
		}
	}
	for n, want := range map[int64]string{0: "0", 1: "1", 1000: "1000", 1 << 10: "1KiB", 1536: "1536", 64 << 20: "64MiB", 3 << 30: "3GiB"} {
		if got := SizeText(n); got != want {
			t.Errorf("SizeText(%d): got %q, want %q", n, got, want)
		}
	}
}

func FuzzSize(f *testing.F) {
	for _, s := range []string{"0", "64MiB", "1 G", "5kB", "-1", "9223372036854775807B", "1e3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := parseSize(text)
		want, wantOK := slowSize(text)
		if strings.IndexFunc(text, func(r rune) bool { return r > 127 || r < ' ' }) >= 0 {
			wantOK = ok // the twin knows ASCII's blanks only
			want = got
		}
		if ok != wantOK || ok && got != want {
			t.Fatalf("%q: got %d, %t; the twin says %d, %t", text, got, ok, want, wantOK)
		}
		if !ok {
			return
		}
		if again, ok := parseSize(SizeText(got)); !ok || again != got {
			t.Errorf("%q is %d, written %q, and that is %d, %t", text, got, SizeText(got), again, ok)
		}
	})
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"0", "30d", "1h30m", "-1.5d", "NaNd", "1e400d", "0x1p4d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseDuration(text)
		if !strings.HasSuffix(text, "d") {
			want, wantErr := time.ParseDuration(text)
			if got != want || (err == nil) != (wantErr == nil) {
				t.Errorf("%q: got %s, %v; package time says %s, %v", text, got, err, want, wantErr)
			}
			return
		}
		if limit := 36500 * 24 * time.Hour; err == nil && (got > limit || got < -limit) {
			t.Errorf("%q: got %s, beyond a hundred years", text, got)
		}
	})
}

func FuzzPrefix(f *testing.F) {
	for _, s := range []string{"192.0.2.7", "192.0.2.7/24", "2001:db8::/32", "::ffff:192.0.2.0/120", "fe80::1%lo", "::/0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Prefix(text)
		if err != nil {
			return
		}
		if !p.IsValid() || p != p.Masked() || p.Addr().Zone() != "" || p.Addr().Is4In6() && p.Bits() >= 96 {
			t.Errorf("%q: got %s", text, p)
		}
		if again, err := Prefix(p.String()); err != nil || again != p {
			t.Errorf("%q is %s, and that is %s, %v", text, p, again, err)
		}
	})
}
