package tally

import (
	"iter"

	"sinkhole/plugin/pkg/subscriber"
)

// Records yields the promoted lines, as of now. The Record is used again for the
// next one: copy what is to stay.
func (t *Tally) Records() iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		var rec Record
		for i := range t.shards {
			s := &t.shards[i]
			for k := 0; k < len(s.records); k++ {
				now, ahead := t.clock.read()
				var ok bool
				if k, ok = s.copy(k, &rec, now, ahead); ok && !yield(&rec) {
					return
				}
			}
		}
	}
}

// copy makes rec a copy of the next record from an index on, and is where that
// stands; false where there is none.
func (s *shard) copy(from int, rec *Record, now, ahead Pane) (at int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.promoted() == 0 {
		return len(s.records), false
	}
	for at = from; s.records[at].line == 0; {
		if at++; at == len(s.records) {
			return at, false
		}
	}
	r := &s.records[at]
	rec.Line, rec.rec, rec.ahead = r.line, *r, ahead
	rec.rec.enter(max(now, s.pane))
	rec.rec.noteStorm()
	rec.Sightings = rec.Sightings[:0]
	for i := r.head; i != 0; i = s.sightings[i-1].next {
		si := &s.sightings[i-1]
		text, category := s.names.name(si.name)
		rec.Sightings = append(rec.Sightings, Sighting{
			Name: text, Category: category, Weight: int(si.weight), First: si.first.Less(ahead),
			Panes: si.panes.behindBy(ahead), Proven: si.proven.behindBy(ahead), hits: si.hits, ahead: ahead,
		})
	}
	return at, true
}

func (s PaneSet) behindBy(ahead Pane) PaneSet {
	s.behind = ahead
	return s
}

// Record is a copy of what is kept of a promoted line.
type Record struct {
	Line      subscriber.Line
	Sightings []Sighting
	rec       record
	ahead     Pane
}

// Pane is the record's running pane.
func (r *Record) Pane() Pane { return r.rec.pane - r.ahead }

// First is the pane in which the line was first seen.
func (r *Record) First() Pane { return r.rec.first.Less(r.ahead) }

// Last is the pane in which the line was last seen.
func (r *Record) Last() Pane { return r.rec.last.Less(r.ahead) }

// Oldest is the oldest pane that is still kept one by one.
func (r *Record) Oldest() Pane { return (r.Pane() + 1).Less(Pane(ringPanes)) }

// Queries is the count of one pane.
func (r *Record) Queries(p Pane) uint32 { return r.rec.at(p + r.ahead) }

// Proven is how many of them could not be forged, up to 65,535.
func (r *Record) Proven(p Pane) uint32 {
	if !r.rec.in(p + r.ahead) {
		return 0
	}
	return uint32(r.rec.sure[ring(p+r.ahead)])
}

// Storm reports whether one name made p: 80 in 100 of its queries, and not a
// name that is listed with full weight.
func (r *Record) Storm(p Pane) bool {
	p += r.ahead
	if !r.rec.in(p) {
		return false
	}
	i := ring(p)
	return r.rec.storm[i/64]&(1<<(i%64)) != 0
}

// Highest is the highest sum of six successive panes, the running one included,
// whose last pane is first or later. Within the last day it is exact; before,
// it is known to four hours.
func (r *Record) Highest(first Pane) uint64 {
	best := r.rec.highest(first + r.ahead)
	if first < r.Oldest()+Hour {
		oldest := (r.rec.pane/peakBlock + 1).Less(Pane(len(r.rec.peaks)))
		for b := max((first+r.ahead)/peakBlock, oldest); b <= r.rec.pane/peakBlock; b++ {
			best = max(best, r.rec.peaks[b%Pane(len(r.rec.peaks))])
		}
	}
	return uint64(best)
}

// Mark is when the line last stood at a level (from 0) or above.
func (r *Record) Mark(level int) Mark {
	m := r.rec.marks[level]
	m.Pane = m.Pane.Less(r.ahead)
	return m
}

// Mark has the record of a line remember when it last stood at a level.
func (t *Tally) Mark(l subscriber.Line, level int, m Mark) {
	t.clock.look(m.Pane)
	now, ahead := t.clock.read()
	s, at := t.place(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(now)
	n, ok := s.find(at, l)
	if !ok || l == 0 || !s.at(n).word.promoted() {
		return
	}
	i := s.at(n).word.record()
	s.records[i].marks[level] = Mark{Pane: min(min(m.Pane, maxPane)+ahead, now), Score: m.Score}
	s.worths[i] = s.worth(&s.records[i])
}
