package subscribers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/dropdir"
	"sinkhole/plugin/pkg/subscriber"
)

// place is where a server of a test keeps its things.
type place struct{ clients, state string }

func newPlace(t *testing.T, files map[string]string) place {
	t.Helper()
	p := place{t.TempDir(), t.TempDir()}
	write(t, p.clients, files)
	return p
}

// corefile has three server blocks: two that share their subscribers, one that
// has none.
func (p place) corefile(options, more string) string {
	block := fmt.Sprintf("subscribers {\nclasses %s\nstate %s\n%s\n}\n", p.clients, p.state, options)
	return ".:0 {\nbind 127.0.0.1\n" + block + "witness\n" + more + "\n}\n" +
		"a.example:0 {\nbind 127.0.0.1\n" + block + "witness\n}\n" +
		"open.example:0 {\nbind 127.0.0.1\nwitness\n}\n"
}

// class is the class of an address's line by what is in force.
func class(t *testing.T, addr string) string {
	t.Helper()
	s, ok := Active()
	if !ok {
		t.Fatal("nobody is active")
	}
	c, out := s.LineClass(s.Line(netip.AddrPortFrom(netip.MustParseAddr(addr), 5353)))
	if out {
		return c.String() + " out"
	}
	return c.String()
}

// look has the folder looked at now.
func look(t *testing.T, accept string) []control.List {
	t.Helper()
	s, _ := Active()
	lists, err := s.Look(context.Background(), accept)
	if err != nil {
		t.Fatal(err)
	}
	return lists
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for limit := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestClassesFollowTheFolder(t *testing.T) {
	p := newPlace(t, map[string]string{"mail/a.txt": "192.0.2.25\n", "opt-out/a.txt": "127.0.0.0/8\n"})
	inst := serve(t, p.corefile("", ""))
	if got, want := class(t, "192.0.2.25"), "mail"; got != want {
		t.Errorf("from the start: got %s, want %s", got, want)
	}
	r, _ := ask(t, "udp", udpOf(inst), question("host.example."))
	if got, want := seen(t, r), "127.0.0.1 out"; got != want {
		t.Errorf("a question: got %q, want %q", got, want)
	}

	var told atomic.Int32
	s, _ := Active()
	s.OnClasses(func() {
		if c := class(t, "192.0.2.80"); c == "business" { // in force by then
			told.Add(1)
		}
	})
	write(t, p.clients, map[string]string{"business/b.txt": "192.0.2.80\n"})
	look(t, "")
	if told.Load() != 1 {
		t.Errorf("told %d times of a new file, want once", told.Load())
	}

	t.Run("without being asked to look", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, map[string]string{"c.txt": "192.0.2.110\n"})
		path := filepath.Join(dir, "c.txt")
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(p.clients, "resolver"), 0o755); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		inside := filepath.Join(p.clients, "resolver", ".c.txt") // moved in, over file systems too
		if err := os.WriteFile(inside, text, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(inside, old, old); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(inside, filepath.Join(p.clients, "resolver", "c.txt")); err != nil {
			t.Fatal(err)
		}
		eventually(t, "192.0.2.110 is a resolver", func() bool { return class(t, "192.0.2.110") == "resolver" })
	})

	if err := os.Remove(filepath.Join(p.clients, "opt-out", "a.txt")); err != nil {
		t.Fatal(err)
	}
	look(t, "")
	r, _ = ask(t, "udp", udpOf(inst), question("host.example."))
	if got, want := seen(t, r), "127.0.0.1"; got != want {
		t.Errorf("after the file is gone: got %q, want %q", got, want)
	}
	if got := testutil.ToFloat64(classEntries.WithLabelValues("mail")); got != 1 {
		t.Errorf("the metric says %v entries of mail, want 1", got)
	}
	if got := testutil.ToFloat64(classEntries.WithLabelValues("opt-out")); got != 0 {
		t.Errorf("the metric says %v entries of opt-out, want none", got)
	}
}

func TestStatusAndWarnings(t *testing.T) {
	p := newPlace(t, map[string]string{
		"mail/a.txt":     "192.0.2.25/24\nmail.example\n",
		"optout/a.txt":   "192.0.2.1\n",
		"b.txt":          "192.0.2.1\n",
		"cgn/broken.txt": "<html>",
		"cgn/README.md":  "What lies here.\n",
	})
	before := testutil.ToFloat64(filesRefused.WithLabelValues("cgn", "html"))
	serve(t, p.corefile("", ""))
	s, _ := Active()
	want := []control.List{
		{File: "clients/b.txt", Category: "none", State: control.StateRefused, Reason: errFolder.Error()},
		{File: "clients/cgn/broken.txt", Category: "cgn", State: control.StateRefused, Reason: subscriber.ErrHTML.Error()},
		{
			File: "clients/mail/a.txt", Category: "mail", State: control.StateInForce, Entries: 1, RefusedLines: 1,
			Refusals: []string{`clients/mail/a.txt:2: "mail.example": no address, prefix or block of ports; want 192.0.2.7, 2001:db8:0:100::/56 or 100.64.0.7:1024-2047`},
			Warnings: []string{`clients/mail/a.txt:1: "192.0.2.25/24": warning: bits behind the prefix; taken as 192.0.2.0/24`},
		},
		{File: "clients/optout/a.txt", Category: "none", State: control.StateRefused, Reason: "lies in no folder of clients; want one of opt-out, cgn, mail, business, resolver"},
	}
	check := func(what string, got []control.List) {
		t.Helper()
		for i := range got {
			if len(got[i].SHA256) != 64 {
				t.Errorf("%s: %s has the SHA-256 %q", what, got[i].File, got[i].SHA256)
			}
			got[i].SHA256, got[i].AgeSeconds = "", 0
		}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%s: got\n%+v\nwant\n%+v", what, got, want)
		}
	}
	check("status", s.Status())
	offline, err := ReadClasses(p.clients)
	if err != nil {
		t.Fatal(err)
	}
	check("offline", offline.Status())
	wantWarnings := []string{
		"b.txt: refused: " + errFolder.Error(),
		"clients/cgn/broken.txt: refused: an HTML or XML page, not a list of prefixes",
		"optout/a.txt: refused: " + errFolder.Error(),
	}
	if got := s.Warnings(); !slices.Equal(got, wantWarnings) {
		t.Errorf("got warnings\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(wantWarnings, "\n"))
	}
	if got := testutil.ToFloat64(filesRefused.WithLabelValues("cgn", "html")) - before; got != 1 {
		t.Errorf("the metric counts %v refusals, want 1", got)
	}
	if _, err := ReadClasses(filepath.Join(p.clients, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: got %v", err)
	}
}

// TestLastGood: what was in force stays, over a broken file and over restarts.
func TestLastGood(t *testing.T) {
	p := newPlace(t, map[string]string{"opt-out/a.txt": "192.0.2.1\n192.0.2.2\n192.0.2.3\n"})
	inst, err := caddy.Start(input(p.corefile("", "")))
	if err != nil {
		t.Fatal(err)
	}
	write(t, p.clients, map[string]string{"opt-out/a.txt": "192.0.2.1\n"})
	if l := look(t, "")[0]; l.State != control.StateLastGood || class(t, "192.0.2.3") != "fixed out" {
		t.Errorf("shrunk: got %s, %s", l.State, class(t, "192.0.2.3"))
	}
	end(t, inst)

	if err := os.RemoveAll(p.clients); err != nil {
		t.Fatal(err)
	}
	serve(t, p.corefile("", ""))
	if got, want := class(t, "192.0.2.3"), "fixed out"; got != want {
		t.Errorf("without the folder, after a restart: got %s, want %s", got, want)
	}
	s, _ := Active()
	if len(s.Warnings()) == 0 {
		t.Error("nobody warns that the folder is gone")
	}
	write(t, p.clients, map[string]string{"opt-out/a.txt": "192.0.2.1\n"})
	for _, accept := range []string{"clients/opt-out/a.txt", "opt-out/a.txt", filepath.Join(p.clients, "opt-out/a.txt")} {
		if l := look(t, accept)[0]; l.State != control.StateInForce {
			t.Errorf("accepted as %s: got %s: %s", accept, l.State, l.Reason)
		}
	}
	if got, want := class(t, "192.0.2.3"), "fixed"; got != want {
		t.Errorf("accepted: got %s, want %s", got, want)
	}
	if _, err := s.Look(context.Background(), "c2/a.txt"); !errors.Is(err, dropdir.ErrNoFile) {
		t.Errorf("to accept a file of others: got %v, want %v", err, dropdir.ErrNoFile)
	}
}

func TestWithoutClasses(t *testing.T) {
	serve(t, plain)
	s, _ := Active()
	if s.Status() != nil || s.Warnings() != nil {
		t.Errorf("got status %v, warnings %v", s.Status(), s.Warnings())
	}
	if lists, err := s.Look(context.Background(), ""); lists != nil || err != nil {
		t.Errorf("got %v, %v", lists, err)
	}
	if _, err := s.Look(context.Background(), "mail/a.txt"); !errors.Is(err, dropdir.ErrNoFile) {
		t.Errorf("got %v, want %v", err, dropdir.ErrNoFile)
	}
	if got := class(t, "192.0.2.1"); got != "fixed" {
		t.Errorf("got %s, want fixed", got)
	}
}

// TestReload: the folder lives on, other settings come in force, and who was
// told by the Corefile before is told no more.
func TestReload(t *testing.T) {
	p := newPlace(t, map[string]string{"mail/a.txt": "192.0.2.25\n"})
	inst, err := caddy.Start(input(p.corefile("", "")))
	if err != nil {
		t.Fatal(err)
	}
	before, _ := Active()
	var told atomic.Int32
	before.OnClasses(func() { told.Add(1) })
	followed := before.folder.Load()

	next, err := inst.Restart(input(p.corefile("lines 24 64\nsources trusted\nserved 127.0.0.0/8", "")))
	if err != nil {
		t.Fatal(err)
	}
	defer end(t, next)
	after, _ := Active()
	if after == before || after.folder.Load() != followed || pool.Len() != 1 {
		t.Errorf("after a reload: the same settings %v, the same folder %v, %d folders", after == before, after.folder.Load() == followed, pool.Len())
	}
	if got, want := after.LineText(after.Line(netip.MustParseAddrPort("192.0.2.25:1"))), "192.0.2.0/24"; got != want || !after.SourcesTrusted() || before.SourcesTrusted() {
		t.Errorf("got line %s, trusted %v and before %v; want %s", got, after.SourcesTrusted(), before.SourcesTrusted(), want)
	}
	write(t, p.clients, map[string]string{"mail/a.txt": "192.0.2.26\n"})
	look(t, "")
	if told.Load() != 0 {
		t.Error("who belongs to the Corefile before is still told")
	}
}

// TestReloadThatFails: in every phase the old Corefile stays in force, and
// nothing of the new one is left: a folder that nobody holds is closed once
// nobody follows it.
func TestReloadThatFails(t *testing.T) {
	p := newPlace(t, map[string]string{"mail/a.txt": "192.0.2.25\n"})
	inst, err := caddy.Start(input(p.corefile("", "")))
	if err != nil {
		t.Fatal(err)
	}
	before, _ := Active()
	var told atomic.Int32
	before.OnClasses(func() { told.Add(1) })
	other := newPlace(t, map[string]string{"mail/z.txt": "192.0.2.99\n"})
	other.state = p.state
	for name, corefile := range map[string]string{
		"in our setup":       p.corefile("lines 0 0", ""),
		"in another's setup": p.corefile("lines 24 64", "tls none none"),
		"blocks that differ": p.corefile("", "") + ".:1 {\nsubscribers\n}\n",
		"in a listener":      other.corefile("lines 24 64", "") + "b.example:0 {\nbind 203.0.113.1\nwitness\n}\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := inst.Restart(input(corefile)); err == nil {
				t.Fatal("the Corefile was taken")
			}
			if now, _ := Active(); now != before || pool.Len() != 1 {
				t.Errorf("the old settings are in force: %v; %d folders", now == before, pool.Len())
			}
			if r, _ := ask(t, "udp", udpOf(inst), question("host.example.")); seen(t, r) != "127.0.0.1" {
				t.Errorf("got %s", seen(t, r))
			}
		})
	}
	write(t, p.clients, map[string]string{"mail/b.txt": "192.0.2.26\n"})
	look(t, "")
	if told.Load() != 1 {
		t.Errorf("told %d times, want once", told.Load())
	}
	end(t, inst)
	if err := os.RemoveAll(p.clients); err != nil {
		t.Fatal(err)
	}
	serve(t, p.corefile("", ""))
	if got, want := class(t, "192.0.2.25")+", "+class(t, "192.0.2.99"), "mail, fixed"; got != want {
		t.Errorf("the last good versions, after a Corefile with another folder was refused: got %s, want %s", got, want)
	}
}

func TestBlocksMustAgree(t *testing.T) {
	_, err := caddy.Start(input(".:0 {\nsubscribers {\nlines 32 56\n}\nwitness\n}\na.example:0 {\nsubscribers {\nlines 32 64\n}\nwitness\n}\n"))
	want := "plugin/subscribers: Corefile:8: subscribers differs from the one at Corefile:2; all server blocks share one: make them the same (a snippet and import keep them so)"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TestBlockWithout: a block that holds no subscribers has no gate.
func TestBlockWithout(t *testing.T) {
	p := newPlace(t, nil)
	inst := serve(t, p.corefile("served 192.0.2.0/24", ""))
	for name, want := range map[string]string{"host.example.": "REFUSED", "host.a.example.": "REFUSED", "host.open.example.": "nobody"} {
		got := ""
		for _, s := range inst.Servers() {
			if r, _ := ask(t, "udp", s.LocalAddr().String(), question(name)); r.Rcode == 0 && got == "" {
				got = seen(t, r)
			}
		}
		if got == "" {
			got = "REFUSED"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
