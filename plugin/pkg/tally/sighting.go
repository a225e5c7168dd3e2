package tally

import (
	"math/bits"
	"unsafe"

	"sinkhole/plugin/pkg/subscriber"
)

// sighting is one listed name that one line asked for. Sightings of a line are
// chained by index+1, at most maxSightings of them.
type sighting struct {
	next   uint32
	record uint32 // whose it is
	name   uint32 // number of the listed name
	weight uint8  // in hundredths
	first  Pane
	panes  PaneSet // in which it was asked for
	proven PaneSet // in which that could not be forged
	hits   hits
}

const (
	maxSightings = 8
	// maxNamed of them by name; the last is of any other name of its category.
	maxNamed = maxSightings - 1
	// fullWeight is the weight of a category that only machines ask for.
	fullWeight = 100
	maxWeight  = 1<<8 - 1
)

// hits counts queries in blocks of six hours, 32 of them: eight days.
type hits struct {
	blocks [32]uint32
	newest Pane // in blocks
}

const hitBlock = 6 * Hour

func (h *hits) add(p Pane) {
	b := p / hitBlock
	for q := max(h.newest+1, b.Less(Pane(len(h.blocks)-1))); q <= b; q++ {
		h.blocks[q%Pane(len(h.blocks))] = 0
	}
	h.newest = max(h.newest, b)
	if c := &h.blocks[b%Pane(len(h.blocks))]; *c < 1<<32-1 {
		*c++
	}
}

func (h *hits) since(p Pane) uint64 {
	n := uint64(0)
	oldest := max(p/hitBlock, (h.newest + 1).Less(Pane(len(h.blocks))))
	for q := oldest; q <= h.newest; q++ {
		n += uint64(h.blocks[q%Pane(len(h.blocks))])
	}
	return n
}

func (s *sighting) note(p Pane, proven bool) {
	s.panes.note(p)
	if proven {
		s.proven.note(p)
	}
	s.hits.add(p)
}

// measure orders sightings by what they are worth: weight, then panes, proven
// ones twice.
func (s *sighting) measure() uint32 {
	return measure(s.weight, s.panes.len()+s.proven.len())
}

func measure(weight uint8, panes int) uint32 { return uint32(weight)<<16 | uint32(panes) }

func (s *PaneSet) len() int {
	n := 0
	for _, w := range s.bits {
		n += bits.OnesCount64(w)
	}
	return n
}

// sights is the sightings of a shard.
type sights struct {
	sightings []sighting
	freeSight []uint32
	// measures is the measure of each sighting, 0 of a free one.
	measures []uint32
	unseen   uint64 // sightings that went to another line, or were not to be had
	names    *listed
}

// sightingCost is what a sighting takes, in octets, with its place in freeSight
// and measures.
const sightingCost = int64(unsafe.Sizeof(sighting{}) + 2*unsafe.Sizeof(uint32(0)))

func newSights(n int, names *listed) sights {
	s := sights{sightings: make([]sighting, n), freeSight: make([]uint32, n), measures: make([]uint32, n), names: names}
	s.clear()
	return s
}

func (s *sights) clear() {
	clear(s.sightings)
	clear(s.measures)
	for i := range s.sightings {
		s.freeSight[:len(s.sightings)][i] = uint32(len(s.sightings) - 1 - i)
	}
	s.freeSight = s.freeSight[:len(s.sightings)]
}

// sight is a query for a listed name.
type sight struct {
	category string
	text     []byte
	weight   uint8
	proven   bool
}

func (h sight) measure() uint32 {
	if h.proven {
		return measure(h.weight, 2)
	}
	return measure(h.weight, 1)
}

// hit notes a query for a listed name in the running pane. A name with weight
// makes its line promoted; one without is noted of a line that is so anyway.
func (s *shard) hit(at home, l subscriber.Line, h sight) {
	n, ok := s.find(at, l)
	if !ok || !s.at(n).word.promoted() {
		if h.weight == 0 {
			return
		}
		if n, ok = s.force(at, l, h); !ok {
			s.lost++
			return
		}
	}
	r := &s.records[s.at(n).word.record()]
	r.enter(s.pane)
	r.last = s.pane
	if h.proven {
		r.proven = true
		s.at(n).word |= provenBit
	}
	if h.weight >= fullWeight {
		r.share.listed++
	}
	if !s.note(r, h) {
		s.unseen++
	}
	s.worths[s.at(n).word.record()] = s.worth(r)
}

// force promotes a line for a listed name, and gives it a place first if need
// be.
func (s *shard) force(at home, l subscriber.Line, h sight) (n uint32, ok bool) {
	n, seated := s.find(at, l)
	worth := uint64(h.measure()) << worthListed
	if seated {
		worth |= worthOf(s.at(n).word.at(s.pane))
	} else if n, _, ok = s.lightest(at); !ok {
		if n, _, ok = s.lightestRecord(at); !ok {
			return 0, false
		}
	}
	if !s.room(worth) {
		return 0, false
	}
	if !seated {
		if sl := s.at(n); sl.word.promoted() {
			s.demote(sl.word.record())
		}
		s.leave(n)
		s.seat(n, l, stamp(s.pane)|provenIf(h.proven))
	}
	return n, s.promote(n, worth) != nil
}

// note writes the sighting down; false where there is no room for it.
func (s *shard) note(r *record, h sight) bool {
	id, known := s.names.find(h.category, h.text)
	if known {
		if i, ok := s.of(r, id); ok {
			s.again(i, h)
			return true
		}
	}
	length, least := s.chain(r)
	if length >= maxNamed && s.sightings[least].weight < h.weight {
		s.unlink(r, least)
		length = 0
	}
	if length < maxNamed {
		id := s.names.take(h.category, h.text)
		if i, ok := s.of(r, id); ok { // the table of names is full, and this is any name
			s.again(i, h)
			return true
		}
		return s.first(r, id, h)
	}
	// More names than a line has room for: the last sighting is of any name of
	// the category, so that a machine that asks for each name once is still seen
	// to come again.
	id = s.names.takeUnnamed(h.category)
	if i, ok := s.of(r, id); ok {
		s.again(i, h)
		return true
	}
	if length == maxSightings {
		if s.measures[least] > h.measure() {
			return false
		}
		s.unlink(r, least)
	}
	return s.first(r, id, h)
}

// of is the sighting of a name in the record's chain.
func (s *sights) of(r *record, id uint32) (i uint32, ok bool) {
	for i := r.head; i != 0; i = s.sightings[i-1].next {
		if s.sightings[i-1].name == id {
			return i - 1, true
		}
	}
	return 0, false
}

// chain is how many sightings a record has, and the one worth least.
func (s *sights) chain(r *record) (length int, least uint32) {
	for i := r.head; i != 0; i = s.sightings[i-1].next {
		if length == 0 || s.measures[i-1] < s.measures[least] {
			least = i - 1
		}
		length++
	}
	return length, least
}

// again notes a sighting that there is.
func (s *shard) again(i uint32, h sight) {
	si := &s.sightings[i]
	noted := si.weight >= h.weight && si.panes.Has(s.pane) && (!h.proven || si.proven.Has(s.pane))
	si.weight = max(si.weight, h.weight)
	si.note(s.pane, h.proven)
	if !noted {
		s.measures[i] = si.measure()
	}
	if h.weight > 0 {
		s.records[si.record].listed = true
	}
}

// first makes a sighting of a name whose reference it takes over, at the expense
// of the least of the shard where all are taken.
func (s *shard) first(r *record, name uint32, h sight) bool {
	if len(s.freeSight) == 0 && !s.giveUp(h.measure()) {
		s.names.drop(name)
		return false
	}
	i := s.freeSight[len(s.freeSight)-1]
	s.freeSight = s.freeSight[:len(s.freeSight)-1]
	si := &s.sightings[i]
	*si = sighting{
		next:   r.head,
		record: s.at(r.slot).word.record(),
		name:   name,
		weight: h.weight,
		first:  s.pane,
	}
	r.head = i + 1
	si.note(s.pane, h.proven)
	s.measures[i] = si.measure()
	r.listed = r.listed || h.weight > 0
	return true
}

// giveUp frees the least sighting of the shard, if it measures less.
func (s *shard) giveUp(than uint32) bool {
	least, at := than, -1
	for i, m := range s.measures {
		if m < least {
			least, at = m, i
		}
	}
	if at < 0 {
		return false
	}
	owner := s.sightings[at].record
	s.unlink(&s.records[owner], uint32(at))
	s.worths[owner] = s.worth(&s.records[owner])
	s.bar = 0
	s.unseen++
	return true
}

// unlink frees a sighting of a record.
func (s *sights) unlink(r *record, i uint32) {
	for at := &r.head; *at != 0; at = &s.sightings[*at-1].next {
		if *at == i+1 {
			*at = s.sightings[i].next
			break
		}
	}
	s.names.drop(s.sightings[i].name)
	s.sightings[i] = sighting{}
	s.measures[i] = 0
	s.freeSight = append(s.freeSight, i)
	r.listed = s.bestMeasure(r) > 0
}

// bestMeasure is the measure of the record's best sighting that has weight.
func (s *sights) bestMeasure(r *record) uint32 {
	best := uint32(0)
	for i := r.head; i != 0; i = s.sightings[i-1].next {
		if s.sightings[i-1].weight > 0 {
			best = max(best, s.measures[i-1])
		}
	}
	return best
}

// Sighting is a copy of what is known of a listed name that a line asked for.
type Sighting struct {
	Name     string // as the caller of Hit writes names; empty: any of the category for which there was no room
	Category string
	Weight   int // in hundredths
	First    Pane
	Panes    PaneSet
	Proven   PaneSet
	hits     hits
	ahead    Pane
}

// Hits is how many queries asked for it since p, to the six hours that p lies in.
func (s *Sighting) Hits(p Pane) uint64 { return s.hits.since(p + s.ahead) }
