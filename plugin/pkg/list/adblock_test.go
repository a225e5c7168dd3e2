package list

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
)

var adblockForm = regexp.MustCompile(`^(@@)?(\|\|?)([A-Za-z0-9_.-]+)(\^|\^\||\||)$`)

// slowAdblock: || is the name and all below it, | the name; @@ in front is an
// exception. Without an end the rule is for all names that begin so: where that
// is a whole name it is taken for it, with a warning.
func slowAdblock(line string) (want string, mine bool) {
	m := adblockForm.FindStringSubmatch(line)
	if m == nil {
		return "", false
	}
	except, reach, text := m[1] != "", Exact, m[3]
	if m[2] == "||" {
		reach = Subtree
	}
	bare := m[4] == ""
	if bare {
		reach = Exact
		if _, ok := slowName(text); strings.HasSuffix(text, ".") || ok && !strings.Contains(text, ".") {
			return "passed over", true
		} else if !ok && slowNumber(text) {
			return "passed over", true
		}
	}
	if addr, err := netip.ParseAddr(text); err == nil && !bare {
		want = netip.PrefixFrom(addr, addr.BitLen()).String()
		if except {
			want = "except " + want
		}
		return want, true
	}
	if !except {
		want = slowBlock(text, reach, true)
	} else if name, ok := slowName(text); ok {
		want = "except " + reach.String() + " " + name
	} else {
		want = "refused"
	}
	if bare && !strings.HasPrefix(want, "refused") {
		want += "; warning"
	}
	if strings.Trim(text, ".") == "" {
		return "", false
	}
	return want, true
}

// slowNumber: a name but for the letter that its last label lacks.
func slowNumber(text string) bool {
	_, ok := slowName(text + "x")
	_, shorter := slowName(text)
	return ok && !shorter
}

func FuzzAdblock(f *testing.F) {
	fuzzFormat(f, slowAdblock, "||bad.example^", "|bad.example^", "@@||ok.example^", "@@|ok.example|", "||bad.example", "||bad.example^|", "||ad", "||192.0.2.7^",
		"@@||192.0.2.7^", "||192.0.2", "||co.uk^", "@@||co.uk^", "||github.io^", "||a..b^", "||bad.example.", "||bad.example.^", "|com^")
}
