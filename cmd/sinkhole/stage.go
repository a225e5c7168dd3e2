package main

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/coredns/caddy"
)

// stage is how far a Corefile that is being started has come. Caddy runs the
// setup of every directive, makes the servers, calls OnStartup, opens the
// listeners, and its errors do not say in which of these they arose: a Corefile
// at fault (exit 2) must be told from a machine at fault (exit 1).
//
// It also puts the hooks in a better order. CoreDNS's HTTP plugins open their
// sockets in OnStartup and, when something behind them fails, are never told to
// close them; so they come last, when the lists are in force and the child
// answers. And the lame duck of health quacks while we still serve.
type stage struct {
	// before runs when all setups have passed and nothing is started.
	before func() error
	// passed says that the Corefile itself is in order.
	passed bool
	// lameduck are the final hooks of health.
	lameduck []func() error

	seen hookCounts
	http []func() error
}

type hookCounts struct{ startup, final int }

// httpPlugins open HTTP listeners of their own.
var httpPlugins = []string{"ready", "health", "pprof", "prometheus"}

// staging is the Corefile that is being started. One at a time is: the first
// start and restarts follow each other in one goroutine.
var staging *stage

// watchSetups has Caddy tell after each directive that it is set up.
func watchSetups() {
	for _, name := range directives {
		caddy.RegisterParsingCallback("dns", name, func(caddy.Context) error {
			all := caddy.Instances()
			staging.setUp(name, all[len(all)-1])
			return nil
		})
	}
}

func (s *stage) setUp(directive string, inst *caddy.Instance) {
	if slices.Contains(httpPlugins, directive) {
		s.http = append(s.http, inst.OnStartup[s.seen.startup:]...)
		inst.OnStartup = inst.OnStartup[:s.seen.startup]
	}
	if directive == "health" {
		s.lameduck = slices.Clone(inst.OnFinalShutdown[s.seen.final:])
		inst.OnFinalShutdown = inst.OnFinalShutdown[:s.seen.final]
	}
	s.seen = hookCounts{len(inst.OnStartup), len(inst.OnFinalShutdown)}
	if directive != directives[len(directives)-1] {
		return
	}
	// A first start calls OnFirstStartup and then OnStartup, a restart only the
	// second: enter does its work once.
	inst.OnFirstStartup = append([]func() error{s.enter}, inst.OnFirstStartup...)
	inst.OnStartup = slices.Concat([]func() error{s.enter}, inst.OnStartup, s.http)
}

func (s *stage) enter() error {
	if s.passed {
		return nil
	}
	s.passed = true
	return s.before()
}

// sentence says why c did not start: before all setups have passed it is the
// Corefile's fault, afterwards the machine's.
func (s *stage) sentence(c corefile, err error) error {
	if !s.passed {
		return c.sentence(err)
	}
	text := wrapped.ReplaceAllString(err.Error(), "")
	if m := listening.FindStringSubmatch(text); m != nil {
		return endpoint{m[1], m[2]}.refused(err)
	}
	return errors.New(text)
}

// errPassed ends a start that was only to show whether the Corefile is in order.
var errPassed = errors.New("the Corefile is in order")

// verify sets the Corefile up as a start would, and starts nothing. Setups of
// CoreDNS's plugins leave traces in their packages, so a process verifies once
// and never serves afterwards.
func (c corefile) verify() error {
	staging = &stage{before: func() error { return errPassed }}
	if _, err := caddy.Start(c.input); !errors.Is(err, errPassed) {
		return c.sentence(err)
	}
	return nil
}

// start starts the Corefile; before runs between setup and start.
func (c corefile) start(before func() error) (*caddy.Instance, *stage, error) {
	s := &stage{before: before}
	staging = s
	inst, err := caddy.Start(c.input)
	if err != nil {
		return nil, s, s.sentence(c, err)
	}
	return inst, s, nil
}

// restart starts the Corefile in the place of old. When it is refused, old
// serves on.
func (c corefile) restart(old *caddy.Instance, before func() error) (*caddy.Instance, *stage, error) {
	s := &stage{before: before}
	staging = s
	inst, err := old.Restart(c.input)
	// Sockets that nobody owns any more (those that were opened before one that
	// failed, and what QUIC servers had of theirs) are closed when the collector
	// finds them, so have it look.
	defer debug.FreeOSMemory()
	defer runtime.GC()
	// Restart swallows a panic and then returns neither.
	if inst == nil && err == nil {
		err = errors.New("a plugin panicked in its setup; the log has more")
	}
	switch {
	case err == nil:
		return inst, s, nil
	case !slices.Contains(caddy.Instances(), old):
		// Only a shutdown hook of the old one failed: the new one serves.
		all := caddy.Instances()
		return all[len(all)-1], s, nil
	}
	return old, s, s.sentence(c, err)
}

// stop has the server say that it will go, finish what is on its way, and then
// give back what it holds. The listeners are closed first: while questions are
// still being answered, lists and child are needed.
func (s *stage) stop(inst *caddy.Instance) error {
	var failed []string
	run := func(hooks []func() error) {
		for _, hook := range hooks {
			if err := hook(); err != nil {
				failed = append(failed, err.Error())
			}
		}
	}
	run(s.lameduck)
	if gate, ok := activeSubscribers(); ok {
		gate.Drain()
	}
	inst.Stop()
	run(inst.OnShutdown)
	run(inst.OnFinalShutdown)
	if failed != nil {
		return fmt.Errorf("stopping: %s", strings.Join(failed, "; "))
	}
	return nil
}
