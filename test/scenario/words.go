package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// split parts a command's arguments at the arrow.
func split(args []string) (before, words []string) {
	i := slices.Index(args, "->")
	if i < 0 {
		return args, nil
	}
	return args[:i], args[i+1:]
}

// hold says which of the words wanted do not hold among those found.
func hold(found, wanted []string) error {
	var missing []string
	for _, w := range wanted {
		if !holds(found, w) {
			missing = append(missing, w)
		}
	}
	if missing == nil {
		return nil
	}
	return fmt.Errorf("want %s; got %s", strings.Join(missing, " "), strings.Join(found, " "))
}

func holds(found []string, word string) bool {
	if rest, not := strings.CutPrefix(word, "!"); not {
		return !holds(found, rest)
	}
	if slices.Contains(found, word) {
		return true
	}
	if key, bound, ok := strings.Cut(word, "<="); ok {
		return compare(found, key, func(n, b float64) bool { return n <= b }, bound)
	}
	if key, bound, ok := strings.Cut(word, ">="); ok {
		return compare(found, key, func(n, b float64) bool { return n >= b }, bound)
	}
	if strings.Contains(word, "|") {
		return slices.ContainsFunc(strings.Split(word, "|"), func(w string) bool { return holds(found, w) })
	}
	return false
}

// compare wants every number found under key to fit the bound, and one at least.
func compare(found []string, key string, fits func(n, bound float64) bool, bound string) bool {
	b, err := strconv.ParseFloat(bound, 64)
	if err != nil {
		return false
	}
	some := false
	for _, f := range found {
		text, ok := strings.CutPrefix(f, key+"=")
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !fits(n, b) {
			return false
		}
		some = true
	}
	return some
}
