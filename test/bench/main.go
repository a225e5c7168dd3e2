// Command bench measures sinkhole beside Unbound and PowerDNS and writes BENCHMARKS.md.
//
//	bench [-out FILE] [-names N] [-rounds N] [-seconds N] [-list FILE] [-only NAME,...]
//
// Both servers hold the same names, sinkhole as a list in its drop folder and
// Unbound as a response policy zone, both answer them NXDOMAIN, and both ask the
// same authority for everything else: a server of this program on loopback, so
// that nothing leaves the machine. The servers run on the first core, one at a
// time under load; the generator (dnsperf) and the authority on the second.
// Rounds alternate between the servers, and a figure is the median of its rounds:
// on a machine that is slower in one hour than in the next, ratios still hold.
//
// CPU is user plus system time of a process and its children, from /proc.
// Everything in BENCHMARKS.md comes from one run; nothing is carried over from
// the run before.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// plan says how much is measured; the tests run a small one.
type plan struct {
	list  string // a list of names, compressed or not; "": made-up ones
	names int    // at most
	many  int    // times as many names, where memory and changes must not grow with them
	files int    // small lists
	swaps int    // of all names

	cached  int // names that are asked from the cache
	asked   int // questions in a file for dnsperf
	rounds  int
	seconds int    // of load a round
	waiting int    // questions on their way at once
	starts  int    // of a server that is timed
	count   string // for how long, or how often, one count is timed
	lookups string // which benchmarks of look-ups
	binary  string
	only    string // parts, with commas between them; "": all

	unbound, powerdns string // found by run
}

var whole = plan{
	list: "../shared/lists/plain/real-million.txt.zst", names: 1_000_000, many: 5, files: 10_000, swaps: 50, cached: 10_000, asked: 100_000,
	rounds: 5, seconds: 5, waiting: 400, starts: 3, count: "1s", lookups: "^BenchmarkLookUp", binary: "bin/sinkhole",
}

func main() {
	p := whole
	out := flag.String("out", "", "write the tables to `FILE`, not to standard output")
	flag.StringVar(&p.list, "list", p.list, "the list of names `FILE`; where it is missing, names are made up")
	flag.IntVar(&p.names, "names", p.names, "list at most `N` names")
	flag.IntVar(&p.rounds, "rounds", p.rounds, "`N` rounds of load a server")
	flag.IntVar(&p.seconds, "seconds", p.seconds, "`N` seconds of load a round")
	flag.StringVar(&p.only, "only", "", "measure only the parts `NAME,...`: one count, starts, drops, look-ups, memory, changes, swaps, queries")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, p, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, p plan, out string) (err error) {
	if p.unbound, err = lookUp("unbound"); err != nil {
		return err
	}
	if p.powerdns, err = lookUp("pdns_recursor"); err != nil {
		return err
	}
	if err := moveAside(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r, err := measure(ctx, p, dir)
	if err != nil {
		return err
	}
	text := r.markdown(time.Now())
	if out == "" {
		_, err = os.Stdout.WriteString(text)
		return err
	}
	return os.WriteFile(out, []byte(text), 0o644)
}

// measure takes all measurements, the longest last.
func measure(ctx context.Context, p plan, dir string) (r results, err error) {
	r.plan, r.machine = p, thisMachine(p)
	b, err := newBench(p, dir)
	if err != nil {
		return r, err
	}
	defer b.authority.stop()
	r.names, r.origin = len(b.names), b.origin
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"one count", func(ctx context.Context) (err error) { r.counts, err = b.counts(ctx); return err }},
		{"starts", func(ctx context.Context) (err error) { r.loads, err = b.loads(ctx); return err }},
		{"drops", func(ctx context.Context) (err error) { r.drops, r.index, err = b.drops(ctx); return err }},
		{"look-ups", func(ctx context.Context) (err error) { r.lookups, err = b.lookups(ctx); return err }},
		{"memory", func(ctx context.Context) (err error) { r.holdings, err = b.holdings(ctx); return err }},
		{"changes", func(ctx context.Context) (err error) { r.changes, err = b.changes(ctx); return err }},
		{"swaps", func(ctx context.Context) (err error) { r.swaps, err = b.swap(ctx); return err }},
		{"queries", func(ctx context.Context) (err error) { r.queries, err = b.queries(ctx); return err }},
	} {
		if p.only != "" && !slices.Contains(strings.Split(p.only, ","), part.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s\n", part.name)
		if err := part.run(ctx); err != nil {
			return r, fmt.Errorf("bench: %s: %w", part.name, err)
		}
	}
	return r, nil
}
