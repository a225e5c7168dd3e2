package tally

import (
	"hash/maphash"
	"iter"
	"math/bits"
	"unsafe"

	"sinkhole/plugin/pkg/subscriber"
)

// Tally is the counts of all lines.
type Tally struct {
	seed   maphash.Seed
	clock  clock
	shards []shard
	names  *listed
	bytes  int64
}

// What a line takes, in octets and per cent, when as many lines ask as there is
// memory for. The package comment adds it up.
const (
	lineCost      = 64
	slotsALine    = 2
	recordShare   = 2   // records for so many lines in 100
	sightingShare = 15  // sightings for so many lines in 1,000
	nameShare     = 150 // octets of listed names for 100 lines

	// A shard of 16,384 lines is 1 MB. More than 64 would not let more cores
	// count at a time.
	shardLines = 1 << 14
	maxShards  = 64
)

// New is a tally that takes so much memory and no more, in octets: 64 a line.
func New(memory int64) *Tally {
	lines := max(memory/lineCost, 1)
	n := min(max(lines/shardLines, 1), maxShards)
	t := &Tally{seed: maphash.MakeSeed(), shards: make([]shard, n), names: newListed(lines * nameShare / 100)}
	each := int(lines / n)
	buckets, records, sightings := max(each*slotsALine/ways, 1), max(each*recordShare/100, 1), max(each*sightingShare/1000, 1)
	for i := range t.shards {
		s := &t.shards[i]
		s.buckets = make([]bucket, buckets)
		s.pool = newPool(records)
		s.sights = newSights(sightings, t.names)
	}
	t.bytes = int64(unsafe.Sizeof(*t)) + lines*nameShare/100 + n*int64(unsafe.Sizeof(shard{})) + n*(int64(buckets)*int64(unsafe.Sizeof(bucket{}))+
		int64(records)*int64(unsafe.Sizeof(record{})+unsafe.Sizeof(uint64(0))+unsafe.Sizeof(uint32(0)))+
		int64(sightings)*int64(unsafe.Sizeof(sighting{})+2*unsafe.Sizeof(uint32(0))))
	return t
}

// place is where a line is counted.
func (t *Tally) place(l subscriber.Line) (s *shard, bucket uint32) {
	h := maphash.Comparable(t.seed, uint64(l))
	i, rest := bits.Mul64(h, uint64(len(t.shards)))
	s = &t.shards[i]
	b, _ := bits.Mul64(rest, uint64(len(s.buckets)))
	return s, uint32(b)
}

// now is the tally's pane when the caller's clock shows p.
func (t *Tally) now(p Pane) Pane {
	running, ahead := t.clock.read()
	if p+ahead == running {
		return running
	}
	return t.clock.tick(p)
}

// Count counts one query of a line for a name, by its Hash, in pane p. proven:
// nobody else can have sent it.
func (t *Tally) Count(l subscriber.Line, name uint64, proven bool, p Pane) {
	if l == 0 {
		return
	}
	now := t.now(p)
	s, b := t.place(l)
	s.mu.Lock()
	s.enter(now)
	s.count(b, l, name, proven)
	s.mu.Unlock()
}

// Hit notes that a line asked for a listed name, in text, that weighs so many
// hundredths. The query itself is for Count.
func (t *Tally) Hit(l subscriber.Line, category string, name []byte, weight int, proven bool, p Pane) {
	if l == 0 {
		return
	}
	if len(name) > maxText {
		name = nil
	}
	h := sight{category[:min(len(category), maxCategory)], name, uint8(min(max(weight, 0), maxWeight)), proven}
	now := t.now(p)
	s, b := t.place(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(now)
	s.hit(b, l, h)
}

// Hash is the keyed hash of a name. It means nothing in another process.
func (t *Tally) Hash(name []byte) uint64 { return maphash.Bytes(t.seed, name) }

// Mark has the record of a line remember when it last stood at a level.
func (t *Tally) Mark(l subscriber.Line, level int, m Mark) {
	s, b := t.place(l)
	_, ahead := t.clock.read()
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.find(b, l)
	if !ok || l == 0 || !s.at(n).word.promoted() {
		return
	}
	i := s.at(n).word.record()
	s.records[i].marks[level] = Mark{Pane: min(m.Pane, maxPane) + ahead, Score: m.Score}
	s.worths[i] = s.worth(&s.records[i])
}

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

// Stats is a look at the tally as a whole.
type Stats struct {
	// Queries is how many were counted since the start.
	Queries uint64
	// Lines is how many lines have a place, Promoted how many of them a record.
	Lines, Promoted int
	// Evicted is how many lines lost their place or their record to another.
	Evicted uint64
	// PromotedDropped is how many records were lost to another line or not to be
	// had, SightingsDropped the same of listed names of a line.
	PromotedDropped, SightingsDropped uint64
	// ErrorBound is what a line may have asked in the last six panes beyond what
	// is known of it, for 99 in 100 of the lines that had to wait for a place.
	// Never less than nothing: no line is ever known to have asked what it did not.
	ErrorBound uint64
	// Bytes is the memory that the tally takes.
	Bytes int64
}

// Stats counts.
func (t *Tally) Stats() Stats {
	st := Stats{Bytes: t.bytes}
	var waiting Histogram
	overflow, full := uint64(0), false
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		st.Queries += s.queries
		st.Lines += s.lines
		st.Promoted += s.promoted()
		st.Evicted += s.evicted
		st.PromotedDropped += s.lost
		st.SightingsDropped += s.unseen
		full = full || len(s.free) == 0
		lost := uint64(0)
		for p := range s.waiting {
			for b, n := range s.waiting[p] {
				waiting.add(b, uint64(n))
			}
			lost += s.overflow[p]
		}
		overflow = max(overflow, lost)
		s.mu.Unlock()
	}
	st.ErrorBound = overflow
	if waiting.Active() > 0 {
		st.ErrorBound += waitFactor * (waiting.Quantile(0.99) + 1)
	}
	if full {
		st.ErrorBound += wideLoss
	}
	return st
}

// waitFactor: a line that gets in with probability 1/(c+1) at each query has
// waited for more than 5(c+1) queries once in 150 times.
const waitFactor = 5
