package sinkhole

import (
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"sinkhole/plugin/pkg/dropdir"
	"sinkhole/plugin/pkg/list"
	"sinkhole/plugin/pkg/rpz"
)

var (
	blocked = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "blocked_total",
		Help:      "Counter of queries that a list or a zone decided, by category and action; dropped, truncated and passthru ones too.",
	}, []string{"server", "category", "action", "trigger"})

	shadowed = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "shadow_total",
		Help:      "Counter of queries that a shadow list or a disabled zone would have decided.",
	}, []string{"server", "category"})

	ownQuestions = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "own_questions_total",
		Help:      "Counter of questions of our own: where a CNAME of ours leads to, and for the servers of a name that zones look at.",
	}, []string{"for"})

	outOfBounds = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "own_questions_refused_total",
		Help:      "Counter of questions of our own for servers that were not asked, because a query had led to too many.",
	})

	bugs = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "bugs_total",
		Help:      "Counter of queries that passed on because judging them met a fault of this program.",
	})

	listRefused = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: pluginName,
		Name:      "list_refused_total",
		Help:      "Counter of versions of lists that were refused as a whole.",
	}, []string{"category", "file", "reason"})

	swapDuration = promauto.NewHistogram(prometheus.HistogramOpts{
		Namespace:                   plugin.Namespace,
		Subsystem:                   pluginName,
		Name:                        "swap_duration_seconds",
		Help:                        "Histogram of the time it took to build a set of lists and put it in force.",
		Buckets:                     []float64{.001, .01, .1, 1, 10, 100},
		NativeHistogramBucketFactor: plugin.NativeHistogramBucketFactor,
	})
)

// What is in force is read when somebody asks, so that a list that is gone is
// gone from here too, and an age is never old.
var (
	entriesDesc = prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, pluginName, "entries"),
		"Entries in force of each list and each zone.", []string{"category", "file"}, nil)
	ageDesc = prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, pluginName, "list_age_seconds"),
		"Time since the version in force of a list was last changed.", []string{"category", "file"}, nil)
	linesDesc = prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, pluginName, "lines_refused"),
		"Lines, or names of a line, that were refused in the newest version of a list.", []string{"category", "file", "reason"}, nil)
	bytesDesc = prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, pluginName, "index_bytes"),
		"Memory that the set in force holds.", nil, nil)
	leftOutDesc = prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, pluginName, "rules_left_out"),
		"Rules with conditions or answers of their own that are left out of the set in force, because a file has too many for one name.", nil, nil)
	serialDesc = prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, pluginName, "zone_serial"),
		"Serial of a response policy zone in force.", []string{"zone", "file"}, nil)
	rulesDesc = prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, pluginName, "zone_rules"),
		"Rules in force of a response policy zone, by trigger.", []string{"zone", "file", "trigger"}, nil)
	versionDesc = prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, pluginName, "lists_version"),
		"How many sets of lists have come in force since the start.", nil, nil)
)

// inForce collects the figures of the lists of the Corefile in force.
type inForce struct{}

func init() { prometheus.MustRegister(inForce{}) }

// Describe implements prometheus.Collector.
func (inForce) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{entriesDesc, ageDesc, linesDesc, bytesDesc, versionDesc, leftOutDesc, serialDesc, rulesDesc} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (inForce) Collect(to chan<- prometheus.Metric) {
	if s, ok := Active(); ok {
		s.collect(to, time.Now())
	}
}

func (s *Sinkhole) collect(to chan<- prometheus.Metric, now time.Time) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, f := range s.folder.Files() {
		category, file := categoryOf(f), dropdir.Told(f.Name)
		if f.InForce != nil {
			gauge(entriesDesc, float64(f.InForce.Entries), category, file)
			gauge(ageDesc, max(0, now.Sub(f.InForce.Time).Seconds()), category, file)
		}
		if j, ok := f.Detail.(list.Result); ok {
			gauge(linesDesc, float64(j.GuardRefused), category, file, "guard")
			gauge(linesDesc, float64(j.Refused-j.GuardRefused), category, file, "unreadable")
		}
	}
	figures := s.inForce.Load().Stats()
	gauge(bytesDesc, float64(figures.Bytes))
	gauge(versionDesc, float64(s.swaps.Load()))
	gauge(leftOutDesc, float64(figures.LeftOut))
	for _, z := range figures.Zones {
		zone, file := dropdir.Told(z.Zone), dropdir.Told(z.File)
		if z.HasSOA {
			gauge(serialDesc, float64(z.Serial), zone, file)
		}
		for t, n := range z.Rules.Rules {
			gauge(rulesDesc, float64(n), zone, file, rpz.Trigger(t).String())
		}
	}
}

// categoryOf is the category of a list as labels and status show it: that of its
// folder or of its own option, or allow. It is that of the version in force,
// where there is one.
func categoryOf(f dropdir.File) string { return categoryIn(f.Name, optionsOf(f)) }

func optionsOf(f dropdir.File) list.Options {
	detail := f.Detail
	if f.InForce != nil && f.InForce.Detail != nil {
		detail = f.InForce.Detail
	}
	j, _ := detail.(list.Result)
	return j.Options
}
