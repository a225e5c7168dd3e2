package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// swaps are lists of all names that take the place of each other under load.
type swaps struct {
	rate         int
	n            int
	alone, while calls   // without a swap, and during all of them
	rest, peak   int64   // octets resident before the first, and at most
	after        []int64 // octets resident after each
}

// calls are questions sent one after the other at a steady rate.
type calls struct {
	sent, lost, refused int
	longest             time.Duration
}

const (
	swapRate = 2000             // questions a second
	lostAt   = 2 * time.Second  // a question without an answer for so long is lost
	aloneFor = 20 * time.Second // of load without a swap
)

// swap puts one list of all names into the place of another, again and again.
func (b *bench) swap(ctx context.Context) (w swaps, err error) {
	w.rate = swapRate
	s, err := b.sinkhole("swaps")
	if err != nil {
		return w, err
	}
	if err := b.writeList(s); err != nil {
		return w, err
	}
	p, err := b.serving(ctx, s)
	if err != nil {
		return w, err
	}
	defer p.stop()
	questions := [][]byte{}
	for i := range 1000 {
		questions = append(questions, packed(b.names[i*len(b.names)/1000]), packed(cachedName(i%b.plan.cached)))
	}
	if err := warm(ctx, p, s.addr, min(1000, b.plan.cached)); err != nil {
		return w, err
	}
	if w.alone, err = loaded(s.addr, questions, func() error { return sleep(ctx, min(aloneFor, time.Duration(b.plan.seconds)*4*time.Second)) }); err != nil {
		return w, err
	}
	w.rest = p.usage().own
	if err := forgetPeak(p); err != nil {
		return w, err
	}
	w.while, err = loaded(s.addr, questions, func() error {
		for i := range b.plan.swaps {
			if err := b.swapOnce(ctx, p, s, i); err != nil {
				return err
			}
			w.n++
			w.after = append(w.after, p.usage().own)
		}
		return nil
	})
	w.peak = peak(p)
	return w, err
}

// swapOnce moves in all names, and one that no earlier version held.
func (b *bench) swapOnce(ctx context.Context, p *process, s server, i int) error {
	mark := fmt.Sprintf("swap%d.bench.example", i)
	aside := filepath.Join(s.dir, "made.txt")
	err := writeLines(aside, len(b.names)+1, func(n int) string {
		if n == 0 {
			return mark
		}
		return b.names[n-1]
	})
	if err != nil {
		return err
	}
	if err := moveOld(aside, s.listFile("names.txt")); err != nil {
		return err
	}
	_, err = await(ctx, p, s.addr, mark, dns.RcodeNameError, time.Now())
	return err
}

// forgetPeak begins the count of the largest resident memory anew (proc(5),
// clear_refs).
func forgetPeak(p *process) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0)
}

// peak is the largest resident memory since, in octets.
func peak(p *process) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	_, rest, _ := bytes.Cut(text, []byte("VmHWM:"))
	if fields := bytes.Fields(rest); len(fields) > 0 {
		kib, _ := strconv.ParseInt(string(fields[0]), 10, 64)
		return kib << 10
	}
	return 0
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func packed(name string) []byte {
	b, _ := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA).Pack()
	return b
}

// caller sends questions at a steady rate and times their answers.
type caller struct {
	conn *net.UDPConn

	mu    sync.Mutex
	at    [1 << 16]time.Time // by ID; zero: not on its way
	calls calls
}

// loaded asks while do runs.
func loaded(addr string, questions [][]byte, do func() error) (calls, error) {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return calls{}, err
	}
	c := &caller{conn: conn.(*net.UDPConn)}
	stop, sent, received := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() { c.send(questions, stop); close(sent) }()
	go func() { c.receive(); close(received) }()
	err = do()
	close(stop)
	<-sent
	time.Sleep(lostAt)
	conn.Close()
	<-received
	for _, t := range c.at {
		if !t.IsZero() {
			c.calls.lost++
		}
	}
	return c.calls, err
}

// send is on time or late by what the machine makes it: it does not catch up in
// bursts, which would fill the server's socket and measure that.
func (c *caller) send(questions [][]byte, stop <-chan struct{}) {
	every := time.NewTicker(time.Second / swapRate)
	defer every.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-every.C:
		}
		q := slices.Clone(questions[n%len(questions)])
		id := uint16(n)
		binary.BigEndian.PutUint16(q, id)
		c.mu.Lock()
		if was := c.at[id]; !was.IsZero() {
			c.calls.lost++ // it had all other IDs' time
		}
		c.at[id] = time.Now()
		c.calls.sent++
		c.mu.Unlock()
		c.conn.Write(q)
	}
}

func (c *caller) receive() {
	var b [1500]byte
	for {
		n, err := c.conn.Read(b[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < 12 {
			continue
		}
		now := time.Now()
		id := binary.BigEndian.Uint16(b[:])
		c.mu.Lock()
		if t := c.at[id]; !t.IsZero() {
			c.at[id] = time.Time{}
			c.calls.longest = max(c.calls.longest, now.Sub(t))
			if code := int(b[3] & 0xf); code != dns.RcodeSuccess && code != dns.RcodeNameError {
				c.calls.refused++
			}
		}
		c.mu.Unlock()
	}
}
