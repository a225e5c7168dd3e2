package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// notifier tells the service manager how we are: the protocol of sd_notify(3),
// datagrams on a Unix socket. Without a manager it says nothing.
type notifier struct {
	socket   string
	watchdog time.Duration
}

// newNotifier reads what the manager left in the environment, and takes it out,
// so that no child can speak in our name.
func newNotifier() notifier {
	n := notifier{socket: os.Getenv("NOTIFY_SOCKET")}
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if pid := os.Getenv("WATCHDOG_PID"); err == nil && usec > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		n.watchdog = time.Duration(usec) * time.Microsecond
	}
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		os.Unsetenv(name)
	}
	return n
}

func (n notifier) send(state string) {
	if n.socket == "" {
		return
	}
	// A name that begins with @ lies in the abstract name space; package net
	// knows it in that form.
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetWriteDeadline(time.Now().Add(time.Second))
	conn.Write([]byte(state))
}

func (n notifier) ready(status string) { n.send("READY=1\nSTATUS=" + status) }
func (n notifier) stopping()           { n.send("STOPPING=1\nSTATUS=draining") }
func (n notifier) alive()              { n.send("WATCHDOG=1") }

// reloading must be followed by ready. The time lets the manager tell this
// reload from an earlier one.
func (n notifier) reloading() {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return
	}
	n.send(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/int64(time.Microsecond)))
}

// Long starts: a hundred million names take minutes to read. Every
// extendEvery the manager is asked for extendBy more, for at most extendAtMost.
const (
	extendEvery  = 10 * time.Second
	extendBy     = 30 * time.Second
	extendAtMost = 30 * time.Minute
)

// extendUntil asks the manager for more time until done is closed.
func (n notifier) extendUntil(done <-chan struct{}) {
	tick := time.NewTicker(extendEvery)
	defer tick.Stop()
	end := time.After(extendAtMost)
	for {
		n.send(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d\nSTATUS=reading lists", extendBy/time.Microsecond))
		select {
		case <-done:
			return
		case <-end:
			return
		case <-tick.C:
		}
	}
}
