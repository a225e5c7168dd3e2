package census

import (
	"context"
	"time"

	"sinkhole/plugin/pkg/tally"
)

const (
	beat         = 5 * time.Second  // how often the clock is looked at
	watchEvery   = 10 * time.Second // how often all records are judged
	measureEvery = time.Minute      // how often the crowd is measured, over all lines
	saveEvery    = 30 * time.Second // how often the state is written, and so what a kill forgets
)

// run is the clock of the census, until ctx ends.
func (c *Census) run(ctx context.Context) {
	ticks := time.NewTicker(beat)
	defer ticks.Stop()
	var did did
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			if c.terms.Load() != nil { // a Corefile has taken it
				c.tick(time.Now(), &did)
			}
		}
	}
}

// did is when the clock last did what it does now and then.
type did struct {
	pane            tally.Pane
	watched, stored time.Time
}

func (c *Census) tick(now time.Time, did *did) {
	c.work.Lock()
	defer c.work.Unlock()
	p := tally.PaneOf(now)
	if now.Before(c.again) { // before anything is looked at or written
		c.forget()
	}
	if now.Sub(c.crowd.at) >= measureEvery {
		c.measure(now)
	}
	switch {
	case did.pane != 0 && p != did.pane:
		// What the pane reached is noted before it ends: it is never as high again.
		c.watch(did.pane)
		c.shown.turn()
		c.dropBroken(now, false)
		did.watched = now
	case now.Sub(did.watched) >= watchEvery:
		c.watch(p)
		did.watched = now
	}
	did.pane = p
	c.tally.Turn(p)
	if now.Sub(did.stored) >= saveEvery {
		c.save(now)
		did.stored = now
	}
}
