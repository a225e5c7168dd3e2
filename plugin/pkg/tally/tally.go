// Package tally counts queries per subscriber line in fixed memory, and keeps
// more of the few lines that stand out.
//
// What is known of a line is never more than what it asked: nobody is accused of
// another's queries. What it may be less is said (Stats.ErrorBound).
//
// # Layout
//
//	Tally
//	+--------+--------+-----+   up to 64 shards, each with a lock of its own; the
//	| shard  | shard  | ... |   hash of the line tells which, and two buckets
//	+---|----+--------+-----+
//	    v
//	+-----------+-----------------------------------------------------------+
//	| buckets   | n × 64 octets: four slots { line 8B | word 8B }           |
//	|           |   word: six panes of 9 bits, or the number of a record    |
//	+-----------+-----------------------------------------------------------+
//	| records   | n × 1,112 octets: line | 150 panes of 4B, and 2B for what |
//	|           |   was proven | storms | leading names | peaks | marks     |
//	+-----------+-----------------------------------------------------------+
//	| sightings | n × 432 octets: a listed name of a record, and when       |
//	+-----------+-----------------------------------------------------------+
//
// All lines have slots: the last six panes, exactly. A line that asks 500 times
// in a pane, or for a listed name that weighs something, is promoted: it gets a
// record, which knows the panes of a day and an hour. No name that is on no list
// is kept, but as a keyed hash among the four leading ones of the running pane.
//
// # When it is full
//
//	buckets    a line may lie in two. Where both are full, a newcomer takes the
//	           place of the lightest of eight by chance, with probability 1/(c+1)
//	           for a weight of c (RAP). Its own count begins at 1; until the pane
//	           ends it is weighed as if it had c more
//	records    go to lines above 10,000 in six panes first, then to those with
//	           listed names, then to those at a level, then to those that ask
//	           most; who loses one, or finds none, is counted on in its slot
//	sightings  seven names a line, an eighth for all others; of all lines, those
//	           of least weight and fewest panes go first
//	names      those without room are "a name of category ..."
//
// What is proven counts double in all of this: a spoofed flood pushes out itself
// first. DESIGN.md has the reasons, and how often it goes wrong.
//
// # Example
//
// 192.0.2.7 asked 20 times in the pane before and 3 times in this one, by TCP:
//
//	line  ff04 c0000207 0000
//	word  0 1 0 0 | pane mod 64 | 0 | 0 | 0 | 0 | 20 | 3
//
// # Cost
//
//	octets a line, for as many lines as memory/64:
//	  2 slots                              32.0
//	  0.02 records of 1,112 + 12           22.5
//	  0.015 sightings of 432 + 8            6.6
//	  names                                 1.5
//	                                       ----
//	                                       62.6
//
// New(64 MB) so holds a million lines, 20,000 of them with records, also when all
// of them ask within one hour: 4 in 1,000 find both buckets full then.
// TestMemory and TestAMillionLines hold that.
//
// Count is 30 ns in a cached table and 100 ns in one of a million lines, and
// allocates nothing (BenchmarkCount, TestCountAllocatesNothing).
//
// # Clock
//
// Panes come as arguments, from a clock that may be set. The tally's own panes
// never go back; see clock.
package tally

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"unsafe"

	"sinkhole/plugin/pkg/subscriber"
)

// Tally is the counts of all lines.
type Tally struct {
	// hash tells where a line is counted. Its key is drawn at start, so that who
	// sends queries cannot choose a bucket.
	hash   func(subscriber.Line) uint64
	seed   maphash.Seed // of the names
	clock  clock
	shards []shard
	names  *listed
	bytes  int64
}

// What there is for as many lines as there is memory for. The package comment
// adds it up.
const (
	lineCost      = 64 // octets
	slotsALine    = 2
	recordShare   = 2   // in 100 lines
	sightingShare = 15  // in 1,000 lines
	nameShare     = 150 // octets for 100 lines

	// A shard of 16,384 lines is 1 MB. More than 64 would not let more cores
	// count at a time.
	shardLines = 1 << 14
	maxShards  = 64
)

// New is a tally that takes so much memory and no more, in octets: 64 a line. It
// takes all of it at once. Below 1 MiB it is good for tests only.
func New(memory int64) *Tally {
	seed := maphash.MakeSeed()
	return newTally(memory, rand.Uint64(), func(l subscriber.Line) uint64 { return maphash.Comparable(seed, l) })
}

func newTally(memory int64, seed uint64, hash func(subscriber.Line) uint64) *Tally {
	lines := max(memory/lineCost, 1)
	n := min(max(lines/shardLines, 1), maxShards)
	names := lines * nameShare / 100
	t := &Tally{hash: hash, seed: maphash.MakeSeed(), shards: make([]shard, n), names: newListed(names)}
	each := int(lines / n)
	buckets, records, sightings := max(each*slotsALine/ways, 1), max(each*recordShare/100, 1), max(each*sightingShare/1000, 1)
	for i := range t.shards {
		s := &t.shards[i]
		s.rng = *rand.NewPCG(seed, uint64(i))
		s.buckets = make([]bucket, buckets)
		s.pool = newPool(records)
		s.sights = newSights(sightings, t.names)
	}
	t.bytes = int64(unsafe.Sizeof(*t)) + names + n*(int64(unsafe.Sizeof(shard{}))+
		int64(buckets)*int64(unsafe.Sizeof(bucket{}))+int64(records)*recordCost+int64(sightings)*sightingCost)
	return t
}

// place is where a line is counted: the digits of its hash tell its shard and
// two buckets.
func (t *Tally) place(l subscriber.Line) (s *shard, at home) {
	i, rest := bits.Mul64(t.hash(l), uint64(len(t.shards)))
	s = &t.shards[i]
	n := uint64(len(s.buckets))
	first, rest := bits.Mul64(rest, n)
	second, _ := bits.Mul64(rest, n)
	return s, home{uint32(first), uint32(second)}
}

// Count counts one query of a line for a name, by its Hash, in pane p. proven:
// nobody else can have sent it.
func (t *Tally) Count(l subscriber.Line, name uint64, proven bool, p Pane) {
	if l == 0 {
		return
	}
	now := t.clock.look(p)
	s, at := t.place(l)
	s.mu.Lock()
	s.enter(now)
	s.count(at, l, name, proven)
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
	now := t.clock.look(p)
	s, at := t.place(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(now)
	s.hit(at, l, h)
}

// Hash is the keyed hash of a name. It means nothing in another process.
func (t *Tally) Hash(name []byte) uint64 { return maphash.Bytes(t.seed, name) }
