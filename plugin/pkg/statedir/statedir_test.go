package statedir

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestOpenMakesAndLocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := st.Mode().Perm() &^ 0o750; got != 0 {
		t.Errorf("mode %v has %v more than 0750", st.Mode(), got)
	}
	if d.Path() != path || d.Join("keys", "node.key") != filepath.Join(path, "keys", "node.key") {
		t.Errorf("got path %q and %q", d.Path(), d.Join("keys", "node.key"))
	}

	// flock(2) belongs to the open file, so a second Open in this process is
	// refused as one in another process is.
	_, err = Open(path)
	want := "state " + path + ": in use by another process; stop it, or give this one a state of its own (state DIR)"
	if err == nil || err.Error() != want {
		t.Errorf("opened twice: got %v, want %s", err, want)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	again.Close()
}

// lockedEnv names a directory: this test binary locks it and waits to be ended.
const lockedEnv = "STATEDIR_TEST_LOCK"

func TestMain(m *testing.M) {
	path := os.Getenv(lockedEnv)
	if path == "" {
		os.Exit(m.Run())
	}
	if _, err := Open(path); err != nil {
		os.Stdout.WriteString(err.Error())
		os.Exit(1)
	}
	os.Stdout.WriteString("locked\n")
	select {}
}

// TestLockDiesWithItsProcess: a process that is killed leaves nothing to clean.
func TestLockDiesWithItsProcess(t *testing.T) {
	path := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), lockedEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 256)
	n, _ := out.Read(said)
	if got := string(said[:n]); got != "locked\n" {
		cmd.Process.Kill()
		cmd.Wait()
		t.Fatalf("the other process said %q", got)
	}
	if d, err := Open(path); err == nil {
		d.Close()
		t.Error("opened while another process holds it")
	}
	cmd.Process.Kill()
	cmd.Wait()
	d, err := Open(path)
	if err != nil {
		t.Fatalf("the other process is gone: %v", err)
	}
	d.Close()
}

func TestOpenRefusals(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	write(t, file, "x")
	linked := filepath.Join(dir, "linked")
	if err := os.Mkdir(linked, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, filepath.Join(linked, "lock")); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct{ path, want string }{
		"a file in the place of the directory": {file, "state " + file + ": cannot be made: not a directory; want a directory that user "},
		"a file in the way":                    {filepath.Join(file, "state"), "state " + filepath.Join(file, "state") + ": cannot be made: not a directory; want a directory that user "},
		"a lock that leads elsewhere":          {linked, "state " + linked + ": cannot be locked: too many levels of symbolic links; want a directory that user "},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Open(row.path)
			if err == nil {
				d.Close()
				t.Fatal("no error")
			}
			if !strings.HasPrefix(err.Error(), row.want) {
				t.Errorf("got  %v\nwant %s...", err, row.want)
			}
		})
	}
	if got, _ := os.ReadFile(file); string(got) != "x" {
		t.Errorf("what the lock's link leads to was changed to %q", got)
	}
}

// TestOpenFile: nobody writes to the FIFO, so that who waits for it waits for good.
func TestOpenFile(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "text")
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFile(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if text, err := io.ReadAll(f); string(text) != "text" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
	for name, want := range map[string]error{"fifo": errNotRegular, ".": errNotRegular, "none": fs.ErrNotExist} {
		if _, err := OpenFile(filepath.Join(dir, name)); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, row := range []struct {
		data string
		mode fs.FileMode
	}{{"one", 0o640}, {"", 0o600}, {strings.Repeat("long", 1<<18), 0o400}, {"after one that nobody may write", 0o444}} {
		if err := WriteFile(path, []byte(row.data), row.mode); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, []byte(row.data)) {
			t.Errorf("got %d octets, %v; want %d", len(got), err, len(row.data))
		}
		if st, _ := os.Stat(path); st.Mode().Perm() != row.mode {
			t.Errorf("got mode %v, want %v", st.Mode().Perm(), row.mode)
		}
	}
	wantFiles(t, dir, "f")
}

// TestWriteFileKeepsReaders: one who has the old file open reads on in it, and
// nobody ever finds half a file.
func TestWriteFileKeepsReaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := WriteFile(path, []byte("the old one"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := WriteFile(path, []byte("the new one"), 0o644); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 64)
	if n, _ := f.Read(got); string(got[:n]) != "the old one" {
		t.Errorf("one who reads got %q", got[:n])
	}
}

// TestFaults: when a step fails, the old file stays and no temporary one does.
func TestFaults(t *testing.T) {
	t.Run("no directory", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "gone", "f")
		if err := WriteFile(path, []byte("x"), 0o600); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v, want %v", err, fs.ErrNotExist)
		}
	})
	t.Run("a folder in the place of the file", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "f")
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(path, "inside"), "x")
		if err := WriteFile(path, []byte("x"), 0o600); err == nil {
			t.Error("no error")
		}
		wantFiles(t, dir, "f")
	})
	t.Run("the temporary file fails", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "f")
		write(t, path, "the old one")
		f, err := CreateTemp(dir, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		f.Close() // what a failing disk does to it, as far as Commit can tell
		if err := Commit(f, path); err == nil {
			t.Error("no error")
		}
		if got, _ := os.ReadFile(path); string(got) != "the old one" {
			t.Errorf("got %q, want the old one", got)
		}
		wantFiles(t, dir, "f")
	})
	t.Run("given up", func(t *testing.T) {
		dir := t.TempDir()
		f, err := CreateTemp(dir, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		Discard(f)
		wantFiles(t, dir)
	})
}

// TestSweep removes what was left half written, and nothing else.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".tmp-1234", "f", "f.tmp-1", ".hidden"} {
		write(t, filepath.Join(dir, name), "x")
	}
	if err := os.Mkdir(filepath.Join(dir, ".tmp-folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "f"), filepath.Join(dir, ".tmp-link")); err != nil {
		t.Fatal(err)
	}
	Sweep(dir)
	wantFiles(t, dir, ".hidden", ".tmp-folder", ".tmp-link", "f", "f.tmp-1")
	Sweep(filepath.Join(dir, "gone")) // nothing to do, nothing to say
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("the directory holds %q, want %q", got, want)
	}
}
