// Package census counts every query once for the line that asked it, and has
// the counts judged.
//
// Of a query it keeps the line, the pane of ten minutes, and a keyed hash of the
// name that lives as long as the pane; of a query for a listed name whose
// category is recorded, that listed name. What nobody has listed is never kept
// as a name.
//
// One Census serves all server blocks and outlives a reload of the Corefile. A
// goroutine of its own turns the panes, judges, and writes the checkpoint. A
// Corefile that changes what a line is, or the memory, gets a Census of its own,
// which begins with the checkpoint of the one before.
package census

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	clog "github.com/coredns/coredns/plugin/pkg/log"

	"sinkhole/plugin/pkg/judge"
	"sinkhole/plugin/pkg/seal"
	"sinkhole/plugin/pkg/statedir"
	"sinkhole/plugin/pkg/subscriber"
	"sinkhole/plugin/pkg/tally"
)

var log = clog.NewWithPlugin(pluginName)

// Census is the counts of one state. Any number of goroutines may use it.
type Census struct {
	dir   string
	node  string
	shape string
	keys  *seal.Keys
	audit *seal.Audit
	tally *tally.Tally
	// first is when this state was first counted in.
	first time.Time

	terms atomic.Pointer[terms]

	// work is held by what looks at all lines or writes the state: the clock, a
	// report, a change of classes. It may take as long as the disk.
	work  sync.Mutex
	shown shown
	again time.Time // until then opted-out lines are looked for again

	// mu is never held for long. What follows is written under both, and read
	// under either.
	mu       sync.Mutex
	warnings map[string]string
	saved    saved
	crowd    crowd
	flagged  [judge.Confirmed + 1]int // by level, as of the last look

	cancel context.CancelFunc
	clock  sync.WaitGroup
}

// terms are what a Corefile says; a reload swaps them.
type terms struct {
	Config
	lines lines
}

// owner is the Census that writes the state: of two that live during a reload
// the one whose Corefile is in force, or about to be.
var owner atomic.Pointer[Census]

// Names of files in the state.
const (
	stateFile  = "census.state"
	brokenFile = "census.state.broken"
	firstFile  = "census.since"
	auditFile  = "audit.log"
	keysDir    = "keys"
)

// key names a Census in the pool: what it cannot change while it lives.
func key(dir, shape string, memory int64) string {
	return fmt.Sprintf("%s\x00%s\x00%d", dir, shape, memory)
}

// open makes a Census, with what the last one left in dir, and starts its clock.
func open(dir, shape string, memory int64) (*Census, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("state %s: cannot be made: %w", dir, cause(err))
	}
	keys, err := seal.Open(filepath.Join(dir, keysDir))
	if err != nil {
		return nil, err
	}
	node, _ := os.Hostname() // a report without a node's name is a report
	c := &Census{
		dir:      dir,
		node:     node,
		shape:    shape,
		keys:     keys,
		audit:    seal.OpenAudit(filepath.Join(dir, auditFile)),
		tally:    tally.New(memory),
		warnings: map[string]string{},
	}
	now := time.Now()
	if before := owner.Load(); before != nil && before.dir == dir {
		before.handOver(now)
	} else {
		statedir.Sweep(dir) // a kill left half a checkpoint; nobody else writes beside it
	}
	c.first = c.began(now)
	if err := c.load(now); err != nil {
		c.tally = tally.New(memory)
		c.setAside(err, now)
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.clock.Go(func() { c.run(ctx) })
	return c, nil
}

// adopt puts the terms of a Corefile in force, and makes c the one that writes
// the state.
func (c *Census) adopt(cfg Config, l lines) {
	owner.Store(c)
	c.terms.Store(&terms{cfg, l})
	now := time.Now()
	c.work.Lock()
	defer c.work.Unlock()
	c.forget()
	c.save(now)
}

// reclassed is called when the classes have changed: what is known of lines that
// opted out goes, in memory and on the disk.
func (c *Census) reclassed() {
	now := time.Now()
	c.work.Lock()
	defer c.work.Unlock()
	if owner.Load() != c {
		return
	}
	c.again = now.Add(flight)
	c.forget()
	c.dropBroken(now, true)
	c.save(now)
}

// flight is longer than any question is on its way. What such a one still counts
// for a line that has opted out goes at the clock's next beat.
const flight = 15 * time.Second

// forget drops the lines that opted out. The caller holds c.work.
func (c *Census) forget() {
	t := c.terms.Load()
	c.tally.Forget(t.optedOut)
	c.shown.forget(t.optedOut)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saved.dirty = true
}

// Close implements usagepool's values: the last checkpoint is written, by who
// owns the state.
func (c *Census) Close() error {
	c.cancel()
	c.clock.Wait()
	c.work.Lock()
	defer c.work.Unlock()
	if owner.Load() != c {
		return nil
	}
	now := time.Now()
	c.watch(tally.PaneOf(now))
	err := c.save(now)
	owner.Store(nil)
	return err
}

// began is when this state was first counted in, by a file in it.
func (c *Census) began(now time.Time) time.Time {
	path := filepath.Join(c.dir, firstFile)
	text, err := os.ReadFile(path)
	if err == nil {
		first, err := time.Parse(time.RFC3339, strings.TrimSpace(string(text)))
		if err == nil && !first.After(now) {
			return first
		}
	}
	// None, none that can be read, or one of a clock that ran ahead.
	if err := statedir.WriteFile(path, []byte(now.UTC().Format(time.RFC3339)+"\n"), 0o640); err != nil {
		c.warn("first", "%s: %v; the warm-up begins anew at each start", firstFile, cause(err))
	}
	return now
}

// warn keeps a warning under a subject until the subject is well; it is logged
// when it comes up.
func (c *Census) warn(subject, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	c.mu.Lock()
	known := c.warnings[subject] == text
	c.warnings[subject] = text
	c.mu.Unlock()
	if !known {
		log.Warning(text)
	}
}

func (c *Census) well(subject string) {
	c.mu.Lock()
	delete(c.warnings, subject)
	c.mu.Unlock()
}

// cause is what the operating system said, without operation and path.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}

// optedOut says whether a line wants not to be counted.
func (t *terms) optedOut(l subscriber.Line) bool {
	_, out := t.lines.LineClass(l)
	return out
}

// isBlock says whether a line behind CGN is a block of ports: in text such a
// line is no prefix.
func (t *terms) isBlock(class subscriber.Class, l subscriber.Line) bool {
	return class == subscriber.CGN && !strings.Contains(t.lines.LineText(l), "/")
}
