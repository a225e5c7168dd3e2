package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Tree is the repository as the guards see it: every file, and Go files parsed.
type Tree struct {
	Module string // the module path of go.mod
	Fset   *token.FileSet
	Files  map[string][]byte // by slash path from the root
	Go     []*GoFile         // outside testdata, by path
	// Broken are Go files that do not parse; they are faults of every guard
	// that reads Go.
	Broken []string
}

// GoFile is one parsed file.
type GoFile struct {
	Path string // slash path from the root
	Dir  string
	Test bool // a _test.go file
	AST  *ast.File
	Src  []byte
}

// notOurs are folders at the root that hold what was built or kept, not what
// was written.
var notOurs = map[string]bool{".git": true, ".state": true, "bin": true, ".tools": true}

// maxFile bounds what is read: larger files are data, not text with rules.
const maxFile = 1 << 20 // bytes

// Load reads a tree.
func Load(fsys fs.FS) (*Tree, error) {
	t := &Tree{Fset: token.NewFileSet(), Files: map[string][]byte{}}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && notOurs[p]:
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var src []byte
		if info.Size() <= maxFile {
			if src, err = fs.ReadFile(fsys, p); err != nil {
				return err
			}
		}
		t.Files[p] = src
		return nil
	})
	if err != nil {
		return nil, err
	}
	t.Module = moduleOf(t.Files["go.mod"])
	t.parse()
	return t, nil
}

func moduleOf(gomod []byte) string {
	for line := range strings.Lines(string(gomod)) {
		if m, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(m)
		}
	}
	return "sinkhole" // planted trees leave go.mod out
}

func (t *Tree) parse() {
	for _, p := range t.Paths() {
		if !strings.HasSuffix(p, ".go") || inTestdata(p) {
			continue
		}
		f, err := parser.ParseFile(t.Fset, p, t.Files[p], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Broken = append(t.Broken, err.Error())
			continue
		}
		t.Go = append(t.Go, &GoFile{p, path.Dir(p), strings.HasSuffix(p, "_test.go"), f, t.Files[p]})
	}
}

// Paths lists the files in order.
func (t *Tree) Paths() []string { return slices.Sorted(maps.Keys(t.Files)) }

// Under lists the Go files in dir and below.
func (t *Tree) Under(dir string) []*GoFile {
	var out []*GoFile
	for _, f := range t.Go {
		if within(f.Dir, dir) {
			out = append(out, f)
		}
	}
	return out
}

// Packages lists the folders that hold Go files, in order.
func (t *Tree) Packages() []string {
	var dirs []string
	for _, f := range t.Go {
		dirs = append(dirs, f.Dir)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// Plugins lists the folders of the plugins: those in plugin/ with a setup.go.
func (t *Tree) Plugins() []string {
	var dirs []string
	for p := range t.Files {
		if path.Base(p) == "setup.go" && path.Dir(path.Dir(p)) == "plugin" {
			dirs = append(dirs, path.Dir(p))
		}
	}
	slices.Sort(dirs)
	return dirs
}

// Source lists the files of one folder that are no tests.
func (t *Tree) Source(dir string) []*GoFile {
	return slices.DeleteFunc(t.in(dir), func(f *GoFile) bool { return f.Test })
}

func (t *Tree) in(dir string) []*GoFile {
	var out []*GoFile
	for _, f := range t.Go {
		if f.Dir == dir {
			out = append(out, f)
		}
	}
	return out
}

// Import is one import as it stands.
type Import struct {
	File *GoFile
	Path string // as written
	Own  string // from the root of the tree, when it is ours, else empty
	Pos  token.Pos
}

// Imports lists the imports of a file.
func (t *Tree) Imports(f *GoFile) []Import {
	var out []Import
	for _, spec := range f.AST.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		own, ok := strings.CutPrefix(p, t.Module+"/")
		if !ok {
			own = ""
		}
		out = append(out, Import{f, p, own, spec.Path.Pos()})
	}
	return out
}

// within says whether p is dir or below it.
func within(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, dir+"/")
}

func inTestdata(p string) bool {
	return slices.Contains(strings.Split(p, "/"), "testdata")
}
