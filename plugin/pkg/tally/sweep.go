package tally

import "sinkhole/plugin/pkg/subscriber"

const (
	// slice is how many buckets are looked at under one lock: 16 KB, some ten
	// microseconds in which nobody counts in the shard.
	slice = 256
	// sliceRecords is the same of records.
	sliceRecords = 32

	// keepPanes is how long the counts of a record are kept, keepSightings how
	// long a listed name that nobody on the line asks for any more.
	keepPanes     = 2 * Day
	keepSightings = Week
)

// Turn tells the clock's pane. When a pane has begun, all slots and records are
// brought up to it, a slice at a time: silent lines are forgotten, and records
// without anything to remember given up.
func (t *Tally) Turn(p Pane) {
	now := t.clock.tick(p)
	for i := range t.shards {
		t.shards[i].sweep(now)
	}
}

func (s *shard) sweep(now Pane) {
	s.mu.Lock()
	s.enter(now)
	pane, done := s.pane, s.tidied == s.pane
	s.mu.Unlock()
	if done {
		return
	}
	for from := 0; from < len(s.buckets); from += slice {
		s.mu.Lock()
		s.freshen(from, min(from+slice, len(s.buckets)), s.pane)
		s.mu.Unlock()
	}
	for from := 0; from < len(s.records); from += sliceRecords {
		s.mu.Lock()
		s.tidy(from, min(from+sliceRecords, len(s.records)))
		s.mu.Unlock()
	}
	s.mu.Lock()
	s.swept, s.tidied = max(s.swept, pane), pane
	s.mu.Unlock()
}

// tidy drops what is too old from some records, and the records that hold
// nothing then.
func (s *shard) tidy(from, to int) {
	for i := from; i < to; i++ {
		r := &s.records[i]
		if r.line == 0 {
			continue
		}
		r.enter(s.pane)
		r.forget(s.pane.Less(keepPanes))
		r.peak = r.highest(0)
		for _, p := range r.peaks {
			r.peak = max(r.peak, p)
		}
		for k := range r.marks {
			if r.marks[k].Pane < s.pane.Less(keepSightings) {
				r.marks[k] = Mark{}
			}
		}
		for at := r.head; at != 0; {
			si := &s.sightings[at-1]
			next := si.next
			if si.panes.newest < s.pane.Less(keepSightings) {
				s.unlink(r, at-1)
			}
			at = next
		}
		if r.head == 0 && r.peak < promoteAt && !r.marked(s.pane) {
			s.demote(uint32(i))
			continue
		}
		s.worths[i] = s.worth(r)
	}
}

// Forget leaves no trace of the lines that drop says: of places, records, what
// they asked for, and names that nobody else asked for.
func (t *Tally) Forget(drop func(subscriber.Line) bool) {
	var lines []subscriber.Line
	for i := range t.shards {
		s := &t.shards[i]
		for from := 0; from < len(s.buckets); from += slice {
			lines = s.seated(from, lines[:0])
			for _, l := range lines {
				if drop(l) {
					t.forget(l)
				}
			}
		}
	}
}

func (t *Tally) forget(l subscriber.Line) {
	s, at := t.place(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(at, l)
}

// seated appends the lines of one slice of buckets.
func (s *shard) seated(from int, lines []subscriber.Line) []subscriber.Line {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines == 0 {
		return nil
	}
	for b := from; b < min(from+slice, len(s.buckets)); b++ {
		for i := range s.buckets[b] {
			if l := s.buckets[b][i].key; l != 0 {
				lines = append(lines, l)
			}
		}
	}
	return lines
}
