package dropdir

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
)

// recall takes the last good versions from the state. It reads no copy: Apply
// fails where it needs one that is broken, and prove finds the others.
func (f *Folder) recall() {
	if f.o.State == "" {
		return
	}
	x, err := f.store.load()
	f.indexErr, f.device, f.named = err, x.Device, map[string]bool{}
	for _, s := range x.Serials {
		f.serials[string(s.Name)] = s.Serial
	}
	for _, k := range x.Files {
		name := string(k.Name)
		for _, sum := range contentOf(k.Octets, k.Parts).sums() {
			f.named[sum] = true
		}
		_, vouched := f.serials[name]
		vouched = vouched && x.Signer == f.o.Signer
		if !f.o.Want(name) || hidden(name) || f.isPart(name) || f.o.Verify != nil && !vouched {
			continue
		}
		e := f.entryOf(k, x.Key == f.o.Key)
		f.entries[name] = e
		f.unproven = append(f.unproven, name)
	}
	if f.o.Verify == nil || x.Signer != f.o.Signer {
		clear(f.serials) // what is taken unsigned vouches for nothing, nor does another key
	}
	f.store.sweep(f.named, time.Now())
}

// forgetBroken lets go of versions from the state whose octets cannot be had any
// more, and of copies that are none. some: there were such.
func (f *Folder) forgetBroken() (some bool) {
	for _, e := range f.sorted() {
		if e.force == nil || e.next != nil || e.kept == nil || f.sound(e.kept.content) {
			continue
		}
		some = true
		if f.dropBroken(e); f.readable(e.force) {
			continue
		}
		e.force, e.judged, e.broken = nil, false, ""
		e.read, e.uses, e.newest = found{}, nil, newest{why: errCopy.Error(), err: errCopy}
	}
	return some
}

// sound: the copies hold the content.
func (f *Folder) sound(c content) bool {
	return !slices.ContainsFunc(c.sums(), func(sum string) bool { return !f.store.sound(sum) })
}

// readable: the octets of v can be had, from the folder if need be.
func (f *Folder) readable(v *Version) bool {
	for i, sum := range v.content.sums() {
		name := v.Name
		if i > 0 {
			name = string(v.content.found()[i-1].Name)
		}
		r, err := f.openVersion(name, sum)
		if err != nil {
			return false
		}
		_, err = io.Copy(io.Discard, r)
		r.Close()
		if err != nil {
			return false
		}
	}
	return true
}

// dropBroken removes the copies of e that are broken, so that they are made anew.
func (f *Folder) dropBroken(e *entry) {
	for _, sum := range e.kept.content.sums() {
		if !f.store.sound(sum) {
			f.store.drop(sum)
		}
	}
	e.kept, f.unsaved = nil, true
	e.broken = "it is made anew from the folder"
	if !f.inForce(e) {
		e.broken = "the folder holds no such version: this one is in force until the lists change or the server stops"
	}
}

const (
	// proveAfter is how long after a start copies are read: there is more to do
	// then than that.
	proveAfter = 10 * time.Second

	// proveFor is how long one look may take for it.
	proveFor = 200 * time.Millisecond
)

// prove reads the copies that an earlier process has left, and makes those anew
// that do not hold what they should. It says when to go on, after now.
func (f *Folder) prove(ctx context.Context, now time.Time) (on time.Time, more bool) {
	if now.Before(f.proveAt) {
		return f.proveAt, len(f.unproven) > 0
	}
	for begun := time.Now(); len(f.unproven) > 0 && time.Since(begun) < proveFor && ctx.Err() == nil; {
		name := f.unproven[0]
		f.unproven = f.unproven[1:]
		e := f.entries[name]
		if e == nil || e.force == nil || e.kept == nil || e.force.SHA256 != e.kept.SHA256 || f.sound(e.kept.content) {
			continue
		}
		f.dropBroken(e)
	}
	return time.Now(), len(f.unproven) > 0
}

// copy keeps a version as it is judged. Without a copy it comes in force all the
// same; persist tries again.
func (f *Folder) copy(v *hand, c content) {
	if f.o.State == "" || time.Now().Before(f.stateAgain) {
		return
	}
	err := f.store.put(v.file.reader(v.ctx), c.octets)
	for _, p := range c.found() {
		if err == nil {
			err = f.store.put(v.parts[string(p.Name)].reader(v.ctx), p.Sum)
		}
	}
	f.stateFailed(err)
}

// stateFailed notes that the state cannot be written to: a full disk is not
// asked again at every look.
func (f *Folder) stateFailed(err error) {
	switch {
	case err == nil, errors.Is(err, errChanged), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return
	}
	f.stateErr, f.stateAgain = err, time.Now().Add(walkEvery)
}

// persist brings the state up to what is in force: copies that are missing, then
// the index, then away with the copies that it does not name any more.
func (f *Folder) persist(ctx context.Context, dir folder) {
	if f.o.State == "" || f.applyErr != nil || time.Now().Before(f.stateAgain) {
		return
	}
	all := f.sorted()
	missing := !f.keepCopies(ctx, dir, all)
	if !f.unsaved || time.Now().Before(f.stateAgain) {
		return
	}
	x := f.index(all)
	if err := f.store.save(x); err != nil {
		f.stateFailed(err)
		return
	}
	f.unsaved = false
	if !missing {
		f.stateErr = nil
	}
	named := map[string]bool{}
	for _, k := range x.Files {
		for _, sum := range contentOf(k.Octets, k.Parts).sums() {
			named[sum] = true
		}
	}
	for sum := range f.named {
		if !named[sum] {
			f.store.drop(sum)
		}
	}
	f.named = named
}

// keepCopies has copies of all that is in force on the disk, or of all it can.
func (f *Folder) keepCopies(ctx context.Context, dir folder, all []*entry) (complete bool) {
	var fresh []*entry
	var sums []string
	complete = true
	for _, e := range all {
		if v := e.force; v == nil || e.kept != nil && e.kept.SHA256 == v.SHA256 {
			continue
		}
		if !f.copied(ctx, dir, e) {
			complete = false
			continue
		}
		fresh, sums = append(fresh, e), append(sums, e.force.content.sums()...)
	}
	if len(fresh) == 0 {
		return complete
	}
	if err := f.store.sync(sums); err != nil {
		f.stateFailed(err)
		return false
	}
	for _, e := range fresh {
		e.kept, f.unsaved = e.force, true
	}
	return complete
}

// copied: the version in force has copies; where one is missing it is made, if
// its file is still there.
func (f *Folder) copied(ctx context.Context, dir folder, e *entry) bool {
	c := e.force.content
	again := func(name, sum string) bool {
		if f.store.has(sum) {
			return true
		}
		if f.last.err != nil || e.newest.sum != e.force.SHA256 || f.stateAgain.After(time.Now()) {
			return false
		}
		file, info, err := dir.open(name)
		if err != nil {
			return false
		}
		defer file.Close()
		err = f.store.put(opened{file, info, f.o.Pause}.reader(ctx), sum)
		f.stateFailed(err)
		return err == nil
	}
	if !again(e.name, c.octets) {
		return false
	}
	for _, p := range c.found() {
		if !again(string(p.Name), p.Sum) {
			return false
		}
	}
	return true
}

// index is what the state is to say.
func (f *Folder) index(all []*entry) index {
	x := index{Device: f.device, Key: f.o.Key, Signer: f.o.Signer, Files: []kept{}}
	for _, e := range all {
		if e.kept != nil {
			x.Files = append(x.Files, f.keptOf(e))
		}
	}
	for name, n := range f.serials {
		x.Serials = append(x.Serials, serial{quoted(name), n})
	}
	slices.SortFunc(x.Serials, func(a, b serial) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return x
}
