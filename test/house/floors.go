package house

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// The floors. What stands below is usable without what stands above; the two
// halves of plugin/pkg, what is blocked and who asked, never meet below a plugin.
var floorGuards = []Guard{
	{"pkg-floor", "plugin/pkg imports no CoreDNS, no Caddy, no Prometheus, and of ours only plugin/pkg", checkPkgFloor},
	{"plugin-floor", "a plugin of ours imports of ours only plugin/pkg, never another plugin", checkPluginFloor},
	{"top-floor", "nothing imports cmd or test; corefile and blocklists import nothing of ours; coremain and core/plugin are imported by nobody", checkTopFloor},
	{"wall", "what is blocked and who asked never import each other, not by a detour either", checkWall},
	{"joiners", "only express, census and the verbs join what is blocked with who asked", checkJoiners},
	{"map", "the map of plugin/pkg in CONTRIBUTING.md has every package and every arrow, below what it imports", checkMap},
}

var (
	blocked  = []string{"index", "list", "policy", "answer"}
	whoAsked = []string{"subscriber", "tally", "judge", "casebook", "report", "seal"}
	joiners  = []string{"plugin/express", "plugin/census"}
)

// serverCode are modules that a mechanism must do without.
var serverCode = []string{"github.com/coredns", "github.com/prometheus"}

func checkPkgFloor(t *Tree) (r Report) {
	for _, f := range t.Under("plugin/pkg") {
		r.Examined++
		for _, im := range t.Imports(f) {
			if im.Own != "" && !within(im.Own, "plugin/pkg") {
				r.faultAt(t, im.Pos, "imports %s; plugin/pkg may import of ours only plugin/pkg", im.Own)
			}
			for _, s := range serverCode {
				if within(im.Path, s) {
					r.faultAt(t, im.Pos, "imports %s; plugin/pkg knows no server and no metrics", im.Path)
				}
			}
		}
	}
	return r
}

func checkPluginFloor(t *Tree) (r Report) {
	for _, f := range t.Under("plugin") {
		if within(f.Dir, "plugin/pkg") {
			continue
		}
		r.Examined++
		for _, im := range t.Imports(f) {
			// An external test of a package imports the package itself.
			if im.Own != "" && !within(im.Own, "plugin/pkg") && !(f.Test && im.Own == f.Dir) {
				r.faultAt(t, im.Pos, "imports %s; a plugin finds another by dnsserver.GetConfig(c).Handler and a small interface", im.Own)
			}
		}
	}
	return r
}

// wholeServers drag in every plugin of the stock build, with some 150 modules.
var wholeServers = []string{"github.com/coredns/coredns/coremain", "github.com/coredns/coredns/core/plugin"}

func checkTopFloor(t *Tree) (r Report) {
	for _, f := range t.Go {
		r.Examined++
		for _, im := range t.Imports(f) {
			top, _, _ := strings.Cut(im.Own, "/")
			switch {
			case slices.Contains(wholeServers, im.Path):
				r.faultAt(t, im.Pos, "imports %s; import the plugins that are used, one by one", im.Path)
			case (top == "cmd" || top == "test") && !within(f.Dir, top):
				r.faultAt(t, im.Pos, "imports %s; nothing imports %s", im.Own, top)
			case im.Own != "" && !f.Test && (within(f.Dir, "corefile") || within(f.Dir, "blocklists")):
				r.faultAt(t, im.Pos, "imports %s; %s is only what it embeds", im.Own, f.Dir)
			}
		}
	}
	return r
}

// checkWall follows the imports from each package of one side, and names the
// first way that leads to the other.
func checkWall(t *Tree) (r Report) {
	arrows := t.arrows()
	for _, side := range []struct{ from, to []string }{{blocked, whoAsked}, {whoAsked, blocked}} {
		for _, from := range side.from {
			start := "plugin/pkg/" + from
			if len(t.in(start)) == 0 {
				continue
			}
			r.Examined++
			for _, to := range side.to {
				if way := wayTo(arrows, start, "plugin/pkg/"+to); way != nil {
					r.fault(start, 0, "reaches plugin/pkg/%s (%s); what is blocked and who asked do not know each other", to, strings.Join(way, " -> "))
				}
			}
		}
	}
	return r
}

// checkJoiners looks at plugins: subscribers may know who asked, sinkhole what
// is blocked; only the named ones may know both.
func checkJoiners(t *Tree) (r Report) {
	arrows := t.arrows()
	for _, dir := range t.Plugins() {
		r.Examined++
		if slices.Contains(joiners, dir) {
			continue
		}
		reach := func(side []string) string {
			for _, s := range side {
				if way := wayTo(arrows, dir, "plugin/pkg/"+s); way != nil {
					return s
				}
			}
			return ""
		}
		if a, b := reach(blocked), reach(whoAsked); a != "" && b != "" {
			r.fault(dir, 0, "knows both %s and %s; only %s and the verbs may join them", a, b, strings.Join(joiners, ", "))
		}
	}
	return r
}

// arrows are the imports of ours by ours, tests left out: from folder to folder.
func (t *Tree) arrows() map[string][]string {
	out := map[string][]string{}
	for _, f := range t.Go {
		if f.Test {
			continue
		}
		for _, im := range t.Imports(f) {
			if im.Own != "" && !slices.Contains(out[f.Dir], im.Own) {
				out[f.Dir] = append(out[f.Dir], im.Own)
			}
		}
	}
	for _, to := range out {
		slices.Sort(to)
	}
	return out
}

// wayTo is a shortest way along the arrows, nil where there is none.
func wayTo(arrows map[string][]string, from, to string) []string {
	ways := [][]string{{from}}
	seen := map[string]bool{from: true}
	for len(ways) > 0 {
		way := ways[0]
		ways = ways[1:]
		for _, next := range arrows[way[len(way)-1]] {
			if seen[next] {
				continue
			}
			seen[next] = true
			longer := append(slices.Clone(way), next)
			if next == to {
				return longer
			}
			ways = append(ways, longer)
		}
	}
	return nil
}

// checkMap reads the block fenced as `map` in CONTRIBUTING.md: a line
// `name -> name, name` is a package and all it imports, `name` alone a leaf, and
// what is imported stands above.
func checkMap(t *Tree) (r Report) {
	const file = "CONTRIBUTING.md"
	real := map[string][]string{}
	for _, dir := range t.Packages() {
		if path.Dir(dir) == "plugin/pkg" && len(t.Source(dir)) > 0 {
			real[path.Base(dir)] = nil
		}
	}
	for dir, to := range t.arrows() {
		if path.Dir(dir) != "plugin/pkg" {
			continue
		}
		for _, p := range to {
			real[path.Base(dir)] = append(real[path.Base(dir)], path.Base(p))
		}
	}
	drawn := map[string]bool{}
	for _, fence := range fences(t.Files[file], "map") {
		for i, line := range fence.Lines {
			at := fence.Line + 1 + i
			name, rest, _ := strings.Cut(line, "->")
			name = strings.TrimSpace(name)
			if name == "" {
				continue
			}
			r.Examined++
			want, ok := real[name]
			if !ok {
				r.fault(file, at, "%q is no package of plugin/pkg", name)
				continue
			}
			got := strings.FieldsFunc(rest, func(c rune) bool { return c == ',' || c == ' ' })
			slices.Sort(got)
			if !slices.Equal(got, want) {
				r.fault(file, at, "%s imports %v, the map says %v", name, want, got)
			}
			for _, to := range got {
				if !drawn[to] {
					r.fault(file, at, "%s stands above %s, which it imports", name, to)
				}
			}
			drawn[name] = true
		}
	}
	if r.Examined == 0 {
		return r
	}
	for _, name := range slices.Sorted(maps.Keys(real)) {
		if !drawn[name] {
			r.fault(file, 0, "plugin/pkg/%s is missing from the map", name)
		}
	}
	return r
}
