package main

import (
	"context"
	"fmt"
	"time"

	"github.com/miekg/dns"
)

const (
	// askEvery bounds what a wait adds to what it measures.
	askEvery = 2 * time.Millisecond
	// answerWithin is for the slowest: Unbound reads a million names in a quarter
	// of a minute, on a busy machine in a whole one.
	answerWithin = 5 * time.Minute
)

// rcode asks once; -1 is no answer.
func rcode(addr, name string) int {
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA)
	q.SetEdns0(1232, false)
	client := dns.Client{Timeout: 200 * time.Millisecond}
	m, _, err := client.Exchange(q, addr)
	if err != nil {
		return -1
	}
	return m.Rcode
}

// await asks until the answer is want, and says how long it took since start.
func await(ctx context.Context, p *process, addr, name string, want int, start time.Time) (time.Duration, error) {
	for end := time.Now().Add(answerWithin); ; time.Sleep(askEvery) {
		got := rcode(addr, name)
		if got == want {
			return time.Since(start), nil
		}
		if err := p.alive(); err != nil {
			return 0, err
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if time.Now().After(end) {
			return 0, fmt.Errorf("%s at %s: got rcode %d, want %d, for %s", name, addr, got, want, answerWithin)
		}
	}
}

// warm asks each cached name once, so that the answer lies in the cache.
func warm(ctx context.Context, p *process, addr string, cached int) error {
	for i := range cached {
		if _, err := await(ctx, p, addr, cachedName(i), dns.RcodeSuccess, time.Now()); err != nil {
			return err
		}
	}
	return nil
}
