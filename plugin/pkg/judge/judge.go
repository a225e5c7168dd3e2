// Package judge turns what is counted of a line into a finding: which signals
// fired, how many points they give, and what level and label follow.
//
// It is pure: the same record, crowd and settings give the same finding; it
// reads no clock and keeps nothing.
//
// # Signals
//
//	signal   group    window  fires when                                      points
//	rate-1   volume   1 h     3,000 queries, 8 times the median, top 0.5 %         8
//	rate-2   volume   1 h     10,000 queries, 25 times the median                 15
//	rate-3   volume   10 min  10,000 queries in one pane                          15
//	c2-1     listed   24 h    a listed name in one pane                           30
//	c2-2     listed   24 h    one name in 3 panes, or several in 2                45
//	c2-3     listed   7 d     one name in 12 panes, over 6 hours or 2 days        60
//
// A group gives the points of its strongest signal: rates are one fact at three
// sizes, and so are contacts. Points halve every 24 hours after the last window
// in which the signal fired. Contacts count once a pane, not once a query: a
// blocked name makes clients ask again (87,000 times in 20 minutes have been
// seen), and that says nothing.
//
// # What rate alone may conclude
//
// Nothing beyond "look": cameras with a dead server and open browser tabs ask
// more than most bots. So volume gives 25 points at most, and "suspected" wants
// 60. What carries a suspicion is a listed name.
//
// # Proven
//
// Anybody in a network without source validation can send a question in a
// neighbour's name over UDP. Each signal is judged twice, on all that was
// counted and on what could not be forged (TCP, DoT, DoH, DoQ) alone; what only
// the first reaches lifts a score to 55 and no further, and never confirms.
package judge

import (
	"math"

	"sinkhole/plugin/pkg/subscriber"
	"sinkhole/plugin/pkg/tally"
)

// Environment is what a line is judged against.
type Environment struct {
	// Now is the running pane; it counts.
	Now tally.Pane
	// Since is the first pane of the look back: Level, Score and Busiest are the
	// highest since then.
	Since tally.Pane
	// Class is the line's class, Crowd the active lines of that class.
	Class subscriber.Class
	Crowd Crowd
	// Block: the line is a block of ports, so that its address is not shared.
	Block bool
	// Warmup: too little is known about the crowd. Absolute thresholds only, and
	// at most watch.
	Warmup bool
	// Trusted: the access network lets no forged source through (BCP 38).
	Trusted bool
	// Suspects are entries of lists that are no evidence (see Suspects).
	Suspects map[Entry]bool
	Settings *Settings
}

// Crowd is what the active lines of a class do: those with a query in the last
// six panes.
type Crowd struct {
	Active int
	Median uint64 // queries an hour
	High   uint64 // queries an hour that 5 in 1,000 lines reach: the quantile TopShare
}

// TopShare is the quantile that a line must reach for rate-1, where the crowd is
// large enough to have one.
const TopShare = 0.995

const (
	// floorMedian is the least that a median counts as, in queries an hour: at
	// night, and in a network of idle lines, everybody is many times the median.
	floorMedian = 50
	// minCrowd is the least number of active lines for which the top 5 in 1,000
	// are more than a handful.
	minCrowd = 2000
)

// Floored is the median that rates are compared with.
func Floored(median uint64) uint64 { return max(median, floorMedian) }

// Caps, in points.
const (
	maxScore      = 100
	maxVolume     = 25 // rate alone stays far below a suspicion
	maxUnverified = 55 // so does what anybody could have sent
)

// HeavyQueries in any six successive panes put a line of any class into the
// report, whatever its score: the lower bound of the rates at which bots were
// first found by counting, 10,000 to 20,000 queries an hour.
const HeavyQueries = 10_000

// Finding is what follows from the record of a line.
type Finding struct {
	Line  subscriber.Line
	Level Level
	Label string
	// Score is the score of the time at which the level was reached.
	Score int
	// Busiest is the highest count of six successive panes since Since.
	Busiest uint64
	// Hits are the queries for listed names since Since.
	Hits        uint64
	First, Last tally.Pane
	// Evidence is the strongest first.
	Evidence []Evidence

	// now is the level as of the running pane, which Marks hands to the record.
	now      Level
	nowScore int
}

// Judge finds what follows from rec.
func Judge(rec *tally.Record, env Environment) Finding {
	j := &judging{rec: rec, env: env}
	j.count()
	j.gather()
	all, sure := j.side(false), j.side(true)
	f := Finding{
		Line:    rec.Line,
		Score:   score(all, sure, env.Trusted),
		Busiest: rec.Highest(env.Since),
		First:   rec.First(),
		Last:    rec.Last(),
	}
	for i := range rec.Sightings {
		f.Hits += rec.Sightings[i].Hits(env.Since)
	}
	f.Level = j.level(all, sure, f.Score)
	f.now, f.nowScore = f.Level, f.Score
	j.remember(&f)
	if f.Level == None {
		return f
	}
	heavy := j.heaviest(f.Busiest)
	f.Label = j.label(all, heavy)
	f.Evidence = j.evidence(all, heavy)
	return f
}

// judging is one call of Judge.
type judging struct {
	rec      *tally.Record
	env      Environment
	asked    asked
	contacts []contact
	// misled: some contact is with a suspect entry, so that what level the line
	// reached by it is no level that it should have reached.
	misled bool
}

// side is one half of the judgement: on all that was counted, or on what could
// not be forged.
type side struct {
	fired [signals]*firing
	// listed and volume are the points of the groups.
	listed, volume float64
}

// firing is the last window in which a signal fired.
type firing struct {
	to     tally.Pane // the last pane of the window
	points float64    // as of now
	full   float64    // before they decayed
	count  uint64
	limit  uint64 // the threshold in force
	// panes are those that hold the evidence, names the sightings behind it.
	panes []tally.Pane
	names []int
}

func (j *judging) side(sure bool) (s side) {
	for sig := range signals {
		rule := j.env.Settings.Rules[sig]
		if !rule.On || !j.env.Settings.Groups[sig.Group()] || j.damped(sig) {
			continue
		}
		var f *firing
		if sig.Group() == Volume {
			f = j.rate(sig, rule, sure)
		} else {
			f = j.contact(sig, rule, sure)
		}
		if f == nil {
			continue
		}
		s.fired[sig] = f
		if sig.Group() == Volume {
			s.volume = max(s.volume, f.points)
		} else {
			s.listed = max(s.listed, f.points)
		}
	}
	s.volume = min(s.volume, maxVolume)
	return s
}

// points is the score of one side.
func (s side) points() float64 { return min(s.listed+s.volume, maxScore) }

// score is what the two sides come to, in whole points: unproven ones lift it to
// 55 and no further, unless the network vouches for its sources.
func score(all, sure side, trusted bool) int {
	limit := float64(maxUnverified)
	if trusted {
		limit = maxScore
	}
	return int(max(sure.points(), min(all.points(), limit)))
}

// decay is what points are worth age panes after their window.
func decay(points float64, age tally.Pane) float64 {
	return points * math.Exp2(-float64(age)/float64(halfLife))
}

const halfLife = tally.Day

// damped says whether a line's class takes the ground from a signal.
//
// Behind an address that many share, neither a rate nor a name says anything
// about one of them. A mail server asks much, and a resolver behind a line
// speaks for others.
func (j *judging) damped(sig Signal) bool {
	switch j.env.Class {
	case subscriber.CGN:
		return !j.env.Block
	case subscriber.Mail:
		return sig.Group() == Volume
	case subscriber.Resolver:
		return true
	}
	return false
}
