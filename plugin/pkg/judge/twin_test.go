package judge

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"sinkhole/plugin/pkg/tally"
)

// slowRate says what a rate is: the last window, by trying all that end in what
// is kept pane by pane, whose sum is the limit or more and half of whose panes
// hold their share of it.
func slowRate(rec *tally.Record, now tally.Pane, r Rule, limit uint64, sure bool) (last tally.Pane, most uint64) {
	asked := func(p tally.Pane) uint64 {
		n := rec.Queries(p)
		if sure {
			n = rec.Proven(p)
		}
		if rec.Storm(p) {
			n = 0
		}
		return uint64(n)
	}
	for end := rec.Oldest(); end <= now; end++ {
		sum, busy := uint64(0), 0
		for p := end - r.Window + 1; p <= end; p++ {
			if p < rec.Oldest() {
				continue
			}
			sum += asked(p)
			if asked(p)*uint64(r.Window) >= limit {
				busy++
			}
		}
		if sum >= limit && 2*busy >= int(r.Window) {
			last, most = end, max(most, sum)
		}
	}
	return last, most
}

// slowContact says what c2-1 to c2-3 are, and finds the last window in which one
// fires, by trying all.
func slowContact(j *judging, sig Signal, r Rule, sure bool) (points float64) {
	for _, weight := range []int{fullWeight, 50} {
		for end := j.env.Now; end > j.env.Now-4*tally.Week; end-- {
			names, together, longest := 0, map[tally.Pane]bool{}, 0
			for _, c := range j.contacts {
				if c.weight < weight {
					continue
				}
				var in []tally.Pane
				for _, p := range c.panes(sure) {
					if p+r.Window > end && p <= end {
						in = append(in, p)
						together[p] = true
					}
				}
				if len(in) > 0 {
					names++
				}
				if sig != C23 || spreads(in) {
					longest = max(longest, len(in))
				}
			}
			fires := longest >= r.Threshold
			switch sig {
			case C21:
				fires = len(together) >= r.Threshold && names > 0
			case C22:
				fires = fires || names > 1 && len(together) >= max(2, r.Threshold-1)
			}
			if fires {
				points = max(points, decay(rules[sig].points*float64(weight)/fullWeight, j.env.Now-end))
				break
			}
		}
	}
	return points
}

// FuzzJudge plays lines that the seed makes up, and compares each signal with
// what its slow twin says of the same record.
func FuzzJudge(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint16(seed*37))
	}
	f.Fuzz(func(t *testing.T, seed uint64, threshold uint16) {
		rng := rand.New(rand.NewPCG(seed, 1))
		rec := anyLine(rng).record(tally.New(1 << 20))
		if rec == nil {
			return
		}
		settings := Defaults()
		env := environment(func(e *Environment) { e.Settings = &settings })
		j := &judging{rec: rec, env: env}
		j.count()
		j.gather()
		for _, sure := range []bool{false, true} {
			for sig := range signals {
				rule := Rule{On: true, Window: 1 + tally.Pane(rng.IntN(200)), Threshold: 1 + int(threshold)%40}
				if sig.Group() == Volume {
					rule.Window, rule.Threshold = min(rule.Window, tally.Day), 1+int(threshold)
					compareRate(t, j, sig, rule, sure)
					continue
				}
				got := 0.0
				if f := j.contact(sig, rule, sure); f != nil {
					got = f.points
				}
				if want := slowContact(j, sig, rule, sure); got != want {
					t.Errorf("%s %+v, sure %v: %v points, want %v", sig, rule, sure, got, want)
				}
			}
		}
	})
}

func compareRate(t *testing.T, j *judging, sig Signal, rule Rule, sure bool) {
	t.Helper()
	last, most := slowRate(j.rec, j.env.Now, rule, j.limit(sig, rule), sure)
	got := j.rate(sig, rule, sure)
	switch {
	case got == nil && last != 0:
		t.Errorf("%s %+v, sure %v: nothing, want a window that ends with %d", sig, rule, sure, last)
	case got != nil && (got.to != last || got.count != most):
		t.Errorf("%s %+v, sure %v: %d in the window that ends with %d, want %d and %d", sig, rule, sure, got.count, got.to, most, last)
	}
}

// anyLine is a line of a few days with bursts, repeats and contacts.
func anyLine(rng *rand.Rand) line {
	l := line{}
	for range rng.IntN(40) {
		ago := rng.IntN(1 + rng.IntN(1200))
		names := []int{1, 3, 1000}[rng.IntN(3)]
		l.counts(1+rng.IntN(300), ago, 1+min(ago, rng.IntN(8)), names, rng.IntN(2) == 0)
	}
	for range rng.IntN(60) {
		category := []string{"c2", "malware", "phishing"}[rng.IntN(3)]
		l.listed(category, fmt.Sprintf("n%d.%s.example", rng.IntN(2), category), rng.IntN(2) == 0, []int{rng.IntN(1 + rng.IntN(1200))})
	}
	return l
}
