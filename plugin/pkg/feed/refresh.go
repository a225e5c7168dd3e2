package feed

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// got is what a primary gave.
type got struct {
	base *base // the zone that is in the file now
	kind Kind  // "": it was there already
}

// refresh asks one primary after the other until one has the zone.
func (f *Feed) refresh(ctx context.Context, first Primary) bool {
	f.look()
	order := f.o.Primaries
	if i := slices.Index(order, first); i > 0 {
		order = slices.Concat([]Primary{first}, order[:i], order[i+1:])
	}
	for _, p := range order {
		begun := time.Now()
		g, err := f.try(ctx, p)
		if ctx.Err() != nil {
			return false
		}
		if err == nil {
			f.succeeded(p, g, time.Since(begun))
			return true
		}
		f.failed(p, err)
	}
	return false
}

// try asks one primary.
func (f *Feed) try(ctx context.Context, p Primary) (got, error) {
	t, err := f.dial(ctx, p)
	if err != nil {
		return got{}, err
	}
	defer t.close()
	soa, err := t.soa()
	if err != nil {
		return got{}, err
	}
	if f.base == nil {
		return f.transfer(t, p, nil)
	}
	switch ours := f.base.soa.Serial; {
	case soa.Serial == ours:
		return got{base: f.base}, nil
	case !newer(soa.Serial, ours):
		return got{}, f.older(soa.Serial)
	}
	g, err := f.transfer(t, p, f.base)
	if err == nil || !again(err) {
		return g, err
	}
	t.close()
	whole, err := f.dial(ctx, p)
	if err != nil {
		return got{}, err
	}
	defer whole.close()
	return f.transfer(whole, p, nil)
}

func (f *Feed) older(serial uint32) error {
	return fmt.Errorf("%w: %d, ours is %d; to take it all the same, delete %s", errOlder, serial, f.base.soa.Serial, f.o.File)
}

// dial connects to a primary; the connection ends with ctx.
func (f *Feed) dial(ctx context.Context, p Primary) (*talk, error) {
	t, err := dial(ctx, p, f.zone, f.times, f.o.MaxSize)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.talk = t
	f.mu.Unlock()
	if ctx.Err() != nil { // hangUp may have come before
		t.close()
	}
	return t, nil
}

// hangUp ends the connection that is open, if one is.
func (f *Feed) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.talk != nil {
		f.talk.close()
	}
}

// transfer fetches the zone, what is new since old where there is one, and
// writes it.
func (f *Feed) transfer(t *talk, p Primary, old *base) (got, error) {
	to := newTransfer(f.zone, old, f.o.MaxSize, f.o.State)
	defer to.close()
	if err := t.fetch(old, to); err != nil {
		return got{}, err
	}
	if to.same() {
		return got{base: old}, nil
	}
	if to.delta == nil && f.base != nil && newer(f.base.soa.Serial, to.soa.Serial) {
		return got{}, f.older(to.soa.Serial)
	}
	b, err := f.write(to, p, old)
	if err != nil && reasonOf(err) == Unreachable { // it is of the system, and ours
		err = fmt.Errorf("%w: %s: %w", errFile, f.o.File, cause(err))
	}
	return got{b, to.kind()}, err
}

func (f *Feed) write(to *transfer, p Primary, old *base) (*base, error) {
	w, err := newWriter(f.o.File, f.zone, to.soa.Serial, p.String(), f.o.MaxSize)
	if err != nil {
		return nil, err
	}
	defer w.discard()
	if err := w.line(to.soaAt); err != nil {
		return nil, err
	}
	if to.delta == nil {
		err = to.sorted.each(w.line)
	} else {
		err = patch(f.o.File, old, to.delta, w.line)
	}
	if err != nil {
		return nil, err
	}
	return w.commit(to.soa, to.soaAt, f.base)
}

// patch gives the lines of the file at path, which holds old, with the changes
// of d.
func patch(path string, old *base, d *delta, emit func([]byte) error) error {
	next, end, closeFile, err := old.lines(path)
	if err != nil {
		return err
	}
	defer closeFile()
	if err := d.apply(next, emit); err != nil {
		return err
	}
	return end()
}

// look reads the file where it has changed without us. One that is not ours is
// fetched whole.
func (f *Feed) look() {
	if f.base != nil && f.base.same(f.o.File) {
		return
	}
	b, _ := readBase(f.o.File, f.zone)
	f.holds(b)
}

// recall takes what an earlier process knew.
func (f *Feed) recall() {
	if f.look(); f.base == nil {
		return
	}
	last := f.base.changed
	if info, err := os.Stat(f.seen()); err == nil && info.ModTime().After(last) {
		last = info.ModTime()
	}
	f.recalled(last)
}
