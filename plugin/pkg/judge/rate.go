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

// asked is what the rates count of each pane that is kept, the oldest first: all
// queries, and those that could not be forged. A pane that one name makes counts
// nothing.
type asked struct {
	oldest    tally.Pane
	all, sure []uint64
}

func (j *judging) count() {
	oldest := j.rec.Oldest()
	if j.env.Now < oldest {
		return
	}
	n := int(j.env.Now-oldest) + 1
	both := make([]uint64, 2*n)
	j.asked = asked{oldest: oldest, all: both[:n], sure: both[n:]}
	for i := range n {
		p := oldest + tally.Pane(i)
		if q := j.rec.Queries(p); q > 0 && !j.rec.Storm(p) {
			j.asked.all[i], j.asked.sure[i] = uint64(q), uint64(j.rec.Proven(p))
		}
	}
}

// rate finds the last window in which a line asked as much as limit says and
// kept it up: in half of the panes its share or more (3 of an hour's 6), so that
// one burst is a matter of rate-3 alone.
func (j *judging) rate(sig Signal, r Rule, sure bool) *firing {
	counts := j.asked.all
	if sure {
		counts = j.asked.sure
	}
	limit, window := j.limit(sig, r), int(r.Window)
	share := (limit + uint64(window) - 1) / uint64(window)
	var last *firing
	sum, busy := uint64(0), 0
	for i, n := range counts {
		sum += n
		if n >= share {
			busy++
		}
		if i >= window {
			sum -= counts[i-window]
			if counts[i-window] >= share {
				busy--
			}
		}
		if sum < limit || busy < (window+1)/2 {
			continue
		}
		if last == nil {
			last = &firing{limit: limit, panes: make([]tally.Pane, 2)}
		}
		last.to = j.asked.oldest + tally.Pane(i)
		if sum > last.count {
			last.count = sum
			last.panes[0], last.panes[1] = (last.to + 1).Less(r.Window), last.to
		}
	}
	if last != nil {
		last.full = rules[sig].points
		last.points = decay(last.full, j.env.Now-last.to)
	}
	return last
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
