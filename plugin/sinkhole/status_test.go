package sinkhole

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/dropdir"
)

func TestStatus(t *testing.T) {
	cfg := Defaults()
	cfg.Protect = [][]byte{name(t, "isp.example")}
	dir := t.TempDir()
	drop(t, dir, map[string]string{
		"root.txt":           "bad.example\n",
		"c2/a.txt":           "one.example\ncom\nisp.example\na..example\n||x.example^$third-party\n",
		"c2/other.txt":       "# sinkhole: category=ads\nads.example\n",
		"phishing/watch.txt": "# sinkhole: shadow\nwatch.example\n",
		"allow/ours.txt":     "com\n",
		"malware/page.txt":   "<!DOCTYPE html><p>Not found</p>\n",
		"malware/empty.txt":  "",
		"clients/opt-out/a":  "192.0.2.0/24\n",
		"rpz/local.rpz":      "bad.example CNAME .\n",
	})
	hour := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "root.txt"), hour, hour); err != nil {
		t.Fatal(err)
	}
	s, err := Offline(cfg, dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range s.Status() {
		got = append(got, fmt.Sprintf("%s %s: %s, %d entries, %d refused, %d passed over: %s", l.Category, l.File, l.State, l.Entries, l.RefusedLines, l.PassedOverLines, l.Reason))
	}
	want := []string{
		"allow allow/ours.txt: in force, 1 entries, 0 refused, 0 passed over: ",
		"c2 c2/a.txt: in force, 1 entries, 3 refused, 1 passed over: ",
		"ads c2/other.txt: in force, 1 entries, 0 refused, 0 passed over: ",
		"malware malware/empty.txt: refused, 0 entries, 0 refused, 0 passed over: empty: not one entry; delete the file to take a list away",
		"malware malware/page.txt: refused, 0 entries, 0 refused, 0 passed over: an HTML or XML page, not a list",
		"phishing phishing/watch.txt: shadow, 1 entries, 0 refused, 0 passed over: ",
		"malware root.txt: in force, 1 entries, 0 refused, 0 passed over: ",
		"rpz rpz/local.rpz: in force, 1 entries, 0 refused, 0 passed over: ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	refusals := []string{
		`c2/a.txt:2: "com": a top-level domain; want a name below it`,
		`c2/a.txt:3: "isp.example": a protected name; want another one`,
		`c2/a.txt:4: "a..example": empty label; want a name`,
	}
	if l := s.Status()[1]; !slices.Equal(cutAt(l.Refusals, ";"), cutAt(refusals, ";")) || len(l.SHA256) != 64 {
		t.Errorf("the refusals are %q, want %q; the hash %q", l.Refusals, refusals, l.SHA256)
	}
	if age := s.Status()[6].AgeSeconds; age < 3600 || age > 3700 {
		t.Errorf("the age is %d s, want an hour", age)
	}
	if w := s.Warnings(); len(w) != 2 || !strings.HasPrefix(w[0], "malware/empty.txt: refused: empty") {
		t.Errorf("the warnings are %q, want one for each refused file", w)
	}
}

// cutAt compares sentences up to their first half: what is accepted is the
// readers' to say.
func cutAt(all []string, at string) (out []string) {
	for _, s := range all {
		s, _, _ = strings.Cut(s, at)
		out = append(out, s)
	}
	return out
}

func TestStatusShowsTheFirstSentences(t *testing.T) {
	s := lists(t, Defaults(), map[string]string{
		"c2/a.txt": strings.Repeat("com\n", 30) + strings.Repeat("one.example\n||two.example\n", 30),
	})
	s.sentences = maxSentences // as when it serves
	l := s.Status()[0]
	if len(l.Refusals) != maxSentences || l.RefusedLines != 30 || len(l.Warnings) != maxSentences {
		t.Errorf("%d of %d refusals and %d warnings are shown, want %d of 30 and %d", len(l.Refusals), l.RefusedLines, len(l.Warnings), maxSentences, maxSentences)
	}
}

// TestCheckShowsAllSentences: who checks a list wants to see what is wrong.
func TestCheckShowsAllSentences(t *testing.T) {
	dir := t.TempDir()
	drop(t, dir, map[string]string{"c2/a.txt": strings.Repeat("com\n", 30) + "one.example\n"})
	s, err := Offline(Defaults(), dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := OfflineFile(Defaults(), filepath.Join(dir, "c2/a.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range append(s.Status(), l) {
		if len(l.Refusals) != 30 {
			t.Errorf("%s: %d refusals are shown, want all 30", l.File, len(l.Refusals))
		}
	}
}

// TestListsThatHoldNothing: they are in force, and said.
func TestListsThatHoldNothing(t *testing.T) {
	s := lists(t, Defaults(), map[string]string{
		"c2/guard.txt":  "com\n",
		"c2/passed.txt": "||x.example^$image\nserver=/x.example/192.0.2.1\nconf-file=/etc/x.conf\n",
		"c2/some.txt":   "x.example\n||y.example^$image\n",
	})
	want := []string{
		"c2/guard.txt: in force without one entry; refused are all its lines",
		"c2/passed.txt: in force without one entry; passed over are 2 dnsmasq options, 1 rules with modifiers for pages",
	}
	if got := s.Warnings(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := s.Status()[2].Passed, "1 rules with modifiers for pages"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestStatusOfLastGood: the category is that of the version in force, what was
// refused that of the newest.
func TestStatusOfLastGood(t *testing.T) {
	s := lists(t, Defaults(), map[string]string{"c2/a.txt": "# sinkhole: category=ads\na.example\n"})
	drop(t, s.dir, map[string]string{"c2/a.txt": "Too many requests\n"})
	all, err := s.Look(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	if l := all[0]; l.State != control.StateLastGood || l.Category != "ads" || l.Entries != 1 || l.RefusedLines != 1 {
		t.Errorf("got %+v, want the last good version of ads, with one line refused", l)
	}
}

func TestLook(t *testing.T) {
	ctx := context.Background()
	s := lists(t, Defaults(), map[string]string{"c2/a.txt": "a.example\nb.example\nc.example\n"})
	drop(t, s.dir, map[string]string{"c2/a.txt": "a.example\n"})
	all, err := s.Look(ctx, "")
	if err != nil || all[0].State != control.StateLastGood || all[0].Entries != 3 || !strings.Contains(all[0].Reason, "reload --accept c2/a.txt") {
		t.Errorf("a shrunken list is %+v (%v)", all[0], err)
	}
	if _, err := s.Look(ctx, "c2/b.txt"); !errors.Is(err, dropdir.ErrNoFile) {
		t.Errorf("accepting what is not there: %v, want %v", err, dropdir.ErrNoFile)
	}
	all, err = s.Look(ctx, "c2/a.txt")
	if err != nil || all[0].State != control.StateInForce || all[0].Entries != 1 {
		t.Errorf("an accepted list is %+v (%v)", all[0], err)
	}
	if w := s.Warnings(); len(w) > 0 {
		t.Errorf("the warnings are %q, want none", w)
	}
}

func TestExplain(t *testing.T) {
	cfg := Defaults()
	cfg.Categories = categories("c2", "malware", "passthru")
	cfg.SelfTest = "test.example"
	cfg.selfTestAt.File, cfg.selfTestAt.Line = "Corefile", 7
	s := lists(t, cfg, map[string]string{
		"c2/a.txt":       "# C2\nbad.example\n",
		"malware/a.txt":  "bad.example\nexample.net\n192.0.2.0/24\n",
		"passthru/a.txt": "watched.example\n",
		"allow/a.txt":    "ok.bad.example\n",
	})
	for ask, want := range map[string]control.Explanation{
		"www.bad.example A": {
			Blocked: true, Verdict: "sinkhole", Category: "c2", Action: "sinkhole",
			Source: &control.Source{File: "c2/a.txt", Line: 2, Text: "bad.example"},
			PassedOver: []control.PassedOver{{
				Category: "malware", Action: "sinkhole", Source: control.Source{File: "malware/a.txt", Line: 1, Text: "bad.example"},
				Why: "category c2 stands before malware",
			}},
		},
		"ok.bad.example aaaa": {
			Verdict: "allow", Source: &control.Source{File: "allow/a.txt", Line: 1, Text: "ok.bad.example"},
			PassedOver: []control.PassedOver{
				{Category: "c2", Action: "sinkhole", Source: control.Source{File: "c2/a.txt", Line: 2, Text: "bad.example"}, Why: "allow/a.txt allows it"},
				{Category: "malware", Action: "sinkhole", Source: control.Source{File: "malware/a.txt", Line: 1, Text: "bad.example"}, Why: "allow/a.txt allows it"},
			},
		},
		"watched.example A":  {Verdict: "passthru", Category: "passthru", Action: "passthru", Source: &control.Source{File: "passthru/a.txt", Line: 1, Text: "watched.example"}},
		"www.example.org A":  {Verdict: "pass"},
		"192.0.2.7 A":        {Blocked: true, Verdict: "sinkhole", Category: "malware", Action: "sinkhole", Source: &control.Source{File: "malware/a.txt", Line: 3, Text: "192.0.2.0/24"}},
		"BÜCHER.example.net": {Blocked: true, Verdict: "sinkhole", Category: "malware", Action: "sinkhole", Source: &control.Source{File: "malware/a.txt", Line: 2, Text: "example.net"}},
		"test.example A":     {Blocked: true, Verdict: "sinkhole", Category: "self-test", Action: "sinkhole", Source: &control.Source{File: "Corefile", Line: 7, Text: "self-test test.example"}},
	} {
		t.Run(ask, func(t *testing.T) {
			asked, qtype, _ := strings.Cut(ask, " ")
			want.Name, want.Type, want.Client = asked, strings.ToUpper(qtype), "192.0.2.1"
			if qtype == "" {
				want.Type = "A"
			}
			if want.PassedOver == nil {
				want.PassedOver = []control.PassedOver{}
			}
			got, err := s.Explain(control.Question{Name: asked, Type: qtype, Client: "192.0.2.1"})
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v (%v)\nwant %+v", got, err, want)
			}
		})
	}
	for ask, want := range map[string]string{
		"a..example A":   `"a..example": empty label; want a name or an address`,
		"a.example BEST": `"BEST": no type of records; want one such as A, AAAA or HTTPS`,
		". A":            `".": the root is above every name; want a name or an address`,
	} {
		asked, qtype, _ := strings.Cut(ask, " ")
		if _, err := s.Explain(control.Question{Name: asked, Type: qtype}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", ask, err, want)
		}
	}
}

func TestOffline(t *testing.T) {
	if _, err := Offline(Defaults(), filepath.Join(t.TempDir(), "none")); err == nil || !strings.HasSuffix(err.Error(), "none: no such file or directory; want a folder") {
		t.Errorf("a folder that is not there: %v", err)
	}
	dir := t.TempDir()
	drop(t, dir, map[string]string{
		"feed.txt":   "bad.example\ncom\n",
		"c2/a.txt":   "bad.example\n",
		"allow/a":    "com\n",
		"other/a":    "# sinkhole: shadow\nbad.example\n",
		"broken.txt": "",
	})
	cfg := Defaults()
	cfg.Categories = categories("c2")
	for path, want := range map[string]string{
		"feed.txt":   "malware in force 1 1 ",
		"c2/a.txt":   "c2 in force 1 0 ",
		"allow/a":    "allow in force 1 0 ",
		"other/a":    "malware shadow 1 0 ",
		"broken.txt": "malware refused 0 0 empty: not one entry; delete the file to take a list away",
	} {
		path = filepath.Join(dir, path)
		l, err := OfflineFile(cfg, path)
		if err != nil || l.File != path || len(l.SHA256) != 64 {
			t.Errorf("%s: %+v (%v)", path, l, err)
		}
		if got := fmt.Sprintf("%s %s %d %d %s", l.Category, l.State, l.Entries, l.RefusedLines, l.Reason); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
		for _, r := range l.Refusals {
			if !strings.HasPrefix(r, path+":2: ") {
				t.Errorf("%s: %s does not begin with the place", path, r)
			}
		}
	}
	for _, path := range []string{dir, filepath.Join(dir, "none")} {
		if l, err := OfflineFile(cfg, path); err == nil {
			t.Errorf("%s is read as a list: %+v", path, l)
		}
	}
}
