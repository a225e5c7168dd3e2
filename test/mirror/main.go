// Command mirror prints how long the tree's files and functions are, and how much
// of it is documented and tested: a row a part of the tree, to be looked at. It
// judges nothing; a long function may be the plainest way to say something.
//
//	mirror [DIR]
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// long is where people begin to scroll, in lines.
const long = 70

// part is what is counted of one part of the tree.
type part struct {
	packages, commented          map[string]bool
	exported, documented         int
	files, functions             []int // lines
	tests, fuzzes, benchmarks    int
	codeLines, testLines, overly int
	longest                      string
}

func main() {
	dir := "."
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	parts, err := look(os.DirFS(dir))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("| part | packages | with comment | exported documented | file lines median/p90 | function lines median/p90/p99/max | over 70 lines | Test/Fuzz/Benchmark | test:code | longest |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, name := range []string{"plugin/pkg", "plugin", "cmd", "test", "all"} {
		if p := parts[name]; p != nil {
			fmt.Println(p.row(name))
		}
	}
}

// partOf is the row a folder counts in.
func partOf(dir string) string {
	if strings.HasPrefix(dir, "plugin/pkg/") {
		return "plugin/pkg"
	}
	top, _, _ := strings.Cut(dir, "/")
	return top
}

// look reads all Go files of a tree.
func look(tree fs.FS) (map[string]*part, error) {
	parts := map[string]*part{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || name != "." && strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		src, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		for _, row := range []string{partOf(path.Dir(name)), "all"} {
			if parts[row] == nil {
				parts[row] = &part{packages: map[string]bool{}, commented: map[string]bool{}}
			}
			if err := parts[row].file(name, src); err != nil {
				return err
			}
		}
		return nil
	})
	return parts, err
}

// file counts one file.
func (p *part) file(name string, src []byte) error {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	lines := bytes.Count(src, []byte{'\n'})
	p.packages[path.Dir(name)] = true
	if f.Doc != nil {
		p.commented[path.Dir(name)] = true
	}
	if strings.HasSuffix(name, "_test.go") {
		p.testLines += lines
		p.testFile(f)
		return nil
	}
	p.codeLines += lines
	p.files = append(p.files, lines)
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			n := fset.Position(d.End()).Line - fset.Position(d.Pos()).Line + 1
			if len(p.functions) == 0 || n > slices.Max(p.functions) {
				p.longest = fmt.Sprintf("%s %s", name, d.Name.Name)
			}
			p.functions = append(p.functions, n)
			if n > long {
				p.overly++
			}
			p.symbol(d.Name, d.Doc)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				p.spec(d, spec)
			}
		}
	}
	return nil
}

func (p *part) spec(d *ast.GenDecl, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		p.symbol(s.Name, d.Doc, s.Doc, s.Comment)
	case *ast.ValueSpec:
		for _, name := range s.Names {
			p.symbol(name, d.Doc, s.Doc, s.Comment)
		}
	}
}

func (p *part) symbol(name *ast.Ident, comments ...*ast.CommentGroup) {
	if !name.IsExported() {
		return
	}
	p.exported++
	if slices.ContainsFunc(comments, func(c *ast.CommentGroup) bool { return c != nil }) {
		p.documented++
	}
}

func (p *part) testFile(f *ast.File) {
	for _, decl := range f.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		switch {
		case !ok || fn.Recv != nil:
		case strings.HasPrefix(fn.Name.Name, "Test"):
			p.tests++
		case strings.HasPrefix(fn.Name.Name, "Fuzz"):
			p.fuzzes++
		case strings.HasPrefix(fn.Name.Name, "Benchmark"):
			p.benchmarks++
		}
	}
}

func (p *part) row(name string) string {
	return fmt.Sprintf("| %s | %d | %s | %s | %d/%d | %d/%d/%d/%d | %s | %d/%d/%d | %.2f | %s |",
		name, len(p.packages), percent(len(p.commented), len(p.packages)), percent(p.documented, p.exported),
		at(p.files, 50), at(p.files, 90),
		at(p.functions, 50), at(p.functions, 90), at(p.functions, 99), at(p.functions, 100),
		percent(p.overly, len(p.functions)), p.tests, p.fuzzes, p.benchmarks,
		float64(p.testLines)/float64(max(1, p.codeLines)), p.longest)
}

// at is the value below which that many percent of all lie.
func at(all []int, percent int) int {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

func percent(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(of))
}
