package dropdir

import (
	"context"
	"path"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// walkEvery is how often the folder is looked at though nothing was noticed.
	walkEvery = 30 * time.Second

	// awayEvery is how often it is looked for while it is not there.
	awayEvery = 2 * time.Second

	// gather is how long a look waits after something was noticed, for what
	// comes with it: a copied folder, a rename after a write.
	gather = 50 * time.Millisecond

	// A walk may take one part in restShare of the time, however many changes
	// are noticed; in a folder that takes long to walk more, lest what is
	// dropped waits for longer than restMost.
	restShare = 10
	restMost  = time.Second
)

// notices is who notices changes: fsnotify, or a test.
type notices struct {
	events <-chan fsnotify.Event
	errors <-chan error
	again  func() notices // where there is nobody, tries to find one; nil: nobody is wanted
}

func (n notices) none() bool { return n.events == nil && n.errors == nil }

// Run follows the folder until ctx ends.
func (f *Folder) Run(ctx context.Context) error {
	var w *fsnotify.Watcher
	defer func() {
		if w != nil {
			w.Close()
		}
	}()
	var watcher func() notices
	watcher = func() notices {
		var err error
		if w, err = fsnotify.NewWatcher(); err != nil { // a limit of the kernel, which may be lifted
			f.watchWith(nil, err)
			return notices{again: watcher}
		}
		f.watchWith(w.Add, nil)
		return notices{events: w.Events, errors: w.Errors}
	}
	return f.follow(ctx, watcher())
}

func (f *Folder) watchWith(watch func(dir string) error, err error) {
	f.look.Lock()
	defer f.look.Unlock()
	f.watch, f.watchErr = watch, err
}

// follow looks when something was noticed, when a file has rested, and every
// walkEvery.
func (f *Folder) follow(ctx context.Context, n notices) error {
	due := time.Now()  // of the next look
	var free time.Time // when one may be, after the last
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		noticed := false
		select {
		case <-ctx.Done():
			return nil
		case ev, open := <-n.events:
			if !open {
				n.events = nil
			}
			noticed = open && tells(ev)
		case _, open := <-n.errors: // an overflown queue, above all: look at everything
			if !open {
				n.errors = nil
			}
			noticed = open
		case <-timer.C:
			if n.none() && n.again != nil {
				n = n.again()
			}
			due, free = f.next(ctx)
			timer.Reset(time.Until(due))
		}
		if soon := later(time.Now().Add(gather), free); noticed && soon.Before(due) {
			due = soon
			timer.Reset(time.Until(due))
		}
	}
}

// next looks, and says when to look again: at due though nothing is noticed, and
// not before free whatever is.
func (f *Folder) next(ctx context.Context) (due, free time.Time) {
	f.look.Lock()
	defer f.look.Unlock()
	begun := time.Now()
	on, more := f.prove(ctx, begun)
	f.round(ctx, begun, haste{}) // it fails when ctx ends, and so does follow
	due = begun.Add(walkEvery)
	if f.last.err != nil {
		due = begun.Add(awayEvery)
	}
	if more && on.Before(due) {
		due = on
	}
	for _, e := range f.entries {
		if d := f.due(e); !e.gone && f.unread(e) && d.After(begun) && d.Before(due) {
			due = d
		}
	}
	free = time.Now().Add(min(restShare*f.last.took, restMost))
	return later(due, free), free
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// tells: the event may change what is in force. Writing to a file that is passed
// over does not, and it is what an upload under a temporary name does all along.
func tells(ev fsnotify.Event) bool {
	if ev.Has(fsnotify.Create) || ev.Has(fsnotify.Rename) || ev.Has(fsnotify.Remove) {
		return true
	}
	return !passedOver(strings.TrimSuffix(path.Base(ev.Name), SignatureSuffix))
}
