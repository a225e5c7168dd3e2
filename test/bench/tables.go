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

	holdings []holding
	changes  []change
	swaps    swaps
	lookups  []lookup
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

	for _, t := range []struct {
		measured bool
		write    func(func(string, ...any))
	}{
		{r.queries != nil, r.writeQueries}, {r.loads != nil, r.writeLoads}, {r.index.names > 0, r.writeIndex},
		{r.holdings != nil, r.writeHoldings}, {r.lookups != nil, r.writeLookups}, {r.drops != nil, r.writeDrops},
		{r.changes != nil, r.writeChanges}, {r.swaps.n > 0, r.writeSwaps}, {r.counts != nil, r.writeCounts},
	} {
		if t.measured {
			t.write(write)
		}
	}
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

func (r results) writeHoldings(write func(string, ...any)) {
	write("### Resident\n")
	write("Resident memory of the process with the list less that of the same server with one name, each after as many questions for listed names (with the list, each name once); mapped pages count, children do not. Medians of %d starts, the last row of one.\n", r.plan.starts)
	write("| server | names | with | without | bytes a name |\n| --- | --- | --- | --- | --- |")
	for _, h := range r.holdings {
		write("| %s | %s | %.1f MiB | %.1f MiB | %.1f |", h.server, thousands(h.names), mib(median(h.with)), mib(median(h.without)), h.bytes())
	}
	write("")
}

func (r results) writeLookups(write func(string, ...any)) {
	write("### Look-ups\n")
	write("`%s`, on one core: names drawn at random from all, and strangers of four labels; each beside one look-up in a map[string]uint32 of the same names, in turns.\n", strings.Join(lookupCommand(r.plan), " "))
	write("| names, asked | index, ns | map, ns | ratio | octets a name |\n| --- | --- | --- | --- | --- |")
	for _, l := range r.lookups {
		write("| %s | %s | %s | %s | %s |", l.name, l.index, l.native, l.ratio, l.octets)
	}
	write("")
}

func (r results) writeChanges(write func(string, ...any)) {
	write("## A list changes\n")
	write("From a rename into the drop folder (with an older time: it has rested) to the first answer that it changes, %d times each; CPU of the server in that time, with the questions that look for the change.\n", r.plan.starts)
	write("| change | seconds | CPU seconds |\n| --- | --- | --- |")
	for _, c := range r.changes {
		write("| %s | %.2f | %.3f |", c.what, median(c.wall).Seconds(), median(c.cpu).Seconds())
	}
	write("")
}

func (r results) writeSwaps(write func(string, ...any)) {
	s := r.swaps
	write("## Swaps under load\n")
	write("A list of %s names takes the place of one like it, %d times, under %s questions a second for listed and cached names; first as long as it takes without a swap.\n", thousands(r.names), s.n, thousands(s.rate))
	write("| | questions | lost | refused or failed | longest answer |\n| --- | --- | --- | --- | --- |")
	for _, c := range []struct {
		what string
		calls
	}{{"without a swap", s.alone}, {"during swaps", s.while}} {
		write("| %s | %s | %d | %d | %.1f ms |", c.what, thousands(c.sent), c.lost, c.refused, c.longest.Seconds()*1000)
	}
	write("\nResident: %.1f MiB before the first swap, %.1f MiB at most (%.2f times), %.1f MiB after the first, %.1f MiB after the last.\n",
		mib(s.rest), mib(s.peak), float64(s.peak)/float64(s.rest), mib(s.after[0]), mib(s.after[len(s.after)-1]))
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
