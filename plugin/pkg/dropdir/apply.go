package dropdir

import (
	"context"
	"fmt"
	"time"
)

// apply puts what is accepted in force, where that is another set than before.
// It fails only when ctx ends.
func (f *Folder) apply(ctx context.Context, now time.Time, h haste) error {
	for _, e := range f.sorted() {
		f.judgeKept(ctx, e)
	}
	set, changed := f.set()
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
		if err != nil && ctx.Err() == nil && !f.applied && f.forgetBroken() {
			set, _ = f.set()
			err = f.put(ctx, set)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f.applyErr, f.fresh = err, false
	}
	if f.applyErr != nil {
		f.applyAgain = time.Now().Add(walkEvery)
		return nil
	}
	f.promote()
	return nil
}

// set is what should be in force, and whether that is another set than what is.
func (f *Folder) set() (set []Version, changed bool) {
	changed = !f.applied
	for _, e := range f.sorted() {
		changed = changed || e.lost || e.next != nil || e.gone && e.force != nil
		v := e.next
		if v == nil {
			v = e.force
		}
		if e.gone || v == nil {
			continue
		}
		e.lapsing = f.tooOld(v)
		changed = changed || e.lapsing != e.lapsed
		switch {
		case e.lapsing:
		case e.next != nil:
			set = append(set, *e.next)
		default:
			set = append(set, f.inSet(e))
		}
	}
	return set, changed
}

// tooOld: the version is older than it says that it counts for. By the clock of
// the wall, which may be set: each look asks anew.
func (f *Folder) tooOld(v *Version) bool {
	if f.o.Expires == nil {
		return false
	}
	d := f.o.Expires(v.Detail)
	return d > 0 && f.o.Now().Sub(v.Time) > d
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
func (f *Folder) promote() {
	f.applied = true
	for name, e := range f.entries {
		f.unsaved = f.unsaved || e.lost || e.gone || e.next != nil
		e.lost = false
		if e.gone {
			delete(f.entries, name)
			continue
		}
		if e.next != nil {
			e.force, e.next, e.judged, e.broken = e.next, nil, true, ""
		}
		e.lapsed = e.lapsing
	}
}
