package list

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

// wireOf is a name in wire form.
func wireOf(t testing.TB, text string) []byte {
	t.Helper()
	name, err := dnsname.Append(nil, text)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// TestSplitModifiers: where modifiers begin, where one ends, and what is left of
// a backslash.
func TestSplitModifiers(t *testing.T) {
	tests := map[string]struct {
		rule, pattern string
		modifiers     []string // unescaped
	}{
		"none":                          {"||x^", "||x^", nil},
		"one":                           {"||x^$important", "||x^", []string{"important"}},
		"two":                           {"||x^$important,dnstype=A", "||x^", []string{"important", "dnstype=A"}},
		"a dollar at the end is none":   {"||x^$", "||x^$", nil},
		"the last dollar divides":       {"||x$y^$important", "||x$y^", []string{"important"}},
		"an escaped dollar does not":    {`||x^$dnsrewrite=NOERROR;TXT;\$1`, "||x^", []string{"dnsrewrite=NOERROR;TXT;$1"}},
		"an escaped comma does not":     {`||x^$dnsrewrite=NOERROR;TXT;a\,b,important`, "||x^", []string{"dnsrewrite=NOERROR;TXT;a,b", "important"}},
		"other escapes stay":            {`||x^$dnsrewrite=NOERROR;TXT;a\032b`, "||x^", []string{`dnsrewrite=NOERROR;TXT;a\032b`}},
		"a backslash at the end goes":   {`||x^$dnsrewrite=NOERROR;TXT;a\`, "||x^", []string{"dnsrewrite=NOERROR;TXT;a"}},
		"two backslashes are one":       {`||x^$dnsrewrite=NOERROR;TXT;a\\b`, "||x^", []string{`dnsrewrite=NOERROR;TXT;a\b`}},
		"a regular expression has none": {`/x$/`, `/x$/`, nil},
		"unless they follow it":         {`/x/$important`, `/x/`, []string{"important"}},
		"all of it":                     {"$dnstype=A", "", []string{"dnstype=A"}},
		"empty ones":                    {"||x^$,important,", "||x^", []string{"", "important"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			pattern, text := splitModifiers([]byte(tt.rule))
			var got []string
			for len(text) > 0 {
				var m []byte
				m, text = nextModifier(text)
				got = append(got, unescape(m))
			}
			if string(pattern) != tt.pattern || !slices.Equal(got, tt.modifiers) {
				t.Errorf("got %q, %q; want %q, %q", pattern, got, tt.pattern, tt.modifiers)
			}
		})
	}
}

// TestCondition: for which questions a rule holds.
func TestCondition(t *testing.T) {
	tests := map[string]struct {
		modifiers string
		key       string
		holds     string // of these questions, in this order
		not       string
	}{
		"none":            {"important", "", "bad.example A, bad.example AAAA", ""},
		"one type":        {"dnstype=AAAA", "dnstype=AAAA", "bad.example AAAA", "bad.example A"},
		"two types":       {"dnstype=AAAA|a", "dnstype=A|AAAA", "bad.example A, bad.example AAAA", "bad.example TXT"},
		"all but one":     {"dnstype=~TXT", "dnstype=~TXT", "bad.example A", "bad.example TXT"},
		"mixed":           {"dnstype=~TXT|A", "dnstype=A", "bad.example A", "bad.example AAAA, bad.example TXT"},
		"the last counts": {"dnstype=A,dnstype=~A", "dnstype=~A", "bad.example AAAA", "bad.example A"},
		"spared names": {"denyallow=ok.bad.example|Fine.bad.example", "denyallow=fine.bad.example|ok.bad.example",
			"bad.example A, nok.bad.example A", "ok.bad.example A, www.ok.bad.example A, fine.bad.example TXT"},
		"both": {"denyallow=ok.bad.example,dnstype=A", "dnstype=A,denyallow=ok.bad.example", "bad.example A", "ok.bad.example A, bad.example TXT"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, why := parseModifiers([]byte(tt.modifiers))
			if why != "" || m.cond.Key() != tt.key {
				t.Fatalf("got %q, %q; want %q", m.cond.Key(), why, tt.key)
			}
			for questions, want := range map[string]bool{tt.holds: true, tt.not: false} {
				for q := range strings.SplitSeq(questions, ", ") {
					name, qtype, ok := strings.Cut(q, " ")
					if ok && m.cond.Holds(wireOf(t, name), dns.StringToType[qtype]) != want {
						t.Errorf("%s: holds is %v", q, !want)
					}
				}
			}
		})
	}
}

// TestBadfilter: what takes which rules of its file away.
func TestBadfilter(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"the rule before it":              {"||a.example^\n||a.example^$badfilter\n||b.example^\n", []string{"subtree b.example"}},
		"the rule behind it":              {"||a.example^$badfilter\n||a.example^\n||b.example^\n", []string{"subtree b.example"}},
		"every such rule":                 {"||a.example^\n||a.example^\n||a.example^$badfilter\n||b.example^\n", []string{"subtree b.example"}},
		"letter case does not count":      {"||A.example^\n||a.Example^$badfilter\n||b.example^\n", []string{"subtree b.example"}},
		"nor does the order of modifiers": {"||a.example^$important,dnstype=A|AAAA\n||a.example^$dnstype=AAAA|A,badfilter,important\n||b.example^\n", []string{"subtree b.example"}},
		"another reach stays":             {"|a.example^\n||a.example^$badfilter\n", []string{"exact a.example"}},
		"another end stays":               {"||a.example|\n||a.example^$badfilter\n", []string{"subtree a.example"}},
		"an exception stays":              {"@@||a.example^\n||a.example^$badfilter\n", []string{"except subtree a.example"}},
		"unless it is meant":              {"@@||a.example^\n@@||a.example^$badfilter\n||b.example^\n", []string{"subtree b.example"}},
		"other modifiers stay": {"||a.example^$important\n||a.example^$dnstype=A\n||a.example^$dnsrewrite=192.0.2.1\n||a.example^$badfilter\n",
			[]string{"important subtree a.example", "subtree a.example if dnstype=A", "subtree a.example answer NOERROR;A;192.0.2.1"}},
		"one answer of two": {"||a.example^$dnsrewrite=192.0.2.1\n||a.example^$dnsrewrite=192.0.2.2\n||a.example^$dnsrewrite=NOERROR;A;192.0.2.1,badfilter\n",
			[]string{"subtree a.example answer NOERROR;A;192.0.2.2"}},
		"no rule without |":                     {"a.example\n0.0.0.0 b.example\na.example$badfilter\nb.example$badfilter\n", []string{"subtree a.example", "exact b.example"}},
		"a rule for some clients takes nothing": {"||a.example^\n||a.example^$client=x,badfilter\n", []string{"subtree a.example"}},
		"nor does one for pages":                {"||a.example^\n||a.example^$image,badfilter\n", []string{"subtree a.example"}},
		"nor does a comment":                    {"||a.example^\n! ||a.example^$badfilter\n", []string{"subtree a.example"}},
		"with a note and quotes":                {"||a.example^\n\"||a.example^$badfilter\" # wrong\n||b.example^\n", []string{"subtree b.example"}},
		"an address":                            {"||192.0.2.7^\n||192.0.2.7^$badfilter\n||b.example^\n", []string{"subtree b.example"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			rules, res, err := read(tt.text, ReadOptions{})
			if !slices.Equal(rules, tt.want) || err != nil || res.Refused > 0 {
				t.Errorf("got  %q, %v, %+v\nwant %q", rules, err, res, tt.want)
			}
		})
	}
}

// TestModifiersAreBounded: what a file of modifiers can make us keep.
func TestModifiersAreBounded(t *testing.T) {
	var text strings.Builder
	for i := range maxBadfilters + 2 {
		fmt.Fprintf(&text, "||n%d.example^$badfilter\n", i)
	}
	text.WriteString("||a.example^\n")
	rules, res, err := read(text.String(), ReadOptions{})
	if len(rules) != 1 || res.Refused != 2 || res.PassedOver != maxBadfilters || err != nil || !strings.HasSuffix(res.Notes[0].Why, whyBadfilters) {
		t.Errorf("%d rules, %+v, %v; want two refused", len(rules), res, err)
	}

	text.Reset()
	spared := strings.Repeat("|"+strings.Repeat("a.", 100)+"example", 300)[1:] // 62 KiB
	for i := range 300 {
		fmt.Fprintf(&text, "||n%d.example^$denyallow=n%d.%s\n", i, i, spared)
	}
	octets := 0
	_, err = Read("feed.txt", fileOf(text.String()), ReadOptions{}, func(r Rule) {
		for _, name := range r.Cond.DenyAllow {
			octets += len(name)
		}
	})
	if octets < maxModifierText*9/10 || octets > maxModifierText*11/10 || err == nil {
		t.Errorf("%d octets of names were kept, %v; want about %d, and a file that is refused", octets, err, maxModifierText)
	}
}

// TestAllowModifiers: an allow file takes conditions, and no answers.
func TestAllowModifiers(t *testing.T) {
	rules, res, err := read("||a.example^$important\n@@||b.example^$dnstype=A\n||c.example^$dnsrewrite=192.0.2.1\n@@||d.example^$dnsrewrite\n||192.0.2.7^$important\n", ReadOptions{Allow: true})
	want := []string{"except important subtree a.example", "except subtree b.example if dnstype=A", "except important 192.0.2.7/32"}
	if !slices.Equal(rules, want) || res.Refused != 2 || err != nil {
		t.Errorf("got  %q, %+v, %v\nwant %q", rules, res, err, want)
	}
}

// FuzzModifiers: what holds of any modifiers of a rule.
func FuzzModifiers(f *testing.F) {
	for _, text := range []string{"important", "dnstype=A|~AAAA", "denyallow=a.example|b.example", "dnsrewrite=NOERROR;HTTPS;1 . alpn=h3", `dnsrewrite=NOERROR;TXT;\,\$\`, ",,=", "badfilter"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if modifierKind(text) != passNot {
			return
		}
		m, why := parseModifiers(text)
		if why != "" {
			return
		}
		if c := m.cond; c != nil {
			if len(c.Types) > 0 && len(c.NotTypes) > 0 {
				t.Fatalf("%q: %+v", text, c)
			}
			again, why := parseModifiers([]byte(c.Key()))
			if why != "" || again.cond.Key() != c.Key() {
				t.Fatalf("%q: key %q reads as %q, %s", text, c.Key(), again.cond.Key(), why)
			}
			for _, name := range c.DenyAllow {
				if !dnsname.Valid(name) || c.Holds(name, dns.TypeA) {
					t.Fatalf("%q: %q is spared no longer", text, name)
				}
			}
		}
		if w := m.rewrite; w != nil {
			checkRewrite(t, w)
		}
	})
}
