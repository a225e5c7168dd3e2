package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestLook(t *testing.T) {
	tree := fstest.MapFS{
		"plugin/pkg/x/x.go":        {Data: []byte("// Package x is one.\npackage x\n\n// A is.\nfunc A() {\n}\n\nfunc B() {}\n")},
		"plugin/pkg/x/x_test.go":   {Data: []byte("package x\n\nfunc TestA(t *T) {}\nfunc FuzzA(f *F) {}\nfunc BenchmarkA(b *B) {}\n")},
		"cmd/y/y.go":               {Data: []byte("package main\n\nconst C = 1 // is\n\nfunc main() {" + strings.Repeat("\n", 80) + "}\n")},
		"cmd/y/testdata/z/z.go":    {Data: []byte("no Go at all")},
		".tools/other/other.go":    {Data: []byte("no Go either")},
		"plugin/pkg/x/README.md":   {Data: []byte("text")},
		"cmd/y/testdata/script.go": {Data: []byte("nor this")},
	}
	parts, err := look(tree)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"plugin/pkg": "| plugin/pkg | 1 | 100.0 % | 50.0 % | 8/8 | 2/2/2/2 | 0.0 % | 1/1/1 | 0.62 | plugin/pkg/x/x.go A |",
		"cmd":        "| cmd | 1 | 0.0 % | 100.0 % | 85/85 | 81/81/81/81 | 100.0 % | 0/0/0 | 0.00 | cmd/y/y.go main |",
		"all":        "| all | 2 | 50.0 % | 66.7 % | 85/85 | 2/81/81/81 | 33.3 % | 1/1/1 | 0.05 | cmd/y/y.go main |",
	} {
		if got := parts[name].row(name); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
