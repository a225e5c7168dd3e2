package dropdir

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
)

// run follows the folder with the real fsnotify until the test ends.
func (s *stage) run() {
	s.t.Helper()
	s.o.Settle = 100 * time.Millisecond
	s.start()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.f.Run(ctx); err != nil {
			s.t.Errorf("Run says %v", err)
		}
	})
	s.t.Cleanup(func() { cancel(); wg.Wait() })
}

// soon waits until want is in force.
func (s *stage) soon(want map[string]string) {
	s.t.Helper()
	poll(s.t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return maps.Equal(s.inForce, want)
	})
	s.want(want)
}

// poll waits for what should come soon; long, for the machine may be busy, and
// less than walkEvery, for that would find it too.
func poll(t testing.TB, done func() bool) {
	t.Helper()
	for end := time.Now().Add(walkEvery / 2); !done() && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
}

func TestWaysOfDropping(t *testing.T) {
	s := newStage(t)
	s.run()
	s.write("malware/cp.txt", "one\n")
	s.soon(map[string]string{"malware/cp.txt": "one\n"})

	s.move("malware/mv.txt", "two\n")
	s.soon(map[string]string{"malware/cp.txt": "one\n", "malware/mv.txt": "two\n"})

	// rsync: a hidden file beside it, then a rename.
	s.write("malware/.cp.txt.Ab3dEf", "three\n")
	must(t, os.Rename(s.path("malware/.cp.txt.Ab3dEf"), s.path("malware/cp.txt")))
	s.soon(map[string]string{"malware/cp.txt": "three\n", "malware/mv.txt": "two\n"})

	// A folder that was not there, with folders in it.
	src := filepath.Join(filepath.Dir(s.dir), "src")
	must(t, os.MkdirAll(filepath.Join(src, "deep", "er"), 0o755))
	must(t, os.WriteFile(filepath.Join(src, "deep", "er", "a.txt"), []byte("four\n"), 0o644))
	must(t, os.Rename(src, s.path("phishing")))
	s.soon(map[string]string{"malware/cp.txt": "three\n", "malware/mv.txt": "two\n", "phishing/deep/er/a.txt": "four\n"})
	s.write("phishing/deep/er/b.txt", "five\n")
	s.soon(map[string]string{"malware/cp.txt": "three\n", "malware/mv.txt": "two\n", "phishing/deep/er/a.txt": "four\n", "phishing/deep/er/b.txt": "five\n"})

	s.remove("phishing")
	s.remove("malware/mv.txt")
	s.soon(map[string]string{"malware/cp.txt": "three\n"})

	// The folder itself, by another.
	must(t, os.Rename(s.dir, s.dir+"-old"))
	s.mkdir("c2")
	s.move("c2/x.txt", "six\n")
	s.soon(map[string]string{"c2/x.txt": "six\n"})
	s.move("c2/y.txt", "seven\n")
	s.soon(map[string]string{"c2/x.txt": "six\n", "c2/y.txt": "seven\n"})
}

// Half a list is never in force while it is being written.
func TestSlowWrite(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.run()
	file, err := os.Create(s.path("malware/a.txt"))
	must(t, err)
	want := ""
	for i := range 40 {
		line := fmt.Sprintln(i)
		want += line
		_, err := file.WriteString(line)
		must(t, err)
		time.Sleep(s.o.Settle / 10)
	}
	s.mu.Lock()
	if n := s.reads["malware/a.txt"]; n > 3 { // a busy machine may let it rest in between
		t.Errorf("it was read %d times while it was written", n)
	}
	s.mu.Unlock()
	must(t, file.Close())
	s.soon(map[string]string{"malware/a.txt": want})
}

// TestKubernetes swaps a volume as kubelet does (pkg/volume/util/atomic_writer.go):
// the files are links into ..data, which is a link to a folder with a time in
// its name and is replaced by a rename.
func TestKubernetes(t *testing.T) {
	s := newStage(t)
	version := func(name string, files map[string]string) {
		s.mkdir("malware/" + name)
		for file, text := range files {
			s.write("malware/"+name+"/"+file, text)
			if _, err := os.Lstat(s.path("malware/" + file)); err != nil {
				must(t, os.Symlink("..data/"+file, s.path("malware/"+file)))
			}
		}
		must(t, os.Symlink(name, s.path("malware/..data_tmp")))
		must(t, os.Rename(s.path("malware/..data_tmp"), s.path("malware/..data")))
	}
	version("..2026_11_22_08_00_00.1", map[string]string{"a.txt": "one\n", "b.txt": "two\n"})
	s.run()
	s.soon(map[string]string{"malware/a.txt": "one\n", "malware/b.txt": "two\n"})
	version("..2026_11_22_09_00_00.2", map[string]string{"a.txt": "three\n", "b.txt": "four\n"})
	s.remove("malware/..2026_11_22_08_00_00.1")
	s.soon(map[string]string{"malware/a.txt": "three\n", "malware/b.txt": "four\n"})
	version("..2026_11_22_10_00_00.3", map[string]string{"a.txt": "five\n"})
	s.remove("malware/b.txt")
	s.soon(map[string]string{"malware/a.txt": "five\n"})
}

// TestRenameStorm renames one file over another a hundred times a second: others
// are read all the same, and there is no look for every event.
func TestRenameStorm(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.run()
	var looks int
	s.f.look.Lock()
	watch := s.f.watch
	s.f.watch = func(dir string) error {
		if dir == s.dir {
			looks++
		}
		if watch == nil {
			return nil
		}
		return watch(dir)
	}
	s.f.look.Unlock()
	begun := time.Now()
	renames := 0
	read := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.inForce["malware/a.txt"] != "" && s.inForce["malware/b.txt"] != ""
	}
	for ; time.Since(begun) < 2*time.Second || !read() && time.Since(begun) < 30*time.Second; renames++ {
		s.write(".new", fmt.Sprintf("%d\n", renames))
		must(t, os.Rename(s.path(".new"), s.path("malware/a.txt")))
		if renames == 10 {
			s.move("malware/b.txt", "calm\n")
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.mu.Lock()
	if s.inForce["malware/b.txt"] == "" {
		t.Error("a file that rests was not read beside the storm")
	}
	if s.inForce["malware/a.txt"] == "" {
		t.Error("a file that is replaced for ever is never read")
	}
	s.mu.Unlock()
	s.soon(map[string]string{"malware/a.txt": fmt.Sprintf("%d\n", renames-1), "malware/b.txt": "calm\n"})
	s.f.look.Lock()
	defer s.f.look.Unlock()
	if most := int(time.Since(begun)/gather) + 10; looks > most {
		t.Errorf("%d looks for %d renames, want at most %d", looks, renames, most)
	}
}

func TestLookBesideRun(t *testing.T) {
	s := newStage(t)
	s.run()
	s.f.look.Lock()
	s.f.o.Settle = time.Hour
	s.f.look.Unlock()
	for i := range 20 {
		name := fmt.Sprintf("malware/%02d.txt", i)
		s.write(name, "x\n")
		s.look("")
		s.mu.Lock()
		if s.inForce[name] == "" {
			t.Errorf("%s is not in force when Look returns", name)
		}
		s.mu.Unlock()
	}
}

// An overflown queue of events has lost some: all is looked at.
func TestOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.start()
		errs := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { s.f.follow(ctx, notices{errors: errs}) })
		synctest.Wait()
		s.writeAt("malware/a.txt", "one\n", -2*time.Hour)
		errs <- fsnotify.ErrEventOverflow
		s.after(0, "one\n")
		cancel()
		wg.Wait()
	})
}

// bubble runs test in a bubble of synctest, with a stage whose folder has the
// bubble's time, and follows it with notices of the test's own.
func bubble(t *testing.T, test func(t *testing.T, s *stage, notice func())) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.o.Settle = 2 * time.Second
		s.start()
		events := make(chan fsnotify.Event)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { s.f.follow(ctx, notices{events: events}) })
		synctest.Wait()
		test(t, s, func() { events <- fsnotify.Event{Name: s.path("malware/a.txt"), Op: fsnotify.Create} })
		cancel()
		wg.Wait()
	})
}

// writeAt writes the file with a time that lies that far from the bubble's now.
func (s *stage) writeAt(rel, text string, offset time.Duration) {
	s.t.Helper()
	s.write(rel, text)
	at := time.Now().Add(offset)
	must(s.t, os.Chtimes(s.path(rel), at, at))
}

// after wants nothing but what was in force until just before d, and want from
// then on.
func (s *stage) after(d time.Duration, want string) {
	s.t.Helper()
	begun := time.Now()
	for {
		synctest.Wait()
		s.mu.Lock()
		got := s.inForce["malware/a.txt"]
		s.mu.Unlock()
		if got == want {
			break
		}
		if time.Since(begun) > time.Minute {
			s.t.Fatalf("%q is in force for a minute, want %q", got, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if took := time.Since(begun); took < d || took > d+2*gather {
		s.t.Errorf("in force after %s, want %s", took, d)
	}
}

func TestInForceAfterSettle(t *testing.T) {
	for name, row := range map[string]struct {
		offset time.Duration // of the file's time
		want   time.Duration
	}{
		"copied":                        {0, 2 * time.Second},
		"moved in, written 1 s ago":     {-time.Second, time.Second},
		"moved in, written a year ago":  {-365 * 24 * time.Hour, 0},
		"written in the future":         {365 * 24 * time.Hour, 2 * time.Second},
		"written before there was Unix": {-100 * 365 * 24 * time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *stage, notice func()) {
				s.writeAt("malware/a.txt", "one\n", row.offset)
				notice()
				s.after(row.want, "one\n")
			})
		})
	}
}

func TestUnnoticedIsFoundByTheWalk(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage, _ func()) {
		s.writeAt("malware/a.txt", "one\n", 0)
		s.after(walkEvery, "one\n")
	})
}

func TestFolderThatComesBackIsFoundSoon(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage, notice func()) {
		must(t, os.Rename(s.dir, s.dir+"-away"))
		notice()
		time.Sleep(time.Minute)
		must(t, os.Rename(s.dir+"-away", s.dir))
		s.writeAt("malware/a.txt", "one\n", -time.Hour)
		begun := time.Now()
		for s.f.Warnings() != nil && len(s.f.Warnings()) > 0 && time.Since(begun) < time.Minute {
			time.Sleep(gather)
			synctest.Wait()
		}
		if took := time.Since(begun); took > awayEvery+gather {
			t.Errorf("found after %s, want %s", took, awayEvery)
		}
		s.want(map[string]string{"malware/a.txt": "one\n"})
	})
}

// A writer that pauses for less than settle is waited for, and one that goes on
// for ever is named.
func TestChangingFile(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage, notice func()) {
		for i := range 100 {
			s.writeAt("malware/a.txt", strings.Repeat("x\n", i+1), 0)
			notice()
			time.Sleep(time.Second)
		}
		s.want(map[string]string{})
		s.wantWarning("malware/a.txt: has been changing for 1m")
		s.after(time.Second, strings.Repeat("x\n", 100))
		s.wantWarning("")
	})
}

// A burst of notices costs a look each gather, and none is lost.
func TestBurstOfNotices(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage, notice func()) {
		for range 1000 {
			notice()
			time.Sleep(time.Millisecond)
		}
		s.move("malware/a.txt", "one\n") // whole, whenever a look comes by
		notice()
		s.after(0, "one\n")
	})
}

func TestTells(t *testing.T) {
	for _, row := range []struct {
		name string
		op   fsnotify.Op
		want bool
	}{
		{"malware/a.txt", fsnotify.Write, true},
		{"malware/.a.txt.Ab3dEf", fsnotify.Write, false},
		{"malware/a.part", fsnotify.Chmod | fsnotify.Write, false},
		{"malware/a.part", fsnotify.Rename, true},
		{"malware/..data", fsnotify.Create, true},
		{"malware", fsnotify.Remove, true},
	} {
		if got := tells(fsnotify.Event{Name: row.name, Op: row.op}); got != row.want {
			t.Errorf("%s %s: %v, want %v", row.op, row.name, got, row.want)
		}
	}
}
