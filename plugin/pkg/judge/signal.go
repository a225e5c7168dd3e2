package judge

import (
	"strings"

	"sinkhole/plugin/pkg/tally"
)

// Signal is one thing that may be said of a line.
type Signal uint8

// The signals, in the order in which settings and README name them.
const (
	Rate1 Signal = iota
	Rate2
	Rate3
	C21
	C22
	C23
	signals
)

// Group is what signals of a kind have in common: the ground in law on which
// they are counted, and a cap.
type Group uint8

// The groups.
const (
	Listed Group = iota // names on a list whose category is recorded
	Volume              // numbers of queries, whatever they ask for
	groups
)

// Thresholds, each with its unit and where it comes from.
const (
	rate1Queries = 3_000  // queries an hour: 8 times the 400 of a mean line
	rate2Queries = 10_000 // queries an hour: lower bound of the bots first found by counting; BotDAD's bound for a host
	rate3Queries = 10_000 // queries a pane: 17 a second, near AdGuard Home's limit of 20 for a client

	rate1Times = 8  // times the median; a device-rich home comes to 7,600 queries an hour over whole days
	rate2Times = 25 // times the median; 650, as seen in 2008, would now be 72 queries a second

	c21Panes = 1  // panes: makes "watch" and nothing more; a picture on a page makes any browser ask
	c22Panes = 3  // panes of one name; RITA looks from four contacts on
	c23Panes = 12 // panes of one name: a machine, not a click
)

// rule is what the table of signals says of one.
type rule struct {
	name      string
	group     Group
	points    float64
	threshold int
	times     uint64 // the median; 0: not compared
	quantile  bool   // must be in the top 5 in 1,000 of a large crowd
	window    tally.Pane
	// lowest and highest are the windows that may be set.
	lowest, highest tally.Pane
}

var rules = [signals]rule{
	Rate1: {name: "rate-1", group: Volume, points: 8, threshold: rate1Queries, times: rate1Times, quantile: true, window: tally.Hour, lowest: 1, highest: tally.Day},
	Rate2: {name: "rate-2", group: Volume, points: 15, threshold: rate2Queries, times: rate2Times, window: tally.Hour, lowest: 1, highest: tally.Day},
	Rate3: {name: "rate-3", group: Volume, points: 15, threshold: rate3Queries, window: 1, lowest: 1, highest: tally.Day},
	C21:   {name: "c2-1", group: Listed, points: 30, threshold: c21Panes, window: tally.Day, lowest: 1, highest: tally.Week},
	C22:   {name: "c2-2", group: Listed, points: 45, threshold: c22Panes, window: tally.Day, lowest: 2, highest: tally.Week},
	C23:   {name: "c2-3", group: Listed, points: 60, threshold: c23Panes, window: tally.Week, lowest: 2, highest: tally.Week},
}

// String is the signal's name.
func (s Signal) String() string { return rules[s].name }

// Group is the signal's group.
func (s Signal) Group() Group { return rules[s].group }

// Windows are the shortest and the longest window that may be set.
func (s Signal) Windows() (lowest, highest tally.Pane) { return rules[s].lowest, rules[s].highest }

// ParseSignal finds a signal by its name.
func ParseSignal(name string) (Signal, bool) {
	for s := range signals {
		if rules[s].name == name {
			return s, true
		}
	}
	return 0, false
}

// SignalNames are the names of all signals, for a sentence.
func SignalNames() string {
	var names []string
	for _, r := range rules {
		names = append(names, r.name)
	}
	return strings.Join(names, ", ")
}

// Rule is how one signal is set.
type Rule struct {
	On bool
	// Threshold is in queries, and in panes for listed names.
	Threshold int
	Window    tally.Pane
}

// Settings are what an operator may change. Two Settings compare with ==.
type Settings struct {
	Groups [groups]bool
	Rules  [signals]Rule
}

// Defaults are the settings of a Corefile that says nothing.
func Defaults() Settings {
	var s Settings
	for g := range s.Groups {
		s.Groups[g] = true
	}
	for i, r := range rules {
		s.Rules[i] = Rule{On: true, Threshold: r.threshold, Window: r.window}
	}
	return s
}
