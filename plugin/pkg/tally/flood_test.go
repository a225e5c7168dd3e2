package tally

import (
	"math"
	"math/rand/v2"
	"testing"

	"sinkhole/plugin/pkg/subscriber"
)

// crowd is lines by what they ask an hour: honest ones log-normal about 150, and
// bots (research: DETECTION 1.1 and 4.2).
type crowd struct {
	rates      []float64
	bots, late int // the first lines; late ones are silent for half an hour
	rng        *rand.Rand
	asked      []uint64
}

func newCrowd(seed uint64, lines, bots, late int) *crowd {
	c := &crowd{rates: make([]float64, lines), bots: bots, late: late, rng: rand.New(rand.NewPCG(seed, 42)), asked: make([]uint64, lines)}
	for i := range c.rates {
		switch {
		case i < bots, i < bots+late:
			c.rates[i] = 10_000 * (1 + c.rng.Float64())
		default:
			c.rates[i] = min(8000, 150*math.Exp(1.5*c.rng.NormFloat64()))
		}
	}
	return c
}

// pane is the queries of the n-th pane of the hour, by line, in random order.
func (c *crowd) pane(n int) (queries []int32) {
	for i, r := range c.rates {
		if n < 3 && i >= c.bots && i < c.bots+c.late {
			continue
		}
		for range int(r/6 + math.Sqrt(r/6)*max(-3, min(3, c.rng.NormFloat64()))) {
			queries = append(queries, int32(i))
			c.asked[i]++
		}
	}
	c.rng.Shuffle(len(queries), func(i, k int) { queries[i], queries[k] = queries[k], queries[i] })
	return queries
}

// stranger is a source that nobody has.
func (c *crowd) stranger() subscriber.Line {
	return 0xff04<<48 | subscriber.Line(11<<24|c.rng.Uint32N(1<<24))<<16
}

// missed is what a tally does not know of the crowd.
type missed struct {
	over    int // lines of which more is known than they asked
	off     int // lines that asked more than the error bound beyond what is known
	lost    int // bots of which half or less is known
	tenth   int // bots of which a tenth or more is not
	unseen  int // bots above heavyQueries that no record shows as such
	forged  int // records of strangers that show 5,000 queries or more
	average float64
}

func (c *crowd) missed(tl *Tally) (m missed) {
	bound := tl.Stats().ErrorBound
	for i, asked := range c.asked {
		got := known(tl, someLine(i))
		if got > asked {
			m.over++
		} else if asked-got > bound {
			m.off++
		}
		if i >= c.bots+c.late {
			continue
		}
		if got*2 <= asked {
			m.lost++
		}
		if got*10 <= asked*9 {
			m.tenth++
		}
		m.average += float64(asked-got) / float64(asked) / float64(c.bots+c.late)
	}
	high := map[subscriber.Line]uint64{}
	for rec := range tl.Records() {
		high[rec.Line] = rec.Highest(0)
		if rec.Line>>40&0xff == 11 && rec.Highest(0) >= 5000 {
			m.forged++
		}
	}
	for i := range c.bots {
		if c.asked[i] > heavyQueries*11/10 && high[someLine(i)] <= heavyQueries {
			m.unseen++
		}
	}
	return m
}

var floods = true

// TestFlood plays an hour of 100 bots and 200 late ones among honest lines, with
// so many spoofed sources to each honest query.
func TestFlood(t *testing.T) {
	for _, test := range []struct {
		name                string
		slots, flood        float64 // a line, and to each query
		lines, bots, late   int
		lost, tenth, unseen int // at most
		average             float64
	}{
		{"no flood", 2, 0, 10_000, 100, 200, 0, 0, 0, 0.0001},
		{"no flood, a third of the memory", 0.66, 0, 10_000, 100, 200, 0, 0, 0, 0.005},
		{"ten times what is honest", 2, 10, 10_000, 100, 200, 0, 0, 0, 0.001},
		{"ten times, two thirds of the memory", 1.31, 10, 5000, 100, 200, 0, 0, 0, 0.001},
		{"a hundred times", 2, 100, 600, 10, 20, 0, 0, 0, 0.003},
	} {
		if test.flood > 0 && !floods {
			continue // no row of this build
		}
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			// The bots are too many for the records of so few lines: 2 in 100.
			tl := fixed(int64(float64(test.lines)*lineCost*test.slots/2), 13)
			tl.shards[0].pool = newPool(2 * (test.bots + test.late))
			c := newCrowd(17, test.lines, test.bots, test.late)
			for n := range panes {
				p := someDay + Pane(n)
				tl.Turn(p)
				due := 0.0
				for _, i := range c.pane(n) {
					tl.Count(someLine(int(i)), 0, false, p)
					if int(i) < test.bots+test.late {
						continue
					}
					for due += test.flood; due >= 1; due-- {
						tl.Count(c.stranger(), 0, false, p)
					}
				}
			}
			check(t, tl)
			m := c.missed(tl)
			t.Logf("%+v, bound %d", m, tl.Stats().ErrorBound)
			if m.over > 0 || m.forged > 0 || m.lost > test.lost || m.tenth > test.tenth || m.unseen > test.unseen ||
				m.average > test.average || m.off > max(1, test.lines/1000) {
				t.Errorf("got %+v; want lost %d, tenth %d, unseen %d, average %v at most, of 1,000 lines one off at most, and neither over nor forged",
					m, test.lost, test.tenth, test.unseen, test.average)
			}
		})
	}
}

// TestStrangers has a million invented sources send twice each, within one pane,
// into a table for a quarter as many lines.
func TestStrangers(t *testing.T) {
	tl := fixed(16<<20, 3)
	c := newCrowd(5, 2000, 20, 0)
	const strangers = 1_000_000
	order := c.rng.Perm(strangers)
	for n := range panes {
		p := someDay + Pane(n)
		tl.Turn(p)
		queries := c.pane(n)
		next := 0
		for k, i := range queries {
			tl.Count(someLine(int(i)), 0, false, p)
			if n != 2 {
				continue
			}
			for ; next*len(queries) < 2*strangers*(k+1); next++ {
				tl.Count(0xff04<<48|subscriber.Line(11<<24|order[next%strangers])<<16, 0, false, p)
			}
		}
	}
	check(t, tl)
	m := c.missed(tl)
	if m != (missed{average: m.average}) || m.average > 0.001 {
		t.Errorf("got %+v", m)
	}
	if st := tl.Stats(); st.Evicted == 0 || st.ErrorBound == 0 || st.ErrorBound > 500 {
		t.Errorf("got %+v", st)
	}
}
