package judge

import (
	"math"
	"math/bits"

	"sinkhole/plugin/pkg/subscriber"
	"sinkhole/plugin/pkg/tally"
)

// businessTimes is how much more a business line may ask before a rate fires:
// it stands for a house full of people.
const businessTimes = 10

// limit is the threshold of a rate for this line, in queries of one window: the
// absolute one, or what the crowd makes of it where that is more.
func (j *judging) limit(sig Signal, r Rule) uint64 {
	limit := uint64(r.Threshold)
	if !j.env.Warmup {
		if times := rules[sig].times; times > 0 {
			limit = max(limit, scaled(times*Floored(j.env.Crowd.Median), r.Window))
		}
		if rules[sig].quantile && j.env.Crowd.Active >= minCrowd {
			limit = max(limit, scaled(j.env.Crowd.High, r.Window))
		}
	}
	if j.env.Class == subscriber.Business {
		limit *= businessTimes
	}
	return limit
}

// scaled is a number of queries an hour for a window of another length.
func scaled(hourly uint64, window tally.Pane) uint64 {
	high, low := bits.Mul64(hourly, uint64(window))
	if high >= uint64(tally.Hour) {
		return math.MaxUint64 // more than anybody asks
	}
	q, rest := bits.Div64(high, low, uint64(tally.Hour))
	if rest > 0 {
		q++
	}
	return q
}

// rate finds the last window in which a line asked as much as limit says and
// kept it up: in half of the panes its share or more (3 of an hour's 6), so that
// one burst is a matter of rate-3 alone. Panes that one name makes count nothing.
func (j *judging) rate(sig Signal, r Rule, sure bool) *firing {
	limit := j.limit(sig, r)
	share := (limit + uint64(r.Window) - 1) / uint64(r.Window)
	var last *firing
	var sum uint64
	var busy tally.Pane
	oldest := j.rec.Oldest()
	for p := oldest; p <= j.env.Now; p++ {
		n := j.asked(p, sure)
		sum += n
		if n >= share {
			busy++
		}
		if p >= oldest+r.Window {
			gone := j.asked(p-r.Window, sure)
			sum -= gone
			if gone >= share {
				busy--
			}
		}
		if sum < limit || busy < (r.Window+1)/2 {
			continue
		}
		if last == nil {
			last = &firing{limit: limit}
		}
		last.to = p
		if sum > last.count {
			last.count = sum
			last.panes = []tally.Pane{(p + 1).Less(r.Window), p}
		}
	}
	if last != nil {
		last.full = rules[sig].points
		last.points = decay(last.full, j.env.Now-last.to)
	}
	return last
}

// asked is the count of a pane, of those queries that could not be forged where
// sure; none where one name makes the pane.
func (j *judging) asked(p tally.Pane, sure bool) uint64 {
	switch {
	case j.rec.Queries(p) == 0 || j.rec.Storm(p):
		return 0
	case sure:
		return uint64(j.rec.Proven(p))
	}
	return uint64(j.rec.Queries(p))
}

// heaviest is the window of six panes in which a line asked most.
type heaviest struct {
	from, to      tally.Pane // the first and the last pane that hold some of it
	count, proven uint64
	// storm: one name makes half of it or more.
	storm bool
}

// heaviest finds the window behind busiest, from Since on. Of what lies more than
// a day back only the number is known.
func (j *judging) heaviest(busiest uint64) heaviest {
	for p := max(j.env.Since, j.rec.Oldest()); p <= j.env.Now; p++ {
		if h := j.hour(p); h.count >= busiest {
			return h
		}
	}
	return heaviest{from: j.rec.First(), to: j.rec.Oldest(), count: busiest}
}

// hour is the window of six panes that ends with last.
func (j *judging) hour(last tally.Pane) (h heaviest) {
	storm := uint64(0)
	for p := (last + 1).Less(tally.Hour); p <= last; p++ {
		n := uint64(j.rec.Queries(p))
		if n == 0 {
			continue
		}
		if h.count == 0 {
			h.from = p
		}
		h.to = p
		h.count += n
		h.proven += uint64(j.rec.Proven(p))
		if j.rec.Storm(p) {
			storm += n
		}
	}
	h.storm = 2*storm >= h.count
	return h
}
