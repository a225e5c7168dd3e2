package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/miekg/dns"
)

// change is a list that changes while the server serves: what it costs until the
// first answer that it changes.
type change struct {
	what string
	wall []time.Duration
	cpu  []time.Duration
}

// changes times a large list that comes, and small ones that change beside many
// names and beside many files.
func (b *bench) changes(ctx context.Context) ([]change, error) {
	whole := change{what: fmt.Sprintf("a list of %s names comes, moved in", thousands(len(b.names)))}
	for i := range b.plan.starts {
		if err := b.comes(ctx, i, &whole); err != nil {
			return nil, err
		}
	}
	all := []change{whole}
	for _, beside := range []struct {
		what string
		fill func(s server) error
	}{
		{thousands(len(b.many)) + " names", func(s server) error { return writeNames(s.listFile("names.txt"), b.many) }},
		{thousands(b.plan.files) + " files of 100 names", b.writeFiles},
	} {
		small, err := b.besides(ctx, beside.what, beside.fill)
		if err != nil {
			return nil, fmt.Errorf("beside %s: %w", beside.what, err)
		}
		all = append(all, small...)
	}
	return all, nil
}

// comes starts a server with one name, and moves all of them in.
func (b *bench) comes(ctx context.Context, round int, c *change) error {
	s, err := b.sinkhole(fmt.Sprintf("comes-%d", round))
	if err != nil {
		return err
	}
	p, err := b.serving(ctx, s)
	if err != nil {
		return err
	}
	defer p.stop()
	aside := filepath.Join(s.dir, "made.txt")
	if err := writeNames(aside, b.names); err != nil {
		return err
	}
	return c.time(ctx, p, s, b.names[len(b.names)-1], dns.RcodeNameError, func() error { return moveOld(aside, s.listFile("names.txt")) })
}

// serving starts a server whose lists hold at least the name of probe.
func (b *bench) serving(ctx context.Context, s server) (*process, error) {
	if err := writeIn(s.listFile("probe.txt"), probe); err != nil {
		return nil, err
	}
	p, err := startProcess(s.dir, s.args...)
	if err != nil {
		return nil, err
	}
	if _, err := await(ctx, p, s.addr, probe, dns.RcodeNameError, p.started); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// probe is listed by a file of its own.
const probe = "probe.bench.example"

// besides changes small files beside what fill writes.
func (b *bench) besides(ctx context.Context, what string, fill func(server) error) ([]change, error) {
	s, err := b.sinkhole("besides-" + what[:1])
	if err != nil {
		return nil, err
	}
	if err := fill(s); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(s.dir, "lists", "allow"), 0o755); err != nil {
		return nil, err
	}
	p, err := b.serving(ctx, s)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	name := change{what: "one name more in a small list, beside " + what}
	allow := change{what: "an allow line, beside " + what}
	for i := range b.plan.starts {
		listed := cachedName(i)
		aside := filepath.Join(s.dir, "made.txt")
		if err := os.WriteFile(aside, []byte(probe+"\n"+listed+"\n"), 0o644); err != nil {
			return nil, err
		}
		if err := name.time(ctx, p, s, listed, dns.RcodeNameError, func() error { return moveOld(aside, s.listFile("probe.txt")) }); err != nil {
			return nil, err
		}
		if err := writeIn(aside, listed); err != nil {
			return nil, err
		}
		to := filepath.Join(s.dir, "lists", "allow", "ours.txt")
		if err := allow.time(ctx, p, s, listed, dns.RcodeSuccess, func() error { return moveOld(aside, to) }); err != nil {
			return nil, err
		}
	}
	return []change{name, allow}, nil
}

// time does something and waits until name is answered with want. The questions
// in between, two milliseconds apart, are part of the CPU.
func (c *change) time(ctx context.Context, p *process, s server, name string, want int, do func() error) error {
	before, start := p.usage().cpu, time.Now()
	if err := do(); err != nil {
		return err
	}
	wall, err := await(ctx, p, s.addr, name, want, start)
	if err != nil {
		return err
	}
	c.wall, c.cpu = append(c.wall, wall), append(c.cpu, p.usage().cpu-before)
	return nil
}

// moveOld moves a file in with the time of a minute ago: it has rested.
func moveOld(from, to string) error {
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(from, old, old); err != nil {
		return err
	}
	return os.Rename(from, to)
}

func writeNames(path string, names []string) error {
	return writeLines(path, len(names), func(i int) string { return names[i] })
}

// writeFiles writes many small lists.
func (b *bench) writeFiles(s server) error {
	for i := range b.plan.files {
		at := i * 100 % len(b.names)
		if err := writeNames(s.listFile(fmt.Sprintf("part%05d.txt", i)), b.names[at:min(at+100, len(b.names))]); err != nil {
			return err
		}
	}
	return nil
}
