package policy

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sinkhole/plugin/pkg/dnsname"
)

// twinFile is a list as the twin sees it: one of these names, and its rules.
type twinFile struct {
	name     string
	category int // its place, by testConfig and then by name; -1: allow
	shadow   bool
}

// twinFiles are all files there are in these tests, in order of precedence
// within allow and within the lists.
var twinFiles = []twinFile{
	{"allow/a.txt", -1, false},
	{"allow/b.txt", -1, false},
	{"c2/a.txt", 0, false},
	{"c2/b.txt", 0, true},
	{"c2/c.txt", 0, false},
	{"malware/a.txt", 1, false},
	{"nxdomain/a.txt", 2, true},
	{"nxdomain/b.txt", 2, false},
	{"parked/a.txt", 8, false},
}

// twinRule is a rule of one of twinFiles, on a name or a prefix.
type twinRule struct {
	file            int
	except, subtree bool
	name            string
	prefix          netip.Prefix
}

// text is the line that says it.
func (r twinRule) text() string {
	at := ""
	if r.except {
		at = "@@"
	}
	switch {
	case r.prefix.IsValid() && r.except:
		return "@@||" + r.prefix.Addr().String() + "^" // such a rule has one address
	case r.prefix.IsValid():
		return r.prefix.String()
	case r.subtree:
		return at + "||" + r.name + "^"
	}
	return at + "|" + r.name + "^"
}

// matches tells whether the rule is about what is asked.
func (r twinRule) matches(asked string) bool {
	if addr, err := netip.ParseAddr(asked); err == nil {
		return r.prefix.IsValid() && r.prefix.Contains(addr)
	}
	return asked == r.name || r.subtree && strings.HasSuffix(asked, "."+r.name)
}

func (r twinRule) size() int {
	if r.prefix.IsValid() {
		return r.prefix.Bits()
	}
	return strings.Count(r.name, ".") + 1
}

// slowDecide says which rule decides, in the fewest words: those that match, less
// what is exempt, the longest first, then by category, then by file.
func slowDecide(rules []twinRule, asked string) string {
	var matching []twinRule
	allowed, exempt := []twinRule{}, map[int]bool{}
	for _, r := range rules {
		switch {
		case !r.matches(asked):
		case twinFiles[r.file].category < 0:
			allowed = append(allowed, r)
		case r.except:
			exempt[r.file] = true
		default:
			matching = append(matching, r)
		}
	}
	order := func(a, b twinRule) int { return cmp.Or(b.size()-a.size(), a.file-b.file) }
	if len(allowed) > 0 {
		first := slices.MinFunc(allowed, order)
		return fmt.Sprintf("allowed by %s, %d", twinFiles[first.file].name, first.size())
	}
	slices.SortFunc(matching, order)
	said, shadow := "pass", ""
	for _, r := range matching {
		f := twinFiles[r.file]
		switch {
		case exempt[r.file]:
		case f.shadow && shadow == "":
			shadow = "; would be by " + f.name
		case !f.shadow:
			return fmt.Sprintf("by %s, %d", f.name, r.size()) + shadow
		}
	}
	return said + shadow
}

// quickDecide is what p says, in the words of the twin.
func quickDecide(t *testing.T, p *Policy, asked string) string {
	var v Verdict
	size := 0
	if addr, err := netip.ParseAddr(asked); err == nil {
		if v = p.address(addr, Query{}); v.Rule.addr > 0 {
			size = p.addrs[v.Rule.addr-1].prefix.Bits()
		}
	} else {
		v = p.Decide(Query{Name: wire(t, asked)})
		size = int(v.Labels)
	}
	said := "pass"
	switch {
	case v.Allowed:
		said = fmt.Sprintf("allowed by %s, %d", p.File(v.Rule), size)
	case !v.Rule.None():
		said = fmt.Sprintf("by %s, %d", p.File(v.Rule), size)
	}
	if f := p.File(v.Shadow); f != "" {
		said += "; would be by " + f
	}
	return said
}

// filesSaying are the files that hold rules, in a drawn order: it must not
// matter. Every file has a rule of its own, for an empty one is refused.
func filesSaying(rules []twinRule, r *rand.Rand) (files []File) {
	for i, f := range twinFiles {
		var lines []string
		if f.shadow {
			lines = append(lines, "# sinkhole: shadow")
		}
		lines = append(lines, fmt.Sprintf("filler-%d.test", i))
		for _, rule := range rules {
			if rule.file == i {
				lines = append(lines, rule.text())
			}
		}
		files = append(files, File{Name: f.name, Open: source(strings.Join(lines, "\n"))})
	}
	r.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	return files
}

// twinNames and twinAddrs are what rules are on and what is asked: few, so that
// they meet.
var (
	twinNames = []string{
		"a.example", "b.example", "a.a.example", "b.a.example", "a.b.example", "aa.example",
		"a.a.a.example", "b.a.a.example", "a.a.a.a.example", "a.a.a.a.a.example", "b.b.a.a.a.example",
	}
	twinAddrs = []string{
		"192.0.2.0/24", "192.0.2.0/25", "192.0.2.0/32", "192.0.2.1/32", "192.0.2.128/25", "198.51.0.0/16",
		"2001:db8::/32", "2001:db8::/64", "2001:db8::/128", "2001:db8::1/128",
	}
	twinAsked = append(slices.Clone(twinNames), "example", "c.example", "x.a.a.example", "c.a.a.a.a.a.example",
		"192.0.2.0", "192.0.2.1", "192.0.2.2", "192.0.2.200", "198.51.100.1", "203.0.113.1", "2001:db8::", "2001:db8::1", "2001:db8:1::1")
)

// twinRules reads two octets as a rule.
func twinRules(data []byte) (rules []twinRule) {
	for ; len(data) >= 2; data = data[2:] {
		what, which := int(data[0]), int(data[1])
		r := twinRule{file: what % len(twinFiles)}
		what /= len(twinFiles)
		r.subtree, r.except = what&1 != 0, what&6 == 6
		if which%4 == 0 {
			r.prefix, r.subtree = netip.MustParsePrefix(twinAddrs[which/4%len(twinAddrs)]), false
			r.except = r.except && r.prefix.IsSingleIP()
		} else {
			r.name = twinNames[which/4%len(twinNames)]
		}
		rules = append(rules, r)
	}
	return rules
}

// compare asks a Policy and its twin the same.
func compare(t *testing.T, data []byte, r *rand.Rand) {
	rules := twinRules(data)
	p, err := buildOf(testConfig(), filesSaying(rules, r))
	if err != nil {
		t.Fatal(err)
	}
	for _, asked := range twinAsked {
		if got, want := quickDecide(t, p, asked), slowDecide(rules, asked); got != want {
			for _, rule := range rules {
				t.Logf("%s: %s", twinFiles[rule.file].name, rule.text())
			}
			t.Fatalf("%s: got %s, want %s", asked, got, want)
		}
	}
	if len(rules) == 0 {
		return
	}
	explainTwin(t, p, rules, twinAsked[r.IntN(len(twinAsked))])
}

// explainTwin holds an explanation to all rules that match, each once.
func explainTwin(t *testing.T, p *Policy, rules []twinRule, asked string) {
	var e Explanation
	var err error
	if addr, notAddr := netip.ParseAddr(asked); notAddr == nil {
		e, err = p.ExplainAddr(addr)
	} else {
		e, err = p.Explain(Query{Name: wire(t, asked)})
	}
	if err != nil {
		t.Fatal(err)
	}
	if (e.Decides == nil) != e.Verdict.Rule.None() || e.Decides != nil && e.Decides.File != p.File(e.Verdict.Rule) {
		t.Fatalf("%s: %s, verdict of %q", asked, e, p.File(e.Verdict.Rule))
	}
	lines := len(e.PassedOver)
	if e.Decides != nil {
		lines++
	}
	for _, r := range rules {
		if r.matches(asked) {
			lines--
		}
	}
	if lines != 0 {
		t.Fatalf("%s: explained by %d lines more than match", asked, lines)
	}
	for _, l := range e.PassedOver {
		if l.Why == "" {
			t.Fatalf("%s: no reason why %+v was passed over", asked, l)
		}
	}
}

func TestTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 53))
	for range 400 {
		data := make([]byte, 2*r.IntN(30))
		for i := range data {
			data[i] = byte(r.IntN(256))
		}
		compare(t, data, r)
	}
}

func FuzzDecide(f *testing.F) {
	f.Add([]byte{}, uint64(0))
	f.Add([]byte("\x02\x01\x0b\x05\x00\x09"), uint64(1))
	f.Add([]byte("\x02\x00\x4a\x0c\x13\x04\x25\x08"), uint64(2))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		if len(data) > 200 {
			return
		}
		compare(t, data, rand.New(rand.NewPCG(seed, 1)))
	})
}

// TestDepths: a name is found at every depth that there is.
func TestDepths(t *testing.T) {
	var lines, names []string
	for n := 2; n <= maxLabels; n += 25 {
		name := strings.Repeat("a.", n-1) + "b"
		lines, names = append(lines, "0.0.0.0 "+name), append(names, name)
	}
	p := build(t, "c2/a.txt: "+strings.Join(lines, " | "))
	for _, name := range names {
		if v := p.Decide(Query{Name: wire(t, name)}); int(v.Labels) != dnsname.Labels(wire(t, name)) {
			t.Errorf("%s: found %d labels", name, v.Labels)
		}
		if v := p.Decide(Query{Name: wire(t, strings.TrimPrefix(name, "a."))}); v.Blocks() {
			t.Errorf("found what is one above %s", name)
		}
	}
}
