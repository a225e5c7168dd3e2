package sinkhole

import (
	"bytes"
	"context"
	stdlog "log"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"sinkhole/plugin/pkg/query"
)

// writer collects what is logged.
type writer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *writer) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// TestNothingUnlistedIsWritten asks for names that are on no list, in every way
// that a query can go, faults included, and looks for them and for who asked in
// everything that is written: metrics, log, state, status and errors.
func TestNothingUnlistedIsWritten(t *testing.T) {
	logged := &writer{}
	stdlog.SetOutput(logged)
	defer stdlog.SetOutput(os.Stderr)

	const unlisted, listed, asker = "quite-unlisted.example.net", "www.bad.example", "198.51.100.77"
	p := newPlace(t, map[string]string{"malware/a.txt": "bad.example\n192.0.2.66\n", "allow/a.txt": "example.org\n", "malware/b.txt": "<html>"})
	s, err := open(with(func(c *Config) { c.Lists = p.lists; c.Categories = categories("c2", "malware") }), p.state)
	if err != nil {
		t.Fatal(err)
	}
	gen := &generation{}
	if _, err := pool.Take(gen, "privacy", func() (*Sinkhole, error) { return s, nil }); err != nil {
		t.Fatal(err)
	}
	defer pool.Release(gen) // and closes it

	var written strings.Builder
	for _, u := range []*upstream{
		{records: []string{unlisted + ". 300 IN A 192.0.2.1"}},
		{records: []string{unlisted + ". 300 IN A 192.0.2.66"}}, // a listed address
		{records: []string{unlisted + ". 300 IN CNAME " + listed + ".", listed + ". 300 IN A 192.0.2.1"}},
		{records: []string{unlisted + ". 300 IN A 192.0.2.1"}, packed: true},
		{rcode: dns.RcodeServerFailure, silent: true},
		{rcode: dns.RcodeNameError},
	} {
		for _, name := range []string{unlisted, "x." + unlisted, "example.org", listed} {
			for _, lists := range []*Sinkhole{s, nil} { // without lists every judgement is a fault
				src := query.Source{Addr: netip.MustParseAddrPort(asker + ":4242")}
				ask(t, &Handler{Next: u, lists: lists}, name, "A", &src)
			}
		}
	}
	if _, err := s.Look(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&written, f); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range s.Status() {
		written.WriteString(l.File + l.Reason + strings.Join(l.Refusals, "") + strings.Join(l.Warnings, ""))
	}
	written.WriteString(strings.Join(s.Warnings(), "\n"))
	filepath.Walk(p.state, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			text, _ := os.ReadFile(path)
			written.Write(text)
		}
		return nil
	})
	text := written.String() + logged.String()
	for _, must := range []string{"coredns_sinkhole_blocked_total{", `coredns_sinkhole_list_refused_total{category="malware",file="malware/b.txt",reason="html"}`, "a fault of this program", "bad.example"} {
		if !strings.Contains(text, must) {
			t.Errorf("%q is not in what was written: the test looks at too little", must)
		}
	}
	for _, never := range []string{"quite-unlisted", "www.bad", asker, "198.51"} {
		if at := strings.Index(text, never); at >= 0 {
			t.Errorf("%q was written: ...%s", never, text[max(0, at-100):min(len(text), at+100)])
		}
	}
}
