package dropdir

import "time"

// A file that is replaced by others again and again never rests. Each of them
// came whole, by a rename, so after so many times Settle one is read as it is.
const patienceSettles = 10

// entry is what is known about one file, or one part.
type entry struct {
	name string

	// As the walks saw it.
	seen  found
	gone  bool
	since time.Time // when it was first seen as it is
	first time.Time // when it was first seen to differ from what was read
	moved bool      // it came as it is by a rename, not by being written to

	// The newest version that was read.
	read  found // as it was then
	uses  []use // what was asked for beside it
	young bool  // it had not rested: once it rests, it is read again
	newest

	force   *Version // in force
	next    *Version // accepted, Apply has not taken it yet
	kept    *Version // what the state's index says of it
	judged  bool     // of force, Read has said what it holds
	lost    bool     // what was in force is not readable to this program
	lapsed  bool     // force is too old, and out of the set
	lapsing bool     // of the set to come, the same
	broken  string   // what was wrong with its copy in the state
}

// newest is what became of the newest version that was read.
type newest struct {
	content
	time    time.Time
	entries int
	detail  any
	why     string // it is refused; "": it is not
	err     error  // the same
	held    bool   // only the shrink guard refuses it
	retry   bool   // it could not be read at all: the next look tries again
}

// see takes in what a walk found.
func (e *entry) see(f found, now time.Time) {
	e.gone = false
	if e.seen.same(f) && !e.since.IsZero() {
		return
	}
	e.moved = !e.seen.inPlace(f)
	e.seen, e.since = f, now
	if e.first.IsZero() {
		e.first = now
	}
}

// unread: what lies there is not what was read.
func (f *Folder) unread(e *entry) bool {
	if !e.seen.same(e.read) || e.young || e.retry {
		return true
	}
	for _, u := range e.uses {
		if now := f.partSeen(u.name); now.there() != u.found.there() || !now.same(u.found) && now.there() {
			return true
		}
	}
	return false
}

// due tells when the file may be read: it and the parts that it used rest.
func (f *Folder) due(e *entry) time.Time {
	due := e.due(f.o.Settle)
	for _, u := range e.uses {
		if p := f.parts[u.name]; p != nil {
			due = later(due, p.due(f.o.Settle))
		}
	}
	return due
}

// due tells when the file may be read. A rest is seen, or told by the file's own
// time, which holds for one that was moved in: whoever writes to a file in its
// place may have another clock (NFS).
func (e *entry) due(settle time.Duration) time.Time {
	if !e.seen.there() {
		return e.since
	}
	due := e.since.Add(settle)
	if !e.moved {
		return due
	}
	if age := e.since.Sub(e.seen.time); age > 0 {
		due = e.since.Add(settle - age)
	}
	if lost := e.first.Add(patienceSettles * settle); !e.first.IsZero() && lost.Before(due) {
		due = lost
	}
	return due
}

// refuse notes why the newest version is not in force.
func (e *entry) refuse(err error, why string) {
	e.next = nil
	e.newest = newest{time: e.newest.time, why: why, err: err}
	if e.seen.there() {
		e.newest.time = e.seen.time
	}
}

// shrunk: the file lost more of its entries than percent allows.
func shrunk(entries, had, percent int) bool {
	return percent > 0 && entries*100 < had*(100-percent)
}
