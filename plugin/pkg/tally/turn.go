package tally

import "sinkhole/plugin/pkg/subscriber"

const (
	// A word tells panes apart by their number mod 256, and older from newer by
	// 128: whoever finds the table further behind sweeps it first.
	sweepAfter Pane = 64

	// lag is how far behind a pane may come that is no clock set back: of a
	// goroutine that looked at the clock just before the pane turned.
	lag Pane = 1

	// sweepBuckets is how many buckets are swept under one lock.
	sweepBuckets = 4096
)

// Turn tells the clock's pane. It forgets what is too old, once a pane; a call
// within the same pane costs nothing.
func (t *Tally) Turn(p Pane) {
	t.turn.Lock()
	defer t.turn.Unlock()
	next, now := p+Pane(t.ahead.Load()), Pane(t.pane.Load())
	if next+lag < now { // the clock went back, and the tally goes on
		t.ahead.Store(uint32(now - p))
		next = now
	}
	t.to(next)
}

// advance makes next the running pane, unless it is already a later one, and
// returns it.
func (t *Tally) advance(next Pane) Pane {
	t.turn.Lock()
	defer t.turn.Unlock()
	if next > t.swept+sweepAfter {
		t.to(next)
	} else if next > Pane(t.pane.Load()) {
		t.pane.Store(uint32(next))
	}
	return Pane(t.pane.Load())
}

// to makes next the running pane and sweeps. It must hold t.turn.
func (t *Tally) to(next Pane) {
	now := max(next, Pane(t.pane.Load()))
	if now == t.swept {
		return
	}
	// The words are brought to the new pane before anybody counts in it, where
	// it is too far for them to tell.
	far := now > t.swept+sweepAfter
	if !far {
		t.pane.Store(uint32(now))
	}
	used := map[uint32]struct{}{}
	for i := range t.shards {
		t.shards[i].sweep(now, t.swept, used)
	}
	t.pane.Store(uint32(now))
	t.swept = now
	t.names.keep(used, now.Less(Day))
}

// sweep forgets what is older than it may be kept, as of pane now.
func (s *shard) sweep(now, swept Pane, used map[uint32]struct{}) {
	for first := 0; first < len(s.buckets); first += sweepBuckets {
		s.mu.Lock()
		for b := first; b < min(first+sweepBuckets, len(s.buckets)); b++ {
			for i := range s.buckets[b] {
				s.sweepSlot(&s.buckets[b][i], now, now > swept+sweepAfter, used)
			}
		}
		s.mu.Unlock()
	}
	s.mu.Lock()
	s.counts.forgive(now)
	s.weary, s.cheap = 0, s.cheap[:0]
	s.mu.Unlock()
}

// sweepSlot brings one slot to pane now. far: its word is too far behind to tell
// how far.
func (s *shard) sweepSlot(sl *slot, now Pane, far bool, used map[uint32]struct{}) {
	switch {
	case sl.key == 0:
	case sl.word.promoted():
		s.sweepRecord(sl, now, used)
	case far:
		*sl = slot{}
		s.counts.lines--
	default:
		if sl.word = sl.word.at(now); sl.word.sum() == 0 {
			*sl = slot{}
			s.counts.lines--
		}
	}
}

func (s *shard) sweepRecord(sl *slot, now Pane, used map[uint32]struct{}) {
	index := sl.word.record()
	r := &s.records[index]
	if r.last+Week < now {
		s.release(index)
		*sl = slot{}
		s.counts.lines--
		return
	}
	r.enter(now)
	r.day = r.highest(now.Less(Day - 1))
	r.listed = false
	for link := &r.head; *link != 0; {
		sg := &s.sightings[*link-1]
		if sg.panes.newest+Week < now {
			at := *link
			*link = sg.next
			s.drop(at)
			continue
		}
		r.listed = r.listed || sg.weight > 0
		used[sg.name] = struct{}{}
		link = &sg.next
	}
}

// Forget drops the lines for which drop is true, as if they had never asked. drop
// must not use the Tally.
func (t *Tally) Forget(drop func(subscriber.Line) bool) {
	t.turn.Lock()
	defer t.turn.Unlock()
	used := map[uint32]struct{}{}
	for i := range t.shards {
		t.shards[i].forget(drop, used)
	}
	t.names.keep(used, Pane(t.pane.Load())+1)
}

func (s *shard) forget(drop func(subscriber.Line) bool, used map[uint32]struct{}) {
	for first := 0; first < len(s.buckets); first += sweepBuckets {
		s.mu.Lock()
		for b := first; b < min(first+sweepBuckets, len(s.buckets)); b++ {
			for i := range s.buckets[b] {
				sl := &s.buckets[b][i]
				if sl.key == 0 {
					continue
				}
				if !drop(sl.key) {
					s.note(sl, used)
					continue
				}
				if sl.word.promoted() {
					s.release(sl.word.record())
				}
				*sl = slot{}
				s.counts.lines--
			}
		}
		s.mu.Unlock()
	}
}

// note enters the names that a line's sightings hold.
func (s *shard) note(sl *slot, used map[uint32]struct{}) {
	if !sl.word.promoted() {
		return
	}
	for at := s.records[sl.word.record()].head; at != 0; at = s.sightings[at-1].next {
		used[s.sightings[at-1].name] = struct{}{}
	}
}
