package census

import (
	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"sinkhole/plugin/pkg/tally"
)

var (
	queriesTotal = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: "census",
		Name:      "queries_total",
		Help:      "Counter of queries that were counted for a line.",
	}, []string{"server"})

	flaggedLines = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: "census",
		Name:      "flagged_lines",
		Help:      "Number of lines by the highest level they reached in the last 24 hours.",
	}, []string{"level"})

	checkpointFailures = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: "census",
		Name:      "checkpoint_failures_total",
		Help:      "Counter of checkpoints that could not be written.",
	})
)

// What is read when a scrape asks, of the Census that owns the state.
var (
	_ = promauto.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: "census",
		Name:      "lines",
		Help:      "Number of lines that have a place in the table.",
	}, stat(func(s tally.Stats) float64 { return float64(s.Lines) }))

	_ = promauto.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: "census",
		Name:      "promoted_lines",
		Help:      "Number of lines that have a record of their own.",
	}, stat(func(s tally.Stats) float64 { return float64(s.Promoted) }))

	_ = promauto.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: "census",
		Name:      "error_bound_queries",
		Help:      "Queries an hour that a line may have asked beyond what is known of it.",
	}, stat(func(s tally.Stats) float64 { return float64(s.ErrorBound) }))

	_ = promauto.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: "census",
		Name:      "memory_bytes",
		Help:      "Memory that the counts take, all of it since the start.",
	}, stat(func(s tally.Stats) float64 { return float64(s.Bytes) }))

	_ = promauto.NewCounterFunc(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: "census",
		Name:      "evicted_total",
		Help:      "Counter of lines that lost their place or their record to another.",
	}, stat(func(s tally.Stats) float64 { return float64(s.Evicted) }))

	_ = promauto.NewCounterFunc(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: "census",
		Name:      "promoted_dropped_total",
		Help:      "Counter of records that were lost to another line or not to be had.",
	}, stat(func(s tally.Stats) float64 { return float64(s.PromotedDropped) }))

	_ = promauto.NewCounterFunc(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: "census",
		Name:      "sightings_dropped_total",
		Help:      "Counter of listed names of a line that were lost to others or found no room.",
	}, stat(func(s tally.Stats) float64 { return float64(s.SightingsDropped) }))
)

// stat reads one number of the counts.
func stat(of func(tally.Stats) float64) func() float64 {
	return func() float64 {
		c := owner.Load()
		if c == nil {
			return 0
		}
		return of(c.tally.Stats())
	}
}
