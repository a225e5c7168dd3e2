package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

// count is a benchmark of plugin/pkg/tally.
type count struct{ name, ns string }

var benchLine = regexp.MustCompile(`(?m)^Benchmark(\S*?)(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op`)

// counts runs the benchmarks of the counting tables.
func (b *bench) counts(ctx context.Context) ([]count, error) {
	args := pinned(serverCore, countCommand(b.plan.count)...)
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	var all []count
	for _, m := range benchLine.FindAllStringSubmatch(string(out), -1) {
		all = append(all, count{strings.ReplaceAll(m[1], "_", " "), m[2]})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("plugin/pkg/tally has no benchmark of a count: %s", out)
	}
	return all, nil
}

func countCommand(benchtime string) []string {
	return []string{"go", "test", "-run", "^$", "-bench", "^BenchmarkCount", "-benchtime", benchtime, "sinkhole/plugin/pkg/tally"}
}
