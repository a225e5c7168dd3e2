package tally

import "sync/atomic"

// clock turns the panes of the caller's clock into those that the tally counts
// in. Those never go back: where the caller's clock goes back, the tally's is
// ahead of it from then on, by as much, and what was counted keeps its age.
//
// A clock that goes ahead is believed, for a machine may sleep; but what it once
// went back is taken off first. That it went back is believed of Turn only, which
// is called by one who looks at the clock and at nothing else: a query may have
// been on its way.
type clock struct {
	state atomic.Uint64 // ahead<<32 | running
}

const (
	// maxPane is as far as a clock is believed: the year 22,000. No sum of panes
	// overflows.
	maxPane = 1 << 30
	// clockJump is how far a clock runs on between two looks at it.
	clockJump = Hour
)

// read is the running pane of the tally, and what it is ahead of the caller's.
func (c *clock) read() (running, ahead Pane) {
	s := c.state.Load()
	return Pane(s), Pane(s >> 32)
}

// set begins with a checkpoint's panes.
func (c *clock) set(running, ahead Pane) { c.state.Store(uint64(ahead)<<32 | uint64(running)) }

// tick is told the caller's pane and gives the tally's.
func (c *clock) tick(p Pane) (running Pane) {
	for {
		was := c.state.Load()
		running, ahead := step(Pane(was), Pane(was>>32), min(p, maxPane))
		is := uint64(ahead)<<32 | uint64(running)
		if is == was || c.state.CompareAndSwap(was, is) {
			return running
		}
	}
}

// look is the tally's pane for the caller's p, which may begin it.
func (c *clock) look(p Pane) (running Pane) {
	running, ahead := c.read()
	if min(p, maxPane)+ahead <= running {
		return running
	}
	return c.tick(p)
}

// step is what follows when the caller's clock shows p.
func step(running, ahead, p Pane) (Pane, Pane) {
	q := p + ahead
	switch {
	case q == running, q+1 == running:
		// A clock is read before it is used: the last count of a pane may come
		// after the first of the next.
		return running, ahead
	case q < running:
		return running, running - p
	case ahead > 0 && q > running+clockJump:
		ahead = running - min(p, running)
		return p + ahead, ahead
	}
	return q, ahead
}
