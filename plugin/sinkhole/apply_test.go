package sinkhole

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/policy"
)

// opened is a Sinkhole over the folder dir that keeps what it has in state.
func opened(t *testing.T, cfg Config, dir, state string) *Sinkhole {
	t.Helper()
	cfg.Lists = dir
	s, err := open(cfg, state)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// verdict is what decides a name, in words.
func verdict(t *testing.T, s *Sinkhole, name string) string {
	t.Helper()
	e, err := s.Explain(control.Question{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	if e.Source == nil {
		return e.Verdict
	}
	return fmt.Sprintf("%s by %s:%d", e.Verdict, e.Source.File, e.Source.Line)
}

func look(t *testing.T, s *Sinkhole) {
	t.Helper()
	if _, err := s.Look(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
}

// TestZonesInOrder: zones stand in the order of the rpz lines, then by name, each
// with the policy of its line; a line without a file is a warning.
func TestZonesInOrder(t *testing.T) {
	zone := func(names ...string) string { return strings.Join(names, " CNAME .\n") + " CNAME .\n" }
	dir := t.TempDir()
	drop(t, dir, map[string]string{
		"rpz/a.zone":        zone("all.example", "a-b.example", "a-z.example"),
		"rpz/b.zone":        zone("all.example", "a-b.example", "b-z.example"),
		"rpz/z.zone":        zone("all.example", "a-z.example", "b-z.example", "z.example"),
		"rpz/sub/part.inc":  "part.example CNAME .\n",
		"rpz/sub/inc.zone":  "$INCLUDE part.inc\n",
		"rpz/unused.inc":    "not read at all\n",
		"malware/list.txt":  "all.example\nlist.example\n",
		"rpz/disabled.zone": zone("off.example"),
	})
	cfg := Defaults()
	cfg.Zones = []Zone{
		{Files: []string{"z.zone", "gone.zone"}, Policy: "nodata"},
		{Files: []string{"b.zone"}, Policy: "given"},
		{Files: []string{"disabled.zone"}, Policy: "disabled"},
	}
	s := opened(t, cfg, dir, t.TempDir())
	for name, want := range map[string]string{
		"all.example":  "nodata by rpz/z.zone:1",
		"a-b.example":  "nxdomain by rpz/b.zone:2",
		"a-z.example":  "nodata by rpz/z.zone:2",
		"part.example": "nxdomain by rpz/sub/part.inc:1",
		"list.example": "sinkhole by malware/list.txt:2",
		"off.example":  "pass",
	} {
		if got := verdict(t, s, name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	var order []string
	for _, z := range s.inForce.Load().Stats().Zones {
		order = append(order, z.File)
	}
	if want := []string{"rpz/z.zone", "rpz/b.zone", "rpz/disabled.zone", "rpz/a.zone", "rpz/sub/inc.zone"}; !slices.Equal(order, want) {
		t.Errorf("the order is %q, want %q", order, want)
	}
	if w := strings.Join(s.Warnings(), "\n"); !strings.Contains(w, `rpz "gone.zone": there is no rpz/gone.zone in the drop folder; its rules are not in force`) {
		t.Errorf("the warnings are %q", w)
	}
	drop(t, dir, map[string]string{"rpz/sub/part.inc": "other.example CNAME .\n"})
	look(t, s)
	if got, was := verdict(t, s, "other.example"), verdict(t, s, "part.example"); got != "nxdomain by rpz/sub/part.inc:1" || was != "pass" {
		t.Errorf("a part that changed: %s, and what it said before: %s", got, was)
	}
}

// TestExpires: a list that says how long it counts lapses after that, and comes
// back when it is touched; status says why.
func TestExpires(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	drop(t, dir, map[string]string{
		"malware/feed.txt":  "# sinkhole: expires=10d\nfeed.example\n",
		"malware/other.txt": "other.example\n",
		"malware/none.txt":  "# sinkhole: expires=10d shadow\nnone.example\n",
	})
	path := filepath.Join(dir, "malware/feed.txt")
	age := func(days int) {
		t.Helper()
		at := time.Now().Add(-time.Duration(days) * 24 * time.Hour)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	age(9)
	s := opened(t, Defaults(), dir, state)
	if got := verdict(t, s, "feed.example"); got != "sinkhole by malware/feed.txt:2" {
		t.Errorf("after nine days: %s", got)
	}
	age(11)
	look(t, s)
	for _, what := range []string{"after eleven days", "after a start"} {
		if got := verdict(t, s, "feed.example"); got != "pass" {
			t.Errorf("%s: %s", what, got)
		}
		if got := verdict(t, s, "other.example"); got != "sinkhole by malware/other.txt:1" {
			t.Errorf("%s, another list: %s", what, got)
		}
		l := s.Status()[0]
		if l.State != control.StateRefused || !strings.HasPrefix(l.Reason, "not renewed since ") || !strings.Contains(l.Reason, "expires after 240h0m0s") {
			t.Errorf("%s the status is %+v", what, l)
		}
		if w := s.Warnings(); len(w) != 1 || !strings.HasPrefix(w[0], "malware/feed.txt: refused: not renewed since ") {
			t.Errorf("%s the warnings are %q", what, w)
		}
		s = opened(t, Defaults(), dir, state)
	}
	age(0)
	look(t, s)
	if got := verdict(t, s, "feed.example"); got != "sinkhole by malware/feed.txt:2" {
		t.Errorf("renewed: %s", got)
	}
}

// TestStartFromTheState: what is in force when the server stops is so when it
// starts, lists and zones, and what changed in between with it.
func TestStartFromTheState(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	cfg := Defaults()
	cfg.Settle = 0
	drop(t, dir, map[string]string{
		"malware/a.txt": "one.example\nno name at all\n",
		"allow/b.txt":   "ok.one.example\n",
		"rpz/c.zone":    "zone.example CNAME .\n$INCLUDE d.inc\n",
		"rpz/d.inc":     "part.example CNAME *.\n",
		"c2/e.txt":      "192.0.2.66\n",
	})
	want := map[string]string{
		"www.one.example": "sinkhole by malware/a.txt:1",
		"ok.one.example":  "allow by allow/b.txt:1",
		"zone.example":    "nxdomain by rpz/c.zone:1",
		"part.example":    "nodata by rpz/d.inc:1",
		"192.0.2.66":      "sinkhole by c2/e.txt:1",
		"new.example":     "pass",
	}
	for i := range 4 {
		s := opened(t, cfg, dir, state)
		for name, want := range want {
			if got := verdict(t, s, name); got != want {
				t.Errorf("start %d: %s: got %s, want %s", i, name, got, want)
			}
		}
		if i == 2 {
			drop(t, dir, map[string]string{"malware/new.txt": "new.example\n"})
			want["new.example"] = "sinkhole by malware/new.txt:1"
		}
		for _, l := range s.Status() {
			if l.File == "malware/a.txt" && (l.Entries != 1 || l.RefusedLines != 1 || len(l.Refusals) != 1 || l.SHA256 == "") {
				t.Errorf("start %d: the status is %+v", i, l)
			}
		}
		look(t, s)
		s.Close()
	}
}

// TestAftermath: one goes on at a time, an older one is ended and waited for, and
// a fault in it is said and ends nothing else.
func TestAftermath(t *testing.T) {
	var a aftermath
	var running, most int
	turn := make(chan struct{}, 1)
	turn <- struct{}{}
	for range 10 {
		a.begin(t.Context(), func(ctx context.Context) {
			<-turn
			if running++; running > most {
				most = running
			}
			turn <- struct{}{}
			<-ctx.Done()
			<-turn
			running--
			turn <- struct{}{}
		})
	}
	a.end()
	if running != 0 || most > 1 {
		t.Errorf("%d go on after the end, %d went on at once", running, most)
	}
	ended := make(chan struct{})
	a.begin(t.Context(), func(context.Context) { defer close(ended); panic("of a test") })
	<-ended
	a.end()
	if err := a.wrong(); err == nil || err.Error() != "a fault of this program: it stopped with of a test" {
		t.Errorf("a fault is said as %v", err)
	}
}

// TestCrowdedIsBuiltAnew: after many changes the set is built anew behind the one
// in force, and takes its place only where nothing came in between.
func TestCrowdedIsBuiltAnew(t *testing.T) {
	const names = 1 << 15
	text := func(label string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%s%d.example\n", label, i)
		}
		return b.String()
	}
	dir := t.TempDir()
	drop(t, dir, map[string]string{"malware/a.txt": text("a", 1000), "malware/b.txt": "b.example\n"})
	s := opened(t, Defaults(), dir, t.TempDir())
	drop(t, dir, map[string]string{"malware/c.txt": text("c", names+names/2)})
	look(t, s)
	var p *policy.Policy
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if p = s.inForce.Load(); !p.Crowded() && p.Stats().Changed == 0 {
			break
		}
	}
	if p.Crowded() || p.Stats().Changed > 0 {
		t.Errorf("%d changes stand beside the index, and it is not built anew", p.Stats().Changed)
	}
	for name, want := range map[string]string{"a999.example": "sinkhole by malware/a.txt:1000", "c7.example": "sinkhole by malware/c.txt:8", "b.example": "sinkhole by malware/b.txt:1"} {
		if got := verdict(t, s, name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if w := s.Warnings(); len(w) > 0 {
		t.Errorf("the warnings are %q", w)
	}
}

// TestSparing: two builds that overlap leave the collector as they found it.
func TestSparing(t *testing.T) {
	was := debug.SetGCPercent(100)
	defer debug.SetGCPercent(was)
	percent := func() int {
		now := debug.SetGCPercent(100)
		debug.SetGCPercent(now)
		return now
	}
	first := sparing()
	second := sparing()
	first()
	if got := percent(); got != buildPercent {
		t.Errorf("%d %% while one build goes on, want %d", got, buildPercent)
	}
	second()
	if got := percent(); got != 100 {
		t.Errorf("%d %% when both have ended, want 100", got)
	}
}
