package judge

import (
	"iter"

	"sinkhole/plugin/pkg/tally"
)

// Entry is a listed name as evidence knows it.
type Entry struct{ Category, Name string }

const (
	// guardShare of the active lines, in thousandths, that ask for one name within
	// one pane are more than any botnet has in a network (2 in 1,000 were the most
	// that was published, of mobile devices): the list is wrong.
	guardShare = 5
	// guardLines is the least number of lines that says so.
	guardLines = 20
)

// Suspects finds the entries that too many lines ask for: those that, in some
// pane that is still kept, 5 in 1,000 of the active lines asked for, and 20 lines
// at least. They are no evidence against anybody. records is gone through twice
// where some name has so many lines at all.
func Suspects(records iter.Seq[*tally.Record], active int, now tally.Pane) map[Entry]bool {
	need := max(guardLines, (active*guardShare+999)/1000)
	lines := map[Entry]int{}
	many := false
	for rec := range records {
		for i := range rec.Sightings {
			e := entryOf(&rec.Sightings[i])
			lines[e]++
			many = many || lines[e] >= need && e.Name != ""
		}
	}
	if !many {
		return nil
	}
	panes := map[Entry]map[tally.Pane]int{}
	suspects := map[Entry]bool{}
	for rec := range records {
		for i := range rec.Sightings {
			s := &rec.Sightings[i]
			e := entryOf(s)
			if lines[e] < need || e.Name == "" || suspects[e] {
				continue
			}
			if panes[e] == nil {
				panes[e] = map[tally.Pane]int{}
			}
			for p := range s.Panes.Within(0, now) {
				if panes[e][p]++; panes[e][p] >= need {
					suspects[e] = true
					break
				}
			}
		}
	}
	return suspects
}

func entryOf(s *tally.Sighting) Entry { return Entry{s.Category, s.Name} }
