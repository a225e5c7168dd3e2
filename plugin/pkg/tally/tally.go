// Package tally counts queries per subscriber line in fixed memory, and keeps
// more of the few lines that stand out.
//
// # Layout
//
// A Tally is a few shards, each with a lock of its own. A line's shard is told by
// the low bits of a keyed hash of the line, its bucket by the high ones:
//
//	shard
//	+-----------+-------------------------------------------------------------+
//	| buckets   | n × 64 octets: four slots { line 8B | word 8B }             |
//	| records   | m × about 1.1 KiB: a day and an hour of panes, marks, storm |
//	| sightings | k × about 430 octets: listed names a line asked for         |
//	+-----------+-------------------------------------------------------------+
//
// A slot holds the last six panes of a line exactly, up to 511 queries a pane. At
// 500 in one pane, or when it asks for a listed name with weight, the line is
// promoted: its slot then holds the number of a record. A line that never gets
// there asks fewer than 3,000 an hour, which no signal looks for.
//
// # When it is full
//
//	bucket     the slot with the least weight, of those without a record, gives
//	           way with probability 1 / (weight + 1), where a line whose source
//	           cannot be forged weighs double (RAP: Ben-Basat et al., arXiv
//	           1612.02962). Who gets in starts at one: a count is never more than
//	           what was asked, so that nobody is accused of another's queries
//	records    the one worth least gives way to one worth more; a line of over
//	           10,000 queries in six panes is worth more than any other, one with
//	           listed names more than one without
//	sightings  eight a line; the least of them gives way, else none is noted
//
// # Cost
//
//	memory     64 MiB: 2.2 million slots, 22,500 records, 15,000 sightings and
//	           2 MiB of names: two slots a line for a million lines, and a record
//	           for one in fifty (TestMemory holds the arithmetic)
//	Count      BenchmarkCount; TestCountAllocatesNothing holds it to 0
//
// # Clock
//
// Panes are arguments. A Tally's own pane never goes back: where the clock does,
// the Tally runs ahead of it from then on (Tally.ahead), and shows panes less
// that.
package tally

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"

	"sinkhole/plugin/pkg/subscriber"
)

// How memory is divided, in thirty-seconds.
const (
	shareSlots     = 17
	shareRecords   = 12
	shareSightings = 3 // names have a fixed part of it, see namesShare
	shareAll       = 32

	// namesShare of what sightings get is the listed names' own.
	namesShare = 4

	// shardMemory is what one shard should have at least, in octets: a table
	// that stays in a cache of that size (research: DETECTION 4.2).
	shardMemory = 4 << 20
	maxShards   = 64

	minMemory = 64 << 10
)

// Tally counts. All its methods may be called by any goroutine.
type Tally struct {
	seed   maphash.Seed // of this process: who sends queries cannot choose a bucket
	shards []shard
	mask   uint64
	names  *listed

	pane  atomic.Uint32 // the running one
	ahead atomic.Uint32 // of the clock

	turn  sync.Mutex // one sweep at a time
	swept Pane       // guarded by turn
}

// shard is one part of the lines.
type shard struct {
	mu sync.Mutex // guards all of it

	buckets   []bucket
	records   []record
	spare     []uint32 // records that are free
	sightings []sighting
	unused    []uint32 // sightings that are free

	cheap  []candidate // records that give way first, the least of them last
	weary  int         // promotions to turn away before records are looked through again
	random uint64

	counts counts

	_ [64]byte // the next shard's lock is on another cache line
}

// New makes a Tally of so many octets, at once; less than 64 KiB is 64 KiB.
func New(memory int64) *Tally {
	memory = max(memory, minMemory)
	n := 1
	for n < maxShards && memory/int64(2*n) >= shardMemory {
		n *= 2
	}
	t := &Tally{seed: maphash.MakeSeed(), shards: make([]shard, n), mask: uint64(n - 1)}
	part := memory / int64(n)
	for i := range t.shards {
		t.shards[i].make(part, maphash.Comparable(t.seed, i))
	}
	t.names = newListed(memory * shareSightings / shareAll / namesShare)
	return t
}

func (s *shard) make(memory int64, seed uint64) {
	s.buckets = make([]bucket, max(1, memory*shareSlots/shareAll/int64(unsafe.Sizeof(bucket{}))))
	s.records = make([]record, max(1, memory*shareRecords/shareAll/int64(unsafe.Sizeof(record{}))))
	s.sightings = make([]sighting, max(1, memory*shareSightings/shareAll*(namesShare-1)/namesShare/int64(unsafe.Sizeof(sighting{}))))
	s.random = seed | 1
	s.spare = make([]uint32, 0, len(s.records))
	s.unused = make([]uint32, 0, len(s.sightings))
	s.refill()
}

// refill makes all records and sightings free.
func (s *shard) refill() {
	s.spare, s.unused = s.spare[:0], s.unused[:0]
	for i := len(s.records) - 1; i >= 0; i-- {
		s.spare = append(s.spare, uint32(i))
	}
	for i := len(s.sightings) - 1; i >= 0; i-- {
		s.unused = append(s.unused, uint32(i))
	}
	s.cheap, s.weary = s.cheap[:0], 0
}

// Hash is the hash under which Count knows a name. It means nothing outside this
// Tally.
func (t *Tally) Hash(name []byte) uint64 { return maphash.Bytes(t.seed, name) }

// Count counts one query of a line. name is the Hash of the name it asked for;
// proven: its source cannot be forged. It allocates nothing.
func (t *Tally) Count(l subscriber.Line, name uint64, proven bool, p Pane) {
	if l == 0 {
		return
	}
	now := t.at(p)
	s, b := t.place(l)
	s.mu.Lock()
	s.count(b, l, name, proven, now)
	s.mu.Unlock()
}

// place is where a line is counted: its shard, and its bucket in it.
func (t *Tally) place(l subscriber.Line) (*shard, int) {
	h := maphash.Comparable(t.seed, l)
	s := &t.shards[h&t.mask]
	return s, bucketOf(h, len(s.buckets))
}

func bucketOf(hash uint64, n int) int {
	hi, _ := bits.Mul64(hash, uint64(n))
	return int(hi)
}

// at is the running pane, which a query from pane p of the clock may begin.
func (t *Tally) at(p Pane) Pane {
	now := Pane(t.pane.Load())
	if next := p + Pane(t.ahead.Load()); next > now {
		return t.advance(next)
	}
	return now
}

func (s *shard) count(b int, l subscriber.Line, name uint64, proven bool, now Pane) {
	s.counts.queries++
	bucket := &s.buckets[b]
	for i := range bucket {
		if bucket[i].key == l {
			s.add(b, i, name, proven, now)
			return
		}
	}
	if i := s.admit(bucket, now); i >= 0 {
		bucket[i] = slot{l, word(0).at(now).add(proven)}
		s.counts.lines++
	}
}

// add counts a query in the slot of its line.
func (s *shard) add(b, i int, name uint64, proven bool, now Pane) {
	sl := &s.buckets[b][i]
	if sl.word.promoted() {
		if proven {
			sl.word |= provenBit
		}
		s.records[sl.word.record()].count(now, name, proven)
		return
	}
	sl.word = sl.word.at(now).add(proven)
	// A line that found no record tries again, not at every query.
	if n := sl.word.running(); n == promoteAt || n > promoteAt && s.dice(64) {
		s.promote(b, i, worthOf(sl.word.sum()), now)
	}
}

// admit is the slot of a full bucket that gives way to a newcomer, -1 where none
// does.
func (s *shard) admit(b *bucket, now Pane) int {
	i := s.least(b, now)
	if i < 0 {
		s.counts.turnedAway++
		return -1
	}
	if b[i].key == 0 {
		return i
	}
	weight := b[i].word.at(now).weight()
	if weight > 0 && !s.dice(uint64(weight)+1) {
		s.counts.turnedAway++
		s.counts.turned(weight, now)
		return -1
	}
	if weight > 0 {
		s.counts.evicted++
	}
	s.counts.lines--
	return i
}

// least is the slot that would give way: an empty one, else the one of least
// weight of those without a record; -1 where all have one.
func (s *shard) least(b *bucket, now Pane) int {
	best, least := -1, uint32(0)
	for i := range b {
		if b[i].key == 0 {
			return i
		}
		if b[i].word.promoted() {
			continue
		}
		if w := b[i].word.at(now).weight(); best < 0 || w < least {
			best, least = i, w
		}
	}
	return best
}

// dice is true once in n throws (xorshift64*, Vigna 2016).
func (s *shard) dice(n uint64) bool {
	s.random ^= s.random >> 12
	s.random ^= s.random << 25
	s.random ^= s.random >> 27
	hi, _ := bits.Mul64(s.random*0x2545f4914f6cdd1d, n)
	return hi == 0
}
