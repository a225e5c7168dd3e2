package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// small is the whole rig at a size that takes seconds. It proves that the rig
// works, and measures nothing.
var small = plan{names: 2000, many: 2, files: 20, swaps: 2, cached: 100, asked: 2000, rounds: 1, seconds: 1, waiting: 20, starts: 1, count: "100x", lookups: "^BenchmarkLookUp/1M"}

// TestRig runs everything that make bench runs.
func TestRig(t *testing.T) {
	for _, program := range []string{"dnsperf", "taskset", "unbound", "pdns_recursor"} {
		if _, err := lookUp(program); err != nil {
			t.Skipf("needs %s, which make test installs", program)
		}
	}
	p := small
	p.binary = filepath.Join(t.TempDir(), "sinkhole")
	build := exec.Command("go", "build", "-o", p.binary, "sinkhole/cmd/sinkhole")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out := filepath.Join(t.TempDir(), "BENCHMARKS.md")
	if err := run(t.Context(), p, out); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		`\| sinkhole \| listed \| [0-9,]+ \| [0-9.]+ µs \| [0-9.]+ \| [0-9.]+ %`,
		`\| Unbound, RPZ \| listed \| [0-9,]+ \| [0-9.]+ µs \| 1\.00 \| [0-9.]+ %`,
		`\| sinkhole \| cached \| [0-9,]+ \| [0-9.]+ µs \| [0-9.]+ \| [0-9.]+ %`,
		`\| Unbound, RPZ \| cached \| [0-9,]+ \| [0-9.]+ µs \| 1\.00 \| [0-9.]+ %`,
		`\| sinkhole, first start \| [0-9.]+ \| [0-9.]+ \| [0-9]+ \| [0-9]+ \|`,
		`\| sinkhole, restart \|`,
		`\| sinkhole, restart, 4,000 names \| [0-9.]+ \| [0-9.]+ \|`,
		`\| PowerDNS, RPZ \| 2,000 \| [0-9.]+ MiB \| [0-9.]+ MiB \| -?[0-9.]+ \|`,
		`\| an allow line, beside 4,000 names \| [0-9.]+ \| [0-9.]+ \|`,
		`\| during swaps \| [0-9,]+ \| [0-9]+ \| [0-9]+ \| [0-9.]+ ms \|`,
		`\| 1M, unlisted \| [0-9.]+ \| [0-9.]+ \| [0-9.]+ \| [0-9.]+ \|`,
		`\| 2,000 \| [0-9.]+ MiB \| [0-9.]+ \|`,
		`\| moved in complete .* \| [0-9.]+ s \|`,
		`\| Count.* \| [0-9.]+ \|`,
	} {
		if !regexp.MustCompile(row).Match(text) {
			t.Errorf("no row like %s in\n%s", row, text)
		}
	}
	if regexp.MustCompile(`NaN|Inf|%!`).Match(text) {
		t.Errorf("a figure that is none in\n%s", text)
	}
}

// TestLoadFails: a server that answers otherwise than it should is not measured.
func TestLoadFails(t *testing.T) {
	if _, err := lookUp("dnsperf"); err != nil {
		t.Skip("needs dnsperf, which make test installs")
	}
	a, err := startAuthority()
	if err != nil {
		t.Fatal(err)
	}
	defer a.stop()
	dir := t.TempDir()
	file := filepath.Join(dir, "questions")
	if err := writeCached(file, 10, 100); err != nil {
		t.Fatal(err)
	}
	p, err := startProcess(dir, "sleep", "60")
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	b := &bench{plan: small}
	if _, err := b.load(t.Context(), p, a.addr, file, 3); err == nil || !strings.Contains(err.Error(), "were NXDOMAIN") {
		t.Errorf("NOERROR in the place of NXDOMAIN: got %v", err)
	}
}

func TestReadDnsperf(t *testing.T) {
	const said = `
  Queries sent:         1000
  Queries completed:    999 (99.90%)
  Queries lost:         1 (0.10%)

  Response codes:       NOERROR 900 (90.09%), NXDOMAIN 99 (9.91%)
  Average packet size:  request 40, response 56
  Run time (s):         1.000213
  Queries per second:   998.787
`
	got, err := readDnsperf(said)
	if err != nil || got.completed != 999 || got.lost != 1 || got.qps != 998.787 || got.rcodes["NXDOMAIN"] != 99 || got.rcodes["NOERROR"] != 900 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := readDnsperf("Error: cannot open"); err == nil {
		t.Error("nothing was reported, and no error")
	}
}

func TestMedian(t *testing.T) {
	for _, row := range []struct {
		in   []int
		want int
	}{{[]int{3}, 3}, {[]int{9, 1, 5}, 5}, {[]int{4, 2}, 4}} {
		if got := median(row.in); got != row.want {
			t.Errorf("%v: got %d, want %d", row.in, got, row.want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestUsage: the CPU of a child counts for its parent.
func TestUsage(t *testing.T) {
	p, err := startProcess(t.TempDir(), "sh", "-c", "while :; do :; done & trap \"kill $!; exit\" TERM; wait")
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for p.usage().cpu < 100*time.Millisecond {
		if ctx.Err() != nil {
			t.Fatalf("a busy child has used %s", p.usage().cpu)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if p.usage().rss == 0 {
		t.Error("no memory is resident")
	}
}
