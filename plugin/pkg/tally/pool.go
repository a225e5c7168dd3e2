package tally

import (
	"math"
	"unsafe"

	"sinkhole/plugin/pkg/subscriber"
)

// pool is the records of a shard.
type pool struct {
	records []record
	free    []uint32
	// worths is what each record was worth when that was last looked at. While a
	// pane lasts that is never too much: counts grow, and whoever takes a sighting
	// away looks again.
	worths []uint64
	ranked Pane // the pane of worths
	// bar is what a line must be worth more than to get a record when all are
	// taken, as far as known in this pane.
	bar  uint64
	lost uint64 // records that went to another line, or were not to be had
}

// recordCost is what a record takes, in octets, with its place in free and worths.
const recordCost = int64(unsafe.Sizeof(record{}) + unsafe.Sizeof(uint32(0)) + unsafe.Sizeof(uint64(0)))

func newPool(n int) pool {
	p := pool{records: make([]record, n), free: make([]uint32, n), worths: make([]uint64, n)}
	p.clear()
	return p
}

func (p *pool) clear() {
	clear(p.records)
	for i := range p.records {
		p.worths[i] = noRecord
		p.free[:len(p.records)][i] = uint32(len(p.records) - 1 - i)
	}
	p.free = p.free[:len(p.records)]
	p.bar = 0
}

// promoted is how many records are taken.
func (p *pool) promoted() int { return len(p.records) - len(p.free) }

// What a line is worth, when not all can have a record:
//
//	| heavy 1 | free 5 | listed 24 | free 1 | marked 1 | queries in six panes 32 |
//
// heavy: more than 10,000 of them in six successive panes, now or in what is
// kept. listed: the measure of its best sighting that has weight. marked: it
// stood at a level of late. Proven lines' queries count double.
const (
	worthHeavy  = 1 << 63
	worthListed = 34 // shift
	worthMarked = 1 << 32
	worthSum    = 1<<32 - 1

	noRecord = math.MaxUint64
)

// heavyQueries in six successive panes make a line that is in every report
// (contract: section 7), and that is let go for a heavier one only.
const heavyQueries = 10_000

func ordinary(sum uint64, proven bool) uint64 {
	worth := sum
	if proven {
		worth *= 2
	}
	worth = min(worth, worthSum)
	if sum > heavyQueries {
		worth |= worthHeavy
	}
	return worth
}

// worthOf is the worth of a line without a record.
func worthOf(w word) uint64 { return ordinary(uint64(w.sum()), w.proven()) }

// worth is the worth of a line with a record, as of the running pane.
func (s *shard) worth(r *record) uint64 {
	worth := ordinary(uint64(r.sum(s.pane)), r.proven)
	// What its own running pane came to may not be in peak yet.
	if max(r.peak, r.sum(r.pane)) > heavyQueries {
		worth |= worthHeavy
	}
	if r.marked(s.pane) {
		worth |= worthMarked
	}
	if r.listed {
		worth |= uint64(s.bestMeasure(r)) << worthListed
	}
	return worth
}

// marked says whether the line stood at a level within what is kept of panes.
func (r *record) marked(p Pane) bool {
	for _, m := range r.marks {
		if m.Pane > 0 && m.Pane >= p.Less(keepPanes) {
			return true
		}
	}
	return false
}

// promote gives the line in slot n a record, with what its slot knows; nil where
// all records are worth more.
func (s *shard) promote(n uint32, worth uint64) *record {
	if !s.room(worth) {
		return nil
	}
	i := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	sl, r := s.at(n), &s.records[i]
	*r = record{line: sl.key, slot: n, first: s.pane, last: s.pane, pane: s.pane, proven: sl.word.proven()}
	for ago, c := range sl.word.at(s.pane).counts() {
		if p := s.pane.Less(Pane(ago)); c > 0 && r.queries[ring(p)] == 0 {
			r.queries[ring(p)] = c
			r.first = p
		}
	}
	sl.word = recordWord(i, r.proven)
	s.worths[i] = s.worth(r)
	return r
}

// room sees to it that a record is free for a line of some worth.
func (s *shard) room(worth uint64) bool {
	if len(s.free) > 0 {
		return true
	}
	if len(s.records) == 0 {
		return false
	}
	i, least := s.least()
	// An eighth more, or two lines that ask alike would take turns.
	s.bar = least + least&worthSum/8
	if worth <= s.bar {
		return false
	}
	s.demote(i)
	s.lost++
	s.evicted++
	return true
}

// least is the record that is worth least. What is remembered of a record is
// never too high, so that the search ends when the least of what is remembered
// is true.
func (s *shard) least() (index uint32, worth uint64) {
	if s.ranked != s.pane {
		s.ranked = s.pane
		for i := range s.records {
			if s.records[i].line != 0 {
				s.worths[i] = s.worth(&s.records[i])
			}
		}
	}
	for {
		worth = noRecord
		for i, w := range s.worths {
			if w < worth {
				index, worth = uint32(i), w
			}
		}
		now := s.worth(&s.records[index])
		if now == worth {
			return index, worth
		}
		s.worths[index] = now
	}
}

// lightestRecord is the slot of the least line of those at home in two buckets,
// which all have records, if it is neither heavy nor listed nor marked.
func (s *shard) lightestRecord(at home) (n, weight uint32, ok bool) {
	least := uint64(worthSum)
	for b := range at.each {
		for i := range s.buckets[b] {
			sl := &s.buckets[b][i]
			if w := s.worth(&s.records[sl.word.record()]); w < least {
				n, least, ok = b*ways+uint32(i), w, true
			}
		}
	}
	return n, uint32(least), ok
}

// demote takes a record away; its slot keeps the last six panes.
func (s *shard) demote(i uint32) {
	r := &s.records[i]
	r.enter(s.pane)
	sl := s.at(r.slot)
	sl.word = pack(s.pane, r.six(), r.proven)
	if sl.word.sum() == 0 {
		*sl = slot{}
		s.lines--
	}
	s.release(i)
}

// release frees a record.
func (s *shard) release(i uint32) {
	r := &s.records[i]
	for r.head != 0 {
		s.unlink(r, r.head-1)
	}
	*r = record{}
	s.worths[i] = noRecord
	s.free = append(s.free, i)
	s.bar = 0
}

// remove leaves nothing of a line.
func (s *shard) remove(at home, l subscriber.Line) {
	n, ok := s.find(at, l)
	if !ok {
		return
	}
	if sl := s.at(n); sl.word.promoted() {
		s.release(sl.word.record())
	}
	*s.at(n) = slot{}
	s.lines--
}
