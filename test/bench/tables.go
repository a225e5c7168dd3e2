package main

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// results are everything one run measured.
type results struct {
	plan    plan
	machine machine
	names   int
	origin  string
	queries []series
	loads   []load
	drops   []drop
	index   index
	counts  []count
}

func median[T cmp.Ordered](all []T) T {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// markdown is BENCHMARKS.md.
func (r results) markdown(now time.Time) string {
	var b strings.Builder
	write := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }

	write("# Benchmarks\n")
	write("Written by `make bench` on %s, all of it from that run; nothing here is edited by hand. Absolute figures drift with the machine, ratios between rows of one table hold. [test/bench](test/bench/main.go) is the rig.\n", now.UTC().Format(time.DateOnly))
	write("| | |\n| --- | --- |")
	write("| machine | %s, %d cores |", r.machine.cpu, r.machine.cores)
	write("| system | %s, Linux %s, %s |", r.machine.system, r.machine.kernel, runtime.Version())
	write("| servers | %s; Unbound %s, of the distribution |", r.machine.sinkhole, strings.TrimPrefix(r.machine.unbound, "Version "))
	write("| names | %s, %s |", thousands(r.names), r.origin)
	write("| set-up | each server on one core, generator and authority on another; each figure is the median of its rounds, which alternate between the servers |\n")

	r.writeQueries(write)
	r.writeLoads(write)
	r.writeIndex(write)
	r.writeDrops(write)
	r.writeCounts(write)
	return b.String()
}

func (r results) writeQueries(write func(string, ...any)) {
	write("## Queries\n")
	write("A listed name (each once before any comes again) and a cached one (%s names, Zipf), by `dnsperf %s`, %d rounds. Both servers answer listed names NXDOMAIN; Unbound's zone holds the names alone, sinkhole's list also means what is below them. CPU is user plus system time of the server and its children over answered queries. The ratio is to Unbound's CPU.\n",
		thousands(r.plan.cached), strings.Join(r.plan.generator(), " "), r.plan.rounds)
	write("| server | question | queries a second | CPU a query | ratio | lost |\n| --- | --- | --- | --- | --- | --- |")
	peers := map[string]float64{}
	for _, s := range r.queries {
		if s.server == labels[1] {
			peers[s.kind] = s.median().us
		}
	}
	for _, k := range kinds {
		for _, s := range r.queries {
			if s.kind == k.name {
				m := s.median()
				write("| %s | %s | %s | %.1f µs | %.2f | %.2f %% |", s.server, s.kind, thousands(int(m.qps)), m.us, m.us/peers[s.kind], m.lost)
			}
		}
	}
	write("")
}

func (s series) median() sample {
	var qps, us, lost []float64
	for _, x := range s.samples {
		qps, us, lost = append(qps, x.qps), append(us, x.us), append(lost, x.lost)
	}
	return sample{median(qps), median(us), median(lost)}
}

func (r results) writeLoads(write func(string, ...any)) {
	write("## Start with %s names\n", thousands(r.names))
	write("From the start of the process to its first blocked answer, %d starts each. A first start reads the list, a restart has the state of the one before it. Memory is resident, of the process and its children, with that answer and some seconds later; one row is the same server with one name.\n", r.plan.starts)
	write("| server | seconds | CPU seconds | MiB at once | MiB later |\n| --- | --- | --- | --- | --- |")
	for _, l := range r.loads {
		write("| %s | %.2f | %.2f | %.0f | %.0f |", l.what, median(l.wall).Seconds(), median(l.cpu).Seconds(), mib(median(l.rss)), mib(median(l.after)))
	}
	write("")
}

func (r results) writeIndex(write func(string, ...any)) {
	write("## Memory a name\n")
	write("`coredns_sinkhole_index_bytes` over `coredns_sinkhole_entries`, with all names in force.\n")
	write("| names | index | bytes a name |\n| --- | --- | --- |")
	write("| %s | %.1f MiB | %.1f |\n", thousands(r.index.names), mib(r.index.bytes), float64(r.index.bytes)/float64(r.index.names))
}

func (r results) writeDrops(write func(string, ...any)) {
	write("## From drop to in force\n")
	write("A file of one name, beside the %s in force, until the first answer that it changes.\n", thousands(r.names))
	write("| file | median | longest | of |\n| --- | --- | --- | --- |")
	for _, d := range r.drops {
		write("| %s | %.2f s | %.2f s | %d |", d.what, median(d.took).Seconds(), slices.Max(d.took).Seconds(), len(d.took))
	}
	write("")
}

func (r results) writeCounts(write func(string, ...any)) {
	write("## One count\n")
	write("`%s`, on one core.\n", strings.Join(countCommand(r.plan.count), " "))
	write("| benchmark | ns a count |\n| --- | --- |")
	for _, c := range r.counts {
		write("| %s | %s |", c.name, c.ns)
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
