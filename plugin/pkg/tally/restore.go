package tally

import (
	"encoding/binary"

	"sinkhole/plugin/pkg/subscriber"
)

// entry is a promoted line of a checkpoint.
type entry struct {
	record
	sightings []savedSighting
}

type savedSighting struct {
	sighting
	category string
	text     []byte
}

func (d *decoder) fixed(l *subscriber.Line) {
	if b := d.bytes(8); !d.bad {
		*l = subscriber.Line(binary.LittleEndian.Uint64(b))
	}
	d.bad = d.bad || *l == 0
}

// takeLine gives a line of a checkpoint a place, where it is heavier than the
// lightest.
func (t *Tally) takeLine(l subscriber.Line, w word, p Pane) {
	s, at := t.place(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(p)
	s.takeLine(at, l, w.at(s.pane))
}

func (s *shard) takeLine(at home, l subscriber.Line, w word) {
	if _, twice := s.find(at, l); twice || w.sum() == 0 {
		return
	}
	n, sum, ok := s.smallest(at)
	if !ok || sum >= w.sum() {
		s.evicted++
		return
	}
	s.leave(n)
	s.seat(n, l, w)
}

// smallest is the slot of the line without a record that asked least in all six
// panes. A checkpoint may be some panes old, and so a line's weight nothing.
func (s *shard) smallest(at home) (n, sum uint32, ok bool) {
	for b := range at.each {
		for i := range s.buckets[b] {
			sl := &s.buckets[b][i]
			if sl.word.promoted() {
				continue
			}
			if c := sl.word.at(s.pane).sum(); !ok || sl.key == 0 || c < sum {
				n, sum, ok = b*ways+uint32(i), c, true
			}
			if sl.key == 0 {
				return n, 0, true
			}
		}
	}
	return n, sum, ok
}

// takeRecord gives a promoted line of a checkpoint a place and a record, or what
// there is room for.
func (t *Tally) takeRecord(e *entry, p Pane) {
	s, at := t.place(e.line)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(p)
	if _, twice := s.find(at, e.line); twice {
		return
	}
	e.enter(s.pane)
	six := pack(s.pane, e.six(), e.proven)
	n, _, ok := s.smallest(at)
	if !ok || !s.roomFor(e) {
		s.lost++
		s.takeLine(at, e.line, six)
		return
	}
	s.leave(n)
	s.seat(n, e.line, six)
	i := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	r := &s.records[i]
	*r = e.record
	r.slot = n
	s.at(n).word = recordWord(i, r.proven)
	for k := range e.sightings {
		s.takeSighting(r, i, &e.sightings[k])
	}
	s.worths[i] = s.worth(r)
}

// roomFor sees to it that a record is free for a line that is worth more than
// the least.
func (s *shard) roomFor(e *entry) bool {
	if len(s.free) > 0 {
		return true
	}
	worth := s.worth(&e.record)
	for k := range e.sightings {
		if si := &e.sightings[k]; si.weight > 0 {
			worth = max(worth, worth&^(worthHeavy-1<<worthListed)|uint64(si.measure())<<worthListed)
		}
	}
	i, least := s.least()
	if worth <= least {
		return false
	}
	s.demote(i)
	s.lost++
	s.evicted++
	return true
}

func (s *shard) takeSighting(r *record, index uint32, saved *savedSighting) {
	si := saved.sighting
	si.record, si.name = index, s.names.take(saved.category, saved.text)
	if _, twice := s.of(r, si.name); twice || len(s.freeSight) == 0 && !s.giveUp(si.measure()) {
		s.names.drop(si.name)
		s.unseen++
		return
	}
	k := s.freeSight[len(s.freeSight)-1]
	s.freeSight = s.freeSight[:len(s.freeSight)-1]
	si.next = r.head
	s.sightings[k] = si
	r.head = k + 1
	s.measures[k] = si.measure()
	r.listed = r.listed || si.weight > 0
}
