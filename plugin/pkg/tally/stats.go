package tally

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
		st.ErrorBound += waitFactor * (waiting.Quantile(waitShare) + 1)
	}
	if full {
		st.ErrorBound += wideLoss
	}
	return st
}

// What the error bound makes of the weights that newcomers met in full buckets:
// the weight that 99 in 100 of them met at most, and that times 8. For a line
// waits for 5(c+1) queries or more once in 150 times, and one that asks no more
// than what has a place, 3c an hour, may never get one.
// TestFlood holds it to one line in 1,000 that is off by more.
const (
	waitShare  = 0.99
	waitFactor = 5 + 3
)
