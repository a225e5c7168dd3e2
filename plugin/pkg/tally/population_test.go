package tally

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"sinkhole/plugin/pkg/subscriber"
)

// TestHistogram: buckets are in order, hold what they say, and a quantile is no
// more than half off.
func TestHistogram(t *testing.T) {
	last := 0
	for n := uint64(1); n < 1<<40; n += 1 + n/17 {
		b := histogramBucket(n)
		if b < last || b >= histogramBuckets {
			t.Fatalf("%d lies in bucket %d, after %d", n, b, last)
		}
		if last = b; n < 1<<32 && (n < bucketStart(b) || b+1 < histogramBuckets && b != 0 && n >= bucketStart(b+1) && b%2 == 0) {
			t.Fatalf("%d lies in bucket %d, which starts at %d", n, b, bucketStart(b))
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var h Histogram
		all := make([]uint64, 1+rng.IntN(3000))
		for i := range all {
			all[i] = uint64(math.Exp(rng.NormFloat64()*2+5)) + 1
			h.count(all[i])
		}
		slices.Sort(all)
		if h.Active() != len(all) {
			t.Fatalf("%d lines, want %d", h.Active(), len(all))
		}
		for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.995, 1} {
			want := all[min(int(q*float64(len(all))), len(all)-1)]
			if got := h.Quantile(q); got*2 < want || got > want*3/2+1 {
				t.Fatalf("quantile %v of %d lines is %d, want %d", q, len(all), got, want)
			}
		}
	}
	var none Histogram
	if none.Median() != 0 || none.Active() != 0 {
		t.Errorf("of none: %d, %d", none.Median(), none.Active())
	}
}

// TestPopulation counts lines with and without a record, by class, and nobody
// that is silent or opted out.
func TestPopulation(t *testing.T) {
	tl := fixed(4<<20, 1)
	class := func(l subscriber.Line) (subscriber.Class, bool) {
		i := int(l >> 16 & 0xffff)
		switch {
		case i >= 900:
			return subscriber.Business, i >= 950
		case i >= 800:
			return subscriber.Mail, false
		}
		return subscriber.Fixed, false
	}
	for i := range 1000 {
		tl.counts(someLine(i), 9, someDay-20) // long ago
	}
	for _, p := range []Pane{someDay - 3, someDay} {
		for i := range 1000 {
			n := 5
			switch {
			case i >= 900:
				n = 2000
			case i >= 800:
				n = 0
			case i < 10:
				n = 700
			}
			tl.counts(someLine(i), n, p)
		}
	}
	pop := tl.Population(someDay, class)
	fixed, mail, business := pop.Of(subscriber.Fixed), pop.Of(subscriber.Mail), pop.Of(subscriber.Business)
	if pop.Active() != 850 || fixed.Active() != 800 || mail.Active() != 0 || business.Active() != 50 {
		t.Errorf("active: %d, of them %d, %d, %d; want 850, 800, 0, 50", pop.Active(), fixed.Active(), mail.Active(), business.Active())
	}
	if pop.Median() != 10 || fixed.Median() != 10 || business.Median() != 4000 {
		t.Errorf("medians: %d, %d, %d; want 10, 10, 4000", pop.Median(), fixed.Median(), business.Median())
	}
	if got := fixed.Quantile(0.995); got != 1400 {
		t.Errorf("5 in 1,000 asked %d, want 1400", got)
	}
	pop = tl.Population(someDay+3, class)
	if pop.Median() != 5 || pop.Active() != 850 {
		t.Errorf("three panes later: median %d of %d, want 5 of 850", pop.Median(), pop.Active())
	}
	if pop = tl.Population(someDay+6, class); pop.Active() != 0 {
		t.Errorf("an hour later: %d are active", pop.Active())
	}
}

// TestMedianOfACrowd compares with the true median of log-normal lines.
func TestMedianOfACrowd(t *testing.T) {
	c := newCrowd(3, 20_000, 0, 0)
	tl := fixed(20_000*lineCost, 1)
	for n := range panes {
		for _, i := range c.pane(n) {
			tl.Count(someLine(int(i)), 0, false, someDay+Pane(n))
		}
	}
	pop := tl.Population(someDay+panes-1, everybody)
	slices.Sort(c.asked)
	c.asked = slices.DeleteFunc(c.asked, func(n uint64) bool { return n == 0 })
	for _, q := range []float64{0.5, 0.9, 0.995} {
		want := float64(c.asked[int(q*float64(len(c.asked)))])
		if got := float64(pop.all.Quantile(q)); math.Abs(got-want) > want/4 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if got := pop.Active(); got < len(c.asked)*99/100 || got > len(c.asked) {
		t.Errorf("%d lines are active, want %d", got, len(c.asked))
	}
}
