package sinkhole

import (
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"sinkhole/plugin/pkg/dropdir"
	"sinkhole/plugin/pkg/feed"
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

	feedSerialDesc = prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, pluginName, "feed_serial"),
		"Serial of a zone as it was fetched.", []string{"zone"}, nil)
	feedRecordsDesc = prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, pluginName, "feed_records"),
		"Records of a zone as it was fetched.", []string{"zone"}, nil)
	feedAgeDesc = prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, pluginName, "feed_age_seconds"),
		"Time since a primary last said that a zone as it was fetched is the newest.", []string{"zone"}, nil)
	feedExpiredDesc = prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, pluginName, "feed_expired"),
		"Whether a zone was not refreshed for longer than its SOA allows; it stays in force.", []string{"zone"}, nil)
	feedTransfersDesc = prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, pluginName, "feed_transfers_total"),
		"Counter of transfers of a zone.", []string{"zone", "kind"}, nil)
	feedFailuresDesc = prometheus.NewDesc(prometheus.BuildFQName(plugin.Namespace, pluginName, "feed_failures_total"),
		"Counter of refreshes that failed at a primary.", []string{"zone", "reason"}, nil)
)

// inForce collects the figures of the lists and the feeds of the Corefile in force.
type inForce struct{}

func init() { prometheus.MustRegister(inForce{}) }

// Describe implements prometheus.Collector.
func (inForce) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		entriesDesc, ageDesc, linesDesc, bytesDesc, versionDesc, leftOutDesc, serialDesc, rulesDesc,
		feedSerialDesc, feedRecordsDesc, feedAgeDesc, feedExpiredDesc, feedTransfersDesc, feedFailuresDesc,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (inForce) Collect(to chan<- prometheus.Metric) {
	if s, ok := Active(); ok {
		now := time.Now()
		s.collect(to, now)
		collectFeeds(to, s.Feeds(), now)
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

func collectFeeds(to chan<- prometheus.Metric, feeds []feed.Status, now time.Time) {
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	for _, f := range feeds {
		if f.Records > 0 {
			send(feedSerialDesc, prometheus.GaugeValue, float64(f.Serial), f.Zone)
			send(feedAgeDesc, prometheus.GaugeValue, max(0, now.Sub(f.LastSuccess).Seconds()), f.Zone)
		}
		expired := 0.0
		if f.State == feed.Expired {
			expired = 1
		}
		send(feedExpiredDesc, prometheus.GaugeValue, expired, f.Zone)
		send(feedRecordsDesc, prometheus.GaugeValue, float64(f.Records), f.Zone)
		for _, kind := range []feed.Kind{feed.AXFR, feed.IXFR} {
			send(feedTransfersDesc, prometheus.CounterValue, float64(f.Transfers[kind]), f.Zone, string(kind))
		}
		for _, reason := range feed.Reasons {
			send(feedFailuresDesc, prometheus.CounterValue, float64(f.Failures[reason]), f.Zone, string(reason))
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
