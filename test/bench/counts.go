package main

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// count is a benchmark of plugin/pkg/tally.
type count struct{ name, ns string }

var benchLine = regexp.MustCompile(`(?m)^Benchmark(\S*?)(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op`)

// counts runs the benchmarks of the counting tables.
func (b *bench) counts(ctx context.Context) ([]count, error) {
	return benchmarks(ctx, countCommand(b.plan.count))
}

// lookup is a look-up in an index and in a map of the same names, side by side.
type lookup struct {
	name          string
	index, native string // ns
	ratio, octets string // index over map; octets a name in the index
}

// lookups runs the benchmarks of look-ups beside a map.
func (b *bench) lookups(ctx context.Context) ([]lookup, error) {
	out, err := goBench(ctx, lookupCommand(b.plan))
	if err != nil {
		return nil, err
	}
	var all []lookup
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !strings.HasPrefix(fields[0], "BenchmarkLookUp/") {
			continue
		}
		by := map[string]string{}
		for i := 2; i+1 < len(fields); i += 2 {
			by[fields[i+1]] = fields[i]
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(fields[0], "BenchmarkLookUp/"), "-")
		all = append(all, lookup{strings.ReplaceAll(name, "/", ", "), by["walk-ns"], by["map-ns"], by["walk/map"], by["octets/name"]})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("plugin/pkg/index has no benchmark of a look-up: %s", out)
	}
	slices.SortStableFunc(all, func(a, b lookup) int { return cmp.Compare(size(a.name), size(b.name)) })
	return all, nil
}

// size reads 10k or 5M in front of a name.
func size(name string) (n int) {
	text, _, _ := strings.Cut(name, ",")
	fmt.Sscanf(strings.NewReplacer("k", "000", "M", "000000").Replace(text), "%d", &n)
	return n
}

// benchmarks runs a command and reads its ns/op.
func benchmarks(ctx context.Context, command []string) ([]count, error) {
	out, err := goBench(ctx, command)
	if err != nil {
		return nil, err
	}
	var all []count
	for _, m := range benchLine.FindAllStringSubmatch(out, -1) {
		all = append(all, count{strings.ReplaceAll(m[1], "_", " "), m[2]})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no benchmark is in %s", strings.Join(command, " "), out)
	}
	return all, nil
}

func goBench(ctx context.Context, command []string) (string, error) {
	args := pinned(serverCore, command...)
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return string(out), nil
}

func countCommand(benchtime string) []string {
	return []string{"go", "test", "-run", "^$", "-bench", "^BenchmarkCount", "-benchtime", benchtime, "sinkhole/plugin/pkg/tally"}
}

func lookupCommand(p plan) []string {
	return []string{"go", "test", "-run", "^$", "-bench", p.lookups, "-benchtime", p.count, "sinkhole/plugin/pkg/index"}
}
