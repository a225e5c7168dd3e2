package recursor

import (
	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"sinkhole/plugin/pkg/unbound"
)

var (
	restarts = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: "recursor", Name: "restarts_total",
		Help: "Times that the child died, was deaf or did not start, and was started again.",
	})
	failed = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: "recursor", Name: "failures_total",
		Help: "Questions that the child did not answer, by why.",
	}, []string{"reason"})
	answered = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: "recursor", Name: "answers_total",
		Help: "Answers of the child, by rcode.",
	}, []string{"rcode"})
	bogus = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: "recursor", Name: "bogus_total",
		Help: "Answers that failed validation.",
	})
	local = promauto.NewCounter(prometheus.CounterOpts{
		Namespace: plugin.Namespace, Subsystem: "recursor", Name: "special_use_total",
		Help: "Questions for special-use names, which the child is not asked.",
	})
	duration = promauto.NewHistogram(prometheus.HistogramOpts{
		Namespace: plugin.Namespace, Subsystem: "recursor", Name: "question_duration_seconds",
		Help:    "How long the child took for a question.",
		Buckets: plugin.TimeBuckets,
	})
)

func init() {
	for _, f := range failures {
		failed.WithLabelValues(f.reason)
	}
	prometheus.MustRegister(collector{})
}

// rcodes are those that have a label of their own; others are "other".
var rcodes = map[int]string{
	dns.RcodeSuccess: "NOERROR", dns.RcodeNameError: "NXDOMAIN", dns.RcodeServerFailure: "SERVFAIL",
	dns.RcodeRefused: "REFUSED", dns.RcodeYXDomain: "YXDOMAIN",
}

func count(p *reply) {
	text, ok := rcodes[p.msg.Rcode]
	if !ok {
		text = "other"
	}
	answered.WithLabelValues(text).Inc()
	if p.bogus() {
		bogus.Inc()
	}
}

// collector shows what belongs to the recursor of the Corefile in force, and
// Unbound's own statistics, which it writes every ten seconds.
type collector struct{}

var (
	upDesc        = prometheus.NewDesc("coredns_recursor_up", "Whether the child answers.", nil, nil)
	inFlightDesc  = prometheus.NewDesc("coredns_recursor_in_flight", "Questions that the child is working on.", nil, nil)
	waitingDesc   = prometheus.NewDesc("coredns_recursor_waiting", "Clients that wait for these.", nil, nil)
	coalescedDesc = prometheus.NewDesc("coredns_recursor_coalesced_total", "Questions that waited for an equal one under way.", nil, nil)
	ignoredDesc   = prometheus.NewDesc("coredns_recursor_ignored_packets_total", "Packets on the sockets to the child that were no answer to what was asked.", nil, nil)
	residentDesc  = prometheus.NewDesc("coredns_recursor_resident_bytes", "Memory of the child.", nil, nil)

	queriesDesc     = prometheus.NewDesc("coredns_recursor_unbound_num_queries_total", "Unbound: queries received.", nil, nil)
	hitsDesc        = prometheus.NewDesc("coredns_recursor_unbound_num_cachehits_total", "Unbound: queries answered from its cache.", nil, nil)
	missDesc        = prometheus.NewDesc("coredns_recursor_unbound_num_cachemiss_total", "Unbound: queries that needed recursion.", nil, nil)
	prefetchDesc    = prometheus.NewDesc("coredns_recursor_unbound_num_prefetch_total", "Unbound: answers fetched before they expired.", nil, nil)
	listMaxDesc     = prometheus.NewDesc("coredns_recursor_unbound_requestlist_max", "Unbound: most requests that were waiting in a thread.", nil, nil)
	listAvgDesc     = prometheus.NewDesc("coredns_recursor_unbound_requestlist_avg", "Unbound: requests that were waiting when another was added, on average.", nil, nil)
	exceededDesc    = prometheus.NewDesc("coredns_recursor_unbound_requestlist_exceeded_total", "Unbound: requests dropped because the list was full.", nil, nil)
	overwrittenDesc = prometheus.NewDesc("coredns_recursor_unbound_requestlist_overwritten_total", "Unbound: slow requests that made room for new ones.", nil, nil)
	recursionDesc   = prometheus.NewDesc("coredns_recursor_unbound_recursion_time_seconds", "Unbound: how long recursion took.", nil, nil)
)

// recursionBuckets are those of Unbound's forty that are shown: from 1 ms to 16 s.
var recursionBuckets = []int{10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		upDesc, inFlightDesc, waitingDesc, coalescedDesc, ignoredDesc, residentDesc,
		queriesDesc, hitsDesc, missDesc, prefetchDesc, listMaxDesc, listAvgDesc, exceededDesc, overwrittenDesc, recursionDesc,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) { ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	counter := func(d *prometheus.Desc, v uint64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v))
	}
	r, ok := Active()
	if !ok {
		gauge(upDesc, 0)
		return
	}
	up := 0.0
	if r.link.Load() != nil {
		up = 1
	}
	gauge(upDesc, up)
	gauge(inFlightDesc, float64(r.flights.inFlight.Load()))
	gauge(waitingDesc, float64(r.flights.waiting.Load()))
	counter(coalescedDesc, r.flights.coalesced.Load())
	counter(ignoredDesc, r.ignored.Load())
	gauge(residentDesc, float64(r.child.Resident()))
	s, ok := r.child.Statistics()
	if !ok {
		return
	}
	counter(queriesDesc, s.Queries)
	counter(hitsDesc, s.CacheHits)
	counter(missDesc, s.CacheMiss)
	counter(prefetchDesc, s.Prefetch)
	gauge(listMaxDesc, float64(s.ListMax))
	gauge(listAvgDesc, s.ListAverage)
	counter(exceededDesc, s.Exceeded)
	counter(overwrittenDesc, s.Overwritten)
	ch <- recursionTimes(s)
}

// recursionTimes is Unbound's histogram in the form of Prometheus: each bucket
// with all below it.
func recursionTimes(s unbound.Statistics) prometheus.Metric {
	buckets := map[float64]uint64{}
	var count uint64
	for i, n := range s.Recursion {
		count += n
		for _, shown := range recursionBuckets {
			if i <= shown {
				buckets[unbound.BucketEnd(shown).Seconds()] += n
			}
		}
	}
	return prometheus.MustNewConstHistogram(recursionDesc, count, s.RecursionTime.Seconds(), buckets)
}
