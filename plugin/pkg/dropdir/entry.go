package dropdir

import (
	"os"
	"time"
)

// A file that is replaced by others again and again never rests. Each of them
// came whole, by a rename, so after so many times Settle one is read as it is.
const patienceSettles = 10

// entry is what is known about one file.
type entry struct {
	name string

	// As the walks saw it.
	seen  found
	gone  bool
	since time.Time // when it was first seen with this size and time
	first time.Time // when it was first seen to differ from what was read
	moved bool      // it came as it is by a rename, not by being written to

	// The newest version that was read.
	read  found // as it was then
	young bool  // it had not rested: once it rests, it is read again
	newest

	force  *Version // in force
	next   *Version // accepted, Apply has not taken it yet
	kept   *Version // what the state's index says of it
	judged bool     // of force, Read has said what it holds in this process
	lost   bool     // what was in force is not readable to this program
}

// newest is what became of the newest version that was read.
type newest struct {
	sum     string
	time    time.Time
	entries int
	detail  any
	why     string // it is refused; "": it is not
	held    bool   // only the shrink guard refuses it
	retry   bool   // it could not be read at all: the next look tries again
}

// see takes in what a walk found.
func (e *entry) see(f found, now time.Time) {
	e.gone = false
	if e.seen.same(f) && !e.since.IsZero() {
		return
	}
	e.moved = e.seen.info == nil || f.info == nil || !os.SameFile(e.seen.info, f.info)
	e.seen, e.since = f, now
	if e.first.IsZero() {
		e.first = now
	}
}

// unread: what lies there is not what was read.
func (e *entry) unread() bool {
	return !e.seen.same(e.read) || e.young || e.retry
}

// due tells when the file may be read. A rest is seen, or told by the file's own
// time, which holds for one that was moved in: whoever writes to a file in its
// place may have another clock (NFS).
func (e *entry) due(settle time.Duration) time.Time {
	if e.seen.info == nil {
		return e.since
	}
	due := e.since.Add(settle)
	if !e.moved {
		return due
	}
	if age := e.since.Sub(e.seen.info.ModTime()); age > 0 {
		due = e.since.Add(settle - age)
	}
	if lost := e.first.Add(patienceSettles * settle); lost.Before(due) {
		due = lost
	}
	return due
}

// shrunk: the file lost more of its entries than percent allows.
func shrunk(entries, had, percent int) bool {
	return percent > 0 && entries*100 < had*(100-percent)
}
