package house

import (
	"bytes"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
)

var paperGuards = []Guard{
	{"links", "a link from one paper to another leads to a file of the tree", checkLinks},
	{"licence", "LICENSE is the Apache License 2.0, whole", checkLicence},
	{"changelog", "CHANGELOG.md has the headings of Keep a Changelog", checkChangelog},
	{"plugin-cfg", "the plugin.cfg lines of README.md name every plugin, in the order of directives.go", checkPluginCfg},
	{"make-targets", "every make target that a paper names is in the Makefile", checkMakeTargets},
	{"figures", "every figure in README.md is held by a constant, a test, or BENCHMARKS.md", checkFigures},
	{"image", "the Dockerfile builds from named versions, runs as nobody, checks its health and copies what exists", checkImage},
}

// link is [text](target) with a target that is neither an address nor a place
// on the same page.
var link = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]*)?\)`)

func (t *Tree) papers() []string {
	return slices.DeleteFunc(t.Paths(), func(p string) bool {
		return path.Ext(p) != ".md" || inTestdata(p)
	})
}

func checkLinks(t *Tree) (r Report) {
	for _, p := range t.papers() {
		for i, line := range strings.Split(prose(t.Files[p]), "\n") {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
					continue
				}
				r.Examined++
				if target := path.Join(path.Dir(p), m[1]); !t.has(target) {
					r.fault(p, i+1, "the link leads to %s, which does not exist", target)
				}
			}
		}
	}
	return r
}

// has says whether p is a file or a folder of the tree.
func (t *Tree) has(p string) bool {
	if _, ok := t.Files[p]; ok || p == "." {
		return true
	}
	for f := range t.Files {
		if within(f, p) {
			return true
		}
	}
	return false
}

func checkLicence(t *Tree) (r Report) {
	text, ok := t.Files["LICENSE"]
	if !ok {
		return r
	}
	r.Examined++
	for _, part := range []string{"Apache License", "Version 2.0, January 2004", "3. Grant of Patent License.", "END OF TERMS AND CONDITIONS"} {
		if !bytes.Contains(text, []byte(part)) {
			r.fault("LICENSE", 0, "%q is missing from it", part)
		}
	}
	return r
}

var (
	release = regexp.MustCompile(`^\[(Unreleased|\d+\.\d+\.\d+)\]( - \d{4}-\d\d-\d\d)?$`)
	changes = []string{"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
)

func checkChangelog(t *Tree) (r Report) {
	const file = "CHANGELOG.md"
	for i, s := range sections(t.Files[file]) {
		r.Examined++
		m := release.FindStringSubmatch(s.Title)
		switch {
		case m == nil:
			r.fault(file, s.Line, "%q is no release; want [Unreleased] or [1.2.3] - 2006-01-02", s.Title)
		case (m[1] == "Unreleased") != (m[2] == ""):
			r.fault(file, s.Line, "%q: a release has a date, and what is unreleased has none", s.Title)
		case m[1] == "Unreleased" && i > 0:
			r.fault(file, s.Line, "[Unreleased] stands behind a release")
		}
		for j, line := range strings.Split(string(s.Body), "\n") {
			if kind, ok := strings.CutPrefix(line, "### "); ok && !slices.Contains(changes, kind) {
				r.fault(file, s.Line+j+1, "%q is no kind of change; want one of %s", kind, strings.Join(changes, ", "))
			}
		}
	}
	return r
}

var cfgLine = regexp.MustCompile(`^([a-z]+):(\S+)$`)

// checkPluginCfg reads the block fenced as `plugin.cfg`: what another build of
// CoreDNS has to write down.
func checkPluginCfg(t *Tree) (r Report) {
	const file = "README.md"
	order := t.directives()
	found := map[string]bool{}
	for _, f := range fences(t.Files[file], "plugin.cfg") {
		last := -1
		for i, line := range f.Lines {
			m := cfgLine.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			r.Examined++
			at := f.Line + 1 + i
			if own, ok := strings.CutPrefix(m[2], t.Module+"/"); ok {
				found[own] = true
				if !slices.Contains(t.Plugins(), own) {
					r.fault(file, at, "%s is no plugin of this tree", own)
				}
			}
			switch n := slices.Index(order, m[1]); {
			case n < 0:
				r.fault(file, at, "%s is no directive of cmd/sinkhole/directives.go", m[1])
			case n < last:
				r.fault(file, at, "%s stands behind %s, in directives.go before it", m[1], order[last])
			default:
				last = n
			}
		}
	}
	if r.Examined == 0 {
		return r
	}
	for _, dir := range t.Plugins() {
		if !found[dir] {
			r.fault(file, 0, "the plugin.cfg lines lack %s", dir)
		}
	}
	return r
}

// directives are the strings of the longest list in directives.go: the order of
// plugins in a server block.
func (t *Tree) directives() []string {
	var longest []string
	for _, f := range t.in("cmd/sinkhole") {
		if path.Base(f.Path) != "directives.go" {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			var names []string
			for _, e := range lit.Elts {
				if s, ok := e.(*ast.BasicLit); ok {
					names = append(names, unquote(s))
				}
			}
			if len(names) > len(longest) {
				longest = names
			}
			return true
		})
	}
	return longest
}

var (
	makeWord   = regexp.MustCompile("`make ([a-z][a-z-]*)")
	makeLine   = regexp.MustCompile(`^\s*(?:\$ )?make ([a-z][a-z-]*)`)
	makeTarget = regexp.MustCompile(`(?m)^([a-z][a-z -]*):`)
)

func checkMakeTargets(t *Tree) (r Report) {
	mf, ok := t.Files["Makefile"]
	if !ok {
		return r
	}
	targets := map[string]bool{}
	for _, m := range makeTarget.FindAllSubmatch(mf, -1) {
		for _, name := range strings.Fields(string(m[1])) {
			targets[name] = true
		}
	}
	for _, p := range t.papers() {
		for i, line := range bytes.Split(t.Files[p], []byte("\n")) {
			for _, m := range slices.Concat(makeWord.FindAllSubmatch(line, -1), makeLine.FindAllSubmatch(line, -1)) {
				r.Examined++
				if !targets[string(m[1])] {
					r.fault(p, i+1, "make %s is not in the Makefile", m[1])
				}
			}
		}
	}
	return r
}
