package subscribers

import (
	"github.com/coredns/coredns/plugin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

var (
	refused = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: "subscribers",
		Name:      "refused_total",
		Help:      "Counter of messages that were no recursive question of a subscriber.",
	}, []string{"server", "reason"})

	classEntries = promauto.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: plugin.Namespace,
		Subsystem: "subscribers",
		Name:      "class_entries",
		Help:      "Number of entries of class files in force.",
	}, []string{"class"})

	filesRefused = promauto.NewCounterVec(prometheus.CounterOpts{
		Namespace: plugin.Namespace,
		Subsystem: "subscribers",
		Name:      "files_refused_total",
		Help:      "Counter of versions of class files that were refused as a whole.",
	}, []string{"class", "reason"})
)
