package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// drop is a file that arrives while the server serves.
type drop struct {
	what string
	took []time.Duration
}

// index is what the listed names take in memory.
type index struct {
	names int
	bytes int64
}

// drops times files from their arrival to the first answer they change, with all
// names in force beside them.
func (b *bench) drops(ctx context.Context) ([]drop, index, error) {
	s, err := b.sinkhole("drops")
	if err != nil {
		return nil, index{}, err
	}
	if err := b.writeList(s); err != nil {
		return nil, index{}, err
	}
	p, err := startProcess(s.dir, s.args...)
	if err != nil {
		return nil, index{}, err
	}
	defer p.stop()
	if _, err := await(ctx, p, s.addr, b.names[0], dns.RcodeNameError, time.Now()); err != nil {
		return nil, index{}, err
	}
	ix, err := readIndex(s.metrics)
	if err != nil {
		return nil, ix, err
	}
	all := []drop{{what: "moved in complete (`mv`, an older time)"}, {what: "written in place (`cp`; `settle` is 2 s)"}, {what: "taken away (`rm`)"}}
	for i := range b.plan.starts {
		name := cachedName(i)
		for j, put := range []func(path, name string) error{moveIn, writeIn} {
			path := s.listFile(fmt.Sprintf("drop%d.txt", i))
			start := time.Now()
			if err := put(path, name); err != nil {
				return nil, ix, err
			}
			took, err := await(ctx, p, s.addr, name, dns.RcodeNameError, start)
			if err != nil {
				return nil, ix, err
			}
			all[j].took = append(all[j].took, took)
			start = time.Now()
			if err := os.Remove(path); err != nil {
				return nil, ix, err
			}
			if took, err = await(ctx, p, s.addr, name, dns.RcodeSuccess, start); err != nil {
				return nil, ix, err
			}
			all[2].took = append(all[2].took, took)
		}
	}
	return all, ix, nil
}

// moveIn puts a file there as mv does, with the time at which it was written.
func moveIn(path, name string) error {
	beside := filepath.Join(filepath.Dir(filepath.Dir(filepath.Dir(path))), "made.txt")
	if err := os.WriteFile(beside, []byte(name+"\n"), 0o644); err != nil {
		return err
	}
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(beside, old, old); err != nil {
		return err
	}
	return os.Rename(beside, path)
}

func writeIn(path, name string) error { return os.WriteFile(path, []byte(name+"\n"), 0o644) }

var indexMetrics = []string{"coredns_sinkhole_entries", "coredns_sinkhole_index_bytes"}

// readIndex asks the metrics what is in force.
func readIndex(addr string) (index, error) {
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		return index{}, err
	}
	defer resp.Body.Close()
	var sums [2]float64
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		// NAME{LABELS} VALUE; no label of these holds a blank in this rig.
		name, value, _ := strings.Cut(lines.Text(), " ")
		name, _, _ = strings.Cut(name, "{")
		if i := slices.Index(indexMetrics, name); i >= 0 {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return index{}, fmt.Errorf("%s: %w", lines.Text(), err)
			}
			sums[i] += v
		}
	}
	if err := lines.Err(); err != nil {
		return index{}, err
	}
	if sums[0] == 0 {
		return index{}, fmt.Errorf("the metrics have no name in force (%s)", indexMetrics[0])
	}
	return index{int(sums[0]), int64(sums[1])}, nil
}
