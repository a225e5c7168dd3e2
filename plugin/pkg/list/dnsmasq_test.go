package list

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var slowDnsmasqLine = regexp.MustCompile(`^ *(address|local|server) *= *(?:/([A-Za-z0-9_.*/-]*))/(#?|[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+)(?:[ \t]+#.*| *)$`)

// slowDnsmasq: the names between slashes; what stands behind the last one says
// whether they are blocked, opened again or asked for elsewhere.
func slowDnsmasq(line string) (want string, mine bool) {
	m := slowDnsmasqLine.FindStringSubmatch(line)
	if m == nil || strings.ContainsAny(line, "!;\"'") {
		return "", false
	}
	option, target := m[1], m[3]
	if target != "" && target != "#" {
		if !netipLike(target + "/32") {
			return "", false
		}
		if option != "address" {
			return "passed over", true // a forward
		}
	}
	var parts []string
	for name := range strings.SplitSeq(m[2], "/") {
		below, isBelow := strings.CutPrefix(name, "*.")
		name = strings.TrimPrefix(below, ".")
		switch {
		case strings.HasPrefix(name, ".") || name == "" && (isBelow || below == "."):
			return "", false
		case name == "" || strings.Contains(name, "*") && name != "*":
			parts = append(parts, "passed over")
		case name == "*":
			parts = append(parts, "refused by a guard")
		case target == "#" && option != "address":
			lower, ok := slowName(name)
			switch {
			case !ok:
				parts = append(parts, "refused")
			case isBelow:
				parts = append(parts, "except reopening subtree "+lower+" if notname="+lower)
			default:
				parts = append(parts, "except reopening subtree "+lower)
			}
		default:
			said := slowBlock(name, Subtree, true)
			if lower, ok := strings.CutPrefix(said, "subtree "); ok && isBelow {
				said += " if notname=" + lower
			}
			parts = append(parts, said)
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "; "), true
}

func FuzzDnsmasq(f *testing.F) {
	fuzzFormat(f, slowDnsmasq, "address=/bad.example/0.0.0.0", "address=/a.example/b.example/#", "local=/bad.example/", "server=/bad.example/", "server=/ok.example/#",
		"server=/x.example/192.0.2.1", " address = /bad.example/ # a note", "address=/*.bad.example/#", "address=/*bad.example/#", "address=/.bad.example/#",
		"address=//#", "address=/*/#", "address=/co.uk/github.io/com/#", "address=/a..b/#", "local=/*.ok.example/#")
}
