package judge

import (
	"sinkhole/plugin/pkg/subscriber"
	"sinkhole/plugin/pkg/tally"
)

// Level is how much follows.
type Level uint8

// The levels. None is not in the report.
const (
	None      Level = iota
	Watch           // look; accuses nobody
	Suspected       // strong reasons, or two kinds of them, on evidence that was not forged
	Confirmed       // such evidence over many hours or on several days
)

var levelNames = [...]string{None: "", Watch: "watch", Suspected: "suspected", Confirmed: "confirmed"}

// String is the level's name, as reports and flags have it.
func (l Level) String() string { return levelNames[l] }

// ParseLevel finds a level by its name.
func ParseLevel(name string) (Level, bool) {
	for l := Watch; l <= Confirmed; l++ {
		if levelNames[l] == name {
			return l, true
		}
	}
	return None, false
}

const (
	watchScore     = 15
	suspectedScore = 60
	// hourApart is how far apart the first and the last contact behind a
	// suspicion are at least.
	hourApart = tally.Hour
)

// level is the level as of the running pane.
func (j *judging) level(all, sure side, score int) Level {
	level := None
	switch {
	case j.confirms(sure):
		level = Confirmed
	case suspects(sure), j.env.Trusted && suspects(all):
		level = Suspected
	case score >= watchScore, j.rec.Highest(j.env.Now) > HeavyQueries:
		level = Watch
	}
	return j.cap(level)
}

func (j *judging) cap(l Level) Level {
	if j.env.Warmup {
		return min(l, Watch)
	}
	return l
}

// suspects says whether one side alone carries a suspicion: 60 points, of two
// groups or of contacts alone, and contacts an hour apart. Volume gives 25 at
// most, so that the points of contacts are always part of it.
func suspects(s side) bool {
	if score(s, s, true) < suspectedScore || s.listed < 1 {
		return false
	}
	if s.listed < suspectedScore && s.volume < 1 {
		return false
	}
	for sig, f := range s.fired {
		if f != nil && Signal(sig).Group() == Listed && f.points == s.listed && apart(f.panes) {
			return true
		}
	}
	return false
}

func apart(panes []tally.Pane) bool {
	return len(panes) > 1 && panes[len(panes)-1]-panes[0] >= hourApart
}

// confirms says whether what could not be forged shows a machine at work: c2-2
// or c2-3 in force, by names of full weight, over six hours or two days.
//
// A mail server and a business have scanners that ask for listed names all day.
func (j *judging) confirms(sure side) bool {
	if j.env.Class == subscriber.Mail || j.env.Class == subscriber.Business {
		return false
	}
	for _, sig := range []Signal{C22, C23} {
		f := sure.fired[sig]
		if f != nil && f.to == j.env.Now && f.full == rules[sig].points && spreads(f.panes) {
			return true
		}
	}
	return false
}

// remember raises f to the highest level that the line reached since env.Since,
// with the score of that time.
func (j *judging) remember(f *Finding) {
	for l := Confirmed; l >= max(f.Level, Watch) && !j.misled; l-- {
		m := j.rec.Mark(int(l - Watch))
		if m.Pane == 0 || m.Pane < j.env.Since {
			continue
		}
		if l > f.Level {
			f.Score = 0
		}
		f.Level, f.Score = l, max(f.Score, int(m.Score))
		break
	}
	if f.Busiest > HeavyQueries {
		f.Level = max(f.Level, Watch)
	}
	f.Level = j.cap(f.Level)
}

// Marks are what the record of the line is to remember of f, as of the running
// pane now: a mark for the level it found and for each below. A stay at a level
// goes on while each pane finds the line just there, and its mark holds the
// highest score of the stay.
func (f *Finding) Marks(rec *tally.Record, now tally.Pane, mark func(level int, m tally.Mark)) {
	for l := Watch; l <= f.now; l++ {
		m := tally.Mark{Pane: now, Score: uint8(f.nowScore)}
		if l == f.now && fresh(rec, l, now) && (l == Confirmed || !fresh(rec, l+1, now)) {
			m.Score = max(m.Score, rec.Mark(int(l-Watch)).Score)
		}
		mark(int(l-Watch), m)
	}
}

// fresh says whether the line stood at a level or above in this pane or the last.
func fresh(rec *tally.Record, l Level, now tally.Pane) bool {
	m := rec.Mark(int(l - Watch))
	return m.Pane > 0 && m.Pane+1 >= now
}
