package tally

// share finds the name that makes most of a pane: Misra–Gries with four slots
// over keyed hashes. A name with more than a fifth of the queries is surely in a
// slot.
type share struct {
	total uint32
	// listed is how many asked for a name that is listed with full weight: its
	// repeats are evidence, and no broken device.
	listed uint32
	slots  [4]shareSlot
}

type shareSlot struct {
	name uint64
	// vote is the counter of Misra–Gries; 0 frees the slot.
	vote uint32
	// seen counts the name since it got the slot, and so is never too high.
	seen uint32
}

// stormShare and stormFloor: one name that makes 80 in 100 queries of a pane of
// at least 100 queries is a storm (research: DETECTION 3.3; below the floor a
// share says nothing, and no rate signal is near).
const (
	stormShare = 80
	stormFloor = 100
)

func (s *share) add(name uint64) {
	s.total++
	free := -1
	for i := range s.slots {
		sl := &s.slots[i]
		if sl.vote == 0 {
			free = i
		} else if sl.name == name {
			sl.vote++
			sl.seen++
			return
		}
	}
	if free >= 0 {
		s.slots[free] = shareSlot{name: name, vote: 1, seen: 1}
		return
	}
	for i := range s.slots {
		s.slots[i].vote--
	}
}

// storm reports whether one name makes the pane, and is not a listed one. Where
// more queries asked for listed names than for all names but that one, that one
// is listed.
func (s *share) storm() bool {
	if s.total < stormFloor {
		return false
	}
	for i := range s.slots {
		sl := &s.slots[i]
		if sl.vote > 0 && uint64(sl.seen)*100 >= uint64(s.total)*stormShare {
			return s.listed <= s.total-sl.seen
		}
	}
	return false
}
