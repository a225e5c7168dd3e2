package main

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"

	"sinkhole/plugin/pkg/control"
)

// handled are the signals with a meaning. USR2 and PIPE are taken so that they do
// not end us.
var handled = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE}

// stopWithin bounds the stop: what is on its way gets CoreDNS's five seconds,
// then lists, counters and child give back what they hold.
const stopWithin = 10 * time.Second

func stops(sig os.Signal) bool { return sig == syscall.SIGTERM || sig == syscall.SIGINT }

// obey does what signals ask until one asks to stop, and then stops; clean says
// that everything has.
func (srv *server) obey(ctx context.Context, signals <-chan os.Signal, parts *sync.WaitGroup) (code int, clean bool) {
	for sig := range signals {
		switch sig {
		case syscall.SIGHUP:
			parts.Go(func() { srv.lookNow(ctx) })
		case syscall.SIGUSR1:
			parts.Go(srv.reloadCorefile)
		case syscall.SIGTERM, syscall.SIGINT:
			return srv.stop(signals)
		}
	}
	return exitFine, true
}

// lookNow has the lists looked at, and says how it went.
func (srv *server) lookNow(ctx context.Context) {
	srv.notify.reloading()
	defer srv.notify.ready("serving")
	lists, err := srv.Reload(ctx, control.ReloadRequest{})
	if err != nil {
		srv.say("looking at the lists: %v", err)
		return
	}
	refused := 0
	for _, l := range lists.Lists {
		if isRefused(l) {
			refused++
			srv.say("%s: %s", l.File, l.Reason)
		}
	}
	srv.say("looked at the lists: %d files, %d refused", len(lists.Lists), refused)
}

// stop drains and stops. A second INT, or the end of the time, ends it early.
func (srv *server) stop(signals <-chan os.Signal) (code int, clean bool) {
	srv.notify.stopping()
	stopped := make(chan error, 1)
	go func() {
		srv.turn.Lock() // a reload on its way ends first
		defer srv.turn.Unlock()
		srv.stopped = true
		stopped <- srv.stage.stop(srv.inst)
	}()
	late := time.After(stopWithin)
	for {
		select {
		case err := <-stopped:
			if err != nil {
				srv.say("%v", err)
			}
			srv.say("sinkhole: stopped")
			return exitFine, true
		case sig := <-signals:
			if sig == syscall.SIGINT {
				return srv.stdio.complain(exitFound, "sinkhole: ended by a second interrupt before it had stopped"), false
			}
		case <-late:
			return srv.stdio.complain(exitFound, "sinkhole: ended after %s, some part had not stopped", stopWithin), false
		}
	}
}
