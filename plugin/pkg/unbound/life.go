package unbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

const (
	// answerWithin bounds the wait for the first answer; it takes 14 to 60 ms.
	answerWithin = 15 * time.Second
	// askEvery is the pause between questions until then.
	askEvery = 5 * time.Millisecond
	// replyWithin bounds one of these questions.
	replyWithin = 500 * time.Millisecond

	// A child that has answered nothing for lookEvery is asked whether it lives;
	// one that is deaf to deafAfter such questions is killed.
	lookEvery = 5 * time.Second
	deafAfter = 6

	// stopWithin is how long a child may take to leave when it is told to; it
	// takes milliseconds. Then it is killed.
	stopWithin = 3 * time.Second
)

// pace is how patient a child is dealt with.
type pace struct {
	answer time.Duration // until the first answer
	reply  time.Duration // to a question whether it lives
	look   time.Duration // between questions whether it lives
	deaf   int           // such questions in a row without an answer
	stop   time.Duration // from TERM to KILL
}

var usualPace = pace{answerWithin, replyWithin, lookEvery, deafAfter, stopWithin}

var (
	errLeft = errors.New("left")
	// errTracking: it left over its own file of anchors.
	errTracking = errors.New("unbound: child cannot keep its own trust anchors")
)

// life is one process, from its start to its end.
type life struct {
	plan    *plan
	pace    pace
	journal *journal
	heard   *atomic.Bool

	cmd     *exec.Cmd
	started chan error    // what starting it gave
	gone    chan struct{} // closed when it has left, with left set
	left    error
	begun   time.Time
}

func newLife(p *plan, pace pace, heard *atomic.Bool) *life {
	return &life{plan: p, pace: pace, heard: heard, journal: new(journal), started: make(chan error, 1), gone: make(chan struct{})}
}

func (l *life) pid() int { return l.cmd.Process.Pid }

// user is whom the process was started as.
func (l *life) user() string {
	switch {
	case l.plan.account != nil:
		return l.plan.account.name
	case os.Geteuid() == 0:
		return "root"
	}
	return ""
}

// Run starts the process, calls answers when it answers, and returns when it is
// gone: with why, or with nothing when ctx ended.
func (l *life) Run(ctx context.Context, answers func()) error {
	conf, feed, err := os.Pipe()
	if err != nil {
		return err
	}
	defer conf.Close()
	// The child opens the pipe anew by its path, which only its owner may. Where
	// root may not even give a pipe away (no capabilities, no other users mapped),
	// it cannot change its user either: the child is what we are.
	if a := l.plan.account; a != nil && conf.Chown(a.uid, a.gid) != nil {
		l.plan.account = nil
	}
	l.begun = time.Now()
	go l.hold(conf)
	if err := <-l.started; err != nil {
		feed.Close()
		return fmt.Errorf("unbound: %s did not start: %w", l.plan.program.Path, cause(err))
	}
	go func() {
		// A child that leaves before it has read all is told of by its last words.
		_, _ = feed.WriteString(l.plan.text)
		feed.Close()
	}()
	err = l.await(ctx)
	if err == nil && ctx.Err() == nil {
		answers()
		err = l.watch(ctx)
	}
	return l.end(err)
}

// hold starts the process and waits for it, on a thread of its own that ends
// with it: the kernel kills the child when this thread is gone.
func (l *life) hold(conf *os.File) {
	runtime.LockOSThread() // and never unlocked
	withoutPrivileges()
	l.cmd = exec.Command(l.plan.program.Path, "-d", "-p", "-c", standardInput)
	l.cmd.Dir = "/"
	l.cmd.Env = []string{} // above all no NOTIFY_SOCKET: it would speak for us to systemd
	l.cmd.Stdin = conf
	l.cmd.Stderr = l.journal
	l.cmd.WaitDelay = time.Second
	l.cmd.SysProcAttr = attributes(l.plan.account)
	err := l.cmd.Start()
	l.started <- err
	if err == nil {
		l.left = l.cmd.Wait()
	}
	close(l.gone)
}

// await asks until it answers.
func (l *life) await(ctx context.Context) error {
	end := time.NewTimer(l.pace.answer)
	defer end.Stop()
	for {
		if l.answered(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.gone:
			return errLeft
		case <-end.C:
			return fmt.Errorf("unbound: child killed: no answer within %s", l.pace.answer)
		case <-time.After(askEvery):
		}
	}
}

// watch looks after a child that answers, until it leaves, is deaf, or ctx ends.
func (l *life) watch(ctx context.Context) error {
	tick := time.NewTicker(l.pace.look)
	defer tick.Stop()
	for deaf := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-l.gone:
			return errLeft
		case <-tick.C:
		}
		switch {
		case l.heard.Swap(false), l.answered(ctx):
			deaf = 0
		default:
			if deaf++; deaf == l.pace.deaf {
				return fmt.Errorf("unbound: child killed: it answered nothing for %s", time.Duration(deaf)*l.pace.look)
			}
		}
	}
}

// answered asks the child for its secret.
func (l *life) answered(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, l.pace.reply)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", l.plan.addr.String())
	if err != nil {
		return false
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	q := new(dns.Msg).SetQuestion(secretZone, dns.TypeTXT)
	wire, err := q.Pack()
	if err != nil {
		return false
	}
	if _, err := conn.Write(wire); err != nil {
		return false
	}
	buf := make([]byte, dns.MinMsgSize)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return false
		}
		m := new(dns.Msg)
		if m.Unpack(buf[:n]) == nil && m.Id == q.Id && m.Response && len(m.Answer) == 1 {
			if txt, ok := m.Answer[0].(*dns.TXT); ok && strings.Join(txt.Txt, "") == l.plan.secret {
				return true
			}
		}
	}
}

// end sees to it that the process is gone, and says why; nothing when it was to go.
func (l *life) end(why error) error {
	if why == nil {
		_ = l.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-l.gone:
			return nil
		case <-time.After(l.pace.stop):
		}
	}
	if !errors.Is(why, errLeft) {
		_ = l.cmd.Process.Kill()
	}
	<-l.gone
	if why == nil {
		return nil
	}
	if errors.Is(why, errLeft) {
		why = fmt.Errorf("unbound: child %s", l.farewell())
	}
	why = fmt.Errorf("%w after %s", why, time.Since(l.begun).Round(100*time.Millisecond))
	return l.explain(why)
}

// farewell is how the process left.
func (l *life) farewell() string {
	exit, ok := errors.AsType[*exec.ExitError](l.left)
	if !ok {
		return "left of itself"
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return fmt.Sprintf("was ended by a signal (%s)", ws.Signal())
	}
	return fmt.Sprintf("left with status %d", exit.ExitCode())
}

// explain adds the child's last words.
func (l *life) explain(why error) error {
	words := l.journal.lastWords()
	if len(words) == 0 {
		return why
	}
	said := strings.Join(words, "; ")
	if t := l.plan.tracked; t != "" && (strings.Contains(said, t) || strings.Contains(said, "autotrust")) {
		return fmt.Errorf("%w: %w: %q", errTracking, why, said)
	}
	return fmt.Errorf("%w: %q", why, said)
}
