package policy

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sinkhole/plugin/pkg/list"
)

// savedFiles have one of everything.
const savedFiles = `c2/a.txt: bad.example | @@||ok.bad.example^ | 192.0.2.0/24 | 2001:db8::/32 | ||must.example^$important
	malware/b.txt: # sinkhole: category=parked shadow | bad.example
	nxdomain/c.txt: ||one.example^$dnstype=A,denyallow=ok.one.example | ||two.example^$dnsrewrite=NOERROR;CNAME;garden.example | ||three.example^$dnsrewrite=192.0.2.9 | ||three.example^$dnsrewrite=REFUSED;; | @@||three.example^$dnsrewrite=REFUSED;;
	allow/d.txt: good.bad.example | 192.0.2.7`

// hashed gives files the sum that stands for their text.
func hashed(files []File) []File {
	for i := range files {
		r, _ := files[i].Open()
		text, _ := io.ReadAll(r)
		files[i].SHA256 = fmt.Sprintf("%x", text)
	}
	return files
}

// saved builds and saves the files, and says what they decide.
func saved(t *testing.T, dir string, files []File) (*Policy, []string) {
	t.Helper()
	p, err := Build(t.Context(), testConfig(), files, nil, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Save(dir); err != nil {
		t.Fatal(err)
	}
	return p, answers(t, p)
}

// answers is what a Policy says of some names.
func answers(t *testing.T, p *Policy) (all []string) {
	t.Helper()
	for _, name := range []string{
		"bad.example", "ok.bad.example", "good.bad.example", "x.must.example", "one.example", "ok.one.example", "two.example", "three.example",
		"new.example", "192.0.2.1", "192.0.2.7", "2001:db8::1", "198.51.100.1",
	} {
		for _, qtype := range twinTypes {
			said := name + " " + qtype + ": "
			v := Verdict{}
			if q, addr := askedOf(t, name, qtype); addr.IsValid() {
				v = p.address(addr, q)
			} else {
				v = p.Decide(q)
			}
			said += fmt.Sprintf("%v %v by %s, would be %s", v.Action, v.Allowed, p.File(v.Rule), p.File(v.Shadow))
			if v.Action == LocalData {
				said += fmt.Sprint(p.Data(v))
			}
			all = append(all, said)
		}
	}
	return all
}

func TestResume(t *testing.T) {
	dir := t.TempDir()
	files := hashed(filesOf(savedFiles))
	p, want := saved(t, dir, files)
	got, ok := Resume(testConfig(), files, nil, dir)
	if !ok {
		t.Fatal("not resumed")
	}
	if said := answers(t, got); strings.Join(said, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
	a, b := p.Stats(), got.Stats()
	a.Bytes, b.Bytes = 0, 0
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got  %+v\nwant %+v", b, a)
	}
	if e, err := got.Explain(Query{Name: wire(t, "bad.example")}); err != nil || e.String() != "sinkhole by c2/a.txt:1, category c2" {
		t.Errorf("explained: %s, %v", e, err)
	}
	// And once more, from what was resumed.
	if err := got.Save(dir); err != nil {
		t.Fatal(err)
	}
	if _, ok := Resume(testConfig(), files, nil, dir); !ok {
		t.Error("not resumed a second time")
	}
}

// TestResumeReadsNothing: no file is opened where all are as they were.
func TestResumeReadsNothing(t *testing.T) {
	dir := t.TempDir()
	files := hashed(filesOf(savedFiles))
	saved(t, dir, files)
	for i := range files {
		files[i].Open = func() (io.ReadCloser, error) {
			t.Errorf("%s was opened", files[i].Name)
			return nil, os.ErrNotExist
		}
	}
	if _, ok := Resume(testConfig(), files, nil, dir); !ok {
		t.Error("not resumed")
	}
}

// TestResumeZones: a zone that has not changed is not read, another one is.
func TestResumeZones(t *testing.T) {
	dir := t.TempDir()
	reads := map[string]int{}
	zones := zonesOf("*.one.example CNAME .\ns.one.example TXT \"said\"\n---\ntwo.example CNAME *.\n32.7.2.0.192.rpz-ip CNAME .")
	for i := range zones {
		zones[i].SHA256 = fmt.Sprint(i)
		zones[i].Open = counting(zones[i].Name, zones[i].Open, reads)
	}
	p, err := Build(t.Context(), testConfig(), nil, zones, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Save(dir); err != nil {
		t.Fatal(err)
	}
	says := func(p *Policy) (all string) {
		for _, name := range []string{"one.example", "x.one.example", "s.one.example", "two.example"} {
			v := p.Decide(Query{Name: wire(t, name)})
			all += fmt.Sprintln(name, v.Action, v.Zone)
		}
		return all
	}
	want, opened := says(p), fmt.Sprint(reads)
	for _, what := range []string{"as they are", "as they are", "two zones changed places", "one zone changed", "one zone is broken"} {
		clear(reads)
		now, wanted := slices.Clone(zones), "map[]"
		switch what {
		case "two zones changed places":
			now[0], now[1] = now[1], now[0]
		case "one zone changed":
			now[0].SHA256, wanted = "other", "map[rpz/1.zone:"
		case "one zone is broken":
			path := p.zones[0].path(dir, testConfig()) + zoneEnd
			os.Remove(path)
			os.WriteFile(path, []byte("broken"), 0o600)
			wanted = "map[rpz/1.zone:"
		}
		again, ok := Resume(testConfig(), nil, now, dir)
		if !ok {
			t.Fatalf("%s: not resumed", what)
		}
		if got := fmt.Sprint(reads); !strings.HasPrefix(got, wanted) || strings.Contains(got, "2.zone") {
			t.Errorf("%s: opened %s of %s, want %s", what, got, opened, wanted)
		}
		if got := says(again); what != "two zones changed places" && got != want {
			t.Errorf("%s: got %s, want %s", what, got, want)
		}
	}
	// A zone that is gone takes its files along.
	if p, err = p.Update(t.Context(), nil, zones[:1]); err != nil {
		t.Fatal(err)
	}
	if err := p.Save(dir); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, zoneFile+"*"+zoneEnd))
	if len(left) != 1 {
		t.Errorf("left are %q, want the files of one zone", left)
	}
}

// TestResumeWhatChanged: the state stands for files of before, and some have
// changed since; their old versions are gone.
func TestResumeWhatChanged(t *testing.T) {
	dir := t.TempDir()
	saved(t, dir, hashed(filesOf(savedFiles)))
	now := hashed(filesOf(strings.Replace(savedFiles, "c2/a.txt: bad.example", "c2/a.txt: new.example", 1)))
	got, ok := Resume(testConfig(), now, nil, dir)
	if !ok {
		t.Fatal("not resumed")
	}
	full, err := buildOf(testConfig(), now)
	if err != nil {
		t.Fatal(err)
	}
	if said, want := answers(t, got), answers(t, full); strings.Join(said, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
}

// TestResumeRefuses: what is not whole, or was read otherwise.
func TestResumeRefuses(t *testing.T) {
	change := func(name string, how func([]byte) []byte) func(*testing.T, string, *Config) {
		return func(t *testing.T, dir string, _ *Config) {
			paths, _ := filepath.Glob(filepath.Join(dir, name))
			if len(paths) != 1 {
				t.Fatalf("%s: %q", name, paths)
			}
			b, err := os.ReadFile(paths[0])
			if err != nil {
				t.Fatal(err)
			}
			// The old file may be mapped: it is replaced, never written to.
			if err := errors.Join(os.Remove(paths[0]), os.WriteFile(paths[0], how(bytes.Clone(b)), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	half := func(b []byte) []byte { return b[:len(b)/2] }
	none := func([]byte) []byte { return nil }
	bit := func(at float64) func([]byte) []byte {
		return func(b []byte) []byte { b[int(at*float64(len(b)-1))] ^= 4; return b }
	}
	tests := map[string]func(*testing.T, string, *Config){
		"no state":                   func(t *testing.T, dir string, _ *Config) { os.Remove(filepath.Join(dir, stateFile)) },
		"an empty state":             change(stateFile, none),
		"half a state":               change(stateFile, half),
		"a state of another version": change(stateFile, func(b []byte) []byte { b[len(stateMagic)-2]++; return b }),
		"a bit of the sum":           change(stateFile, func(b []byte) []byte { b[len(stateMagic)] ^= 1; return b }),
		"a bit of the state":         change(stateFile, bit(0.7)),
		"the last bit":               change(stateFile, bit(1)),
		"more than the state":        change(stateFile, func(b []byte) []byte { return append(b, 0) }),
		"no index":                   change(indexFile+"*", none),
		"half an index":              change(indexFile+"*", half),
		"an index of another build": func(t *testing.T, dir string, _ *Config) {
			other := t.TempDir()
			saved(t, other, hashed(filesOf("c2/a.txt: other.example")))
			from, _ := filepath.Glob(filepath.Join(other, indexFile+"*"))
			to, _ := filepath.Glob(filepath.Join(dir, indexFile+"*"))
			if err := os.Rename(from[0], to[0]); err != nil {
				t.Fatal(err)
			}
		},
		"another name is protected": func(_ *testing.T, _ string, cfg *Config) {
			cfg.Protect = append(cfg.Protect, wire(t, "bad.example"))
		},
		"files may be larger": func(_ *testing.T, _ string, cfg *Config) { cfg.MaxSize = 1 << 30 },
	}
	for what, harm := range tests {
		t.Run(what, func(t *testing.T) {
			dir, cfg := t.TempDir(), testConfig()
			files := hashed(filesOf(savedFiles))
			saved(t, dir, files)
			harm(t, dir, &cfg)
			if p, ok := Resume(cfg, files, nil, dir); ok || p != nil {
				t.Error("resumed")
			}
		})
	}
}

// TestResumeOtherCategories: what the Corefile says of categories changes no
// reading, and holds as it is now.
func TestResumeOtherCategories(t *testing.T) {
	dir := t.TempDir()
	files := hashed(filesOf(savedFiles))
	saved(t, dir, files)
	cfg := testConfig()
	cfg.Categories = []Category{{Name: "nxdomain", Action: Refused}, {Name: "c2", Action: Drop}}
	p, ok := Resume(cfg, files, nil, dir)
	if !ok {
		t.Fatal("not resumed")
	}
	if v := p.Decide(Query{Name: wire(t, "bad.example")}); v.Action != Drop {
		t.Errorf("%v, want drop", v.Action)
	}
}

// TestSaveLeavesOneIndex: that of the Policy in force.
func TestSaveLeavesOneIndex(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		for _, half := range []string{".index-X.tmp", ".tmp-1", ".zone-0.zone.tmp"} { // of a process that was killed
			if err := os.WriteFile(filepath.Join(dir, half), []byte("half"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		files := hashed(filesOf(fmt.Sprintf("c2/a.txt: n%d.example", i)))
		saved(t, dir, files)
		if left, _ := os.ReadDir(dir); len(left) != 2 {
			t.Errorf("%v, want an index and a state", left)
		}
		if _, ok := Resume(testConfig(), files, nil, dir); !ok {
			t.Error("not resumed")
		}
	}
}

// TestSaveOnceMore: also when somebody has emptied the folder.
func TestSaveOnceMore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	files := hashed(filesOf(savedFiles))
	p, _ := saved(t, dir, files)
	for _, what := range []string{"built", "resumed"} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := p.Save(dir); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var ok bool
		if p, ok = Resume(testConfig(), files, nil, dir); !ok {
			t.Fatalf("%s: not resumed", what)
		}
	}
}

// TestSaveThatFails: what was saved before stays, and nothing half-written does.
func TestSaveThatFails(t *testing.T) {
	dir := smallDisk(t, 256<<10)
	before := hashed(filesOf(savedFiles))
	saved(t, dir, before)

	var text strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&text, "n%d-%x.example\n", i, i*i)
	}
	lists := hashed([]File{{Name: "c2/large.txt", Open: source(text.String())}})
	p, err := Build(t.Context(), testConfig(), lists, nil, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if !p.Decide(Query{Name: wire(t, "n1-1.example")}).Blocks() {
		t.Error("what found no room on the disk is not in force")
	}
	if w := p.Warning(); !strings.HasPrefix(w, dir+": ") || !strings.Contains(w, "no space left on device; want room there") {
		t.Errorf("warning %q", w)
	}
	if err := p.Save(dir); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("saved: %v", err)
	}
	if _, ok := Resume(testConfig(), lists, nil, dir); ok {
		t.Error("what was not saved was resumed")
	}
	if _, ok := Resume(testConfig(), before, nil, dir); !ok {
		t.Error("what was saved before is lost")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v; want the old index and the old state", entries, err)
	}
}

// TestZonesOnAFullDisk: they are read into memory, and said to be.
func TestZonesOnAFullDisk(t *testing.T) {
	dir := smallDisk(t, 256<<10)
	var text strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&text, "n%d-%x.example CNAME .\n", i, i*i)
	}
	zones := []ZoneFile{{Name: "rpz/1.zone", SHA256: "1", Open: source(text.String())}}
	built, err := Build(t.Context(), testConfig(), nil, zones, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Build(t.Context(), testConfig(), nil, nil, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	updated, err := p.Update(t.Context(), nil, zones)
	if err != nil {
		t.Fatal(err)
	}
	for what, p := range map[string]*Policy{"built": built, "updated": updated} {
		if v := p.Decide(Query{Name: wire(t, "n1-1.example")}); v.Zone != 1 {
			t.Errorf("%s: the zone is not in force", what)
		}
		if w := p.Warning(); !strings.Contains(w, "no space left on device; want room there") {
			t.Errorf("%s: warning %q", what, w)
		}
	}
}

// TestNoFolder: a file has the place of the folder. Lists and zones are in force
// all the same.
func TestNoFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	zones := []ZoneFile{{Name: "rpz/1.zone", SHA256: "1", Open: source("zone.example CNAME .")}}
	lists := hashed([]File{{Name: "c2/a.txt", Open: source("list.example")}})
	built, err := Build(t.Context(), testConfig(), lists, zones, Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"list.example", "zone.example"} {
		if !built.Decide(Query{Name: wire(t, name)}).Blocks() {
			t.Errorf("%s is not blocked", name)
		}
	}
	if w := built.Warning(); !strings.HasPrefix(w, dir+": ") || !strings.Contains(w, "not a directory; want room there") {
		t.Errorf("warning %q", w)
	}
}

// smallDisk is a folder with so many octets of room.
func smallDisk(t *testing.T, octets int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", octets)); err != nil {
		t.Skipf("no small disk: %v; want root", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// TestKilledWhileSaving: whenever a process dies, what it leaves is one Policy or
// the other.
func TestKilledWhileSaving(t *testing.T) {
	const dirOfChild = "POLICY_TEST_SAVES_IN"
	sets := [][]File{hashed(filesOf(savedFiles)), hashed(filesOf(savedFiles + "\nc2/more.txt: new.example"))}
	if dir := os.Getenv(dirOfChild); dir != "" {
		for i := 0; ; i++ {
			saved(t, dir, sets[i%2])
		}
	}
	dir := t.TempDir()
	saved(t, dir, sets[0])
	var want [2]string
	for i, files := range sets {
		p, err := buildOf(testConfig(), files)
		if err != nil {
			t.Fatal(err)
		}
		want[i] = strings.Join(answers(t, p), "\n")
	}
	for kill := range 8 {
		child := exec.Command(os.Args[0], "-test.run=^TestKilledWhileSaving$")
		child.Env = append(os.Environ(), dirOfChild+"="+dir)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+7*kill) * time.Millisecond)
		child.Process.Kill()
		child.Wait()
		if _, err := resume(testConfig(), dir); err != nil {
			t.Fatalf("after kill %d: %v", kill, err)
		}
		for i, files := range sets {
			p, ok := Resume(testConfig(), files, nil, dir)
			if !ok {
				t.Fatalf("after kill %d: not resumed", kill)
			}
			if got := strings.Join(answers(t, p), "\n"); got != want[i] {
				t.Errorf("after kill %d: got\n%s\nwant\n%s", kill, got, want[i])
			}
		}
	}
}

// TestNoFileInPlace: what is no regular file is as if it were not there, and not
// waited for.
func TestNoFileInPlace(t *testing.T) {
	files := hashed(filesOf(savedFiles))
	zone := []ZoneFile{{Name: "rpz/a.zone", SHA256: "a", Open: source("one.example CNAME .\n")}}
	for _, pattern := range []string{stateFile, indexFile + "*", zoneFile + "*" + zoneEnd, zoneFile + "*.qname"} {
		dir := t.TempDir()
		p, err := Build(t.Context(), testConfig(), files, zone, Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Save(dir); err != nil {
			t.Fatal(err)
		}
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %q, %v", pattern, found, err)
		}
		if err := errors.Join(os.Remove(found[0]), syscall.Mkfifo(found[0], 0o600)); err != nil {
			t.Fatal(err)
		}
		p, ok := Resume(testConfig(), files, zone, dir)
		if whole := strings.HasPrefix(pattern, zoneFile); ok != whole { // a zone is read again
			t.Errorf("%s: resumed: %v, want %v", pattern, ok, whole)
		}
		if ok && !p.Decide(Query{Name: wire(t, "one.example")}).Blocks() {
			t.Errorf("%s: the zone is not in force", pattern)
		}
	}
}

// TestTwoSaveAtOnce: two generations of a Corefile have one folder, and what they
// save in it at the same time is one Policy or the other.
func TestTwoSaveAtOnce(t *testing.T) {
	dir := t.TempDir()
	var savers sync.WaitGroup
	for range 2 {
		savers.Go(func() {
			for i := range 30 {
				files := hashed(filesOf(fmt.Sprintf("c2/a.txt: n%d.example", i)))
				p, err := Build(t.Context(), testConfig(), files, nil, Options{Dir: dir})
				if err == nil {
					err = p.Save(dir)
				}
				if err != nil {
					t.Errorf("save %d: %v", i, err)
				}
				if _, err := resume(testConfig(), dir); err != nil {
					t.Errorf("resume %d: %v", i, err)
				}
			}
		})
	}
	savers.Wait()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
}

// TestSwapsLeaveNothing: of indexes that were in force once neither a file nor a
// mapping is left.
func TestSwapsLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	var p *Policy
	for i := range 50 {
		p, _ = saved(t, dir, hashed(filesOf(fmt.Sprintf("c2/a.txt: n%d.example", i))))
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
	mapped := func() int {
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Skip("no /proc/self/maps here")
		}
		return strings.Count(string(maps), dir)
	}
	for end := time.Now().Add(20 * time.Second); mapped() > 1 && time.Now().Before(end); {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	if n := mapped(); n > 1 {
		t.Errorf("%d indexes are mapped, want that in force", n)
	}
	runtime.KeepAlive(p)
}

// TestStateIsWhole: fields that list.Rewrite gets must be saved too.
func TestStateIsWhole(t *testing.T) {
	if n := reflect.TypeFor[list.Rewrite]().NumField(); n != 3 {
		t.Errorf("a Rewrite has %d fields; Save knows 3", n)
	}
}

// FuzzResume: no state brings Resume to fall, even one whose sum is right.
func FuzzResume(f *testing.F) {
	dir := f.TempDir()
	files := hashed(filesOf(savedFiles))
	p, err := Build(f.Context(), testConfig(), files, nil, Options{Dir: dir})
	if err != nil {
		f.Fatal(err)
	}
	if err := p.Save(dir); err != nil {
		f.Fatal(err)
	}
	good, err := p.state()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		sum := sha256.Sum256(b)
		os.WriteFile(filepath.Join(dir, stateFile), slices.Concat([]byte(stateMagic), sum[:], b), 0o600)
		Resume(testConfig(), files, nil, dir)
	})
}
