package judge

import (
	"testing"
	"time"

	"sinkhole/plugin/pkg/tally"
)

func TestEvidenceCounts(t *testing.T) {
	type counts struct {
		signal                   string
		window                   time.Duration
		count, threshold, proven uint64
		first, last              tally.Pane
	}
	for _, test := range []struct {
		name string
		does line
		want []counts
	}{
		{name: "a rate counts queries, in its highest window, and those of them by TCP",
			does: asks(2_000, 5, 6).asksByTCP(30, 2, 2),
			want: []counts{
				{"rate-2", time.Hour, 12_060, 10_000, 60, noon - 5, noon},
				{"rate-1", time.Hour, 12_060, 3_000, 60, noon - 5, noon},
			}},
		{name: "contacts count panes, however many queries",
			does: line{}.hits("c2", "c2.example", 20, 20, 20, 9).hitsByTCP("c2", "c2.example", 9, 3),
			want: []counts{
				{"c2-2", 24 * time.Hour, 3, 3, 2, noon - 20, noon - 3},
				{"c2-1", 24 * time.Hour, 3, 1, 2, noon - 20, noon - 3},
			}},
		{name: "several names count their panes once",
			does: line{}.hits("c2", "a.example", 9, 3).hitsByTCP("c2", "b.example", 9),
			want: []counts{
				{"c2-2", 24 * time.Hour, 2, 2, 1, noon - 9, noon - 3},
				{"c2-1", 24 * time.Hour, 2, 1, 1, noon - 9, noon - 3},
			}},
		{name: "who is heavy without a signal has its six panes as evidence",
			does: asks(5_001, 1, 2),
			want: []counts{{"heavy", time.Hour, 10_002, 10_000, 0, noon - 1, noon}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := Judge(test.does.record(tally.New(1<<20)), environment(nil))
			var got []counts
			for _, e := range f.Evidence {
				got = append(got, counts{e.Signal, e.Window, e.Count, e.Threshold, e.Proven, e.First, e.Last})
			}
			if len(got) != len(test.want) {
				t.Fatalf("got %+v, want %+v", got, test.want)
			}
			for i := range got {
				if got[i] != test.want[i] {
					t.Errorf("got %+v, want %+v", got[i], test.want[i])
				}
			}
		})
	}
}

func TestThresholdIsTheOneInForce(t *testing.T) {
	rec := asks(2_000, 5, 6).record(tally.New(1 << 20))
	f := Judge(rec, environment(func(e *Environment) { e.Crowd.Median = 450 }))
	if got := f.Evidence[0]; got.Signal != "rate-2" || got.Threshold != 25*450 {
		t.Errorf("got %s with threshold %d, want rate-2 with 25 times the median", got.Signal, got.Threshold)
	}
}
