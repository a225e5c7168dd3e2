package judge

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sinkhole/plugin/pkg/subscriber"
	"sinkhole/plugin/pkg/tally"
)

// noon is the running pane of the tests: twelve o'clock UTC.
const noon = 20_500*tally.Day + 12*tally.Hour

// line is what one line does, by panes before noon.
type line map[tally.Pane][]func(t *tally.Tally, p tally.Pane)

const someLine = subscriber.Line(0xff04_c0000207_0000) // 192.0.2.7

func (l line) at(ago int, do func(t *tally.Tally, p tally.Pane)) line {
	p := noon - tally.Pane(ago)
	l[p] = append(l[p], do)
	return l
}

// asks counts n queries for many names in each of the panes that began ago, for
// so many panes.
func asks(n, ago, panes int) line { return line{}.asks(n, ago, panes) }

func (l line) asks(n, ago, panes int) line { return l.counts(n, ago, panes, 1000, false) }

// asksByTCP is asks with evidence that cannot be forged.
func (l line) asksByTCP(n, ago, panes int) line { return l.counts(n, ago, panes, 1000, true) }

// repeats is asks for one name over and over.
func (l line) repeats(n, ago, panes int) line { return l.counts(n, ago, panes, 1, false) }

func (l line) counts(n, ago, panes, names int, proven bool) line {
	for i := range panes {
		l.at(ago-i, func(t *tally.Tally, p tally.Pane) {
			for k := range n {
				t.Count(someLine, uint64(k%names), proven, p)
			}
		})
	}
	return l
}

// hits asks once for a listed name, in each of the panes ago.
func (l line) hits(category, name string, ago ...int) line {
	return l.listed(category, name, false, ago)
}

func (l line) hitsByTCP(category, name string, ago ...int) line {
	return l.listed(category, name, true, ago)
}

func (l line) listed(category, name string, proven bool, ago []int) line {
	for _, a := range ago {
		l.at(a, func(t *tally.Tally, p tally.Pane) {
			t.Count(someLine, 0, proven, p)
			t.Hit(someLine, category, []byte(name), Weight(category), proven, p)
		})
	}
	return l
}

// record plays a line and gives what is kept of it, nil where nothing is.
func (l line) record(t *tally.Tally) (rec *tally.Record) {
	panes := make([]tally.Pane, 0, len(l))
	for p := range l {
		panes = append(panes, p)
	}
	slices.Sort(panes)
	for _, p := range panes {
		t.Turn(p)
		for _, do := range l[p] {
			do(t, p)
		}
	}
	t.Turn(noon)
	for r := range t.Records() {
		rec = r
	}
	return rec
}

// said writes a finding in one line, as the tables want it.
func said(f Finding) string {
	if f.Level == None {
		return "nothing"
	}
	var signals []string
	for _, e := range f.Evidence {
		signals = append(signals, e.Signal)
	}
	return fmt.Sprintf("%s %d, %s: %s", f.Level, f.Score, f.Label, strings.Join(signals, " "))
}

// environment is a network of 100,000 lines of which the usual one asks 150
// questions an hour.
func environment(change func(*Environment)) Environment {
	settings := Defaults()
	env := Environment{
		Now: noon, Since: noon - tally.Day,
		Crowd:    Crowd{Active: 100_000, Median: 150, High: 2_900},
		Settings: &settings,
	}
	if change != nil {
		change(&env)
	}
	return env
}

func class(c subscriber.Class) func(*Environment) { return func(e *Environment) { e.Class = c } }

func warmup(e *Environment)  { e.Warmup = true }
func trusted(e *Environment) { e.Trusted = true }

func TestJudge(t *testing.T) {
	for _, test := range []struct {
		name string
		does line
		in   func(*Environment)
		want string
	}{
		// Rates.
		{name: "a home that asks 2,994 times an hour is one of many",
			does: asks(499, 5, 6), want: "nothing"},
		{name: "rate-1 fires at 3,000 queries an hour, and is no reason to look",
			does: asks(500, 5, 6).asks(15_000, 140, 1), want: "watch 8, heavy: rate-1 rate-3"},
		{name: "a home full of devices, 7,600 queries an hour all day long, gets rate-1 and no row",
			does: asks(1_266, 143, 144), want: "nothing"},
		{name: "9,999 queries an hour are not yet rate-2",
			does: asks(1_666, 5, 6).asks(3, 0, 1), want: "nothing"},
		{name: "rate-2 fires at 10,000 queries an hour",
			does: asks(1_667, 5, 6), want: "watch 15, heavy: rate-2 rate-1"},
		{name: "rate-2 wants 25 times the median",
			does: asks(1_667, 5, 6), in: func(e *Environment) { e.Crowd.Median = 401 }, want: "watch 8, heavy: rate-1"},
		{name: "rate-1 wants 8 times the median: in a network of busy lines nobody stands out",
			does: asks(500, 5, 6), in: func(e *Environment) { e.Crowd.Median = 376 }, want: "nothing"},
		{name: "rate-1 wants the top 5 in 1,000",
			does: asks(1_667, 5, 6), in: func(e *Environment) { e.Crowd.High = 10_500 }, want: "watch 15, heavy: rate-2"},
		{name: "among fewer than 2,000 lines the top 5 in 1,000 say nothing",
			does: asks(1_667, 5, 6), in: func(e *Environment) { e.Crowd.Active, e.Crowd.High = 1_999, 10_500 }, want: "watch 15, heavy: rate-2 rate-1"},
		{name: "at night the median counts as 50: 10,000 are 25 times as much and more",
			does: asks(1_667, 5, 6), in: func(e *Environment) { e.Crowd.Median = 1 }, want: "watch 15, heavy: rate-2 rate-1"},
		{name: "a burst is no rate: the hour's other panes are quiet",
			does: asks(9_990, 2, 1), want: "nothing"},
		{name: "rate-3 fires at 10,000 queries in ten minutes",
			does: asks(10_000, 0, 1), want: "watch 15, heavy: rate-3"},
		{name: "9,999 queries in ten minutes are not yet rate-3",
			does: asks(9_999, 0, 1), want: "nothing"},
		{name: "two bursts an hour are heavy, though no rate",
			does: asks(5_001, 1, 2), want: "watch 0, heavy: heavy"},
		{name: "what rate alone says is worth half after a day",
			does: asks(10_000, 143, 1), want: "nothing"},
		{name: "10,000 an hour are no row, 10,001 are, also a day later",
			does: asks(10_001, 143, 1), want: "watch 7, heavy: rate-3"},

		// Broken devices.
		{name: "a television that asks 29,000 times for one name is a broken device",
			does: line{}.repeats(14_500, 1, 2), want: "watch 0, broken device: heavy"},
		{name: "three names in turn are no broken device",
			does: line{}.counts(14_500, 1, 2, 3, false), want: "watch 15, heavy: rate-3"},
		{name: "a browser that asks 87,000 times for a blocked tracker in 20 minutes is a broken device",
			does: line{}.repeats(43_500, 1, 2).hits("tracker", "ads.example", 1, 0), want: "watch 0, broken device: heavy"},
		{name: "a name of c2 asked 87,000 times in 20 minutes is two contacts",
			does: storm(), want: "watch 45, heavy: c2-1 rate-3"},

		// Contacts.
		{name: "c2-1: one name once makes any browser suspicious, so it says look",
			does: line{}.hits("c2", "c2.example", 3), want: "watch 30, listed name: c2-1"},
		{name: "a page with 20 listed pictures is one contact",
			does: page(20), want: "watch 30, listed name: c2-1"},
		{name: "two panes of one name are c2-1",
			does: line{}.hits("c2", "c2.example", 9, 3), want: "watch 30, listed name: c2-1"},
		{name: "c2-2: three panes of one name",
			does: line{}.hits("c2", "c2.example", 20, 9, 3), want: "watch 45, C2 contact: c2-2 c2-1"},
		{name: "c2-2: two names in two panes",
			does: line{}.hits("c2", "a.example", 9).hits("c2", "b.example", 3), want: "watch 45, C2 contact: c2-2 c2-1"},
		{name: "c2-2 wants them within 24 hours",
			does: line{}.hits("c2", "a.example", 150).hits("c2", "b.example", 3), want: "watch 30, listed name: c2-1"},
		{name: "c2-3: twelve panes over six hours, forgeable, stop at 55",
			does: line{}.hits("c2", "c2.example", every(3, 12)...), want: "watch 55, C2 contact: c2-3 c2-2 c2-1"},
		{name: "eleven panes are not yet c2-3",
			does: line{}.hits("c2", "c2.example", every(4, 11)...), want: "watch 45, C2 contact: c2-2 c2-1"},
		{name: "twelve panes within two hours are one sitting",
			does: line{}.hits("c2", "c2.example", every(1, 12)...), want: "watch 45, C2 contact: c2-2 c2-1"},
		{name: "twelve panes around midnight are no two days",
			does: line{}.hits("c2", "c2.example", shift(66, every(1, 12))...), want: "watch 45, C2 contact: c2-2 c2-1"},
		{name: "twelve panes on two days, three days ago",
			does: line{}.hits("c2", "c2.example", slices.Concat(shift(500, every(1, 6)), shift(400, every(1, 6)))...), want: "watch 55, C2 contact: c2-3 c2-2 c2-1"},
		{name: "contacts are forgotten by halves: a day after its window ended c2-1 is worth 15",
			does: line{}.hits("c2", "c2.example", 143+144), want: "watch 15, listed name: c2-1"},
		{name: "and a pane later it is not worth a row",
			does: line{}.hits("c2", "c2.example", 143+144+8), want: "nothing"},
		{name: "who clicked on a phishing link is a victim",
			does: line{}.hits("phishing", "bank.example", every(3, 12)...), want: "nothing"},
		{name: "malware is downloaded by a click: half the points",
			does: line{}.hits("malware", "mal.example", every(3, 12)...), want: "watch 30, listed name: c2-3 c2-2 c2-1"},
		{name: "a name of c2 and one of malware are two names, at the lower weight",
			does: line{}.hits("c2", "c2.example", 9).hits("malware", "mal.example", 3), want: "watch 30, listed name: c2-1 c2-2"},
		{name: "the software of a residential proxy is called so",
			does: line{}.hits("proxy-sdk", "sdk.example", 9), want: "watch 30, residential proxy: c2-1"},

		// What could not be forged.
		{name: "suspected: c2-3 by TCP within one sitting would be, but is none",
			does: line{}.hitsByTCP("c2", "c2.example", every(1, 12)...), want: "watch 45, C2 contact: c2-2 c2-1"},
		{name: "confirmed: c2-3 by TCP, over six hours",
			does: line{}.hitsByTCP("c2", "c2.example", every(3, 12)...), want: "confirmed 60, C2 contact: c2-3 c2-2 c2-1"},
		{name: "confirmed: three panes by TCP on two days, within 24 hours",
			does: line{}.hitsByTCP("c2", "c2.example", 120, 100, 3), want: "confirmed 45, C2 contact: c2-2 c2-1"},
		{name: "three panes by TCP around midnight confirm nothing",
			does: line{}.hitsByTCP("c2", "c2.example", 74, 72, 70), want: "watch 45, C2 contact: c2-2 c2-1"},
		{name: "suspected: contacts by TCP hours apart and a rate by TCP are two groups",
			does: line{}.hitsByTCP("c2", "c2.example", 12, 6, 3).asksByTCP(1_667, 5, 6), want: "suspected 60, C2 contact: c2-2 c2-1 rate-2 rate-1"},
		{name: "contacts within the hour do not carry a suspicion",
			does: line{}.hitsByTCP("c2", "c2.example", 5, 4, 3).asksByTCP(1_667, 5, 6), want: "watch 60, C2 contact: c2-2 c2-1 rate-2 rate-1"},
		{name: "a rate that could be forged does not make the second group",
			does: line{}.hitsByTCP("c2", "c2.example", 12, 6, 3).asks(1_667, 5, 6), want: "watch 55, C2 contact: c2-2 c2-1 rate-2 rate-1"},
		{name: "a framed neighbour, forged contacts on a line that uses TCP itself, is never above watch",
			does: line{}.hits("c2", "c2.example", every(3, 40)...).asksByTCP(1_667, 100, 101), want: "watch 55, C2 contact: c2-3 c2-2 c2-1 rate-2 rate-1"},
		{name: "a network that forged sources cannot enter may suspect on UDP",
			does: line{}.hits("c2", "c2.example", every(3, 12)...), in: trusted, want: "suspected 60, C2 contact: c2-3 c2-2 c2-1"},
		{name: "and may not confirm on it",
			does: line{}.hits("c2", "c2.example", every(20, 50)...), in: trusted, want: "suspected 60, C2 contact: c2-3 c2-2 c2-1"},
		{name: "malware confirms nothing, however often",
			does: line{}.hitsByTCP("malware", "mal.example", every(3, 40)...), want: "watch 30, listed name: c2-3 c2-2 c2-1"},

		// Classes.
		{name: "a business is a house full of people: ten times the rates",
			does: asks(16_000, 5, 6), in: class(subscriber.Business), want: "watch 8, heavy: rate-1"},
		{name: "and a business may be loud",
			does: asks(16_667, 5, 6), in: class(subscriber.Business), want: "watch 15, heavy: rate-2 rate-1"},
		{name: "a mail server asks much",
			does: asks(16_667, 5, 6), in: class(subscriber.Mail), want: "watch 0, heavy: heavy"},
		{name: "the scanner of a mail server asks for listed names all day, and is not confirmed",
			does: line{}.hitsByTCP("c2", "c2.example", every(3, 12)...), in: class(subscriber.Mail), want: "suspected 60, C2 contact: c2-3 c2-2 c2-1"},
		{name: "a resolver speaks for others",
			does: line{}.hitsByTCP("c2", "c2.example", every(3, 12)...).asks(2_000, 5, 6), in: class(subscriber.Resolver), want: "watch 0, heavy: heavy"},
		{name: "an address that many share says nothing about one of them",
			does: line{}.hitsByTCP("c2", "c2.example", every(3, 12)...), in: class(subscriber.CGN), want: "nothing"},
		{name: "a block of its ports does",
			does: line{}.hitsByTCP("c2", "c2.example", every(3, 12)...), in: func(e *Environment) { e.Class, e.Block = subscriber.CGN, true }, want: "confirmed 60, C2 contact: c2-3 c2-2 c2-1"},

		// Warm-up.
		{name: "in the warm-up the median says nothing yet",
			does: asks(1_667, 5, 6), in: func(e *Environment) { e.Warmup, e.Crowd.Median = true, 5_000 }, want: "watch 15, heavy: rate-2 rate-1"},
		{name: "in the warm-up nobody is more than watched",
			does: line{}.hitsByTCP("c2", "c2.example", every(3, 12)...), in: warmup, want: "watch 60, C2 contact: c2-3 c2-2 c2-1"},

		// Settings.
		{name: "signals volume off: no rate, whatever was counted",
			does: asks(1_667, 5, 6), in: set(func(s *Settings) { s.Groups[Volume] = false }), want: "watch 0, heavy: heavy"},
		{name: "signals listed off",
			does: line{}.hits("c2", "c2.example", 3), in: set(func(s *Settings) { s.Groups[Listed] = false }), want: "nothing"},
		{name: "detect rate-2 off",
			does: asks(1_666, 5, 6), in: set(func(s *Settings) { s.Rules[Rate2].On = false }), want: "nothing"},
		{name: "detect rate-2 threshold 5000",
			does: asks(1_000, 5, 6), in: set(func(s *Settings) { s.Rules[Rate2].Threshold = 5_000 }), want: "watch 15, heavy: rate-2 rate-1"},
		{name: "detect rate-2 threshold 60000 window 6h: the median counts six times",
			does: asks(1_667, 35, 36), in: set(func(s *Settings) { s.Rules[Rate2] = Rule{true, 60_000, 6 * tally.Hour} }), want: "watch 15, heavy: rate-2 rate-1"},
		{name: "detect c2-1 threshold 2",
			does: line{}.hits("c2", "c2.example", 3), in: set(func(s *Settings) { s.Rules[C21].Threshold = 2 }), want: "nothing"},
		{name: "detect c2-2 threshold 2: one name in two panes",
			does: line{}.hits("c2", "c2.example", 9, 3), in: set(func(s *Settings) { s.Rules[C22].Threshold = 2 }), want: "watch 45, C2 contact: c2-2 c2-1"},
		{name: "detect c2-3 window 24h",
			does: line{}.hits("c2", "c2.example", slices.Concat(shift(400, every(1, 6)), shift(200, every(1, 6)))...), in: set(func(s *Settings) { s.Rules[C23].Window = tally.Day }), want: "watch 33, C2 contact: c2-2 c2-1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := "nothing"
			if rec := test.does.record(tally.New(1 << 20)); rec != nil {
				got = said(Judge(rec, environment(test.in)))
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// every is so many panes, step apart, the last of them the running one.
func every(step, panes int) (ago []int) {
	for i := range panes {
		ago = append(ago, i*step)
	}
	return ago
}

// shift moves panes back.
func shift(by int, ago []int) (out []int) {
	for _, a := range ago {
		out = append(out, a+by)
	}
	return out
}

// page is a visit to a page that shows n listed pictures.
func page(n int) line {
	l := line{}
	for i := range n {
		l.hits("c2", fmt.Sprintf("img%d.example", i), 3)
	}
	return l
}

// storm is a blocked name of c2 that is asked for 87,000 times in 20 minutes.
func storm() line {
	l := line{}
	for ago := range 2 {
		l.at(ago, func(t *tally.Tally, p tally.Pane) {
			for range 43_500 {
				t.Count(someLine, 1, false, p)
				t.Hit(someLine, "c2", []byte("c2.example"), Weight("c2"), false, p)
			}
		})
	}
	return l
}

func set(change func(*Settings)) func(*Environment) {
	return func(e *Environment) {
		s := *e.Settings
		change(&s)
		e.Settings = &s
	}
}
