package census

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/seal"
)

// addresses opens what a reveal handed out, with the private key.
func addresses(t *testing.T, b *bench, boxes map[string][]byte) map[string]string {
	t.Helper()
	key, err := seal.ReadRevealKey(filepath.Join(b.dir, keysDir, "reveal.key"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for client, box := range boxes {
		if out[client], err = key.Open(client, box); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func auditLog(t *testing.T, dir string) []seal.Entry {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, auditFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	entries, err := seal.ReadAudit(f)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestReveal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "", newNetwork())
		b.asksMany("192.0.2.1", 11_000)
		b.asks("2001:db8:0:1ab::1", "c2.example.", 1)
		rep := b.report(control.ReportRequest{})
		boxes, err := b.gen.census.Reveal("user 1000", "complaint 4711", rep.Identifiers())
		if err != nil {
			t.Fatal(err)
		}
		rep.Reveal(addresses(t, b, boxes))
		for i, want := range []string{"2001:db8:0:100::/56", "192.0.2.1/32"} {
			if got := rep.Clients[i].Address; got != want {
				t.Errorf("client %d is %s, want %s", i, got, want)
			}
		}
		log := auditLog(t, b.dir)
		if len(log) != 1 || log[0].Who != "user 1000" || log[0].Reason != "complaint 4711" || log[0].Action != "reveal" || len(log[0].Clients) != 2 {
			t.Errorf("audit log %+v", log)
		}
	})
}

// TestRevealOfWhatWasShown: a line that a report showed is revealed although no
// report would show it now; after a restart too, while it has a record.
func TestRevealOfWhatWasShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := start(t, dir, "", newNetwork())
		b.asksMany("192.0.2.1", 11_000)
		shown := b.report(control.ReportRequest{}).Identifiers()
		b.gen.census.tally.Forget(b.network.isLine("192.0.2.1"))
		if ids := b.report(control.ReportRequest{}).Identifiers(); len(ids) != 0 {
			t.Fatalf("the report still shows %v", ids)
		}
		boxes, err := b.gen.census.Reveal("user 1000", "complaint 4711", shown)
		if err != nil || addresses(t, b, boxes)[shown[0]] != "192.0.2.1/32" {
			t.Errorf("got %v, %v; want 192.0.2.1/32", boxes, err)
		}
		time.Sleep(30 * time.Minute)
		if boxes, err := b.gen.census.Reveal("user 1000", "again", shown); err != nil || len(boxes) != 0 {
			t.Errorf("half an hour later: got %v, %v; want nothing", boxes, err)
		}
		b.asksMany("192.0.2.2", 11_000)
		shown = b.report(control.ReportRequest{}).Identifiers()
		b.stop()
		b = start(t, dir, "", newNetwork())
		boxes, err = b.gen.census.Reveal("user 1000", "complaint 4711", shown)
		if err != nil || addresses(t, b, boxes)[shown[0]] != "192.0.2.2/32" {
			t.Errorf("after a restart: got %v, %v; want 192.0.2.2/32", boxes, err)
		}
	})
}

// TestNoRevealWithoutAudit: when the log cannot be written, nothing is shown.
func TestNoRevealWithoutAudit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "", newNetwork())
		b.asksMany("192.0.2.1", 11_000)
		shown := b.report(control.ReportRequest{}).Identifiers()
		if err := os.Mkdir(filepath.Join(b.dir, auditFile), 0o700); err != nil {
			t.Fatal(err)
		}
		boxes, err := b.gen.census.Reveal("user 1000", "complaint 4711", shown)
		if err == nil || len(boxes) != 0 || !strings.Contains(err.Error(), "nothing is revealed without it") {
			t.Errorf("got %v, %v; want a refusal", boxes, err)
		}
	})
}

func TestRevealOfNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "", newNetwork())
		b.asksMany("192.0.2.1", 11_000)
		boxes, err := b.gen.census.Reveal("user 1000", "a guess", []string{"c-0000000000"})
		if err != nil || len(boxes) != 0 {
			t.Errorf("got %v, %v; want no box", boxes, err)
		}
		if log := auditLog(t, b.dir); len(log) != 1 || log[0].Clients[0] != "c-0000000000" {
			t.Errorf("the guess is not in the audit log: %+v", log)
		}
	})
}

// TestOptOut: from the second on at which an opt-out is in force, no trace is
// left of what was counted before.
func TestOptOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "", newNetwork())
		b.asksMany("192.0.2.1", 11_000)
		b.asks("192.0.2.1", "c2.example.", 1)
		b.asksMany("192.0.2.2", 11_000)
		b.asks("192.0.2.2", "other.example.", 1)
		shown := b.report(control.ReportRequest{}).Identifiers()
		if len(shown) != 2 {
			t.Fatalf("%d clients, want 2", len(shown))
		}
		time.Sleep(time.Minute)
		if err := os.WriteFile(filepath.Join(b.dir, brokenFile), []byte("set aside"), 0o600); err != nil {
			t.Fatal(err)
		}
		b.network.puts(t, map[string]string{"192.0.2.1": "opt-out"})

		check := func(when string) {
			t.Helper()
			expect(t, when, b.report(control.ReportRequest{Since: 7 * 24 * time.Hour}), "watch heavy 45, 11001 queries, 1 hits: c2-1 0/1 rate-3 0/11001")
			text := opened(t, b.dir)
			for trace, want := range map[string]bool{
				"c2.example": false, "\xc0\x00\x02\x01": false, "\x01\x02\x00\xc0": false,
				"other.example": true, "\x02\x02\x00\xc0": true, // of the other line: the search finds what is there
			} {
				if strings.Contains(text, trace) != want {
					t.Errorf("%s: %q in the checkpoint: %v, want %v", when, trace, !want, want)
				}
			}
			boxes, err := b.gen.census.Reveal("user 1000", when, shown)
			if err != nil || len(boxes) != 1 {
				t.Errorf("%s: revealed %d lines (%v), want the other one", when, len(boxes), err)
			}
		}
		check("at once")
		if _, err := os.Stat(filepath.Join(b.dir, brokenFile)); !os.IsNotExist(err) {
			t.Errorf("what was set aside is still there (%v)", err)
		}
		// A question that was on its way when the file came into force.
		b.gen.census.tally.Count(b.network.shape.Line(addrPort("192.0.2.1")), 1, false, pane())
		time.Sleep(time.Minute)
		check("a minute later")
		b.stop()

		// A file that came while nothing ran is in force before the first report.
		n := newNetwork()
		n.puts(t, map[string]string{"192.0.2.1": "opt-out", "192.0.2.2": "opt-out"})
		b = start(t, b.dir, "", n)
		expect(t, "after a restart", b.report(control.ReportRequest{}))
		if text := opened(t, b.dir); strings.Contains(text, "other.example") || strings.Contains(text, "\x02\x02\x00\xc0") {
			t.Error("after a restart the checkpoint holds the second line")
		}
	})
}

// TestPrivacy searches all that is written or shown for a name that is on no
// list and for an address.
func TestPrivacy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "", newNetwork())
		b.asks("192.0.2.77", "canary-on-no-list.example.", 12_000)
		b.asks("192.0.2.77", "c2.example.", 3)
		b.asks("192.0.2.77", "bank.example.", 3)
		time.Sleep(time.Minute)
		rep, err := b.gen.census.Report(control.ReportRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(rep, []byte("c2.example")) {
			t.Errorf("the report does not say what was listed: %s", rep)
		}
		b.stop()
		for _, name := range []string{"canary", "no-list"} {
			if strings.Contains(opened(t, b.dir), name) {
				t.Errorf("the opened checkpoint holds %q", name)
			}
		}
		written := scrape(t) + string(rep)
		err = filepath.WalkDir(b.dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			written += path + string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"canary", "192.0.2.77", "\xc0\x00\x02\x4d", "\x4d\x02\x00\xc0"} {
			if strings.Contains(written, secret) {
				t.Errorf("%q was written or shown", secret)
			}
		}
	})
}

// scrape is what the metrics show.
func scrape(t *testing.T) string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "", newNetwork())
		b.asksMany("192.0.2.1", 11_000)
		time.Sleep(watchEvery + beat)
		got := scrape(t)
		for _, want := range []string{
			"coredns_census_promoted_lines 1\n",
			"coredns_census_lines 1\n",
			`coredns_census_flagged_lines{level="watch"} 1` + "\n",
			`coredns_census_flagged_lines{level="confirmed"} 0` + "\n",
			"coredns_census_error_bound_queries 0\n",
			"coredns_census_evicted_total 0\n",
			"coredns_census_promoted_dropped_total 0\n",
			"coredns_census_sightings_dropped_total 0\n",
			"coredns_census_checkpoint_failures_total ",
			"coredns_census_queries_total{",
			"coredns_census_memory_bytes ",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("the scrape lacks %q", want)
			}
		}
	})
}
