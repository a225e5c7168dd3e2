package list

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// The twins say what a line of each format means, by regular expressions and
// strings. They know a part of all lines, and say so; of those they know all.

var (
	hostOctets = regexp.MustCompile(`^[A-Za-z0-9_.-]*$`)
	slowLabel  = regexp.MustCompile(`^[a-z0-9_-]{1,63}$`)
	slowLetter = regexp.MustCompile(`[a-z]`)
)

// slowName reads a name of a host's octets.
func slowName(text string) (name string, ok bool) {
	name = strings.ToLower(strings.TrimSuffix(text, "."))
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if !slowLabel.MatchString(l) {
			return "", false
		}
	}
	return name, len(name) <= 253 && slowLetter.MatchString(labels[len(labels)-1])
}

// slowBlock is what blocking a name comes to, with the guard of suffixes.
func slowBlock(text string, reach Reach, own bool) string {
	name, ok := slowName(text)
	suffix, icann := publicsuffix.PublicSuffix(name)
	switch {
	case !ok:
		return "refused"
	case !strings.Contains(name, "."), name == suffix && icann:
		return "refused by a guard"
	case name == suffix && reach == Subtree && !own:
		return "exact " + name + "; warning"
	}
	return reach.String() + " " + name
}

// slowPlain: a bare name is that name and all below it.
func slowPlain(line string) (want string, mine bool) {
	_, notAddr := netip.ParseAddr(line)
	if !hostOctets.MatchString(line) || line == "" || line[0] == '.' || notAddr == nil {
		return "", false
	}
	return slowBlock(line, Subtree, false), true
}

// wordsOf are the words of eachEntry for one line, less texts and reasons.
func wordsOf(t testing.TB, line string) string {
	t.Helper()
	said, _ := eachEntry(t, line, ReadOptions{})
	if len(said) == 0 {
		return "nothing"
	}
	parts := strings.Split(said[0], "; ")
	for i, p := range parts {
		if word, _, ok := strings.Cut(p, ": "); ok {
			parts[i] = word
		}
	}
	// Reasons hold semicolons too: what is left of such a text is no word of ours.
	parts = slices.DeleteFunc(parts, func(p string) bool {
		return !slices.ContainsFunc([]string{"exact ", "subtree ", "except ", "important ", "refused", "passed over", "warning", "nothing"},
			func(word string) bool { return strings.HasPrefix(p, word) }) && !netipLike(p)
	})
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}

func netipLike(s string) bool {
	_, err := netip.ParsePrefix(s)
	return err == nil
}

// fuzzFormat holds a reader to its twin, for lines that are one.
func fuzzFormat(f *testing.F, twin func(line string) (want string, mine bool), lines ...string) {
	for _, line := range lines {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\r\n") || len(line) > 1000 {
			return
		}
		want, mine := twin(line)
		if !mine {
			return
		}
		if got := wordsOf(t, line); got != want {
			t.Fatalf("%q: got %s, want %s", line, got, want)
		}
	})
}

func FuzzPlain(f *testing.F) {
	fuzzFormat(f, slowPlain, "bad.example", "BAD.Example.", "a..b", "co.uk", "github.io", "com", "1.2.3", "192.0.2.1", "_a.-b.example", "a.", strings.Repeat("a.", 127)+"b")
}

// FuzzInternational holds names that are not ASCII to x/net itself.
func FuzzInternational(f *testing.F) {
	profile := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.CheckHyphens(false), idna.StrictDomainName(false))
	for _, label := range []string{"bücher", "例え", "straße", "a\u0308", "\u00ad", "xn--bcher-kva", "BÜCHER", "ｂａｄ"} {
		f.Add(label)
	}
	f.Fuzz(func(t *testing.T, label string) {
		ascii, err := profile.ToASCII(label)
		international := strings.ContainsFunc(label, func(c rune) bool { return c >= utf8.RuneSelf })
		if err != nil || !utf8.ValidString(label) || !international || !slowLabel.MatchString(ascii) || strings.ContainsAny(label, "\r\n.。．｡") || strings.TrimSpace(label) != label {
			return
		}
		if got, want := wordsOf(t, label+".example"), "subtree "+ascii+".example"; got != want {
			t.Fatalf("%q: got %s, want %s", label, got, want)
		}
	})
}
