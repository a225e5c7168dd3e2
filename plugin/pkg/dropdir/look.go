package dropdir

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// haste says which files a look reads before they rest.
type haste struct {
	now      bool   // all
	starting bool   // all, and takes those without a last good version
	accept   string // the file that the shrink guard lets pass
}

// attempts is how often a hasty look reads a file that changes under its hands.
const attempts = 3

// round is one look: it takes in what lies there, reads what is due, and puts
// what is accepted in force. It fails only when ctx ends.
func (f *Folder) round(ctx context.Context, now time.Time, h haste) error {
	if f.watch != nil {
		f.watchErr = nil
	}
	dir, err := openFolder(f.o.Dir)
	if err != nil {
		f.last = walked{err: err}
	} else {
		defer dir.root.Close()
		f.last = walk(dir, f.o.Want, f.isPart, f.notice)
	}
	f.merge(now)
	for _, e := range f.sorted() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.gone || f.last.err != nil || !(f.unread(e) || e.name == h.accept) {
			continue
		}
		if h.now || h.starting || !now.Before(f.due(e)) {
			f.read(ctx, dir, e, now, h)
		}
	}
	if err := f.apply(ctx, now, h); err != nil {
		return err
	}
	f.show() // what is in force is seen to be, however slow the disk of the state
	f.persist(ctx, dir)
	f.show()
	return nil
}

// merge takes what the walk found into the entries.
func (f *Folder) merge(now time.Time) {
	if f.emptied() {
		f.last.err = errEmptied
	}
	if f.last.err != nil {
		return
	}
	if f.device != f.last.device {
		f.device, f.unsaved = f.last.device, true
	}
	f.mergeParts(now)
	for name, found := range f.last.files {
		e := f.entries[name]
		if e == nil {
			e = &entry{name: name}
			f.entries[name] = e
		}
		e.see(found, now)
		if !f.unread(e) {
			e.first = time.Time{}
		}
	}
	for name, e := range f.entries {
		if _, here := f.last.files[name]; !here && !e.gone && f.last.knows(name) {
			e.gone, f.fresh = true, true
		}
	}
}

func (f *Folder) mergeParts(now time.Time) {
	for name, found := range f.last.parts {
		p := f.parts[name]
		if p == nil {
			p = &entry{name: name}
			f.parts[name] = p
		}
		if !now.Before(p.due(f.o.Settle)) {
			p.first = time.Time{} // it rested: what comes now comes anew
		}
		p.see(found, now)
	}
	for name, p := range f.parts {
		if _, here := f.last.parts[name]; !here && !p.gone && f.last.knows(name) {
			p.gone, p.since = true, now
		}
	}
}

// errEmptied: what lies at the folder's path is empty and on another file
// system, as when a volume is not mounted. Somebody who deletes all lists leaves
// the folder where it is.
var errEmptied = errors.New("is empty and on another file system than before")

func (f *Folder) emptied() bool {
	return f.last.err == nil && f.last.entries == 0 && len(f.entries) > 0 &&
		f.device != 0 && f.device != f.last.device
}

func (f *Folder) sorted() []*entry {
	all := make([]*entry, 0, len(f.entries))
	for _, name := range slices.Sorted(maps.Keys(f.entries)) {
		all = append(all, f.entries[name])
	}
	return all
}

// notice has changes in a folder noticed.
func (f *Folder) notice(dir string) {
	if f.watch == nil {
		return
	}
	if err := f.watch(dir); err != nil {
		f.watchErr = err
	}
}
