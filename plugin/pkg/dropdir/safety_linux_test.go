package dropdir

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// alone is set in a process that has mounts and users of its own.
const alone = "DROPDIR_TEST_ALONE"

// isolated runs a test in a process whose mounts, and whose limits of inotify,
// are its own. Where the kernel gives nobody such a process, the test says so.
func isolated(t *testing.T, test func(t *testing.T)) {
	if os.Getenv(alone) == t.Name() {
		test(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), alone+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		Pdeathsig:   unix.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	switch text := string(out); {
	case err != nil && cmd.ProcessState == nil:
		t.Skipf("no process with users and mounts of its own can be had here: %v", err)
	case err != nil:
		t.Errorf("in a process of its own: %v\n%s", err, text)
	case strings.Contains(text, "--- SKIP"):
		t.Skip(text)
	case !strings.Contains(text, "--- PASS: "+t.Name()):
		t.Errorf("in a process of its own it did not run:\n%s", text)
	}
}

// disk mounts a disk of so many octets at dir.
func disk(t *testing.T, dir string, size int) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o700))
	if err := unix.Mount("none", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("no disk can be mounted here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
}

// fill takes the room that is left on the disk at dir, but for free pages.
func fill(t *testing.T, dir string, free int) (give func()) {
	t.Helper()
	path := filepath.Join(dir, "full")
	file, err := os.Create(path)
	must(t, err)
	defer file.Close()
	page := make([]byte, os.Getpagesize())
	for err == nil {
		_, err = file.Write(page)
	}
	info, err := file.Stat()
	must(t, err)
	must(t, file.Truncate(info.Size()-int64(free*len(page))))
	return func() { must(t, os.Remove(path)) }
}

// again lets the folder try the state once more, as it does by itself.
func (s *stage) again() {
	s.f.stateAgain = time.Time{}
	s.glance()
}

// TestFullDisk: what comes is in force without a copy, which is said; what was
// kept before is whole, over a start too; and once there is room all is kept.
func TestFullDisk(t *testing.T) {
	isolated(t, func(t *testing.T) {
		for free := range 3 { // pages: none, for the copy, for the index as well
			t.Run(fmt.Sprint(free), func(t *testing.T) {
				s := newStage(t).thaws()
				disk(t, s.o.State, 64<<10)
				s.write("malware/a.txt", "one\n")
				s.start()
				s.rested()
				s.wantWarning("")
				give := fill(t, s.o.State, free)

				s.move("malware/a.txt", "two\n")
				s.move("malware/b.txt", "three\n")
				s.glance()
				want := map[string]string{"malware/a.txt": "two\n", "malware/b.txt": "three\n"}
				s.want(want)
				s.wantWarning("last good versions cannot be kept: no space left on device")
				if entries, _ := filepath.Glob(filepath.Join(s.o.State, ".tmp-*")); len(entries) > 0 {
					t.Errorf("half-written files are left: %q", entries)
				}

				// A start in between has what was kept, and takes what lies there.
				must(t, os.Rename(s.dir, s.dir+"-away"))
				s.start()
				s.want(map[string]string{"malware/a.txt": "one\n"})
				must(t, os.Rename(s.dir+"-away", s.dir))
				s.start()
				s.want(want)
				s.wantWarning("last good versions cannot be kept: no space left on device")

				give()
				s.again()
				s.wantWarning("")
				must(t, os.Rename(s.dir, s.dir+"-away"))
				s.start()
				s.want(want)
			})
		}
	})
}

// TestReadOnlyState is a state that nothing can be written to from the start on.
func TestReadOnlyState(t *testing.T) {
	isolated(t, func(t *testing.T) {
		s := newStage(t).thaws()
		disk(t, s.o.State, 64<<10)
		s.write("malware/a.txt", "one\n")
		s.start()
		s.rested()
		if err := unix.Mount("none", s.o.State, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Skipf("a disk cannot be made read-only here: %v", err)
		}
		s.start()
		s.want(map[string]string{"malware/a.txt": "one\n"})
		s.wantWarning("")
		s.move("malware/a.txt", "two\n")
		s.glance()
		s.want(map[string]string{"malware/a.txt": "two\n"})
		s.wantWarning("last good versions cannot be kept: read-only file system")
	})
}

// TestInotifyLimits: where the kernel watches no more, it is said, and the looks
// find what was dropped; once it does, changes are noticed again.
func TestInotifyLimits(t *testing.T) {
	isolated(t, func(t *testing.T) {
		for limit, value := range map[string]string{"max_inotify_instances": "0", "max_inotify_watches": "1"} {
			t.Run(limit, func(t *testing.T) {
				path := "/proc/sys/user/" + limit
				was, err := os.ReadFile(path)
				if err != nil || os.WriteFile(path, []byte(value), 0) != nil {
					t.Skipf("%s cannot be set here: %v", path, err)
				}
				lift := func() { os.WriteFile(path, was, 0) }
				defer lift()

				s := newStage(t)
				s.run()
				poll(t, func() bool { return len(s.f.Warnings()) > 0 })
				s.wantWarning(s.dir + ": changes are found by a look every 30s only: ")
				s.write("malware/a.txt", "one\n")
				s.look("") // in the place of waiting for half a minute
				s.want(map[string]string{"malware/a.txt": "one\n"})
			})
		}
	})
}

// TestWatchingGoesOn: the limit that was met at the start is lifted, and the next
// look finds somebody who notices.
func TestWatchingGoesOn(t *testing.T) {
	s := newStage(t)
	s.o.Settle = 0
	s.start()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	asked := 0
	events := make(chan fsnotify.Event)
	wg.Go(func() {
		s.f.follow(ctx, notices{again: func() notices { asked++; return notices{events: events} }})
	})
	s.write("malware/a.txt", "one\n")
	events <- fsnotify.Event{Name: s.path("malware/a.txt"), Op: fsnotify.Create}
	s.soon(map[string]string{"malware/a.txt": "one\n"})
	cancel()
	wg.Wait()
	if asked != 1 {
		t.Errorf("somebody who notices was looked for %d times, want once", asked)
	}
}

// TestRealOverflow has more happen than the kernel's queue holds, while nobody
// takes anything out of it: what was dropped behind that is found at once.
func TestRealOverflow(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	most, err2 := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || err2 != nil || most > 100_000 {
		t.Skipf("the kernel's queue of events is %q (%v); want one that can be filled", text, err)
	}
	s := newStage(t)
	s.run()
	s.write("malware/a.txt", "one\n")
	s.soon(map[string]string{"malware/a.txt": "one\n"})

	s.f.look.Lock() // whoever follows waits here, and the queue fills
	for range most + most/4 {
		must(t, os.WriteFile(s.path("malware/.x"), nil, 0o600))
		must(t, os.Remove(s.path("malware/.x")))
	}
	s.mkdir("c2") // of which no event is left, and so nobody would watch it
	s.move("c2/b.txt", "two\n")
	s.f.look.Unlock()
	s.soon(map[string]string{"malware/a.txt": "one\n", "c2/b.txt": "two\n"})
	s.move("c2/c.txt", "three\n")
	s.soon(map[string]string{"malware/a.txt": "one\n", "c2/b.txt": "two\n", "c2/c.txt": "three\n"})
}

// TestFolderComesAndGoes does so under a process that follows it: what was in
// force stays, and what lies in it when it is back is noticed as before.
func TestFolderComesAndGoes(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.run()
	want := map[string]string{}
	for i := range 2 {
		text := fmt.Sprintf("%d\n", i)
		s.move("malware/a.txt", text)
		want["malware/a.txt"] = text
		s.soon(want)
		must(t, os.Rename(s.dir, s.dir+"-away"))
		poll(t, func() bool { return len(s.f.Warnings()) > 0 })
		s.wantWarning(s.dir + ": is not there; want a folder; the last good versions of 1 files with 1 entries stay in force")
		s.want(want)
		must(t, os.Rename(s.dir+"-away", s.dir))
		poll(t, func() bool { return len(s.f.Warnings()) == 0 })
		s.wantWarning("")
	}
}

// TestOneByOne: thousands of files that come one by one, their copies on the disk
// included, are in force soon after the last one.
func TestOneByOne(t *testing.T) {
	t.Parallel()
	s := newStage(t).thaws()
	s.run()
	want := s.many(2_000)
	s.soon(want)
	s.f.look.Lock() // the copies, too, are on the disk then
	applies := s.applies
	s.f.look.Unlock()
	s.wantWarning("")
	if applies > 100 {
		t.Errorf("it took %d sets, want a few", applies)
	}
	clear(s.reads)
	s.start()
	s.want(want)
	if n := len(s.reads); n > 0 {
		t.Errorf("%d of them were judged again at a start", n)
	}
}
