package tally

import (
	"iter"

	"sinkhole/plugin/pkg/subscriber"
)

// copyRecords is how many records are copied under one lock.
const copyRecords = 64

// Records yields a copy of every record, as of the running pane. Counting goes on
// meanwhile: what is promoted or evicted during the walk may be in it or not.
func (t *Tally) Records() iter.Seq[*Record] {
	return func(yield func(*Record) bool) {
		now, ahead := Pane(t.pane.Load()), Pane(t.ahead.Load())
		for i := range t.shards {
			s := &t.shards[i]
			for first := 0; first < len(s.records); first += copyRecords {
				for _, r := range s.copies(first, now) {
					r.ahead = ahead
					for k := range r.Sightings {
						sg := &r.Sightings[k]
						sg.Name, sg.Category = t.names.name(sg.id)
						sg.ahead, sg.Panes.behind, sg.Proven.behind = ahead, ahead, ahead
						sg.First = sg.First.Less(ahead)
					}
					if !yield(r) {
						return
					}
				}
			}
		}
	}
}

func (s *shard) copies(first int, now Pane) (all []*Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := first; i < min(first+copyRecords, len(s.records)); i++ {
		if s.records[i].line == 0 {
			continue
		}
		r := &Record{Line: s.records[i].line, rec: s.records[i]}
		r.rec.enter(now)
		for at := r.rec.head; at != 0; at = s.sightings[at-1].next {
			sg := &s.sightings[at-1]
			r.Sightings = append(r.Sightings, Sighting{
				Weight: int(sg.weight), First: sg.first, Panes: sg.panes, Proven: sg.proven, hits: sg.hits, id: sg.name,
			})
		}
		all = append(all, r)
	}
	return all
}

// Mark notes that a line stood at a level, from 0, in a pane of the clock.
func (t *Tally) Mark(l subscriber.Line, level int, m Mark) {
	m.Pane += Pane(t.ahead.Load())
	s, b := t.place(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.buckets[b] {
		if sl := &s.buckets[b][i]; sl.key == l && sl.word.promoted() && level >= 0 && level < Levels {
			s.records[sl.word.record()].marks[level] = m
		}
	}
}
