// Package sinkhole answers listed names, by the question and by what the answer
// reveals.
//
// The drop folder is followed by package dropdir, read by list and judged by
// policy; answer makes the replies. What stays here is to hold them together: a
// Sinkhole is the lists in force, one for all server blocks, and lives through
// reloads of the Corefile; a Handler stands in the chain of one server block.
//
// A query loads the policy in force once, and once more when the upstream's
// answer is there, because what was listed meanwhile counts. Each answer is made
// from one policy alone.
package sinkhole

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	clog "github.com/coredns/coredns/plugin/pkg/log"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/dropdir"
	"sinkhole/plugin/pkg/feed"
	"sinkhole/plugin/pkg/list"
	"sinkhole/plugin/pkg/policy"
)

var log = clog.NewWithPlugin(pluginName)

// Sinkhole is the lists in force. Any number of goroutines may use it.
type Sinkhole struct {
	cfg    Config
	dir    string // the drop folder
	index  string // where in the state what is built of it lies; "": in memory
	folder *dropdir.Folder
	guard  list.Guard

	sentences int // of a kind that Status shows of a list

	inForce atomic.Pointer[policy.Policy]
	swaps   atomic.Int64   // sets that came in force
	self    *policy.Policy // of the self-test name alone; nil: there is none
	after   aftermath      // of the last set that came in force
	pauses  pauses         // while files are read and a set is built
	explain sync.Mutex     // one explanation for DNS at a time

	ctx     context.Context // ends with the lists
	cancel  context.CancelFunc
	follows sync.WaitGroup
	feeds   []*feed.Feed // zones that are fetched into the folder
}

// kept is where in the state something that belongs to the lists in dir lies. Each
// drop folder has its own place: a new Corefile that names another one, and is
// refused by what starts after us, leaves this one's as it is.
func kept(state, what, dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(state, what, fmt.Sprintf("lists-%x", sum[:4]))
}

// open reads the lists, and returns once they are in force and followed.
func open(cfg Config, state string) (*Sinkhole, error) {
	begun := time.Now()
	dir := cfg.Folder(state)
	if within(state, dir) {
		return nil, fmt.Errorf("lists %s: the state %s lies in it, and would be read as lists; want a folder of its own", dir, state)
	}
	begins := true // what is in force then is told in one line
	s := newSinkhole(cfg, dir, maxSentences)
	s.index = kept(state, "index", dir)
	err := s.load(kept(state, "last-good", dir), func(f dropdir.File) {
		if !begins || f.State != dropdir.InForce {
			tell(f)
		}
	})
	if err != nil {
		s.Close()
		return nil, err
	}
	begins = false
	s.pauses.serving.Store(true)
	figures := s.inForce.Load().Stats()
	log.Infof("%d names and %d prefixes of %d lists in force, after %s",
		figures.Names, figures.Addresses, len(figures.Files), time.Since(begun).Round(time.Millisecond))
	s.follows.Go(func() { s.folder.Run(s.ctx) })
	s.followFeeds(state)
	return s, nil
}

// within: path is dir, or lies below it.
func within(path, dir string) bool {
	path, err := filepath.Abs(path)
	dir, err2 := filepath.Abs(dir)
	if err != nil || err2 != nil {
		return false
	}
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// newSinkhole has read nothing yet.
func newSinkhole(cfg Config, dir string, sentences int) *Sinkhole {
	s := &Sinkhole{cfg: cfg, dir: dir, guard: policy.Guard(cfg.Protect), sentences: sentences, pauses: pauses{begun: time.Now()}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// load reads the lists once. state "" keeps no last good versions.
func (s *Sinkhole) load(state string, changed func(dropdir.File)) (err error) {
	if s.self, err = selfTest(s.cfg); err != nil {
		return err
	}
	verify, err := verifier(s.cfg)
	if err != nil {
		return err
	}
	s.folder = dropdir.New(dropdir.Options{
		Dir:     s.dir,
		State:   state,
		Settle:  s.cfg.Settle,
		Shrink:  s.cfg.Shrink,
		MaxSize: s.cfg.MaxSize,
		Want:    want,
		Part:    part,
		Verify:  verify,
		Signer:  s.cfg.Verify,
		Read:    s.read,
		Thaw:    thaw,
		Key:     s.rules(),
		Expires: expires,
		Apply:   s.apply,
		Changed: changed,
		Pause:   s.pauses.pause,
	})
	if err := s.folder.Start(s.ctx); err != nil {
		return fmt.Errorf("lists %s: %w", s.dir, err)
	}
	return nil
}

// stopWithin bounds the wait for a set that is being built when the lists are
// closed; it is thrown away then.
const stopWithin = 5 * time.Second

// Close implements usagepool's values: nobody follows the folder any more.
func (s *Sinkhole) Close() error {
	s.cancel()
	ended := make(chan struct{})
	go func() { s.follows.Wait(); s.after.end(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(stopWithin):
		log.Warningf("a set of lists was still being built after %s; it is dropped", stopWithin)
	}
	return nil
}

const (
	selfTestCategory = "self-test"
	selfTestFile     = selfTestCategory + "/Corefile"
)

var errNotListable = errors.New("is no name that can be listed")

// selfTest is a policy of one name: it is answered as listed whatever the lists
// say, an allow file too.
func selfTest(cfg Config) (*policy.Policy, error) {
	if cfg.SelfTest == "" {
		return nil, nil
	}
	rule := []byte("|" + cfg.SelfTest + "^\n") // that name only
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(rule)), nil }
	p, err := policy.Build(context.Background(), policy.Config{Default: cfg.Default},
		[]policy.File{{Name: selfTestFile, Open: open}}, nil, policy.Options{})
	if err != nil {
		return nil, err
	}
	name, err := dnsname.Append(nil, cfg.SelfTest)
	if err != nil || !p.Decide(policy.Query{Name: name}).Blocks() {
		return nil, errNotListable
	}
	return p, nil
}

// tell logs what became of a file, and counts it where it was refused.
func tell(f dropdir.File) {
	name := dropdir.Printable(f.Name)
	if f.State != dropdir.LastGood && f.State != dropdir.Refused {
		log.Infof("%s: %s", name, f)
		return
	}
	log.Warningf("%s: %s", name, f)
	listRefused.WithLabelValues(categoryOf(f), dropdir.Told(f.Name), f.Refusal(refusals)).Inc()
}

// refusals are the labels of what refuses a list as a whole.
var refusals = []dropdir.Label{
	{Err: list.ErrEmpty, Word: "empty"},
	{Err: list.ErrHTML, Word: "html"},
	{Err: list.ErrBinary, Word: "binary"},
	{Err: list.ErrUnreadable, Word: "unreadable"},
	{Err: list.ErrNoEntry, Word: "unreadable"},
	{Err: list.ErrBroken, Word: "broken"},
	{Err: list.ErrSize, Word: "size"},
}

// cause is what the operating system said, without operation and path.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
