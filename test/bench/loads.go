package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/miekg/dns"
)

// load is a start, from the process to the first blocked answer.
type load struct {
	what  string
	wall  []time.Duration
	cpu   []time.Duration
	rss   []int64 // octets, with the first answer
	after []int64 // octets, a while later
}

// rest is when memory is looked at again: the collector has given back what the
// load needed.
const rest = 5 * time.Second

// loads starts each server on the names, several times.
func (b *bench) loads(ctx context.Context) ([]load, error) {
	all := []load{{what: "sinkhole, first start"}, {what: "sinkhole, restart"}, {what: "sinkhole, one name"}, {what: labels[1]}}
	ours, err := b.sinkhole("loads-sinkhole")
	if err != nil {
		return nil, err
	}
	if err := b.writeList(ours); err != nil {
		return nil, err
	}
	bare, err := b.sinkhole("loads-bare")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(bare.listFile("names.txt"), []byte(b.names[0]+"\n"), 0o644); err != nil {
		return nil, err
	}
	peer, err := b.unbound("loads-unbound")
	if err != nil {
		return nil, err
	}
	for range b.plan.starts {
		// Without its state it starts as on the first day, with it as on every other.
		if err := os.RemoveAll(filepath.Join(ours.dir, "state")); err != nil {
			return nil, err
		}
		for i, s := range []server{ours, ours, bare, peer} {
			if err := b.timeStart(ctx, s, &all[i]); err != nil {
				return nil, err
			}
		}
	}
	many, err := b.restarts(ctx)
	return append(all, many...), err
}

// restarts starts sinkhole on very many names, and then again with the state that
// is there.
func (b *bench) restarts(ctx context.Context) ([]load, error) {
	all := []load{{what: "sinkhole, first start, " + thousands(len(b.many)) + " names"}, {what: "sinkhole, restart, " + thousands(len(b.many)) + " names"}}
	s, err := b.sinkholeOf("loads-many", b.many)
	if err != nil {
		return nil, err
	}
	if err := b.timeStart(ctx, s, &all[0]); err != nil {
		return nil, err
	}
	for range b.plan.starts {
		if err := b.timeStart(ctx, s, &all[1]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (b *bench) timeStart(ctx context.Context, s server, l *load) error {
	p, err := startProcess(s.dir, s.args...)
	if err != nil {
		return err
	}
	defer p.stop()
	wall, err := await(ctx, p, s.addr, b.names[0], dns.RcodeNameError, p.started)
	if err != nil {
		return err
	}
	u := p.usage()
	l.wall, l.cpu, l.rss = append(l.wall, wall), append(l.cpu, u.cpu), append(l.rss, u.rss)
	select {
	case <-time.After(min(rest, time.Duration(b.plan.seconds)*time.Second)):
	case <-ctx.Done():
		return ctx.Err()
	}
	l.after = append(l.after, p.usage().rss)
	return nil
}
