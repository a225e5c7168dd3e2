// Package house holds the rules that the tree promises to itself: which package
// may import which, what a README must say, what a metric may be called.
//
// A rule is a Guard: a pure function from a Tree to its faults. A guard that
// cannot fail is worse than none, so each is tried on planted trees first:
// testdata/GUARD/*.txtar holds small trees with a mistake, and the faults that
// must be found in them, beside at least one sound tree in which none may be
// found. On the real tree a guard fails also when it examined nothing.
//
// What needs the built binary (examples that start, metrics that are scraped)
// stands in the tests of this package instead.
package house

import (
	"fmt"
	"go/token"
	"slices"
)

// Guard is one rule over the tree.
type Guard struct {
	Name  string // also the folder of its planted trees
	Rule  string // the rule in one sentence
	Check func(*Tree) Report
}

// Report is what a guard found. Faults read `file:line: what is wrong`, so that
// editors and grep jump to them.
type Report struct {
	Examined int
	Faults   []string
}

// Guards are all rules, in the order in which a newcomer meets them.
var Guards = slices.Concat(floorGuards, codeGuards, pluginGuards, paperGuards)

func (r *Report) fault(file string, line int, format string, args ...any) {
	place := file + ": "
	if line > 0 {
		place = fmt.Sprintf("%s:%d: ", file, line)
	}
	r.Faults = append(r.Faults, place+fmt.Sprintf(format, args...))
}

func (r *Report) faultAt(t *Tree, pos token.Pos, format string, args ...any) {
	p := t.Fset.Position(pos)
	r.fault(p.Filename, p.Line, format, args...)
}
