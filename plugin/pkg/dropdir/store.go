package dropdir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"sinkhole/plugin/pkg/statedir"
)

// store is the folder of last good versions in the state: the octets of each
// under their SHA-256, and an index that says which file they belong to. A copy
// is written before the index names it and removed after, so that the index is
// true whenever the power goes.
//
//	index       sinkhole last good 1 SHA-256-OF-WHAT-FOLLOWS
//	            device NUMBER
//	            SHA-256 ENTRIES SECONDS-SINCE-1970 "NAME"
//	            ...
//	3f2a...     octets of one version
//
// Names of files hold any octet; in the index they are quoted as in Go.
type store struct{ dir string }

const (
	indexName  = "index"
	indexTitle = "sinkhole last good 1 "
	deviceWord = "device "

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

// kept is a line of the index.
type kept struct {
	name    string
	sum     string
	entries int
	time    time.Time
}

var errNoState = errors.New("no state")

func (s store) path(name string) string { return filepath.Join(s.dir, name) }

// open opens the copy of the octets with this hash.
func (s store) open(sum string) (*os.File, error) {
	if s.dir == "" {
		return nil, errNoState
	}
	return os.Open(s.path(sum))
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

// sync waits until the copy is on the disk.
func (s store) sync(sum string) error {
	f, err := s.open(sum)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func (s store) drop(sum string) { os.Remove(s.path(sum)) }

// save replaces the index.
func (s store) save(device uint64, all []kept) error {
	if err := os.MkdirAll(s.dir, dirMode); err != nil {
		return err
	}
	return statedir.WriteFile(s.path(indexName), formatIndex(device, all), copyMode)
}

// load reads the index. What is broken is as if it were not there.
func (s store) load() (device uint64, all []kept, err error) {
	f, err := os.Open(s.path(indexName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxIndex))
	if err != nil {
		return 0, nil, err
	}
	return parseIndex(text)
}

// sweep removes what no line of the index names.
func (s store) sweep(all []kept, now time.Time) {
	named := map[string]bool{indexName: true}
	for _, k := range all {
		named[k.sum] = true
	}
	entries, _ := os.ReadDir(s.dir)
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && !named[e.Name()] && info.Mode().IsRegular() && now.Sub(info.ModTime()) > strayAfter {
			os.Remove(s.path(e.Name()))
		}
	}
}

func formatIndex(device uint64, all []kept) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%d\n", deviceWord, device)
	for _, k := range all {
		fmt.Fprintf(&b, "%s %d %d %q\n", k.sum, k.entries, k.time.Unix(), k.name)
	}
	sum, _ := sumOf(bytes.NewReader(b.Bytes()))
	return append([]byte(indexTitle+sum+"\n"), b.Bytes()...)
}

var errIndex = errors.New("the index of last good versions is broken")

func parseIndex(text []byte) (device uint64, all []kept, err error) {
	head, rest, _ := bytes.Cut(text, []byte("\n"))
	sum, titled := bytes.CutPrefix(head, []byte(indexTitle))
	is, _ := sumOf(bytes.NewReader(rest))
	if !titled || is != string(sum) {
		return 0, nil, errIndex
	}
	for line := range strings.Lines(string(rest)) {
		line = strings.TrimSuffix(line, "\n")
		if number, ok := strings.CutPrefix(line, deviceWord); ok {
			if device, err = strconv.ParseUint(number, 10, 64); err != nil {
				return 0, nil, errIndex
			}
			continue
		}
		k, ok := parseKept(line)
		if !ok {
			return 0, nil, errIndex
		}
		all = append(all, k)
	}
	return device, all, nil
}

func parseKept(line string) (k kept, ok bool) {
	field := strings.SplitN(line, " ", 4)
	if len(field) != 4 || len(field[0]) != sumLen || strings.Trim(field[0], "0123456789abcdef") != "" {
		return k, false
	}
	var errs [3]error
	k.sum = field[0]
	k.entries, errs[0] = strconv.Atoi(field[1])
	seconds, err := strconv.ParseInt(field[2], 10, 64)
	k.time, errs[1] = time.Unix(seconds, 0), err
	k.name, errs[2] = strconv.Unquote(field[3])
	return k, errors.Join(errs[:]...) == nil && k.entries >= 0 && k.name != ""
}

// recall takes the last good versions from the state. A copy whose octets are
// not those that were accepted is as if it were not there.
func (f *Folder) recall() {
	if f.o.State == "" {
		return
	}
	device, all, err := f.store.load()
	f.stateErr, f.device, f.named = err, device, map[string]bool{}
	for _, k := range all {
		f.named[k.sum] = true
		if !f.o.Want(k.name) || hidden(k.name) {
			continue
		}
		if !f.store.sound(k.sum) {
			f.store.drop(k.sum)
			continue
		}
		v := f.version(k.name, newest{sum: k.sum, time: k.time, entries: k.entries})
		f.entries[k.name] = &entry{name: k.name, force: v, kept: v}
	}
	f.store.sweep(all, time.Now())
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

// copy keeps a version as it is judged. Without a copy it comes in force all the
// same; persist tries again.
func (f *Folder) copy(v io.Reader, sum string) {
	if f.o.State == "" || time.Now().Before(f.stateAgain) {
		return
	}
	f.stateFailed(f.store.put(v, sum))
}

// stateFailed notes that the state cannot be written to: a full disk is not
// asked again at every look.
func (f *Folder) stateFailed(err error) {
	switch {
	case err == nil, errors.Is(err, errChanged), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return
	}
	f.stateErr, f.stateAgain = err, time.Now().Add(walkEvery)
}

// persist brings the state up to what is in force: copies that are missing, then
// the index, then away with the copies that it does not name any more.
func (f *Folder) persist(ctx context.Context, dir folder) {
	if f.o.State == "" || f.applyErr != nil || time.Now().Before(f.stateAgain) {
		return
	}
	var missing bool
	var all []kept
	for _, e := range f.sorted() {
		if v := e.force; v != nil && (e.kept == nil || e.kept.SHA256 != v.SHA256) {
			if f.kept(ctx, dir, e) {
				e.kept, f.unsaved = v, true
			} else {
				missing = true
			}
		}
		if e.kept != nil {
			all = append(all, kept{e.name, e.kept.SHA256, e.kept.Entries, e.kept.Time})
		}
	}
	if !f.unsaved {
		return
	}
	if err := f.store.save(f.device, all); err != nil {
		f.stateFailed(err)
		return
	}
	f.unsaved = false
	if !missing {
		f.stateErr = nil
	}
	named := map[string]bool{}
	for _, k := range all {
		named[k.sum] = true
	}
	for sum := range f.named {
		if !named[sum] {
			f.store.drop(sum)
		}
	}
	f.named = named
}

// kept: the version in force has a copy on the disk.
func (f *Folder) kept(ctx context.Context, dir folder, e *entry) bool {
	sum := e.force.SHA256
	if !f.store.has(sum) && !f.copyAgain(ctx, dir, e) {
		return false
	}
	err := f.store.sync(sum)
	f.stateFailed(err)
	return err == nil
}

// copyAgain keeps a version that came in force without a copy, if its file is
// still there.
func (f *Folder) copyAgain(ctx context.Context, dir folder, e *entry) bool {
	if f.last.err != nil || e.seen.info == nil || e.newest.sum != e.force.SHA256 {
		return false
	}
	file, info, err := dir.open(e.name)
	if err != nil {
		return false
	}
	defer file.Close()
	err = f.store.put(opened{file, info}.reader(ctx), e.force.SHA256)
	f.stateFailed(err)
	return err == nil
}
