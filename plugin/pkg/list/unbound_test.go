package list

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	slowZone = regexp.MustCompile(`^[ \t]*local-zone:[ \t]*(?:"([A-Za-z0-9_.-]+)"|'([A-Za-z0-9_.-]+)'|([A-Za-z0-9_.-]+))[ \t]+([a-z_]+)(?:[ \t]+#.*|[ \t]*)$`)
	slowData = regexp.MustCompile(`^[ \t]*local-data:[ \t]*["']([A-Za-z0-9_.-]+)(?:[ \t]+[0-9]+)?(?:[ \t]+(?i:IN))?[ \t]+(?i:A|AAAA|CNAME)[ \t]+[0-9A-Za-z.:]+["'](?:[ \t]+#.*|[ \t]*)$`)

	slowBlocks = strings.Fields("always_deny always_nodata always_null always_nxdomain always_refuse deny refuse static redirect inform_deny inform_redirect")
	slowOpens  = strings.Fields("transparent typetransparent always_transparent inform noview")
	slowTypes  = map[string]string{"block_a": "A", "block_aaaa": "AAAA"}
)

// slowUnbound: a zone is its name and all below, by its type; a record its name.
func slowUnbound(line string) (want string, mine bool) {
	if m := slowData.FindStringSubmatch(line); m != nil && strings.Count(line, `"`)%2+strings.Count(line, "'")%2 == 0 && strings.IndexAny(line, `"'`) == strings.Index(line, m[1])-1 {
		if slices.Contains(machineNames, strings.TrimSuffix(strings.ToLower(m[1]), ".")) {
			return "passed over", true
		}
		if m[1] == "." {
			return "refused by a guard", true
		}
		return slowBlock(m[1], Exact, true), true
	}
	m := slowZone.FindStringSubmatch(line)
	if m == nil || strings.Contains(m[3], ":") {
		return "", false
	}
	text, kind := m[1]+m[2]+m[3], m[4]
	name, ok := slowName(text)
	switch {
	case kind == "nodefault" || kind == "ipset":
		return "passed over", true
	case !slices.Contains(slowBlocks, kind) && !slices.Contains(slowOpens, kind) && slowTypes[kind] == "":
		return "refused", true
	case slices.Contains(machineNames, strings.TrimSuffix(strings.ToLower(text), ".")):
		return "passed over", true
	case text == ".":
		return "refused by a guard", true
	case !ok:
		return "refused", true
	case slices.Contains(slowOpens, kind):
		return "except reopening subtree " + name, true
	}
	said := slowBlock(text, Subtree, true)
	if only := slowTypes[kind]; only != "" {
		if strings.HasPrefix(said, "subtree ") {
			said += " if dnstype=" + only
		}
		said = "except reopening subtree " + name + "; " + said
	}
	return said, true
}

func FuzzUnbound(f *testing.F) {
	fuzzFormat(f, slowUnbound, `local-zone: "bad.example." always_null`, "\tlocal-zone:\t'bad.example'  static # a note", "local-zone: bad.example refuse",
		`local-zone: "ok.bad.example" transparent`, `local-zone: "bad.example" block_a`, `local-zone: "co.uk" block_aaaa`, `local-zone: "x.example" nodefault`, `local-zone: "x.example" other`,
		`local-zone: "localhost" static`, `local-zone: "." static`, `local-data: "bad.example A 192.0.2.1"`, `local-data: 'bad.example. 60 in aaaa ::' # "a"`)
}

// TestUnboundLines: a file is read statement by statement, whatever the line, but
// not across lines.
func TestUnboundLines(t *testing.T) {
	said, _ := eachEntry(t, "view:\nlocal-zone: \"a.example\" static\nserver: local-zone: \"b.example\" static\nlocal-zone:\n\"c.example\" static\n", ReadOptions{})
	want := []string{"passed over: Unbound options", "passed over: Unbound options", "subtree b.example; passed over: Unbound options"}
	if !slices.Equal(said[:3], want) || !strings.HasPrefix(said[3], "refused: ") || !strings.HasPrefix(said[4], "refused: ") {
		t.Errorf("got %q", said)
	}
}
