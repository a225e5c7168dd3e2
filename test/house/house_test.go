package house

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// root is the tree that these tests guard.
var root = filepath.Join("..", "..")

func loadTree(t *testing.T) *Tree {
	t.Helper()
	tree, err := Load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// TestGuards holds the tree to every rule, after the rule has shown on its
// planted trees that it can find what it looks for.
func TestGuards(t *testing.T) {
	tree := loadTree(t)
	for _, g := range Guards {
		t.Run(g.Name, func(t *testing.T) {
			tryPlanted(t, g)
			got := g.Check(tree)
			if got.Examined == 0 {
				t.Errorf("examined nothing")
			}
			for _, fault := range got.Faults {
				t.Errorf("%s", fault)
			}
			if t.Failed() {
				t.Logf("the rule: %s", g.Rule)
			}
		})
	}
}

// tryPlanted wants from each tree in testdata/GUARD the faults of its file
// `want`, and of those trees at least one with a fault and one without.
func tryPlanted(t *testing.T, g Guard) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", g.Name, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var bad, sound int
	for _, name := range names {
		planted, want := readPlanted(t, name)
		got := g.Check(planted)
		if len(want) == 0 {
			sound++
		} else {
			bad++
		}
		if got.Examined == 0 {
			t.Errorf("%s: examined nothing", name)
		}
		if !slices.Equal(got.Faults, want) {
			t.Errorf("%s:\ngot:\n\t%s\nwant:\n\t%s", name, strings.Join(got.Faults, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
	if bad == 0 || sound == 0 {
		t.Errorf("testdata/%s holds %d trees with a mistake and %d without; want at least one of each", g.Name, bad, sound)
	}
	if empty, err := Load(os.DirFS(t.TempDir())); err != nil {
		t.Fatal(err)
	} else if got := g.Check(empty); got.Examined != 0 {
		t.Errorf("claims to have examined %d things in an empty tree", got.Examined)
	}
}

// readPlanted reads a planted tree and the faults it wants. {{rot13 TEXT}} stands
// for what the tree must not hold even here.
func readPlanted(t *testing.T, name string) (*Tree, []string) {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text := string(src)
	for {
		before, rest, ok := strings.Cut(text, "{{rot13 ")
		if !ok {
			break
		}
		hidden, after, _ := strings.Cut(rest, "}}")
		text = before + rot13(hidden) + after
	}
	arch := txtar.Parse([]byte(text))
	var want []string
	arch.Files = slices.DeleteFunc(arch.Files, func(f txtar.File) bool {
		if f.Name != "want" {
			return false
		}
		for line := range strings.Lines(string(f.Data)) {
			want = append(want, strings.TrimRight(line, "\n"))
		}
		return true
	})
	fsys, err := txtar.FS(arch)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	tree, err := Load(fsys)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return tree, want
}

// TestPlantedBelongToGuards finds planted trees of a guard that is gone.
func TestPlantedBelongToGuards(t *testing.T) {
	dirs, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		known := slices.ContainsFunc(Guards, func(g Guard) bool { return g.Name == d.Name() })
		if !known {
			t.Errorf("testdata/%s belongs to no guard", d.Name())
		}
	}
}
