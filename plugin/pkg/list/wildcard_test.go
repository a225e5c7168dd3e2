package list

import (
	"strings"
	"testing"
)

// slowWildcard: *.x and .x are x and all below it.
func slowWildcard(line string) (want string, mine bool) {
	name, ok := strings.CutPrefix(strings.TrimPrefix(line, "*"), ".")
	if !ok || !hostOctets.MatchString(name) || name == "" || strings.HasPrefix(name, ".") && strings.Trim(name, ".") == "" {
		return "", false
	}
	return slowBlock(name, Subtree, true), true
}

func FuzzWildcard(f *testing.F) {
	fuzzFormat(f, slowWildcard, "*.bad.example", ".bad.example", "*.github.io", "*.co.uk", ".xyz", "*.a..b", "*..a", "*.1.2.3.4", "*.BAD.example.")
}
