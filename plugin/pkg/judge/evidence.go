package judge

import (
	"cmp"
	"slices"
	"time"

	"sinkhole/plugin/pkg/tally"
)

// Evidence is one signal that fired, or that a line is heavy.
type Evidence struct {
	Signal string
	Window time.Duration
	// Count and Threshold are in queries, for contacts in panes. Proven is how
	// much of Count could not be forged.
	Count, Threshold, Proven uint64
	// First and Last are the first and the last pane of what counts.
	First, Last tally.Pane

	points float64
	// Of a rate: how many times the median it is, and that one name makes it.
	times uint64
	storm bool
	// Of contacts: the names, as far as there was room for them, their category,
	// and in how many hours of the clock they lie.
	names    []string
	unnamed  int
	category string
	hours    int
}

// signalHeavy stands in the place of a signal where a line is in the report for
// the number of its queries alone.
const signalHeavy = "heavy"

// evidence is what fired, the strongest first.
func (j *judging) evidence(all side, h heaviest) []Evidence {
	var out []Evidence
	rated := false
	for sig := range signals {
		switch f := all.fired[sig]; {
		case f == nil:
		case sig.Group() == Volume:
			rated = true
			out = append(out, j.rated(sig, f))
		default:
			out = append(out, j.contacted(sig, f))
		}
	}
	slices.SortStableFunc(out, func(a, b Evidence) int { return cmp.Compare(b.points, a.points) })
	if h.count > HeavyQueries && !rated {
		out = append(out, Evidence{
			Signal: signalHeavy, Window: length(tally.Hour),
			Count: h.count, Threshold: HeavyQueries, Proven: h.proven,
			First: h.from, Last: h.to, storm: h.storm,
			times: h.count / Floored(j.env.Crowd.Median),
		})
	}
	return out
}

func (j *judging) rated(sig Signal, f *firing) Evidence {
	e := j.entry(sig, f)
	for p := max(f.panes[0], j.asked.oldest); p <= f.panes[1]; p++ {
		i := p - j.asked.oldest
		if j.asked.all[i] == 0 {
			continue
		}
		if e.First == 0 {
			e.First = p
		}
		e.Last = p
		e.Proven += j.asked.sure[i]
	}
	e.Proven = min(e.Proven, e.Count)
	if window := j.env.Settings.Rules[sig].Window; window >= tally.Hour { // a median is one of an hour
		e.times = f.count * uint64(tally.Hour) / uint64(window) / Floored(j.env.Crowd.Median)
	}
	return e
}

func (j *judging) contacted(sig Signal, f *firing) Evidence {
	e := j.entry(sig, f)
	e.First, e.Last, e.hours = f.panes[0], f.panes[len(f.panes)-1], hours(f.panes)
	var of []contact
	for _, c := range j.contacts {
		if !slices.Contains(f.names, c.index) {
			continue
		}
		of = append(of, c)
		s := &j.rec.Sightings[c.index]
		switch {
		case e.category == "":
			e.category = s.Category
		case e.category != s.Category:
			e.category = several
		}
		if s.Name == "" {
			e.unnamed++
		} else {
			e.names = append(e.names, s.Name)
		}
	}
	slices.Sort(e.names)
	for _, p := range union(of, true) {
		if _, in := slices.BinarySearch(f.panes, p); in {
			e.Proven++
		}
	}
	return e
}

func (j *judging) entry(sig Signal, f *firing) Evidence {
	return Evidence{
		Signal:    sig.String(),
		Window:    length(j.env.Settings.Rules[sig].Window),
		Count:     f.count,
		Threshold: f.limit,
		points:    f.points,
	}
}

func length(panes tally.Pane) time.Duration { return time.Duration(panes) * tally.PaneLength }

// several stands for more than one category; no folder can be called so.
const several = "\x00"
