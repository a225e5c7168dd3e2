package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"github.com/coredns/caddy"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/statedir"
)

var serveVerb = verb{
	name: "serve",
	does: "runs the server",
	more: `TERM and INT drain and stop within 10 s; a second INT ends at once. HUP looks at
the lists now. USR1 reads the Corefile again; the old one stays in force when the
new one is refused. Under systemd (Type=notify) the server says when it is ready,
reloading and stopping, and feeds the watchdog.`,
	exits: "0 stopped, 1 could not start or failed, 2 the Corefile or the arguments are wrong",
	flags: serveFlags,
}

func confFlag(flags *flag.FlagSet, value string) *string {
	usage := "the `FILE` that configures the server"
	return flags.String("conf", value, usage)
}

func serveFlags(flags *flag.FlagSet) action {
	conf := confFlag(flags, defaultConf)
	return func(_ context.Context, s stdio, args []string) int {
		if len(args) > 0 {
			return s.complain(exitUsage, "serve %q: want no argument; the Corefile is named by --conf", args)
		}
		return serve(s, *conf)
	}
}

// server is the running server: one Corefile in force, one state.
type server struct {
	conf     string
	stdio    stdio
	notify   notifier
	started  time.Time
	stateDir string

	state   *statedir.Dir
	control net.Listener

	// turn is held by a reload, and by the stop, which waits for one.
	turn    sync.Mutex
	stopped bool

	mu   sync.Mutex // guards what follows, which a reload changes
	inst *caddy.Instance
	// inForce is the Corefile that inst serves, stage its hooks.
	inForce corefile
	stage   *stage
	// refusal says why the Corefile on disk is not the one in force.
	refusal string
}

// serve runs a server until a signal ends it.
func serve(s stdio, conf string) int {
	log.SetFlags(0) // the journal has its own clock
	log.SetOutput(s.err)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, handled...)
	watchSetups()

	srv := &server{conf: conf, stdio: s, notify: newNotifier(), started: time.Now()}
	c, err := readCorefile(conf)
	if err != nil {
		return s.complain(exitUsage, "%v", err)
	}
	if err := c.unsafe(); err != nil {
		return s.complain(exitUsage, "%v", err)
	}
	started := make(chan int, 1)
	go func() { started <- srv.start(c) }()
	if code, end := srv.awaitStart(started, signals); end {
		return code
	}
	defer srv.state.Close()
	return srv.run(signals)
}

// awaitStart waits for the start, however long the lists take; a signal to stop
// ends it, and the kernel ends the child with us.
func (srv *server) awaitStart(started <-chan int, signals <-chan os.Signal) (code int, end bool) {
	done := make(chan struct{})
	defer close(done)
	go srv.notify.extendUntil(done)
	for {
		select {
		case code := <-started:
			return code, code != exitFine
		case sig := <-signals:
			if stops(sig) {
				srv.notify.stopping()
				return srv.stdio.complain(exitFine, "sinkhole: stopped while starting"), true
			}
		}
	}
}

// start starts the Corefile, up to the first answer.
func (srv *server) start(c corefile) int {
	inst, stage, err := c.start(func() error { return srv.claim(c) })
	if err != nil {
		if !stage.passed {
			return srv.stdio.complain(exitUsage, "%v", err)
		}
		return srv.stdio.complain(exitFound, "%v", err)
	}
	srv.inst, srv.stage, srv.inForce = inst, stage, c
	if err := askUntilAnswered(inst); err != nil {
		return srv.stdio.complain(exitFound, "%v", err)
	}
	if srv.control, err = control.Listen(srv.stateDir); err != nil {
		return srv.stdio.complain(exitFound, "%v", err)
	}
	return exitFine
}

// claim takes what only one server may have: the state, and the ports.
func (srv *server) claim(c corefile) (err error) {
	srv.stateDir = c.state()
	if srv.state, err = statedir.Open(srv.stateDir); err != nil {
		return err
	}
	return openable(c.endpoints())
}

// run serves until a signal ends it.
func (srv *server) run(signals <-chan os.Signal) int {
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() {
		if err := control.NewServer(srv).Run(ctx, srv.control); err != nil {
			srv.say("%v", err)
		}
	})
	parts.Go(func() { srv.feedWatchdog(ctx) })
	srv.announce()
	code, clean := srv.obey(ctx, signals, &parts)
	cancel()
	if clean {
		parts.Wait()
	}
	return code
}

// announce says in one line that we serve.
func (srv *server) announce() {
	var names int
	if lists, ok := activeLists(); ok {
		for _, l := range lists.Status() {
			if l.State != control.StateRefused {
				names += l.Entries
			}
		}
	}
	var where []string
	for _, e := range srv.inForce.endpoints() {
		if e.network == "tcp" { // each DNS address once
			where = append(where, e.address)
		}
	}
	status := fmt.Sprintf("serving on %s, %d listed names and addresses in force", strings.Join(where, " "), names)
	srv.say("sinkhole %s: %s, after %s", buildVersion(), status, time.Since(srv.started).Round(time.Millisecond))
	srv.notify.ready(status)
}

// say writes a line for the operator.
func (srv *server) say(format string, args ...any) {
	fmt.Fprintf(srv.stdio.err, format+"\n", args...)
}

// instance is the Corefile in force.
func (srv *server) instance() *caddy.Instance {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return srv.inst
}

var errStateMoved = errors.New("the state directory cannot move while we run")

// reloadCorefile reads the Corefile anew and puts it in the place of the one in
// force. When it is refused, by whatever phase, the old one stays, and why is
// said here and in status.
func (srv *server) reloadCorefile() {
	srv.turn.Lock()
	defer srv.turn.Unlock()
	if srv.stopped {
		return
	}
	srv.notify.reloading()
	err := srv.tryCorefile()
	srv.mu.Lock()
	srv.refusal = ""
	if err != nil {
		srv.refusal = fmt.Sprintf("the Corefile was refused, the one before it stays in force: %v", err)
	}
	refusal := srv.refusal
	srv.mu.Unlock()
	if refusal != "" {
		srv.say("%s", refusal)
		srv.notify.ready(refusal)
		return
	}
	srv.say("%s: in force", srv.conf)
	srv.notify.ready("serving with a new Corefile")
}

func (srv *server) tryCorefile() error {
	c, err := readCorefile(srv.conf)
	if err != nil {
		return err
	}
	if c.state() != srv.stateDir {
		return fmt.Errorf("%s: state %q: %w; want %q, or a restart", srv.conf, c.state(), errStateMoved, srv.stateDir)
	}
	// Asked of a process of its own, a Corefile that is wrong touches nothing here.
	if err := verifyApart(srv.conf); err != nil {
		return err
	}
	if err := c.unsafe(); err != nil {
		return err
	}
	if err := openableBeside(c.endpoints(), srv.inForce.endpoints()); err != nil {
		return err
	}
	inst, stage, err := c.restart(srv.inst, func() error { return nil })
	if err != nil {
		return err
	}
	srv.mu.Lock()
	srv.inst, srv.stage, srv.inForce = inst, stage, c
	srv.mu.Unlock()
	// A server of CoreDNS that is told to stop before it has begun to read does
	// not hear it, and would answer for ever. So the next reload waits until all
	// of this one's read.
	if err := askUntilAnswered(inst); err != nil {
		srv.say("%v", err)
	}
	return nil
}
