// Package unbound keeps one Unbound running as a child process: it writes the
// configuration for the version that is installed, starts the program, watches
// it, and starts it again.
//
// # A life
//
// Each start is a life of its own, with a port and a secret of its own:
//
//	find the program -> write its configuration -> ask unbound-checkconf
//	  -> start -> it answers (Up) -> it leaves or goes deaf (Down) -> back off
//
// The configuration is given on standard input and names no file of ours, so
// that it works under the AppArmor profile of Debian and Ubuntu too, which lets
// Unbound read its packaged folders only. Whether it answers is asked of a name
// that only this life knows: another process that took the port first is not
// mistaken for the child.
//
// # No orphan
//
// The kernel kills the child when the thread dies that started it
// (PR_SET_PDEATHSIG), so one thread is kept for the child's whole life. A change
// of user clears that order; hence Unbound is told to change nothing
// (`username: ""`), and the user is changed before it starts.
//
// # Who logs
//
// Nobody here. What happened is handed to Events and kept in Status.
package unbound

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Settings say how the child is to be. Equal settings want the same child.
type Settings struct {
	Binary  string           // the program; "" is looked for
	Threads int              // 0: by the machine
	Memory  int64            // bytes, about; 0: by the machine
	Forward []netip.AddrPort // forward to these instead of iterating
	Anchors string           // a file of trust anchors; "" is the distribution's
	Include []string         // files whose lines are appended
	State   string           // a folder for what the child keeps; "" is none
}

// Life is a child that answers.
type Life struct {
	Addr    netip.AddrPort // where it is asked, over UDP and TCP
	Threads int
	// Heard is to be called when it has answered something: it spares the child
	// the question whether it lives.
	Heard func()
}

// Events are told what happens to the child, one at a time, by the goroutine of
// Run. They may be nil.
type Events struct {
	Up   func(Life)
	Down func(Death) // not called for a stop
}

// Death is the end of a life that nobody asked for: the child left, was deaf, or
// did not start.
type Death struct {
	Why  error
	Next time.Duration // until the next start
	Try  int           // which in a row that will be
}

func (d Death) String() string {
	return fmt.Sprintf("%v; next start in %s (try %d)", d.Why, d.Next, d.Try)
}

// Child is one Unbound. Run keeps it running; all other methods may be called
// from any goroutine.
type Child struct {
	settings Settings
	events   Events
	// live runs the child once, and says for how long it has answered.
	live func(context.Context) (answered time.Duration, err error)

	pace  pace
	heard atomic.Bool

	mu      sync.Mutex // guards what follows
	status  Status
	journal *journal // of this life
	own     string   // its own file of anchors; "" when it has none
	begun   stamp    // of the program that runs
	// untracked says why the child keeps no anchors of its own any more.
	untracked string
}

// New makes a child that is not running.
func New(s Settings, e Events) *Child {
	c := &Child{settings: s.complete(), events: e, pace: usualPace}
	c.live = c.liveOnce
	return c
}

// Status is how the child is.
type Status struct {
	Up       bool
	Version  string // of the program that runs, or ran last
	Path     string
	PID      int
	User     string // whom root started it as; "" when we are not root
	Addr     netip.AddrPort
	Since    time.Time // it answers; zero when it does not
	Restarts int       // lives that ended unasked
	InARow   int       // of these, since it last answered for a while
	Anchors  []Anchor
	// Tracked: the child follows the root's keys itself (RFC 5011).
	Tracked bool
	// Replaced: another program stands at Path since this one was started.
	Replaced bool
	// LeftOut are options that this version does not know.
	LeftOut []string
	// Last is how the last life ended, nil when none did.
	Last *Death
}

// Status is how the child is now.
func (c *Child) Status() Status {
	c.mu.Lock()
	s, own, begun := c.status, c.own, c.begun
	c.mu.Unlock()
	if s.Up {
		_, now, err := locate(s.Path)
		s.Replaced = err == nil && now != begun
	}
	if own != "" {
		if f, err := readAnchors(own); err == nil {
			s.Anchors = f.anchors() // as the child has them by now
		}
	}
	return s
}

// Statistics are Unbound's own, of this life; false before it wrote any.
func (c *Child) Statistics() (Statistics, bool) {
	c.mu.Lock()
	j := c.journal
	c.mu.Unlock()
	if j == nil {
		return Statistics{}, false
	}
	return j.statistics()
}

// Resident is the memory that the child holds, in bytes; 0 when there is none.
func (c *Child) Resident() int64 {
	if pid := c.Status().PID; pid != 0 {
		return resident(pid)
	}
	return 0
}

// Settings are those that the child was made with, with what the machine gave.
func (c *Child) Settings() Settings { return c.settings }

const (
	// The pause before the next start doubles from the first to the longest.
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
	// settled is how long a child has answered whose death does not count as
	// one more in a row.
	settled = 2 * time.Second
)

// Run keeps the child running until ctx ends, and returns when it is gone.
func (c *Child) Run(ctx context.Context) error {
	pause := firstPause
	for {
		answered, err := c.live(ctx)
		if ctx.Err() != nil {
			c.update(func(s *Status) { s.Up, s.PID, s.Since = false, 0, time.Time{} })
			return nil
		}
		if answered >= settled {
			pause = firstPause
		}
		c.ended(answered, pause, err)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		pause = min(2*pause, longestPause)
	}
}

func (c *Child) update(f func(*Status)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.status)
}

// ended notes that a life ended unasked.
func (c *Child) ended(answered, pause time.Duration, err error) {
	d := Death{Why: err, Next: pause}
	c.update(func(s *Status) {
		s.Restarts++
		if answered >= settled {
			s.InARow = 0
		}
		s.InARow++
		d.Try = s.InARow + 1
		s.Up, s.PID, s.Since, s.Last = false, 0, time.Time{}, &d
	})
	if c.events.Down != nil {
		c.events.Down(d)
	}
}

// liveOnce is one life: from finding the program to its end.
func (c *Child) liveOnce(ctx context.Context) (answered time.Duration, err error) {
	c.mu.Lock()
	tracked := c.untracked == ""
	c.mu.Unlock()
	plan, err := prepare(ctx, c.settings, tracked)
	if err != nil {
		return 0, err
	}
	c.heard.Store(false)
	l := newLife(plan, c.pace, &c.heard)
	c.update(func(s *Status) {
		s.Version, s.Path = plan.program.Version, plan.program.Path
		s.Addr, s.Anchors, s.Tracked, s.LeftOut = plan.addr, plan.anchors, plan.tracked != "", plan.leftOut
		c.journal, c.own, c.begun = l.journal, plan.tracked, plan.program.stamp
	})
	var since time.Time
	err = l.Run(ctx, func() {
		since = time.Now()
		l.journal.settle()
		c.update(func(s *Status) {
			s.Up, s.PID, s.User, s.Since = true, l.pid(), l.user(), since
		})
		if c.events.Up != nil {
			c.events.Up(Life{Addr: plan.addr, Threads: plan.settings.Threads, Heard: func() { c.heard.Store(true) }})
		}
	})
	if !since.IsZero() {
		answered = time.Since(since)
	}
	// A state that cannot be written, or not be reached by the child, must not
	// keep it from resolving: it goes on with the anchors it is given.
	if plan.tracked != "" && errors.Is(err, errTracking) {
		c.mu.Lock()
		c.untracked = err.Error()
		c.mu.Unlock()
		if answered == 0 && ctx.Err() == nil {
			return c.liveOnce(ctx)
		}
	}
	return answered, err
}
