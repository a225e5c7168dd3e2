// Package recursor asks an Unbound of its own, which it keeps running on
// loopback. It answers all that is left, so it stands last in a server block.
//
// # The way of a question
//
//	refused here: no question for a resolver    unasked    (answer.go)
//	answered here: localhost, onion, ...        special    (special.go)
//	asked already by somebody else: wait        flights.do (flight.go)
//	asked of the child, UDP and then TCP        link.ask   (link.go)
//	made the client's own again                 compose    (answer.go)
//
// # The child
//
// One for all server blocks, kept over a reload in which nothing about it
// changed (usagepool). Each of its lives has a port, and so a link, of its own:
// when it dies, all that waits on the link hears of it at once and the client
// gets SERVFAIL with an extended error, or, from the cache above, an old answer.
package recursor

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	clog "github.com/coredns/coredns/plugin/pkg/log"

	"sinkhole/plugin/pkg/option"
	"sinkhole/plugin/pkg/query"
	"sinkhole/plugin/pkg/unbound"
)

const pluginName = "recursor"

var log = clog.NewWithPlugin(pluginName)

// Recursor is the child and the way to it, shared by all server blocks.
type Recursor struct {
	child   *unbound.Child
	flights *flights
	link    atomic.Pointer[link] // nil while the child does not answer
	wasUp   atomic.Bool
	ignored atomic.Uint64 // packets from the child's port that were no answer

	stop    context.CancelFunc
	running sync.WaitGroup
	first   chan error // whether it came up, told to the one who starts it
	failed  int        // lives that ended before the first answer; of Run's goroutine
}

const (
	// startTries is how many lives may end before the first answer: a port can be
	// taken at the wrong moment, but not three times.
	startTries = 3
	// drainWithin is how long questions under way are waited for when the child
	// is to go. CoreDNS has waited already; what is left is what the cache asks
	// for nobody.
	drainWithin = time.Second
)

// start starts a child and waits until it answers.
func start(s unbound.Settings) (*Recursor, error) {
	ctx, cancel := context.WithCancel(context.Background())
	// What unbound-checkconf says is said with its line, and before any start.
	if _, _, err := unbound.Check(ctx, s); err != nil {
		cancel()
		return nil, err
	}
	r := &Recursor{flights: newFlights(), stop: cancel, first: make(chan error, 1)}
	r.child = unbound.New(s, unbound.Events{Up: r.up, Down: r.down})
	r.running.Go(func() { _ = r.child.Run(ctx) })
	if err := <-r.first; err != nil {
		cancel()
		r.running.Wait()
		return nil, err
	}
	st := r.child.Status()
	warnOfAge(st)
	log.Infof("Unbound %s answers on %s (%s), trusting %s", st.Version, st.Addr, mode(s.Forward), strings.Join(anchorTexts(st.Anchors), ", "))
	return r, nil
}

// up is called when the child answers.
func (r *Recursor) up(l unbound.Life) {
	r.flights.setThreads(l.Threads)
	r.link.Store(newLink(l.Addr, l.Heard, &r.ignored))
	if !r.wasUp.Swap(true) {
		r.first <- nil
		return
	}
	log.Infof("Unbound answers again, process %d", r.child.Status().PID)
}

// down is called when the child has died.
func (r *Recursor) down(d unbound.Death) {
	if l := r.link.Swap(nil); l != nil {
		l.close()
	}
	restarts.Inc()
	if r.wasUp.Load() {
		log.Errorf("%v", d)
		return
	}
	if r.failed++; r.failed == startTries {
		r.first <- d.Why
	}
}

// Close implements usagepool's values: the child is stopped.
func (r *Recursor) Close() error {
	for end := time.Now().Add(drainWithin); r.flights.waiting.Load() > 0 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	r.stop()
	if l := r.link.Swap(nil); l != nil {
		l.close()
	}
	r.running.Wait()
	if l := r.link.Swap(nil); l != nil { // it came up while it was stopped
		l.close()
	}
	return nil
}

// resolve brings the child's reply to q, asked by the address from.
func (r *Recursor) resolve(q question, from *query.Source) (*reply, bool, *failure) {
	return r.flights.do(q, from, r.fly)
}

// fly asks the child.
func (r *Recursor) fly(q *question) (*reply, *failure) {
	l := r.link.Load()
	if l == nil && r.wasUp.Load() {
		return nil, childDown
	} else if l == nil {
		return nil, notStarted
	}
	begin := time.Now()
	p, fail := l.ask(q)
	duration.Observe(time.Since(begin).Seconds())
	if fail == nil {
		count(p)
	}
	return p, fail
}

// Status is the recursor's part of `sinkhole status`.
func (r *Recursor) Status() map[string]any {
	s := r.child.Status()
	cfg := r.child.Settings()
	status := map[string]any{
		"up":        s.Up,
		"version":   s.Version,
		"path":      s.Path,
		"pid":       s.PID,
		"address":   s.Addr.String(),
		"port":      s.Addr.Port(),
		"mode":      mode(cfg.Forward),
		"anchors":   anchorTexts(s.Anchors),
		"tracking":  s.Tracked,
		"restarts":  s.Restarts,
		"in_a_row":  s.InARow,
		"threads":   cfg.Threads,
		"memory":    cfg.Memory,
		"resident":  r.child.Resident(),
		"in_flight": r.flights.inFlight.Load(),
		"left_out":  s.LeftOut,
	}
	status["uptime_seconds"] = int64(0)
	if s.Up {
		status["uptime_seconds"] = int64(time.Since(s.Since).Seconds())
	}
	if s.Last != nil {
		status["last_death"] = s.Last.Why.Error()
	}
	return status
}

func mode(forward []netip.AddrPort) string {
	if len(forward) == 0 {
		return "iterate"
	}
	text := "forward"
	for _, a := range forward {
		text += " " + a.String()
	}
	return text
}

func anchorTexts(all []unbound.Anchor) []string {
	out := make([]string, len(all))
	for i, a := range all {
		out[i] = a.String()
	}
	return out
}

// Warnings are what an operator should see to.
func (r *Recursor) Warnings() []string { return warnings(r.child.Status()) }

func warnings(s unbound.Status) []string {
	var out []string
	switch {
	case !s.Up && s.Last != nil:
		out = append(out, fmt.Sprintf("recursor: %v; cached and listed names are answered meanwhile", s.Last))
	case !s.Up:
		out = append(out, "recursor: Unbound does not answer yet")
	case s.InARow > 1:
		out = append(out, fmt.Sprintf("recursor: Unbound died %d times in a row, last: %v", s.InARow, s.Last.Why))
	}
	if w := age(s.Path, s.Version); w != "" {
		out = append(out, w)
	}
	if s.Replaced {
		out = append(out, fmt.Sprintf("recursor: %s was updated and Unbound %s still runs; a reload of the Corefile starts the new one", s.Path, s.Version))
	}
	if s.User == "root" {
		out = append(out, "recursor: Unbound runs as root, which may not change its user here; run the server as an ordinary user")
	}
	return out
}

// age warns of an Unbound with known holes; "" when it has none that we know of.
func age(path, version string) string {
	if !(&unbound.Program{Version: version}).Older(unbound.Floor) {
		return ""
	}
	return fmt.Sprintf("recursor: Unbound %s (%s) is older than %s, the first with all fixes of 2026; Debian 13 ships it, and what your distribution back-ports it says in its changelog",
		version, path, unbound.Floor)
}

// warned are the programs whose age was logged: once for all blocks and reloads.
var warned sync.Map

func warnOfAge(s unbound.Status) {
	w := age(s.Path, s.Version)
	if _, again := warned.LoadOrStore(s.Path+" "+s.Version, true); w != "" && !again {
		log.Warning(strings.TrimPrefix(w, pluginName+": "))
	}
}

// Check reads the directive that t stands before, and has unbound-checkconf
// judge the configuration that the child would get. It runs no child.
func Check(t option.Tokens) (warnings []string, err error) {
	s, place, err := parse(t)
	if err != nil {
		return nil, err
	}
	p, warnings, err := unbound.Check(context.Background(), s.child(""))
	if err != nil {
		return nil, fmt.Errorf("%s: recursor: %w", place, err)
	}
	for i, w := range warnings {
		warnings[i] = fmt.Sprintf("%s: recursor: %s", place, w)
	}
	if w := age(p.Path, p.Version); w != "" {
		warnings = append(warnings, w)
	}
	return warnings, nil
}

// FoundVersion is the version of the Unbound that would be run, or "none".
func FoundVersion() string {
	p, err := unbound.Find(context.Background(), "")
	if err != nil {
		return "none"
	}
	return p.Version
}
