package house

import (
	"bytes"
	"go/ast"
	"go/constant"
	"go/token"
	"regexp"
	"strings"
	"time"
)

// figure is a number with a unit in running text.
var figure = regexp.MustCompile(`\b\d[\d,.]*[  ]?(ns|us|µs|ms|s|seconds?|minutes?|hours?|days?|h|KiB|MiB|GiB|kB|MB|GB|bytes|octets|percent|%|names|queries|queries a second|q/s|characters)(\b|$|[^\w])`)

// held says which of the tree's promises keeps a figure of the README:
//
//	TEXT | const DIR NAME = VALUE      a constant has this value
//	TEXT | test DIR NAME               a test of this name holds it
//	TEXT | BENCHMARKS.md               it was measured, and stands there too, with
//	                                   its unit or as a cell of a table
//
// TEXT is a part of README.md with the figure in it.
const held = "test/house/figures.txt"

func checkFigures(t *Tree) (r Report) {
	const readme = "README.md"
	text := prose(t.Files[readme])
	for i, line := range strings.Split(string(t.Files[held]), "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		r.Examined++
		says, by, _ := strings.Cut(line, " | ")
		says = strings.TrimSpace(says)
		if !strings.Contains(text, says) {
			r.fault(held, i+1, "README.md does not say %q", says)
		}
		text = strings.ReplaceAll(text, says, strings.Repeat(" ", len(says)))
		if why := t.keeps(strings.TrimSpace(by), says); why != "" {
			r.fault(held, i+1, "%q: %s", says, why)
		}
	}
	for i, line := range strings.Split(text, "\n") {
		for _, m := range figure.FindAllString(line, -1) {
			r.Examined++
			r.fault(readme, i+1, "the figure %q is held by nothing; name what holds it in %s", strings.TrimSpace(m), held)
		}
	}
	return r
}

func (t *Tree) keeps(by, says string) (why string) {
	words := strings.Fields(by)
	switch {
	case by == "BENCHMARKS.md":
		for _, f := range figure.FindAllString(says, -1) {
			f = strings.TrimSpace(f)
			cell := "| " + strings.TrimRightFunc(f, func(c rune) bool { return c < '0' || c > '9' }) + " |" // its column says the unit
			if !bytes.Contains(t.Files[by], []byte(f)) && !bytes.Contains(t.Files[by], []byte(cell)) {
				return "BENCHMARKS.md does not say " + f
			}
		}
	case len(words) == 3 && words[0] == "test":
		for _, f := range t.in(words[1]) {
			if f.Test && bytes.Contains(f.Src, []byte("func "+words[2]+"(")) {
				return ""
			}
		}
		return "no test " + words[2] + " in " + words[1]
	case len(words) == 5 && words[0] == "const" && words[3] == "=":
		got, ok := t.value(words[1], words[2])
		if !ok {
			return "no constant " + words[2] + " in " + words[1]
		}
		want, ok := wanted(words[4])
		if !ok || !constant.Compare(got, token.EQL, want) {
			return words[1] + "." + words[2] + " is " + got.String() + ", not " + words[4]
		}
	default:
		return "kept by " + by + "; want const DIR NAME = VALUE, test DIR NAME or BENCHMARKS.md"
	}
	return ""
}

// wanted reads a value as figures.txt writes it: a number, or a duration.
func wanted(s string) (constant.Value, bool) {
	if d, err := time.ParseDuration(s); err == nil && strings.Trim(s, "0123456789.") != "" {
		return constant.MakeInt64(int64(d)), true
	}
	if v := constant.MakeFromLiteral(s, token.INT, 0); v.Kind() != constant.Unknown {
		return v, true
	}
	v := constant.MakeFromLiteral(s, token.FLOAT, 0)
	return v, v.Kind() != constant.Unknown
}

var durations = map[string]time.Duration{
	"Nanosecond": 1, "Microsecond": time.Microsecond, "Millisecond": time.Millisecond,
	"Second": time.Second, "Minute": time.Minute, "Hour": time.Hour,
}

// value works out a constant of the package in dir: literals, sums and products
// of them, shifts, and the units of package time.
func (t *Tree) value(dir, name string) (constant.Value, bool) {
	e := t.constValue(dir, name)
	if e == nil {
		return nil, false
	}
	return t.eval(dir, e)
}

func (t *Tree) eval(dir string, e ast.Expr) (constant.Value, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		v := constant.MakeFromLiteral(e.Value, e.Kind, 0)
		return v, v.Kind() != constant.Unknown
	case *ast.ParenExpr:
		return t.eval(dir, e.X)
	case *ast.CallExpr: // a conversion
		if len(e.Args) == 1 {
			return t.eval(dir, e.Args[0])
		}
	case *ast.Ident:
		return t.value(dir, e.Name)
	case *ast.SelectorExpr:
		d, ok := durations[e.Sel.Name]
		return constant.MakeInt64(int64(d)), ok
	case *ast.BinaryExpr:
		x, ok := t.eval(dir, e.X)
		y, ok2 := t.eval(dir, e.Y)
		if !ok || !ok2 {
			return nil, false
		}
		if e.Op == token.SHL {
			n, _ := constant.Uint64Val(y)
			return constant.Shift(x, token.SHL, uint(n)), true
		}
		return constant.BinaryOp(x, e.Op, y), true
	}
	return nil, false
}
