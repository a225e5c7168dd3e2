package dropdir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
		f.last = walk(dir, f.o.Want, f.notice)
	}
	f.merge(now)
	for _, e := range f.sorted() {
		if err := ctx.Err(); err != nil {
			return err
		}
		accept := e.name == h.accept
		if e.gone || f.last.err != nil || !(e.unread() || accept) {
			continue
		}
		if rested := !now.Before(e.due(f.o.Settle)); rested || h.now || h.starting {
			f.read(ctx, dir, e, accept, rested, h)
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
	for name, found := range f.last.files {
		e := f.entries[name]
		if e == nil {
			e = &entry{name: name}
			f.entries[name] = e
		}
		e.see(found, now)
	}
	for name, e := range f.entries {
		if _, here := f.last.files[name]; !here && !e.gone && f.last.knows(name) {
			e.gone, f.fresh = true, true
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

// read has the file judged as it is now. rested: it need not be read again.
func (f *Folder) read(ctx context.Context, dir folder, e *entry, accept, rested bool, h haste) {
	for n := 1; ; n++ {
		err := f.readOnce(ctx, dir, e, accept, h.starting && !rested)
		switch {
		case err == nil:
			e.young, e.retry, e.first = !rested, false, time.Time{}
		case ctx.Err() != nil:
		case errors.Is(err, errEarly): // once it rests it is read again
		case errors.Is(err, fs.ErrNotExist): // gone since the walk; the next one sees it
		case errors.Is(err, errChanged) && !rested && n < attempts:
			continue
		case errors.Is(err, errChanged):
			// It is being written to: the next walk sees it changed, or its rest
			// begins anew here.
			if e.force == nil && e.next == nil {
				e.newest = newest{why: errChanged.Error() + "; read again once it rests"}
			}
			e.since, e.moved = time.Now(), false
			e.retry = true
		default:
			e.refuse(whyNot(err, false))
			e.read, e.retry = e.seen, true
		}
		return
	}
}

// refuse notes why the newest version is not in force.
func (e *entry) refuse(why string) {
	e.next = nil
	e.newest = newest{time: e.newest.time, why: why}
	if e.seen.info != nil {
		e.newest.time = e.seen.info.ModTime()
	}
}

// errEarly: the file may be half of one, as it does not rest yet, and an earlier
// process has left a whole one.
var errEarly = errors.New("it does not rest yet")

// readOnce has one version judged. An error means that there is no judgement.
// early: what is good takes the place of no other; what is refused is said.
func (f *Folder) readOnce(ctx context.Context, dir folder, e *entry, accept, early bool) error {
	if e.seen.info == nil {
		e.refuse(e.seen.why)
		e.read = e.seen
		return nil
	}
	file, info, err := dir.open(e.name)
	if err != nil {
		return err
	}
	defer file.Close()
	v := opened{file, info}
	if info.Size() > f.o.MaxSize {
		e.refuse(fmt.Sprintf("%d octets, over the size limit of %d", info.Size(), f.o.MaxSize))
		e.read = found{info: info}
		return nil
	}
	sum, err := sumOf(v.reader(ctx))
	if err == nil {
		err = v.unchanged()
	}
	if err != nil {
		return err
	}
	if f.known(e, info, sum, accept) {
		e.read = found{info: info}
		return nil
	}
	n := newest{sum: sum, time: info.ModTime()}
	err = f.judge(e, &n, accept, func() (io.ReadCloser, error) { return io.NopCloser(v.reader(ctx)), nil })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if changed := v.unchanged(); changed != nil {
		return changed
	}
	if err == nil && early && e.force != nil && e.force.SHA256 != sum {
		return errEarly
	}
	e.read, e.newest, e.next = found{info: info}, n, nil
	if err != nil {
		if e.force != nil && e.force.SHA256 == sum {
			e.force, e.lost = nil, true
		}
		return nil
	}
	if e.force != nil && e.force.SHA256 == sum {
		e.force, e.judged = f.version(e.name, n), true
		return nil
	}
	e.next, f.fresh = f.version(e.name, n), true
	f.copy(v.reader(ctx), sum)
	return nil
}

// known: these octets have been judged.
func (f *Folder) known(e *entry, info fs.FileInfo, sum string, accept bool) bool {
	switch {
	case e.force != nil && e.force.SHA256 == sum && e.judged:
		e.next = nil
		v := *e.force
		v.Time = info.ModTime()
		e.force = &v
		e.newest = newest{sum: sum, time: v.Time, entries: v.Entries, detail: v.Detail}
		return true
	case e.newest.sum == sum && !accept:
		e.newest.time = info.ModTime()
		if e.next != nil {
			e.next.Time = info.ModTime()
		}
		return e.newest.why != "" || e.next != nil
	}
	return false
}

// judge asks Read about one version, and then the shrink guard.
func (f *Folder) judge(e *entry, n *newest, accept bool, open func() (io.ReadCloser, error)) (err error) {
	if n.entries, n.detail, err = f.ask(e.name, open); err != nil {
		n.why = err.Error()
		return err
	}
	if had := e.force; had != nil && had.SHA256 != n.sum && !accept && shrunk(n.entries, had.Entries, f.o.Shrink) {
		n.held = true
		n.why = fmt.Sprintf("%d entries, where %d are in force: it lost more than %d%%; to take it all the same: sinkhole reload --accept %s",
			n.entries, had.Entries, f.o.Shrink, Printable(e.name))
		return errHeld
	}
	return nil
}

var errHeld = errors.New("held back by the shrink guard")

// ask is Read. What is wrong with a reader must not take the server along: the
// file would do it again at every start.
func (f *Folder) ask(name string, open func() (io.ReadCloser, error)) (entries int, detail any, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("a fault of this program: its reader stopped with %v", fault)
		}
	}()
	return f.o.Read(Reading{Name: name, Open: open, Part: noPart})
}

// noPart: there is no part of any name.
func noPart(rel string) (io.ReadCloser, error) {
	return nil, &fs.PathError{Op: "open", Path: rel, Err: fs.ErrNotExist}
}

func (f *Folder) version(name string, n newest) *Version {
	return &Version{
		Name:    name,
		Open:    func() (io.ReadCloser, error) { return f.openVersion(name, n.sum) },
		Part:    noPart,
		SHA256:  n.sum,
		Time:    n.time,
		Entries: n.entries,
		Detail:  n.detail,
	}
}

// apply puts what is accepted in force, where that is another set than before.
// It fails only when ctx ends.
func (f *Folder) apply(ctx context.Context, now time.Time, h haste) error {
	changed := !f.applied
	var set []Version
	for _, e := range f.sorted() {
		f.judgeKept(ctx, e)
		changed = changed || e.lost || e.next != nil || e.gone && e.force != nil
		switch {
		case e.gone:
		case e.next != nil:
			set = append(set, *e.next)
		case e.force != nil:
			set = append(set, f.inSet(e))
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	switch {
	case !changed:
		f.applyErr = nil // what could not be put in force is not wanted any more
	case f.applyErr != nil && !f.fresh && !h.now && now.Before(f.applyAgain):
		return nil
	default:
		err := f.put(ctx, set)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f.applyErr, f.fresh = err, false
	}
	if f.applyErr != nil {
		f.applyAgain = time.Now().Add(walkEvery)
		return nil
	}
	f.promote(changed)
	return nil
}

// inSet is the version in force as others see it.
func (f *Folder) inSet(e *entry) Version {
	v := *e.force
	v.LastGood = !f.inForce(e)
	return v
}

// put is Apply, with the same care as ask.
func (f *Folder) put(ctx context.Context, set []Version) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("a fault of this program: it stopped with %v", fault)
		}
	}()
	return f.o.Apply(ctx, set)
}

// promote notes that what was accepted is in force.
func (f *Folder) promote(changed bool) {
	f.applied = true
	f.unsaved = f.unsaved || changed
	for name, e := range f.entries {
		e.lost = false
		if e.gone {
			delete(f.entries, name)
			continue
		}
		if e.next != nil {
			e.force, e.next, e.judged = e.next, nil, true
		}
	}
}

// judgeKept has a version from the state judged, where the folder holds another
// one: an earlier process accepted it, and what it holds must be known here.
func (f *Folder) judgeKept(ctx context.Context, e *entry) {
	if e.gone || e.force == nil || e.judged || e.next != nil {
		return
	}
	n := newest{sum: e.force.SHA256, time: e.force.Time}
	err := f.judge(e, &n, true, func() (io.ReadCloser, error) {
		file, err := f.store.open(n.sum)
		if err != nil {
			return nil, err
		}
		return &patientFile{patient{ctx, file}, file}, nil
	})
	if ctx.Err() != nil {
		return
	}
	e.judged = true
	if err != nil {
		e.force, e.lost = nil, true
		if e.newest.why == "" {
			e.newest = n
		}
		return
	}
	e.force = f.version(e.name, n)
	if e.read.info == nil && e.newest.why == "" {
		e.newest = n // nothing else was read yet
	}
}

type patientFile struct {
	patient
	io.Closer
}

// inForce: the newest version is the one in force.
func (f *Folder) inForce(e *entry) bool {
	return f.last.err == nil && e.newest.why == "" && e.force != nil && e.force.SHA256 == e.newest.sum
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
