package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/miekg/dns"
)

// holding is what a server's lists take: the resident memory of its process with
// all names less that with one, each after as many questions for listed names.
type holding struct {
	server        string
	names         int
	with, without []int64 // octets
}

// bytes is what one name takes.
func (h holding) bytes() float64 {
	return float64(median(h.with)-median(h.without)) / float64(h.names)
}

// maker makes a server ready in a directory of that name, with these names listed.
type maker func(name string, names []string) (server, error)

// holdings measures all servers with the names of the plan, and sinkhole with
// many more.
func (b *bench) holdings(ctx context.Context) ([]holding, error) {
	var all []holding
	for _, m := range []struct {
		label string
		make  maker
	}{{labels[0], b.sinkholeOf}, {labels[1], b.unboundOf}, {labels[2], b.powerdnsOf}} {
		h, err := b.holding(ctx, m.label, m.make, b.names, b.plan.starts)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.label, err)
		}
		all = append(all, h)
	}
	h, err := b.holding(ctx, labels[0], b.sinkholeOf, b.many, 1) // minutes each
	return append(all, h), err
}

func (b *bench) holding(ctx context.Context, label string, make maker, names []string, starts int) (h holding, err error) {
	h = holding{server: label, names: len(names)}
	id := fmt.Sprintf("holding-%d-", len(names))
	with, err := make(id+"with", names)
	if err != nil {
		return h, err
	}
	without, err := make(id+"without", names[:1])
	if err != nil {
		return h, err
	}
	every, one := filepath.Join(b.dir, id+"every.txt"), filepath.Join(b.dir, id+"one.txt")
	if err := writeListed(every, names, len(names)); err != nil {
		return h, err
	}
	if err := writeListed(one, names[:1], len(names)); err != nil {
		return h, err
	}
	for range starts {
		for _, half := range []struct {
			s    server
			file string
			to   *[]int64
		}{{with, every, &h.with}, {without, one, &h.without}} {
			rss, err := b.resident(ctx, half.s, names[0], half.file, len(names))
			if err != nil {
				return h, err
			}
			*half.to = append(*half.to, rss)
		}
	}
	return h, nil
}

// resident starts a server, asks all questions of the file once, waits until it
// has given back what it needed for that, and says what it holds.
func (b *bench) resident(ctx context.Context, s server, first, file string, questions int) (int64, error) {
	p, err := startProcess(s.dir, s.args...)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	if _, err := await(ctx, p, s.addr, first, dns.RcodeNameError, p.started); err != nil {
		return 0, err
	}
	args := pinned(clientCore, "dnsperf", "-s", "127.0.0.1", "-p", port(s.addr), "-d", file, "-n", "1", "-c", "20", "-T", "1", "-q", "100", "-t", "2")
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("dnsperf: %w: %s", err, out)
	}
	r, err := readDnsperf(string(out))
	if err != nil {
		return 0, err
	}
	if blocked := r.rcodes["NXDOMAIN"]; blocked*1000 < questions*999 {
		return 0, fmt.Errorf("of %d questions for listed names %d were answered NXDOMAIN", questions, blocked)
	}
	select {
	case <-time.After(min(rest, time.Duration(b.plan.seconds)*time.Second)):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return p.usage().own, nil
}
