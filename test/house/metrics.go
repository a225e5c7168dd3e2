package house

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// telling are words of a label that could hold a client or a queried name. A
// label's values are bounded by the operator, never by who asks or for what.
var telling = []string{
	"client", "subscriber", "line", "addr", "address", "ip", "source", "remote",
	"name", "qname", "domain", "host", "zone_name", "question", "identity",
}

func checkMetricNames(t *Tree) (r Report) {
	for _, dir := range t.metricDirs() {
		for _, m := range t.metrics(dir, &r) {
			r.Examined++
			for _, l := range m.labels {
				if slices.ContainsFunc(strings.Split(l, "_"), func(w string) bool { return slices.Contains(telling, w) }) {
					r.faultAt(t, m.pos, "the label %q of %s could hold a client or a name", l, m.name)
				}
			}
			if m.name == "" {
				continue
			}
			for _, text := range lint(exposition(m)) {
				r.faultAt(t, m.pos, "%s", text)
			}
		}
	}
	return r
}

// metricDirs are the folders whose metrics are ours to name: plugins, and the
// binary.
func (t *Tree) metricDirs() []string {
	return slices.DeleteFunc(t.Packages(), func(dir string) bool {
		return path.Dir(dir) != "plugin" && path.Dir(dir) != "cmd"
	})
}

// exposition is the metric as a scrape would show it, with one sample.
func exposition(m metric) string {
	var b strings.Builder
	if m.help != "" {
		fmt.Fprintf(&b, "# HELP %s %s\n", m.name, m.help)
	}
	fmt.Fprintf(&b, "# TYPE %s %s\n", m.name, m.kind)
	switch m.kind {
	case "histogram":
		fmt.Fprintf(&b, "%[1]s_bucket{le=\"+Inf\"} 1\n%[1]s_sum 1\n%[1]s_count 1\n", m.name)
	case "summary":
		fmt.Fprintf(&b, "%[1]s_sum 1\n%[1]s_count 1\n", m.name)
	default:
		fmt.Fprintf(&b, "%s 1\n", m.name)
	}
	return b.String()
}

// lint asks promlint about a text in exposition format.
func lint(text string) []string {
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		return []string{err.Error()}
	}
	var out []string
	for _, p := range problems {
		out = append(out, p.Metric+": "+p.Text)
	}
	return out
}

var metricWord = regexp.MustCompile(`coredns_[a-z0-9_]+`)

// checkReadmeMetrics compares whole names: a README writes each metric out, so
// that an operator can search for what the scrape shows.
func checkReadmeMetrics(t *Tree) (r Report) {
	for _, dir := range t.metricDirs() {
		var ignored Report // metric-names reports what cannot be read
		code := map[string]bool{}
		named := true
		for _, m := range t.metrics(dir, &ignored) {
			if m.name == "" {
				named = false
				continue
			}
			code[m.name] = true
		}
		if len(code) == 0 || path.Dir(dir) != "plugin" {
			continue
		}
		file := dir + "/README.md"
		s := section(t.Files[file], "Metrics")
		if s == nil {
			r.fault(file, 0, "no section Metrics, and the plugin has %d", len(code))
			continue
		}
		paper := map[string]bool{}
		for _, w := range metricWord.FindAllString(string(s.Body), -1) {
			paper[w] = true
		}
		for _, name := range slices.Sorted(maps.Keys(code)) {
			r.Examined++
			if !paper[name] {
				r.fault(file, s.Line, "the metric %s is missing", name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(paper)) {
			// Names made at run time are held by the scrape test.
			if own := strings.HasPrefix(name, "coredns_"+path.Base(dir)+"_"); own && named && !code[name] {
				r.fault(file, s.Line, "the metric %s is not in the code", name)
			}
		}
	}
	return r
}
