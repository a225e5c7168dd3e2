package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/coredns/caddy"
	"github.com/miekg/dns"
)

const (
	// firstAnswerWithin bounds the wait for the first answer after the listeners
	// are open; it takes a millisecond.
	firstAnswerWithin = 5 * time.Second
	selfQueryTimeout  = time.Second
)

// selfQuery asks every plain DNS address whether it answers. The question has RD
// clear: it goes through socket, parser and gate and is refused there, so it is
// counted for nobody and costs no lookup. Any reply will do; that the recursor
// works is its own to say, and is no reason to be restarted.
func selfQuery(inst *caddy.Instance, timeout time.Duration) error {
	for _, s := range inst.Servers() {
		// The only kind of server that has a listener and a packet socket both.
		if s.Addr() == nil || s.LocalAddr() == nil {
			continue
		}
		if err := askSelf(reachable(s.LocalAddr()), reachable(s.Addr()), timeout); err != nil {
			return err
		}
	}
	return nil
}

func askSelf(udp, tcp string, timeout time.Duration) error {
	q := new(dns.Msg)
	q.SetQuestion("localhost.", dns.TypeA)
	q.RecursionDesired = false
	client := dns.Client{Net: "udp", Timeout: timeout}
	if _, _, err := client.Exchange(q, udp); err == nil {
		return nil
	}
	client.Net = "tcp"
	if _, _, err := client.Exchange(q, tcp); err != nil {
		return fmt.Errorf("%s: our own question was not answered: %w; want rules that let this machine ask itself", udp, plainly(err))
	}
	return nil
}

// plainly is what went wrong without the addresses, which the caller has said.
func plainly(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// reachable is the address of a socket, loopback where it listens on all.
func reachable(a net.Addr) string {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil || !ap.Addr().IsUnspecified() {
		return a.String()
	}
	if ap.Addr().Is4() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), ap.Port()).String()
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), ap.Port()).String()
}

// askUntilAnswered waits for the first answer.
func askUntilAnswered(inst *caddy.Instance) error {
	for end := time.Now().Add(firstAnswerWithin); ; {
		err := selfQuery(inst, selfQueryTimeout)
		if err == nil || time.Now().After(end) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// feedWatchdog tells the manager that we live as long as we answer ourselves,
// twice in the time it grants.
func (srv *server) feedWatchdog(ctx context.Context) {
	if srv.notify.watchdog == 0 {
		return
	}
	tick := time.NewTicker(srv.notify.watchdog / 2)
	defer tick.Stop()
	for {
		if err := selfQuery(srv.instance(), min(selfQueryTimeout, srv.notify.watchdog/4)); err == nil {
			srv.notify.alive()
		} else {
			srv.say("%v", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
