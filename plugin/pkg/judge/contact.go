package judge

import (
	"slices"

	"sinkhole/plugin/pkg/tally"
)

// contact is a listed name that weighs something, with the panes in which a line
// asked for it.
type contact struct {
	index     int // of the sighting
	weight    int
	all, sure []tally.Pane // in order
}

func (c *contact) panes(sure bool) []tally.Pane {
	if sure {
		return c.sure
	}
	return c.all
}

// gather reads the sightings of the line.
func (j *judging) gather() {
	for i := range j.rec.Sightings {
		s := &j.rec.Sightings[i]
		if j.env.Suspects[entryOf(s)] {
			j.misled = true
			continue
		}
		if s.Weight <= 0 {
			continue
		}
		j.contacts = append(j.contacts, contact{
			index:  i,
			weight: s.Weight,
			all:    slices.Collect(s.Panes.Within(0, j.env.Now)),
			sure:   slices.Collect(s.Proven.Within(0, j.env.Now)),
		})
	}
}

// contact finds the last window in which a signal of the group listed fired, at
// the weight that makes most of it: names of that weight and above count
// together.
func (j *judging) contact(sig Signal, r Rule, sure bool) *firing {
	var best *firing
	for _, weight := range j.tiers() {
		f := j.tier(sig, r, sure, weight)
		if f == nil {
			continue
		}
		f.full = rules[sig].points * float64(weight) / fullWeight
		f.points = decay(f.full, j.env.Now-f.to)
		if best == nil || f.points > best.points {
			best = f
		}
	}
	return best
}

// tiers are the weights of the line's contacts, the highest first.
func (j *judging) tiers() []int {
	var tiers []int
	for _, c := range j.contacts {
		if !slices.Contains(tiers, c.weight) {
			tiers = append(tiers, c.weight)
		}
	}
	slices.SortFunc(tiers, func(a, b int) int { return b - a })
	return tiers
}

func (j *judging) tier(sig Signal, r Rule, sure bool, weight int) *firing {
	var of []contact
	for _, c := range j.contacts {
		if c.weight >= weight && len(c.panes(sure)) > 0 {
			of = append(of, c)
		}
	}
	if len(of) == 0 {
		return nil
	}
	var f *firing
	holds := func(from, to tally.Pane) bool {
		switch sig {
		case C21:
			f = together(of, sure, from, to, 1, uint64(r.Threshold))
		case C22:
			if f = alone(of, sure, from, to, uint64(r.Threshold), false); f == nil {
				f = together(of, sure, from, to, 2, max(2, uint64(r.Threshold)-1))
			}
		case C23:
			f = alone(of, sure, from, to, uint64(r.Threshold), true)
		}
		return f != nil
	}
	if !latest(union(of, sure), j.env.Now, r.Window, holds) {
		return nil
	}
	return f
}

// latest finds the last window in which holds: the one that ends now, or the one
// that begins with as late a contact as may be.
func latest(panes []tally.Pane, now, window tally.Pane, holds func(from, to tally.Pane) bool) bool {
	if holds((now + 1).Less(window), now) {
		return true
	}
	for _, p := range slices.Backward(panes) {
		if p+window <= now && holds(p, p+window-1) {
			return true
		}
	}
	return false
}

// together fires when at least so many names were asked for in at least limit
// panes between them.
func together(of []contact, sure bool, from, to tally.Pane, names int, limit uint64) *firing {
	f := &firing{to: to, limit: limit}
	var in []contact
	for _, c := range of {
		if len(within(c.panes(sure), from, to)) > 0 {
			in = append(in, c)
			f.names = append(f.names, c.index)
		}
	}
	f.panes = within(union(in, sure), from, to)
	f.count = uint64(len(f.panes))
	if len(in) < names || f.count < limit {
		return nil
	}
	return f
}

// alone fires when one name was asked for in at least limit panes, far from each
// other where spread; of several such names the one with most panes.
func alone(of []contact, sure bool, from, to tally.Pane, limit uint64, spread bool) *firing {
	var best *firing
	for _, c := range of {
		panes := within(c.panes(sure), from, to)
		n := uint64(len(panes))
		if n < limit || spread && !spreads(panes) || best != nil && n <= best.count {
			continue
		}
		best = &firing{to: to, limit: limit, count: n, panes: panes, names: []int{c.index}}
	}
	return best
}

// within is the part of panes from first to last, both included.
func within(panes []tally.Pane, first, last tally.Pane) []tally.Pane {
	i, _ := slices.BinarySearch(panes, first)
	k, _ := slices.BinarySearch(panes, last+1)
	return panes[i:max(i, k)]
}

// union is the panes of all contacts, each once, in order.
func union(of []contact, sure bool) []tally.Pane {
	if len(of) == 1 {
		return of[0].panes(sure)
	}
	var panes []tally.Pane
	for _, c := range of {
		panes = append(panes, c.panes(sure)...)
	}
	slices.Sort(panes)
	return slices.Compact(panes)
}

const (
	// spreadHours different hours of the clock are what no page view and no
	// evening comes to by chance; RITA wants six hours too.
	spreadHours = 6
	// spreadGap keeps midnight (UTC: nine in the morning in Tokyo) from making
	// two days of one visit: contacts on two days are that far apart.
	spreadGap = 6 * tally.Hour
)

// spreads says whether panes, in order, lie in six different hours or on two
// days.
func spreads(panes []tally.Pane) bool {
	if len(panes) == 0 {
		return false
	}
	first, last := panes[0], panes[len(panes)-1]
	if first/tally.Day != last/tally.Day && last-first >= spreadGap {
		return true
	}
	return hours(panes) >= spreadHours
}

// hours is in how many hours of the clock panes, in order, lie.
func hours(panes []tally.Pane) int {
	n, last := 0, tally.Pane(0)
	for _, p := range panes {
		if h := p / tally.Hour; n == 0 || h != last {
			n, last = n+1, h
		}
	}
	return n
}
