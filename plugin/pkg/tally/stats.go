package tally

import "unsafe"

// Stats is how a Tally is.
type Stats struct {
	Queries  uint64 // counted since the start
	Lines    int    // that have a slot
	Promoted int    // of them, that have a record
	Evicted  uint64 // lines that lost their slot or their record to another
	// TurnedAway are queries of lines that found no slot, Unpromoted lines that
	// found no record, Unseen hits that found no room.
	TurnedAway, Unpromoted, Unseen uint64
	// ErrorBound is by how many queries an hour a line may have asked more than
	// is known of it: one line in a million more than that.
	ErrorBound uint64
	Bytes      int64 // all of it, since the start
}

// counts are those of a shard.
type counts struct {
	queries, evicted, turnedAway, unpromoted, unseen uint64

	lines, promoted int

	// worst is the largest weight that turned a newcomer away in the last six
	// panes, by pane mod 8.
	worst [8]uint32
	pane  Pane
}

// onceInAMillion is how many times the mean a geometric wait takes at most, but
// for one in a million: -ln(1e-6).
const onceInAMillion = 14

// turned notes that a newcomer was turned away by a slot of this weight.
func (c *counts) turned(weight uint32, now Pane) {
	c.forgive(now)
	at := &c.worst[now%Pane(len(c.worst))]
	*at = max(*at, weight)
}

// forgive forgets weights of panes before the last six.
func (c *counts) forgive(now Pane) {
	if now >= c.pane+Pane(len(c.worst)) {
		c.worst = [len(c.worst)]uint32{}
	} else {
		for p := c.pane + 1; p <= now; p++ {
			c.worst[p%Pane(len(c.worst))] = 0
		}
	}
	c.pane = max(c.pane, now)
}

func (c *counts) bound() uint64 {
	most := uint32(0)
	for n := range panes {
		most = max(most, c.worst[c.pane.Less(Pane(n))%Pane(len(c.worst))])
	}
	return uint64(most) * onceInAMillion
}

// Stats adds up what the shards know.
func (t *Tally) Stats() Stats {
	var all Stats
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		c := s.counts
		s.mu.Unlock()
		all.Queries += c.queries
		all.Lines += c.lines
		all.Promoted += c.promoted
		all.Evicted += c.evicted
		all.TurnedAway += c.turnedAway
		all.Unpromoted += c.unpromoted
		all.Unseen += c.unseen
		all.ErrorBound = max(all.ErrorBound, c.bound())
		all.Bytes += s.bytes()
	}
	all.Bytes += int64(t.names.memory)
	return all
}

func (s *shard) bytes() int64 {
	return int64(len(s.buckets))*int64(unsafe.Sizeof(bucket{})) +
		int64(len(s.records))*int64(unsafe.Sizeof(record{})) +
		int64(len(s.sightings))*int64(unsafe.Sizeof(sighting{})) +
		int64(cap(s.spare)+cap(s.unused))*int64(unsafe.Sizeof(uint32(0)))
}
