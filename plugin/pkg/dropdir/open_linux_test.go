package dropdir

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What lies there and is no regular file inside the folder is named and refused,
// without waiting for anything and without a look at what it leads to.
func TestNoRegularFile(t *testing.T) {
	s := newStage(t)
	outside := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(outside, []byte("root\n"), 0o600))
	s.write("malware/real.txt", "one\n")
	s.mkdir("malware/sub")

	must(t, unix.Mkfifo(s.path("malware/fifo.txt"), 0o644))
	ln, err := net.Listen("unix", s.path("s.txt"))
	must(t, err)
	defer ln.Close()
	for name, target := range map[string]string{
		"abs-out.txt":  outside,
		"rel-out.txt":  relativeTo(t, s.path("malware"), outside),
		"etc.txt":      "/etc/hostname",
		"proc.txt":     "/proc/self/environ",
		"dangling.txt": "nothing",
		"circle.txt":   "circle.txt",
		"folder.txt":   "sub",
		"device.txt":   "/dev/zero",
		"to-fifo.txt":  "fifo.txt",
		"inside.txt":   "real.txt",
		"abs-in.txt":   s.path("malware/real.txt"),
		"up-in.txt":    "../malware/real.txt",
	} {
		must(t, os.Symlink(target, s.path("malware/"+name)))
	}
	s.start()
	s.want(map[string]string{
		"malware/real.txt": "one\n", "malware/inside.txt": "one\n", "malware/abs-in.txt": "one\n", "malware/up-in.txt": "one\n",
	})
	const out = "a link that leads out of the folder, or in a circle; want a regular file inside the folder"
	for name, why := range map[string]string{
		"malware/abs-out.txt":  out,
		"malware/rel-out.txt":  out,
		"malware/etc.txt":      out,
		"malware/proc.txt":     out,
		"malware/device.txt":   out,
		"malware/circle.txt":   out,
		"malware/dangling.txt": "a link that leads to nothing; want a regular file inside the folder",
		"malware/folder.txt":   "a link to a folder; want a regular file",
		"malware/to-fifo.txt":  "a FIFO; want a regular file",
	} {
		s.wantFile(name, Refused, why)
	}

	for _, name := range []string{"malware/fifo.txt", "s.txt"} {
		s.wantFile(name, "", "") // passed over
	}

	// In the place of a file that was in force it is as if the file were gone; a
	// link to it still is one that must lead to a file.
	s.remove("malware/real.txt")
	must(t, unix.Mkfifo(s.path("malware/real.txt"), 0o644))
	s.glance()
	s.wantFile("malware/real.txt", "", "")
	s.wantFile("malware/inside.txt", LastGood, "a FIFO; want a regular file")
	s.remove("malware/real.txt")
	s.mkdir("malware/real.txt")
	s.glance()
	s.wantFile("malware/real.txt", "", "")
}

// TestMountedFolder is a ConfigMap whose keys have folders, and its update.
func TestMountedFolder(t *testing.T) {
	s := newStage(t)
	s.mkdir("..1/malware")
	s.write("..1/malware/a.txt", "one\n")
	must(t, os.Symlink("..1", s.path("..data")))
	must(t, os.Symlink("..data/malware", s.path("mounted")))
	must(t, os.Symlink("mounted", s.path("again"))) // the same files twice: not followed
	must(t, os.Symlink(".", s.path("circle")))
	s.start()
	s.want(map[string]string{"mounted/a.txt": "one\n"})

	s.mkdir("..2/malware")
	s.write("..2/malware/a.txt", "two\n")
	s.write("..2/malware/b.txt", "three\n")
	s.old(s.path("..2/malware/a.txt"))
	s.old(s.path("..2/malware/b.txt"))
	must(t, os.Symlink("..2", s.path("..data_tmp")))
	must(t, os.Rename(s.path("..data_tmp"), s.path("..data")))
	s.glance()
	s.want(map[string]string{"mounted/a.txt": "two\n", "mounted/b.txt": "three\n"})
}

func TestDevice(t *testing.T) {
	s := newStage(t)
	if err := unix.Mknod(s.path("zero.txt"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))); err != nil {
		t.Skipf("a device cannot be made here: %v; want root", err)
	}
	s.start()
	s.wantFile("zero.txt", "", "")
}

func relativeTo(t *testing.T, dir, path string) string {
	t.Helper()
	rel, err := filepath.Rel(dir, path)
	must(t, err)
	return rel
}

// A link is followed from the folder's own descriptor: when a part of the way
// has become a link that leads out, nothing is opened.
func TestPartOfTheWayIsSwapped(t *testing.T) {
	s := newStage(t)
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "a.txt"), []byte("secret\n"), 0o644))
	s.write("malware/a.txt", "one\n")
	dir, err := openFolder(s.dir)
	must(t, err)
	defer dir.root.Close()
	s.remove("malware")
	must(t, os.Symlink(outside, s.path("malware")))
	if file, _, err := dir.open("malware/a.txt"); err == nil {
		file.Close()
		t.Error("a file outside was opened")
	}
}

// unprivileged runs f as somebody who is not root: root reads everything.
func unprivileged(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	const nobody = 65534
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(t, unix.Setfsuid(nobody))
	defer unix.Setfsuid(0)
	f()
}

func TestNoPermission(t *testing.T) {
	s := newStage(t)
	must(t, os.Chmod(filepath.Dir(filepath.Dir(s.dir)), 0o755)) // t.TempDir's is 0700
	s.o.State = ""
	s.mkdir("c2")
	s.write("malware/a.txt", "one\n")
	s.write("malware/b.txt", "two\n")
	s.write("c2/c.txt", "three\n")
	s.start()

	// A file that cannot be read: its last good version stays.
	s.write("malware/a.txt", "four\n")
	must(t, os.Chmod(s.path("malware/a.txt"), 0))
	must(t, os.Chmod(s.path("malware/b.txt"), 0)) // its octets are known
	unprivileged(t, func() { s.look("") })
	s.want(map[string]string{"malware/a.txt": "one\n", "malware/b.txt": "two\n", "c2/c.txt": "three\n"})
	s.wantFile("malware/a.txt", LastGood, "cannot be read: permission denied")
	s.wantFile("malware/b.txt", LastGood, "cannot be read: permission denied")

	// A folder that cannot be read is not a folder without files.
	must(t, os.Chmod(s.path("c2"), 0))
	unprivileged(t, func() { s.look("") })
	s.want(map[string]string{"malware/a.txt": "one\n", "malware/b.txt": "two\n", "c2/c.txt": "three\n"})
	s.wantWarning(s.dir + "/c2: cannot be read: permission denied; what was in force from there stays")

	must(t, os.Chmod(s.path("c2"), 0o755))
	must(t, os.Chmod(s.path("malware/a.txt"), 0o644))
	must(t, os.Chmod(s.path("malware/b.txt"), 0o644))
	unprivileged(t, func() { s.look("") })
	s.want(map[string]string{"malware/a.txt": "four\n", "malware/b.txt": "two\n", "c2/c.txt": "three\n"})
	s.wantWarning("")

	// The whole folder.
	must(t, os.Chmod(s.dir, 0))
	unprivileged(t, func() { s.look("") })
	s.wantWarning(s.dir + ": cannot be read: permission denied; want a folder; the last good versions of 3 files with 3 entries stay in force")
	must(t, os.Chmod(s.dir, 0o755))
}

// TestTimeThatWasSetBack: a file of the same size that was given the time of the
// one before is another one all the same.
func TestTimeThatWasSetBack(t *testing.T) {
	s := newStage(t)
	s.write("malware/a.txt", "one\n")
	day := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	must(t, os.Chtimes(s.path("malware/a.txt"), day, day))
	s.start()
	s.write("malware/a.txt", "two\n")
	must(t, os.Chtimes(s.path("malware/a.txt"), day, day))
	s.look("")
	s.want(map[string]string{"malware/a.txt": "two\n"})
}
