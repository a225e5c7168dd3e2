// Package statedir is the directory that outlives the process: locked by one
// process, written whole or not at all.
package statedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Dir is a state directory that this process has locked.
type Dir struct {
	path string
	lock *os.File
}

// Open makes the directory when it is missing (mode 0750) and locks it against
// other processes until Close. The lock dies with the process.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o750); err != nil {
		return nil, fmt.Errorf("state %s: cannot be made: %w; want a directory that %s may write", path, errors.Unwrap(err), user())
	}
	name := filepath.Join(path, "lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o640)
	if err != nil {
		return nil, fmt.Errorf("state %s: cannot be locked: %w; want a directory that %s may write", path, errors.Unwrap(err), user())
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("state %s: in use by another process; stop it, or give this one a state of its own (state DIR)", path)
	}
	return &Dir{path: path, lock: f}, nil
}

// Path is the directory.
func (d *Dir) Path() string { return d.path }

// Join is a path below the directory.
func (d *Dir) Join(elem ...string) string {
	return filepath.Join(append([]string{d.path}, elem...)...)
}

// Close gives the lock back.
func (d *Dir) Close() error { return d.lock.Close() }

func user() string { return fmt.Sprintf("user %d", os.Geteuid()) }

// tempPrefix marks what WriteFile has not finished.
const tempPrefix = ".tmp-"

// WriteFile replaces the file at path by data: a reader sees the old one or the
// new one, also after a power cut (temporary file, fsync, rename, fsync of the
// directory). On failure the old file stays and no temporary one is left.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	f, err := CreateTemp(filepath.Dir(path), mode)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		Discard(f)
		return err
	}
	return Commit(f, path)
}

// CreateTemp opens a new temporary file in dir, for Commit or Discard.
func CreateTemp(dir string, mode fs.FileMode) (*os.File, error) {
	f, err := os.CreateTemp(dir, tempPrefix+"*")
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(mode); err != nil {
		Discard(f)
		return nil, err
	}
	return f, nil
}

// Commit makes the temporary file f the one at path, and closes it.
func Commit(f *os.File, path string) error {
	err := f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Discard removes the temporary file f.
func Discard(f *os.File) {
	f.Close()
	os.Remove(f.Name())
}

// OpenFile opens a file to read it. What is no regular file is not taken, and a
// FIFO in its place is not waited for.
func OpenFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errNotRegular}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

var errNotRegular = errors.New("no regular file")

// Sweep removes what an earlier process left half written in dir.
func Sweep(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) && e.Type().IsRegular() {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// SyncDir waits until the names in dir are on the disk.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
