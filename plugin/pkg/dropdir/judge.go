package dropdir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// read has the file judged as it is now.
func (f *Folder) read(ctx context.Context, dir folder, e *entry, now time.Time, h haste) {
	rested := !now.Before(f.due(e))
	for n := 1; ; n++ {
		err := f.readOnce(ctx, dir, e, now, h)
		switch {
		case err == nil:
			e.young, e.retry, e.first = now.Before(f.due(e)), false, time.Time{}
		case ctx.Err() != nil:
		case errors.Is(err, errEarly): // once it rests it is read again
		case errors.Is(err, fs.ErrNotExist): // gone since the walk; the next one sees it
		case errors.Is(err, errChanged) && !rested && n < attempts:
			continue
		case errors.Is(err, errChanged):
			// It is being written to: the next walk sees it changed, or its rest
			// begins anew here.
			if e.force == nil && e.next == nil {
				e.newest = newest{why: errChanged.Error() + "; read again once it rests", err: err}
			}
			e.since, e.moved = time.Now(), false
			e.retry = true
		default:
			e.refuse(err, whyNot(err, false))
			e.read, e.retry = e.seen, true
		}
		return
	}
}

// errEarly: the file may be half of one, as it or a part of it does not rest yet.
var errEarly = errors.New("it does not rest yet")

// readOnce has one version judged. An error means that there is no judgement.
func (f *Folder) readOnce(ctx context.Context, dir folder, e *entry, now time.Time, h haste) error {
	if !e.seen.there() {
		e.refuse(errors.New(e.seen.why), e.seen.why)
		e.read = e.seen
		return nil
	}
	v, err := f.take(ctx, dir, e.name)
	if err != nil {
		return err
	}
	defer v.close()
	n, known, err := f.weigh(v, e, e.name == h.accept)
	if gone := errors.Join(ctx.Err(), v.unchanged()); gone != nil {
		return gone
	}
	if err != nil {
		return err
	}
	if !known && n.err == nil && f.early(v, e, now, h, n.sum) {
		return errEarly
	}
	e.read, e.uses = v.found, v.uses
	if known {
		f.unsaved = true // of its identity
		return nil
	}
	e.newest, e.next = n, nil
	inForce := e.force != nil && e.force.SHA256 == n.sum
	switch {
	case n.err != nil && inForce:
		e.force, e.lost = nil, true
	case n.err != nil:
	case inForce:
		e.force, e.judged, f.unsaved = f.version(e.name, n), true, true
	default:
		e.next, f.fresh = f.version(e.name, n), true
		f.copy(v, n.content)
	}
	return nil
}

// early: it is not yet time to take a version that is good. A part that nobody
// knew of before may be half of one; and at a start, what an earlier process has
// left whole is not given up for what may be half.
func (f *Folder) early(v *hand, e *entry, now time.Time, h haste, sum string) bool {
	if h.now || h.starting && (e.force == nil || e.force.SHA256 == sum) {
		return false
	}
	e.uses = v.uses
	if !now.Before(f.due(e)) {
		return false
	}
	e.retry = true
	return true
}

// weigh says what a version in hand is worth: it is verified, hashed and, where
// its octets are not known, judged. An error means that it cannot be read.
func (f *Folder) weigh(v *hand, e *entry, accept bool) (n newest, known bool, err error) {
	n.time = v.found.time
	if size := v.file.info.Size(); size > f.o.MaxSize {
		return n.refused(sizeError(size, f.o.MaxSize)), false, nil
	}
	if err := f.verify(v, e); err != nil {
		return n.refused(err), false, nil
	}
	octets, err := sumOf(v.file.reader(v.ctx))
	if err != nil {
		return n, false, err
	}
	if f.known(v, e, octets, accept) {
		return n, true, nil
	}
	var why error
	n.entries, n.detail, why = f.ask(Reading{e.name, v.open, f.trusted(v)})
	n.time = v.time()
	if n.content, err = v.content(octets); err != nil || why != nil {
		return n.refused(why), false, err
	}
	return f.guard(e, n, accept), false, nil
}

func (n newest) refused(err error) newest {
	if err != nil {
		n.why, n.err = err.Error(), err
	}
	return n
}

// verify is Options.Verify, where there is one.
func (f *Folder) verify(v *hand, e *entry) error {
	if f.o.Verify == nil {
		return nil
	}
	return f.trust(Reading{e.name, v.open, v.part})
}

func (f *Folder) vouch(r Reading) (serial uint64, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("a fault of this program: its verifier stopped with %v", fault)
		}
	}()
	return f.o.Verify(r)
}

// known: these octets have been judged.
func (f *Folder) known(v *hand, e *entry, octets string, accept bool) bool {
	switch {
	case e.force != nil && e.judged && v.is(e.force.content, octets):
		e.next = nil
		now := *e.force
		now.Time = v.time()
		e.force = &now
		e.newest = newest{content: now.content, time: now.Time, entries: now.Entries, detail: now.Detail}
		return true
	case f.o.Verify != nil && e.newest.why != "": // for want of a part's signature, it may be
	case e.newest.octets != "" && !accept && v.is(e.newest.content, octets):
		e.newest.time = v.time()
		if e.next != nil {
			e.next.Time = e.newest.time
		}
		return e.newest.why != "" || e.next != nil
	}
	return false
}

// guard is the shrink guard.
func (f *Folder) guard(e *entry, n newest, accept bool) newest {
	had := e.force
	if had == nil || had.SHA256 == n.sum || accept || !shrunk(n.entries, had.Entries, f.o.Shrink) {
		return n
	}
	n.held, n.err = true, ErrHeld
	n.why = fmt.Sprintf("%d entries, where %d are in force: it lost more than %d%%; to take it all the same: sinkhole reload --accept %s",
		n.entries, had.Entries, f.o.Shrink, Printable(e.name))
	return n
}

// ask is Read. What is wrong with a reader must not take the server along: the
// file would do it again at every start.
func (f *Folder) ask(r Reading) (entries int, detail any, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("a fault of this program: its reader stopped with %v", fault)
		}
	}()
	return f.o.Read(r)
}

func (f *Folder) version(name string, n newest) *Version {
	return &Version{
		Name:    name,
		Open:    func() (io.ReadCloser, error) { return f.openVersion(name, n.octets) },
		Part:    func(rel string) (io.ReadCloser, error) { return f.openPart(n.content, rel) },
		SHA256:  n.sum,
		Time:    n.time,
		Entries: n.entries,
		Detail:  n.detail,
		content: n.content,
	}
}

// judgeKept has a version from the state judged, where the folder holds another
// one: an earlier process accepted it by other rules, and what it holds must be
// known here.
func (f *Folder) judgeKept(ctx context.Context, e *entry) {
	if e.gone || e.force == nil || e.judged || e.next != nil {
		return
	}
	n := newest{content: e.force.content, time: e.force.Time}
	patiently := func(open func() (io.ReadCloser, error)) (io.ReadCloser, error) {
		r, err := open()
		if err != nil {
			return nil, err
		}
		return &patientFile{patient{ctx, r, f.o.Pause}, r}, nil
	}
	var err error
	n.entries, n.detail, err = f.ask(Reading{
		Name: e.name,
		Open: func() (io.ReadCloser, error) { return patiently(e.force.Open) },
		Part: func(rel string) (io.ReadCloser, error) {
			return patiently(func() (io.ReadCloser, error) { return f.openPart(n.content, rel) })
		},
	})
	if ctx.Err() != nil {
		return
	}
	e.judged, f.unsaved = true, true
	if err != nil {
		n.why, n.err = err.Error(), err
		e.force, e.lost = nil, true
		if e.newest.why == "" {
			e.newest = n
		}
		return
	}
	e.force = f.version(e.name, n)
	if !e.read.there() && e.newest.why == "" {
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
