package policy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

// twinFile is a list as the twin sees it, with its rules.
type twinFile struct {
	name     string
	category string // of its folder, or of its own option; "": allow
	shadow   bool
	rules    []twinRule
}

// twinNames are all files there are in these tests; the twin puts them in order
// itself.
var twinFileNames = []string{
	"allow/a.txt", "allow/b.txt", "c2/a.txt", "c2/b.txt", "c2/c.txt",
	"malware/a.txt", "nxdomain/a.txt", "nxdomain/b.txt", "parked/a.txt",
}

// newTwinFile is one of them, without rules.
func newTwinFile(i int) *twinFile {
	f := &twinFile{name: twinFileNames[i]}
	f.category, _, _ = CategoryOf(f.name)
	f.shadow = f.name == "c2/b.txt" || f.name == "nxdomain/a.txt"
	return f
}

// before: allow, then the categories of testConfig, then others by name; then by
// the file's name.
func (f *twinFile) before(g *twinFile) int {
	place := func(f *twinFile) int {
		if f.category == "" {
			return -1
		}
		names := []string{"c2", "malware", "nxdomain", "nodata", "refused", "drop", "truncate", "passthru", f.category}
		return slices.Index(names, f.category)
	}
	return cmp.Or(cmp.Compare(place(f), place(g)), cmp.Compare(f.category, g.category), cmp.Compare(f.name, g.name))
}

// text is the file, in Adblock's syntax. It has a rule of its own, for an empty
// one is refused.
func (f *twinFile) text() string {
	lines := []string{"filler-" + strings.NewReplacer("/", "-", ".", "-").Replace(f.name) + ".test"}
	if f.shadow {
		lines = append(lines, "# sinkhole: shadow")
	}
	if folder, _, _ := strings.Cut(f.name, "/"); f.category != "" && folder != f.category {
		lines = append(lines, "# sinkhole: category="+f.category)
	}
	for _, r := range f.rules {
		lines = append(lines, r.text())
	}
	return strings.Join(lines, "\n")
}

func (f *twinFile) file() File {
	text := f.text()
	sum := sha256.Sum256([]byte(text))
	return File{Name: f.name, SHA256: hex.EncodeToString(sum[:]), Open: source(text), Entries: len(f.rules) + 1}
}

// twinRule is a rule on a name or a prefix.
type twinRule struct {
	except, subtree, important, reopens bool
	name                                string
	prefix                              netip.Prefix
	types                               string // "A", "~A" or ""
	deny                                string // a name
	rewrite                             string // "", what it answers, or "all" in an exception
}

// text is the line that says it.
func (r twinRule) text() string {
	at, mods := "", []string(nil)
	if r.except {
		at = "@@"
	}
	for _, m := range []struct {
		on   bool
		text string
	}{
		{r.important, "important"},
		{r.types != "", "dnstype=" + r.types},
		{r.deny != "", "denyallow=" + r.deny},
		{r.rewrite == "all", "dnsrewrite"},
		{r.rewrite != "" && r.rewrite != "all", "dnsrewrite=" + r.rewrite},
	} {
		if m.on {
			mods = append(mods, m.text)
		}
	}
	end := "^"
	if len(mods) > 0 {
		end += "$" + strings.Join(mods, ",")
	}
	switch {
	case r.prefix.IsValid() && r.except:
		return "@@||" + r.prefix.Addr().String() + "^" // such a rule has one address
	case r.prefix.IsValid():
		return r.prefix.String()
	case r.reopens:
		return "server=/" + r.name + "/#"
	case r.subtree:
		return at + "||" + r.name + end
	}
	return at + "|" + r.name + end
}

// about tells whether the rule's name or prefix is about what is asked.
func (r twinRule) about(asked string) bool {
	if addr, err := netip.ParseAddr(asked); err == nil {
		return r.prefix.IsValid() && r.prefix.Contains(addr)
	}
	return asked == r.name || r.subtree && strings.HasSuffix(asked, "."+r.name)
}

// matches tells whether the rule holds for what is asked.
func (r twinRule) matches(asked, qtype string) bool {
	switch {
	case !r.about(asked):
		return false
	case r.types == "~"+qtype, r.types != "" && r.types[0] != '~' && r.types != qtype:
		return false
	}
	return r.deny == "" || asked != r.deny && !strings.HasSuffix(asked, "."+r.deny)
}

func (r twinRule) size() int {
	if r.prefix.IsValid() {
		return r.prefix.Bits()
	}
	return strings.Count(r.name, ".") + 1
}

// longest are the rules of the largest size that pass the test.
func longest(rules []twinRule, test func(twinRule) bool) (all []twinRule) {
	for _, r := range rules {
		switch {
		case !test(r):
		case len(all) == 0 || r.size() > all[0].size():
			all = []twinRule{r}
		case r.size() == all[0].size():
			all = append(all, r)
		}
	}
	return all
}

// decides are the rules that decide for their file.
func (f *twinFile) decides(asked, qtype string) []twinRule {
	var on []twinRule
	for _, r := range f.rules {
		if r.matches(asked, qtype) {
			on = append(on, r)
		}
	}
	any := func(test func(twinRule) bool) bool { return slices.ContainsFunc(on, test) }
	if f.category == "" {
		return longest(on, func(r twinRule) bool { return r.rewrite == "" })
	}
	if live := longest(on, func(r twinRule) bool {
		return !r.except && r.rewrite != "" &&
			!any(func(x twinRule) bool {
				return x.except && (x.rewrite == "all" || x.rewrite == r.rewrite) && (x.important || !r.important)
			})
	}); len(live) > 0 {
		return live
	}
	return longest(on, func(r twinRule) bool {
		return !r.except && r.rewrite == "" && !any(func(x twinRule) bool {
			return x.except && x.rewrite == "" && (x.important || !r.important && (!x.reopens || x.size() > r.size()))
		})
	})
}

// slowDecide says which rule decides, in few words: of each file those that do,
// and of these the longest, then by category, then by file.
func slowDecide(files []*twinFile, asked, qtype string) string {
	files = slices.SortedFunc(slices.Values(files), (*twinFile).before)
	var block, shadow, allow *twinFile
	var by, would, allowed []twinRule
	for _, f := range files {
		rules := f.decides(asked, qtype)
		best, of := &block, &by
		switch {
		case len(rules) == 0:
			continue
		case f.category == "":
			best, of = &allow, &allowed
		case f.shadow:
			best, of = &shadow, &would
		}
		if *best == nil || rules[0].size() > (*of)[0].size() {
			*best, *of = f, rules
		}
	}
	if allow != nil {
		return fmt.Sprintf("allowed by %s, %d", allow.name, allowed[0].size())
	}
	said := "pass"
	if block != nil {
		said = fmt.Sprintf("by %s, %d", block.name, by[0].size())
		var says []string
		for _, r := range by {
			if r.rewrite != "" {
				says = append(says, r.rewrite)
			}
		}
		slices.Sort(says)
		if says = slices.Compact(says); len(says) > 0 && block.category != "passthru" {
			said += ", saying " + strings.Join(says, " ")
		}
	}
	if shadow != nil && (block == nil || would[0].size() > by[0].size() ||
		would[0].size() == by[0].size() && shadow.before(block) < 0) {
		said += "; would be by " + shadow.name
	}
	return said
}

// quickDecide is what p says, in the words of the twin.
func quickDecide(t *testing.T, p *Policy, asked, qtype string) string {
	var v Verdict
	size := 0
	q := Query{Type: dns.StringToType[qtype]}
	if addr, err := netip.ParseAddr(asked); err == nil {
		if v = p.address(addr, q); v.Rule.addr > 0 {
			size = p.addrs[v.Rule.addr-1].prefix.Bits()
		}
	} else {
		q.Name = wire(t, asked)
		v = p.Decide(q)
		size = int(v.Labels)
	}
	said := "pass"
	switch {
	case v.Allowed:
		said = fmt.Sprintf("allowed by %s, %d", p.File(v.Rule), size)
	case !v.Rule.None():
		said = fmt.Sprintf("by %s, %d", p.File(v.Rule), size)
	}
	if v.Action == LocalData {
		var says []string
		for _, rr := range p.Data(v).Records {
			says = append(says, rr.(*dns.A).A.String())
		}
		slices.Sort(says)
		said += ", saying " + strings.Join(says, " ")
	}
	if f := p.File(v.Shadow); f != "" {
		said += "; would be by " + f
	}
	return said
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
	twinTypes = []string{"A", "AAAA"}
)

// twinRuleOf reads two octets as a rule.
func twinRuleOf(what, which byte) (r twinRule) {
	r.subtree, r.except = what&1 != 0, what&6 == 6
	if which%4 == 0 {
		r.prefix, r.subtree = netip.MustParsePrefix(twinAddrs[int(which/4)%len(twinAddrs)]), false
		r.except = r.except && r.prefix.IsSingleIP()
		return r
	}
	r.name = twinNames[int(which/4)%len(twinNames)]
	switch what >> 3 {
	case 0, 1, 2:
		r.important = true
	case 3, 4:
		r.types = []string{"A", "~A"}[what>>3&1]
	case 5:
		r.types, r.important = "A", true
	case 6:
		if !r.except {
			r.deny = "a." + r.name
		}
	case 7, 8, 9, 10:
		r.rewrite = fmt.Sprintf("192.0.2.%d", what>>3)
	case 11:
		r.rewrite, r.types, r.important = "192.0.2.7", "A", what&1 != 0
	case 12:
		if r.except {
			r.rewrite, r.important = "all", what&1 != 0
		}
	case 13, 14:
		r.except, r.reopens, r.subtree = true, true, true
	}
	return r
}

// twinFilesOf reads three octets as a rule of a file.
func twinFilesOf(data []byte) (files []*twinFile) {
	for i := range twinFileNames {
		files = append(files, newTwinFile(i))
	}
	for ; len(data) >= 3; data = data[3:] {
		f := files[int(data[0])%len(files)]
		r := twinRuleOf(data[1], data[2])
		if f.category == "" {
			r.rewrite = "" // says nothing in an allow file
		}
		f.rules = append(f.rules, r)
	}
	return files
}

// shuffled are the files in a drawn order: it must not matter.
func shuffled(files []*twinFile, r *rand.Rand) (all []File) {
	for _, f := range files {
		all = append(all, f.file())
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// compare asks a Policy and its twin the same.
func compare(t *testing.T, p *Policy, files []*twinFile) {
	t.Helper()
	for _, asked := range twinAsked {
		for _, qtype := range twinTypes {
			if got, want := quickDecide(t, p, asked, qtype), slowDecide(files, asked, qtype); got != want {
				for _, f := range files {
					t.Logf("%s:\n%s", f.name, f.text())
				}
				t.Fatalf("%s %s: got %s, want %s", asked, qtype, got, want)
			}
		}
	}
}

// compareRanked holds the quick way to rank.
func compareRanked(t *testing.T, p *Policy) {
	t.Helper()
	for _, name := range twinAsked {
		if _, err := netip.ParseAddr(name); err == nil {
			continue
		}
		for _, qtype := range twinTypes {
			a := asked{wire(t, name), dns.StringToType[qtype]}
			if got, want := p.find(a.name, a.qtype), p.rank(p.hits(nil, a.name), a); got != want {
				t.Fatalf("%s %s: %+v on the quick way, %+v by all entries", name, qtype, got, want)
			}
		}
	}
}

// explainTwin holds explanations to all rules that match, each once.
func explainTwin(t *testing.T, p *Policy, files []*twinFile, qtype string) {
	t.Helper()
	var all []Asked
	for _, asked := range twinAsked {
		a := Asked{Query: Query{Type: dns.StringToType[qtype]}}
		if addr, err := netip.ParseAddr(asked); err == nil {
			a.Addr = addr
		} else {
			a.Name = wire(t, asked)
		}
		all = append(all, a)
	}
	explained, err := p.ExplainMany(all)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range explained {
		asked := twinAsked[i]
		if (e.Decides == nil) != e.Verdict.Rule.None() || e.Decides != nil && e.Decides.File != p.File(e.Verdict.Rule) {
			t.Fatalf("%s %s: %s, verdict of %q", asked, qtype, e, p.File(e.Verdict.Rule))
		}
		lines := len(e.PassedOver)
		if e.Decides != nil {
			lines++
		}
		for _, f := range files {
			for _, r := range f.rules {
				if r.about(asked) {
					lines--
				}
			}
		}
		if lines != 0 {
			t.Fatalf("%s %s: explained by %d lines more than match", asked, qtype, lines)
		}
		for _, l := range e.PassedOver {
			if l.Why == "" || l.Why == "not in what is in force" {
				t.Fatalf("%s %s: %q is why %+v was passed over", asked, qtype, l.Why, l)
			}
		}
	}
}

// twinData draws a world.
func twinData(r *rand.Rand) []byte {
	data := make([]byte, 3*r.IntN(40))
	for i := range data {
		data[i] = byte(r.IntN(256))
	}
	return data
}

func compareAll(t *testing.T, data []byte, r *rand.Rand) {
	files := twinFilesOf(data)
	p, err := buildOf(testConfig(), shuffled(files, r))
	if err != nil {
		t.Fatal(err)
	}
	compare(t, p, files)
	compareRanked(t, p)
	explainTwin(t, p, files, twinTypes[r.IntN(2)])
}

func TestTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 53))
	for range 300 {
		compareAll(t, twinData(r), r)
	}
}

func FuzzDecide(f *testing.F) {
	f.Add([]byte{}, uint64(0))
	f.Add([]byte("\x02\x01\x0b\x05\x00\x09"), uint64(1))
	f.Add([]byte("\x02\x00\x4a\x0c\x13\x04\x25\x08\x3f"), uint64(2))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		if len(data) > 300 {
			return
		}
		compareAll(t, data, rand.New(rand.NewPCG(seed, 1)))
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
	changed, err := buildOf(testConfig(), filesOf("c2/a.txt: other.example"))
	if err != nil {
		t.Fatal(err)
	}
	if changed, err = changed.update(t.Context(), filesOf("c2/a.txt: "+strings.Join(lines, " | ")), nil); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*Policy{p, changed} {
		for _, name := range names {
			if v := p.Decide(Query{Name: wire(t, name)}); int(v.Labels) != dnsname.Labels(wire(t, name)) {
				t.Errorf("%s: found %d labels", name, v.Labels)
			}
			if v := p.Decide(Query{Name: wire(t, strings.TrimPrefix(name, "a."))}); v.Blocks() {
				t.Errorf("found what is one above %s", name)
			}
		}
	}
}
