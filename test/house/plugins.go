package house

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var pluginGuards = []Guard{
	{"readme-sections", "a plugin's README has the sections of a CoreDNS man page and ours, in their order", checkSections},
	{"readme-options", "the Syntax of a README and the grammar of its plugin are the same, and each option is described", checkOptions},
	{"metric-names", "metrics have our namespace, a unit, a help text, and no label that could hold a client or a name", checkMetricNames},
	{"readme-metrics", "a README lists the metrics of its plugin, all of them and no others", checkReadmeMetrics},
}

// order is the order of a README's sections. Name to Syntax, and Examples before
// See Also, are CoreDNS's own; the rest is ours.
var order = []struct {
	title  string
	always bool
}{
	{"Name", true}, {"Description", true}, {"Syntax", true},
	{"Metrics", true}, {"Ready", false}, {"Health", false}, {"Metadata", false},
	{"What it keeps", true}, {"Limits", true},
	{"Examples", true}, {"See Also", true}, {"Bugs", false},
}

func checkSections(t *Tree) (r Report) {
	for _, dir := range t.Plugins() {
		r.Examined++
		file := dir + "/README.md"
		md, ok := t.Files[file]
		if !ok {
			r.fault(dir, 0, "no README.md")
			continue
		}
		t.checkTitles(&r, file, md)
		name := path.Base(dir)
		if s := section(md, "Name"); s != nil && !strings.HasPrefix(strings.TrimSpace(string(s.Body)), "*"+name+"* - ") {
			r.fault(file, s.Line, "the section Name does not begin %q", "*"+name+"* - ")
		}
		hasReady := slices.ContainsFunc(t.Source(dir), func(f *GoFile) bool { return declares(f, "Ready") })
		if hasReady && section(md, "Ready") == nil {
			r.fault(file, 0, "the plugin has a method Ready and the README no section Ready")
		}
		if !hasReady && section(md, "Ready") != nil {
			r.fault(file, section(md, "Ready").Line, "a section Ready, and the plugin has no method Ready")
		}
	}
	return r
}

func (t *Tree) checkTitles(r *Report, file string, md []byte) {
	at := 0
	have := map[string]bool{}
	for _, s := range sections(md) {
		have[s.Title] = true
		i := slices.IndexFunc(order, func(o struct {
			title  string
			always bool
		}) bool {
			return o.title == s.Title
		})
		switch {
		case i < 0:
			r.fault(file, s.Line, "an unknown section %q", s.Title)
		case i < at:
			r.fault(file, s.Line, "the section %s stands behind %s", s.Title, order[at].title)
		default:
			at = i
		}
	}
	for _, o := range order {
		if o.always && !have[o.title] {
			r.fault(file, 0, "no section %s", o.title)
		}
	}
}

func declares(f *GoFile, method string) bool {
	for _, d := range f.AST.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil && fn.Name.Name == method {
			return true
		}
	}
	return false
}

// grammar is the set of options of one block, and where it stands.
type grammar struct {
	options []string
	file    string
	line    int
}

// checkOptions compares the blocks of Syntax with the option.Grammar literals of
// the plugin: for each of the one kind there must be one of the other with the
// very same options.
func checkOptions(t *Tree) (r Report) {
	for _, dir := range t.Plugins() {
		file := dir + "/README.md"
		code := t.grammars(dir)
		syntax := section(t.Files[file], "Syntax")
		if syntax == nil {
			r.fault(file, 0, "no section Syntax")
			continue
		}
		paper := syntaxBlocks(file, *syntax, path.Base(dir))
		if len(code) == 0 && len(paper) > 0 {
			r.fault(dir+"/setup.go", 0, "no option.Grammar found, and the README has options")
		}
		for _, g := range code {
			r.Examined++
			match(&r, g, paper, "the README's Syntax")
		}
		for _, g := range paper {
			r.Examined++
			match(&r, g, code, "the grammar")
			for _, o := range g.options {
				if !described(*syntax, o) {
					r.fault(file, syntax.Line, "the option %s is not described below the block; want `%s` or **%s** in the text", o, o, o)
				}
			}
		}
	}
	return r
}

// match finds the block of the other side that is nearest to g and reports what
// g has and it has not.
func match(r *Report, g grammar, others []grammar, side string) {
	best, most := grammar{}, 0
	for _, o := range others {
		n := 0
		for _, name := range g.options {
			if slices.Contains(o.options, name) {
				n++
			}
		}
		if n > most || n == most && n > 0 && len(o.options) < len(best.options) {
			best, most = o, n
		}
	}
	for _, name := range g.options {
		if !slices.Contains(best.options, name) {
			r.fault(g.file, g.line, "the option %s is missing from %s", name, side)
		}
	}
}

// grammars finds the composite literals of type option.Grammar[...] in dir.
func (t *Tree) grammars(dir string) []grammar {
	var out []grammar
	for _, f := range t.Source(dir) {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok || !isGrammar(lit.Type) {
				return true
			}
			g := grammar{file: f.Path, line: t.Fset.Position(lit.Pos()).Line}
			for _, e := range lit.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					if key, ok := kv.Key.(*ast.BasicLit); ok {
						g.options = append(g.options, unquote(key))
					}
				}
			}
			out = append(out, g)
			return true
		})
	}
	return out
}

func isGrammar(e ast.Expr) bool {
	ix, ok := e.(*ast.IndexExpr)
	if !ok {
		return false
	}
	sel, ok := ix.X.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "Grammar"
}

// optionWord is how an option begins a line of Syntax.
var optionWord = regexp.MustCompile(`^\[?([a-z][a-z0-9-]*)`)

// syntaxBlocks reads the fenced blocks of Syntax that begin with the directive.
// A line that ends in { opens a block of its own; `name ARG { a|b ... }` on one
// line says what a policy may be, and is no block.
func syntaxBlocks(file string, s Section, directive string) []grammar {
	var out []grammar
	for _, f := range fences(s.Body, "*") {
		var stack []int // indices into out
		for i, line := range f.Lines {
			at := s.Line + f.Line + i + 1
			line, _, _ = strings.Cut(line, " # ")
			line = strings.TrimSpace(line)
			if line == "}" || line == "}]" {
				if len(stack) > 0 {
					stack = stack[:len(stack)-1]
				}
				continue
			}
			m := optionWord.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			if len(stack) == 0 && m[1] != directive {
				continue
			}
			if len(stack) > 0 {
				top := stack[len(stack)-1]
				// The same option may be shown in two forms.
				if !slices.Contains(out[top].options, m[1]) {
					out[top].options = append(out[top].options, m[1])
				}
			}
			if strings.HasSuffix(line, "{") {
				out = append(out, grammar{file: file, line: at})
				stack = append(stack, len(out)-1)
			} else if _, rest, ok := strings.Cut(line, "{"); ok {
				inner := optionWord.FindStringSubmatch(strings.TrimSpace(rest))
				if inner != nil {
					out = append(out, grammar{options: []string{inner[1]}, file: file, line: at})
				}
			}
		}
	}
	return slices.DeleteFunc(out, func(g grammar) bool { return len(g.options) == 0 })
}

// described says whether the text of Syntax, outside the blocks, has the option
// in code or bold type.
func described(s Section, option string) bool {
	q := regexp.QuoteMeta(option)
	return regexp.MustCompile("(`|\\*\\*)" + q + "( [^`\n]*)?(`|\\*\\*)").MatchString(prose(s.Body))
}

// metric is one metric as the code makes it.
type metric struct {
	name, kind, help string
	labels           []string
	file             string
	pos              token.Pos
}

// makers are the constructors of client_golang, with and without promauto, and
// the kind each makes.
var makers = map[string]string{
	"NewCounter": "counter", "NewCounterVec": "counter", "NewCounterFunc": "counter",
	"NewGauge": "gauge", "NewGaugeVec": "gauge", "NewGaugeFunc": "gauge",
	"NewHistogram": "histogram", "NewHistogramVec": "histogram",
	"NewSummary": "summary", "NewSummaryVec": "summary",
	"NewDesc": "", // a collector's own; its kind shows in its name
}

// metrics reads the constructors in the files of dir. What is no literal is a
// fault: a name that is put together at run time cannot be looked up.
func (t *Tree) metrics(dir string, r *Report) []metric {
	var out []metric
	for _, f := range t.Source(dir) {
		if !slices.ContainsFunc(t.Imports(f), func(im Import) bool { return within(im.Path, "github.com/prometheus/client_golang/prometheus") }) {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			kind, ok := makers[sel.Sel.Name]
			if !ok || len(call.Args) == 0 {
				return true
			}
			m := metric{kind: kind, file: f.Path, pos: call.Pos()}
			if sel.Sel.Name == "NewDesc" {
				t.readDesc(dir, &m, call, r)
			} else {
				t.readOpts(dir, &m, call, r)
			}
			out = append(out, m)
			return true
		})
	}
	return out
}

func (t *Tree) readOpts(dir string, m *metric, call *ast.CallExpr, r *Report) {
	lit, ok := call.Args[0].(*ast.CompositeLit)
	if !ok {
		r.faultAt(t, m.pos, "the options of a metric are no literal")
		return
	}
	var namespace, subsystem, name string
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		key, _ := kv.Key.(*ast.Ident)
		if key == nil {
			continue
		}
		switch key.Name {
		case "Namespace":
			namespace = t.namespaceOf(kv.Value)
		case "Subsystem":
			subsystem, _ = t.constant(dir, kv.Value)
		case "Name":
			name, _ = t.constant(dir, kv.Value)
		case "Help":
			m.help, _ = t.constant(dir, kv.Value)
		}
	}
	if namespace == "" {
		r.faultAt(t, m.pos, "the metric %q has no Namespace: plugin.Namespace", name)
	}
	if subsystem != path.Base(dir) {
		r.faultAt(t, m.pos, "the metric %q has the subsystem %q, want %q", name, subsystem, path.Base(dir))
	}
	m.name = "coredns_" + subsystem + "_" + name
	if len(call.Args) > 1 {
		m.labels = t.labels(dir, call.Args[1])
	}
}

func (t *Tree) readDesc(dir string, m *metric, call *ast.CallExpr, r *Report) {
	name, help := call.Args[0], call.Args[min(1, len(call.Args)-1)]
	m.help, _ = t.constant(dir, help)
	if build, ok := name.(*ast.CallExpr); ok && len(build.Args) == 3 {
		if t.namespaceOf(build.Args[0]) == "" {
			r.faultAt(t, m.pos, "the metric has no plugin.Namespace")
		}
		sub, _ := t.constant(dir, build.Args[1])
		last, ok := t.constant(dir, build.Args[2])
		if !ok {
			m.name = "" // a family named at run time: the scrape test lints it
			return
		}
		m.name = "coredns_" + sub + "_" + last
	} else if s, ok := t.constant(dir, name); ok {
		m.name = s
	}
	if strings.HasSuffix(m.name, "_total") {
		m.kind = "counter"
	} else {
		m.kind = "gauge"
	}
	if len(call.Args) > 2 {
		m.labels = t.labels(dir, call.Args[2])
	}
}

func (t *Tree) namespaceOf(e ast.Expr) string {
	if sel, ok := e.(*ast.SelectorExpr); ok && sel.Sel.Name == "Namespace" {
		return "coredns"
	}
	return ""
}

func (t *Tree) labels(dir string, e ast.Expr) []string {
	lit, ok := e.(*ast.CompositeLit)
	if !ok {
		return nil
	}
	var out []string
	for _, e := range lit.Elts {
		if s, ok := t.constant(dir, e); ok {
			out = append(out, s)
		}
	}
	return out
}

// constant is the value of a string literal, a sum of such, or a constant that
// the package in dir declares.
func (t *Tree) constant(dir string, e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		return unquote(e), e.Kind == token.STRING
	case *ast.BinaryExpr:
		a, ok := t.constant(dir, e.X)
		b, ok2 := t.constant(dir, e.Y)
		return a + b, ok && ok2 && e.Op == token.ADD
	case *ast.Ident:
		if v := t.constValue(dir, e.Name); v != nil {
			return t.constant(dir, v)
		}
	}
	return "", false
}

// constValue finds what a constant of the package in dir is declared as.
func (t *Tree) constValue(dir, name string) ast.Expr {
	for _, f := range t.Source(dir) {
		for _, d := range f.AST.Decls {
			gen, ok := d.(*ast.GenDecl)
			if !ok || gen.Tok != token.CONST {
				continue
			}
			for _, s := range gen.Specs {
				v := s.(*ast.ValueSpec)
				for i, id := range v.Names {
					if id.Name == name && i < len(v.Values) {
						return v.Values[i]
					}
				}
			}
		}
	}
	return nil
}

func unquote(lit *ast.BasicLit) string {
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return s
}
