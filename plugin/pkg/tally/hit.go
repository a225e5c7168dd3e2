package tally

import "sinkhole/plugin/pkg/subscriber"

// Hit notes that a line, whose query was counted, asked for a listed name. name
// is how it is shown; weight, in hundredths, is what such a name says about a
// line, and one without weight is noted only of lines that have a record anyhow.
func (t *Tally) Hit(l subscriber.Line, category string, name []byte, weight int, proven bool, p Pane) {
	if l == 0 {
		return
	}
	now := t.at(p)
	s, b := t.place(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.recordOf(b, l, weight, proven, now)
	if r == nil {
		return
	}
	r.enter(now)
	r.last = now
	r.proven = r.proven || proven
	var key [1280]byte
	id := t.names.number(category, name, key[:0], now)
	if id == 0 {
		s.counts.unseen++
		return
	}
	sg := s.sightingOf(r, id, weight, now)
	if sg == nil {
		s.counts.unseen++
		return
	}
	sg.weight = uint8(min(max(weight, 0), 100))
	r.listed = r.listed || weight > 0
	sg.note(now, proven)
}

// Exempt says that a name, by its Hash, is listed with full weight: that a line
// asks for it over and over is evidence and no broken device.
func (t *Tally) Exempt(l subscriber.Line, name uint64) {
	if l == 0 {
		return
	}
	s, b := t.place(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.buckets[b] {
		if sl := &s.buckets[b][i]; sl.key == l && sl.word.promoted() {
			s.records[sl.word.record()].share.exempt(name)
		}
	}
}

// recordOf is the record of a line, which it gets for a hit with weight; nil
// where it has none.
func (s *shard) recordOf(b int, l subscriber.Line, weight int, proven bool, now Pane) *record {
	bucket := &s.buckets[b]
	at := -1
	for i := range bucket {
		if bucket[i].key == l {
			at = i
		}
	}
	if at >= 0 && bucket[at].word.promoted() {
		if proven {
			bucket[at].word |= provenBit
		}
		return &s.records[bucket[at].word.record()]
	}
	if weight <= 0 {
		return nil
	}
	if at < 0 { // its query found no slot; a hit finds one
		if at = s.least(bucket, now); at < 0 {
			s.counts.turnedAway++
			return nil
		}
		if bucket[at].key == 0 {
			s.counts.lines++
		} else if bucket[at].word.at(now).weight() > 0 {
			s.counts.evicted++
		}
		bucket[at] = slot{l, pack(now, [panes]uint32{}, proven)}
	}
	r, _ := s.promote(b, at, worthOfHit(weight)|worthOf(bucket[at].word.at(now).sum()), now)
	return r
}

// sightingOf is the line's sighting of a name, a new one if need be; nil where
// there is no room.
func (s *shard) sightingOf(r *record, id uint32, weight int, now Pane) *sighting {
	n, least := 0, uint32(0)
	for at := r.head; at != 0; at = s.sightings[at-1].next {
		sg := &s.sightings[at-1]
		if sg.name == id {
			return sg
		}
		if n++; least == 0 || sg.measure() < s.sightings[least-1].measure() {
			least = at
		}
	}
	fresh := sighting{name: id, first: now}
	if n < maxSightings && len(s.unused) > 0 {
		at := s.unused[len(s.unused)-1]
		s.unused = s.unused[:len(s.unused)-1]
		fresh.next = r.head
		s.sightings[at] = fresh
		r.head = at + 1
		return &s.sightings[at]
	}
	if least == 0 || !s.givesWay(&s.sightings[least-1], weight, now) {
		return nil
	}
	sg := &s.sightings[least-1]
	fresh.next = sg.next
	*sg = fresh
	return sg
}

// givesWay: a sighting makes room for a new name. One of less weight does; of
// equals, one that was not asked for in the last day does.
func (s *shard) givesWay(sg *sighting, weight int, now Pane) bool {
	return int(sg.weight) < weight || int(sg.weight) == weight && sg.panes.newest+Day < now
}
