package rpz

import (
	"fmt"
	"hash/maphash"
	"net/netip"

	"github.com/miekg/dns"
)

// seen remembers the rules that were read, so that those that come again can be
// named by their line. It keeps hashes of 64 bits, 8 to 20 octets a rule until the
// file is read: that any two of eight million meet has a chance of one in half a
// million, and costs a wrong note; what is answered the builder decides, by the
// names themselves.
type seen struct {
	seed maphash.Seed
	sets [sets]set // by the first bits of a hash

	last  uint64 // the rule of which records came in a row
	inRow int    // how many
}

const (
	warnAgain  = "the trigger has a rule already; the first one stays"
	warnBeside = "a CNAME stands alone, and the trigger has other data already; ignored"
	warnBehind = "the trigger has a CNAME already, which stands alone; ignored"
	warnRecord = "the same record again; kept once"
)

// whyRecords refuses what would fit no answer.
var whyRecords = fmt.Sprintf("over %d records of one rule", maxRecords)

// Odd numbers that keep apart what is remembered of one trigger.
const (
	saltWild   = 0x9e3779b97f4a7c15
	saltNS     = 0xd1b54a32d192ed03
	saltData   = 0x8cb92ba72f3d8dd7
	saltRecord = 0xaef17502108ef2d9
)

// sets is how many sets there are.
const (
	sets     = 64
	setShift = 64 - 6
)

func newSeen() *seen { return &seen{seed: maphash.MakeSeed()} }

// take tells whether a record begins the rule of its trigger; else, whether it
// adds to it, with why not.
func (s *seen) take(f *found) (fresh bool, again, refused string) {
	h := s.hash(f)
	first := s.add(h)
	if alone(f) {
		switch {
		case first:
			return true, "", ""
		case s.has(h ^ saltData):
			return false, warnBeside, ""
		}
		return false, warnAgain, ""
	}
	if first {
		s.add(h ^ saltData)
	} else if !s.has(h ^ saltData) {
		return false, warnBehind, ""
	}
	if !s.add(h*saltRecord ^ uint64(f.typ)<<32 ^ maphash.Bytes(s.seed, rdataOf(f.record))) {
		return false, warnRecord, ""
	}
	if h != s.last {
		s.last, s.inRow = h, 0
	}
	if s.inRow++; s.inRow > maxRecords {
		return false, "", whyRecords
	}
	return first, "", ""
}

// alone tells the rules of which a trigger has one: all but data other than a
// CNAME.
func alone(f *found) bool { return f.action != Data || f.typ == dns.TypeCNAME }

// hash is that of a record's trigger.
func (s *seen) hash(f *found) uint64 {
	if f.name == nil {
		var b [18]byte
		a := f.prefix.Addr().As16()
		copy(b[:], a[:])
		b[16], b[17] = byte(longest(f.prefix)), byte(f.trigger)
		return maphash.Bytes(s.seed, b[:])
	}
	h := maphash.Bytes(s.seed, f.name)
	if f.wild {
		h ^= saltWild
	}
	if f.trigger == NSDName {
		h ^= saltNS
	}
	return h
}

// longest is the length of a prefix where IPv4 stands behind the 96 bits of
// v4-mapped addresses.
func longest(p netip.Prefix) int {
	if p.Addr().Is4() {
		return 96 + p.Bits()
	}
	return p.Bits()
}

func (s *seen) has(h uint64) bool { return s.sets[h>>setShift].has(max(h, 1)) }

// add tells whether h is new.
func (s *seen) add(h uint64) bool { return s.sets[h>>setShift].add(max(h, 1)) }

// set is one of many sets of hashes, so that never all of them grow at once.
type set struct {
	slots []uint64 // 0: empty; a power of two of them
	n     int
}

// slot is where h stands, or would.
func (s *set) slot(h uint64) int {
	i := int(h) & (len(s.slots) - 1)
	for s.slots[i] != 0 && s.slots[i] != h {
		i = (i + 1) & (len(s.slots) - 1)
	}
	return i
}

func (s *set) has(h uint64) bool { return len(s.slots) > 0 && s.slots[s.slot(h)] != 0 }

func (s *set) add(h uint64) bool {
	if s.n >= len(s.slots)/4*3 {
		s.grow()
	}
	i := s.slot(h)
	if s.slots[i] != 0 {
		return false
	}
	s.slots[i] = h
	s.n++
	return true
}

func (s *set) grow() {
	old := s.slots
	s.slots = make([]uint64, max(64, 2*len(old)))
	for _, h := range old {
		if h != 0 {
			s.slots[s.slot(h)] = h
		}
	}
}
