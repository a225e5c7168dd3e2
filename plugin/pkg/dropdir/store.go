package dropdir

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"sinkhole/plugin/pkg/statedir"
)

// store is the folder of last good versions in the state: the octets of each
// file and part under their SHA-256, and an index that says which file they
// belong to (index.go). A copy is written before the index names it and removed
// after, so that the index is true whenever the power goes.
type store struct{ dir string }

const (
	// Lists are nobody's secret, but opt-outs are subscribers' addresses.
	copyMode = 0o600
	dirMode  = 0o700

	// sumLen is a SHA-256 in hexadecimal.
	sumLen = 64

	// maxIndex bounds the index, in octets: a hundred thousand files with the
	// longest of names.
	maxIndex = 512 << 20

	// A copy that no index names may belong to one that is about to be written:
	// during a reload two generations share the state.
	strayAfter = 10 * time.Minute
)

var errNoState = errors.New("no state")

func (s store) path(name string) string { return filepath.Join(s.dir, name) }

// open opens the copy of the octets with this hash.
func (s store) open(sum string) (*os.File, error) {
	if s.dir == "" {
		return nil, errNoState
	}
	return statedir.OpenFile(s.path(sum))
}

func (s store) has(sum string) bool {
	if s.dir == "" {
		return false
	}
	info, err := os.Lstat(s.path(sum))
	return err == nil && info.Mode().IsRegular()
}

// put keeps the octets of r, which must have this hash. It does not wait for the
// disk, for what came should be in force first: sync does, before the index names
// the copy.
func (s store) put(r io.Reader, sum string) error {
	if s.has(sum) {
		return nil
	}
	if err := os.MkdirAll(s.dir, dirMode); err != nil {
		return err
	}
	f, err := statedir.CreateTemp(s.dir, copyMode)
	if err != nil {
		return err
	}
	wrote, err := sumOf(io.TeeReader(r, f))
	if err == nil && wrote != sum {
		err = errChanged
	}
	if err == nil {
		err = os.Rename(f.Name(), s.path(sum))
	}
	if err != nil {
		statedir.Discard(f)
		return err
	}
	return f.Close()
}

// sync waits until the copies are on the disk.
func (s store) sync(sums []string) error {
	if len(sums) >= manyCopies {
		return syncAll(s.dir)
	}
	for _, sum := range sums {
		f, err := s.open(sum)
		if err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s store) drop(sum string) { os.Remove(s.path(sum)) }

// save replaces the index.
func (s store) save(x index) error {
	if err := os.MkdirAll(s.dir, dirMode); err != nil {
		return err
	}
	text, err := x.format()
	if err != nil {
		return err
	}
	return statedir.WriteFile(s.path(indexName), text, copyMode)
}

// load reads the index. What is broken is as if it were not there.
func (s store) load() (x index, err error) {
	f, err := statedir.OpenFile(s.path(indexName))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return x, nil
	}
	if err != nil {
		return x, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxIndex))
	if err != nil {
		return x, err
	}
	return parseIndex(text)
}

// sweep removes what the index does not name.
func (s store) sweep(named map[string]bool, now time.Time) {
	entries, _ := os.ReadDir(s.dir)
	for _, e := range entries {
		if named[e.Name()] || e.Name() == indexName {
			continue
		}
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && now.Sub(info.ModTime()) > strayAfter {
			os.Remove(s.path(e.Name()))
		}
	}
}

// sound: there is a copy, and it holds what its name says.
func (s store) sound(sum string) bool {
	file, err := s.open(sum)
	if err != nil {
		return false
	}
	defer file.Close()
	is, err := sumOf(file)
	return err == nil && is == sum
}
