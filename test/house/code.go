package house

import (
	"bytes"
	"go/ast"
	"go/format"
	"path"
	"regexp"
	"slices"
	"strings"
)

var codeGuards = []Guard{
	{"gofmt", "every Go file parses and is formatted", checkFormat},
	{"package-comment", "every package has one comment, which says more than its name", checkPackageComment},
	{"goroutines", "plugin/pkg starts a goroutine only in a function that is called Run, or with a reason given here", checkGoroutines},
	{"setup-starts-nothing", "setup.go starts no goroutine: a Corefile that is refused leaves nothing behind", checkSetup},
	{"silent", "plugin/pkg writes no log and prints nothing", checkSilent},
	{"fixtures", "every file below testdata is used by a test beside it", checkFixtures},
	{"unfinished", "what is left undone has an issue number", checkUnfinished},
	{"private", "no path of a machine, no host of a registry and no name of an AI tool stands in the tree", checkPrivate},
}

func checkFormat(t *Tree) (r Report) {
	r.Faults = append(r.Faults, t.Broken...)
	r.Examined = len(t.Broken)
	for _, f := range t.Go {
		r.Examined++
		out, err := format.Source(f.Src)
		if err != nil || !bytes.Equal(out, f.Src) {
			r.fault(f.Path, 0, "not formatted; run gofmt -w on it")
		}
	}
	return r
}

// minComment keeps a comment from being the name once more: "Package list reads
// lists." says nothing that the folder does not.
const minComment = 40 // bytes

func checkPackageComment(t *Tree) (r Report) {
	for _, dir := range t.Packages() {
		r.Examined++
		files := t.Source(dir)
		if len(files) == 0 {
			files = t.in(dir)
		}
		var with []*GoFile
		for _, f := range files {
			if f.AST.Doc != nil {
				with = append(with, f)
			}
		}
		switch {
		case len(with) == 0:
			r.fault(dir, 0, "no package comment")
			continue
		case len(with) > 1:
			r.fault(with[1].Path, 0, "a second package comment; the first is in %s", path.Base(with[0].Path))
		}
		f := with[0]
		want := "Package " + f.AST.Name.Name
		if f.AST.Name.Name == "main" {
			want = "Command " + path.Base(dir)
		}
		text := f.AST.Doc.Text()
		if !strings.HasPrefix(text, want+" ") {
			r.faultAt(t, f.AST.Doc.Pos(), "the package comment begins %q; want %q", firstWords(text), want+" ...")
		} else if len(text) < minComment {
			r.faultAt(t, f.AST.Doc.Pos(), "the package comment has %d bytes; want what the package is and what to know before using it", len(text))
		}
	}
	return r
}

func firstWords(s string) string {
	words := strings.Fields(s)
	return strings.Join(words[:min(3, len(words))], " ")
}

// mayStart are functions of plugin/pkg that are not called Run and start a
// goroutine all the same, by file and function, with the reason.
var mayStart = map[string]string{}

func checkGoroutines(t *Tree) (r Report) {
	used := map[string]bool{}
	for _, f := range t.Under("plugin/pkg") {
		if f.Test {
			continue
		}
		r.Examined++
		for _, decl := range f.AST.Decls {
			name := "init"
			if fn, ok := decl.(*ast.FuncDecl); ok {
				name = fn.Name.Name
			}
			for _, start := range starts(decl) {
				key := f.Path + " " + name
				if _, ok := mayStart[key]; ok {
					used[key] = true
					continue
				}
				if name != "Run" {
					r.faultAt(t, start.Pos(), "%s starts a goroutine; offer Run(ctx) error and let the owner start it", name)
				}
			}
		}
	}
	for key := range mayStart {
		file, _, _ := strings.Cut(key, " ")
		if _, ok := t.Files[file]; ok && !used[key] {
			r.fault("test/house/code.go", 0, "mayStart has %q, which starts nothing any more", key)
		}
	}
	return r
}

// starts finds what begins a goroutine: the go statement, WaitGroup.Go and its
// kin, and timers that call a function.
func starts(n ast.Node) []ast.Node {
	var out []ast.Node
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			out = append(out, n)
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && (sel.Sel.Name == "Go" || sel.Sel.Name == "AfterFunc") {
				out = append(out, n)
			}
		}
		return true
	})
	return out
}

func checkSetup(t *Tree) (r Report) {
	for _, dir := range t.Plugins() {
		for _, f := range t.Source(dir) {
			if path.Base(f.Path) != "setup.go" {
				continue
			}
			r.Examined++
			for _, start := range starts(f.AST) {
				r.faultAt(t, start.Pos(), "setup.go starts a goroutine; Start does, and Stop outlives it")
			}
		}
	}
	return r
}

var (
	loggers  = []string{"log/slog", "log/syslog"}
	printers = map[string][]string{
		"fmt": {"Print", "Printf", "Println"},
		"os":  {"Stdout", "Stderr"},
	}
)

// logs says whether a use of package log writes: all do but the type, and the
// logger that drops what the standard library would write.
func logs(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	if x, ok := sel.X.(*ast.Ident); !ok || x.Name != "log" {
		return false
	}
	if sel.Sel.Name != "New" || len(call.Args) == 0 {
		return true
	}
	out, ok := call.Args[0].(*ast.SelectorExpr)
	return !ok || out.Sel.Name != "Discard"
}

func checkSilent(t *Tree) (r Report) {
	for _, f := range t.Under("plugin/pkg") {
		if f.Test {
			continue
		}
		r.Examined++
		for _, im := range t.Imports(f) {
			if slices.Contains(loggers, im.Path) || strings.HasSuffix(im.Path, "/plugin/pkg/log") {
				r.faultAt(t, im.Pos, "imports %s; a mechanism returns what happened and its owner logs it", im.Path)
			}
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && slices.Contains(printers[x.Name], n.Sel.Name) {
					r.faultAt(t, n.Pos(), "uses %s.%s; a mechanism prints nothing", x.Name, n.Sel.Name)
				}
			case *ast.CallExpr:
				if logs(n) {
					r.faultAt(t, n.Pos(), "writes a log; a mechanism returns what happened and its owner logs it")
				}
				if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "print" || id.Name == "println") {
					r.faultAt(t, n.Pos(), "uses %s; a mechanism prints nothing", id.Name)
				}
			}
			return true
		})
	}
	return r
}

// checkFixtures takes a file as used when a string in the Go files of its
// package names it, names a folder of testdata that holds it, or is a pattern
// that fits it; a fuzz corpus, when the target exists.
func checkFixtures(t *Tree) (r Report) {
	for _, p := range t.Paths() {
		dir, rel, ok := strings.Cut(p, "/testdata/")
		if !ok || strings.Contains(rel, "testdata/") {
			continue
		}
		r.Examined++
		if !t.fixtureUsed(dir, rel) {
			r.fault(p, 0, "no test in %s uses it", dir)
		}
	}
	return r
}

func (t *Tree) fixtureUsed(dir, rel string) bool {
	parts := strings.Split(rel, "/")
	for _, f := range t.in(dir) {
		if parts[0] == "fuzz" && len(parts) == 3 && bytes.Contains(f.Src, []byte("func "+parts[1]+"(")) {
			return true
		}
		if parts[0] == "fuzz" {
			continue
		}
		used := false
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && !used {
				used = names(unquote(lit), rel)
			}
			return !used
		})
		if used {
			return true
		}
	}
	return false
}

// names says whether the text s speaks of the file rel below testdata.
func names(s, rel string) bool {
	s = strings.Trim(strings.TrimPrefix(s, "testdata"), "/")
	base := path.Base(rel)
	stem := strings.TrimSuffix(base, path.Ext(base))
	switch {
	case s == "":
		return false
	case s == rel, s == base, s == stem, within(rel, s):
		return true
	case strings.ContainsAny(s, "*?["):
		whole, _ := path.Match(s, rel)
		last, _ := path.Match(s, base)
		return whole || last && path.Ext(s) != "" && s != "*"
	}
	return false
}

var (
	// In ROT13, as all that this file must not trip over itself.
	undone   = regexp.MustCompile(rot13(`\o(GBQB|SVKZR|KKK|UNPX)\o`))
	numbered = regexp.MustCompile(undone.String() + `\(#[0-9]+\)`)
)

func checkUnfinished(t *Tree) (r Report) {
	for _, p := range t.texts() {
		r.Examined++
		for i, line := range bytes.Split(t.Files[p], []byte("\n")) {
			if m := undone.Find(line); m != nil && !numbered.Match(line) {
				r.fault(p, i+1, "%s without an issue number; want %s(#N)", m, m)
			}
		}
	}
	return r
}

// unwanted is what must not stand in the tree.
var unwanted = []struct {
	what    string
	pattern *regexp.Regexp
}{
	{"a path of a machine", regexp.MustCompile(rot13(`(^|[^N-Mn-m0-9._])/(ebbg/|ubzr/[n-m]|Hfref/[N-M]|jbex/|gzc/ohvyq|jbexfcnpr/)`))},
	{"the host of a registry", regexp.MustCompile(rot13(`\o(cebkl\.tbynat\.bet|fhz\.tbynat\.bet|tbcebkl\.[n-m]+|ertvfgel\.acczwf\.bet|clcv\.bet|negvsnpgbel|arkhf\.[n-m]+|qro\.qrovna\.bet)\o`))},
	{"the name of an AI tool", regexp.MustCompile(rot13(`(?v)\o(pynhqr|naguebcvp|pungtcg|bcranv|pbcvybg|pbqrk|qrrcfrrx|yynzn|zvfgeny|jvaqfhes|nvqre)\o`))},
}

func checkPrivate(t *Tree) (r Report) {
	for _, p := range t.texts() {
		r.Examined++
		for i, line := range bytes.Split(t.Files[p], []byte("\n")) {
			for _, u := range unwanted {
				if m := u.pattern.Find(line); m != nil {
					r.fault(p, i+1, "%q is %s", bytes.TrimSpace(m), u.what)
				}
			}
		}
	}
	return r
}

// texts lists what people wrote: all files but sums, binaries and the planted
// trees of this package.
func (t *Tree) texts() []string {
	return slices.DeleteFunc(t.Paths(), func(p string) bool {
		return p == "go.sum" || within(p, "test/house/testdata") || bytes.IndexByte(t.Files[p], 0) >= 0
	})
}

func rot13(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return 'a' + (c-'a'+13)%26
		case c >= 'A' && c <= 'Z':
			return 'A' + (c-'A'+13)%26
		}
		return c
	}, s)
}
