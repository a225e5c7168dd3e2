package sinkhole

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// exposed is what a scrape shows of a collector.
func exposed(t testing.TB, c prometheus.Collector) string {
	t.Helper()
	reg := prometheus.NewRegistry()
	if err := reg.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func float(t testing.TB, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestOddNamesAreNotOneMetric: two of the same labels would fail every scrape.
func TestOddNamesAreNotOneMetric(t *testing.T) {
	s := lists(t, Defaults(), map[string]string{
		"c2/\xff.txt":  "a.example\n",
		"c2/\xfe.txt":  "b.example\n",
		`c2/\xff.txt`:  "c.example\n",
		"c2/d\n\".txt": "d.example\n",
	})
	text := exposed(t, collected{s})
	for _, want := range []string{`c2/\\xff.txt`, `c2/\\xfe.txt`, `c2/\\\\xff.txt`, `c2/d\n\".txt`} {
		if want = `coredns_sinkhole_entries{category="c2",file="` + want + `"} 1`; !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

// collected is the collector of one set of lists, not of those that serve.
type collected struct{ s *Sinkhole }

func (c collected) Describe(to chan<- *prometheus.Desc) { inForce{}.Describe(to) }
func (c collected) Collect(to chan<- prometheus.Metric) { c.s.collect(to, time.Now()) }
