package dropdir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// passedOver: names of files that are not finished, not meant, or not for us: a
// README, the Go file that embeds a folder. What is below a folder of such a name
// is passed over too.
func passedOver(name string) bool {
	if strings.HasPrefix(name, ".") {
		return true
	}
	for _, suffix := range []string{"~", ".tmp", ".part", ".partial", ".swp", ".new", ".bak", ".md", ".go"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// hidden: some part of the path is passed over.
func hidden(rel string) bool {
	for part := range strings.SplitSeq(rel, "/") {
		if passedOver(part) {
			return true
		}
	}
	return false
}

// folder is the folder as it is at one moment. What is opened in it is inside
// it, wherever links lead: os.Root follows them part by part from the folder's
// own descriptor, so nobody can swap a part for a link in between.
type folder struct {
	root *os.Root
	dir  string
}

func openFolder(dir string) (folder, error) {
	root, err := os.OpenRoot(dir)
	return folder{root, dir}, err
}

// stat tells what lies at rel, where a link leads to.
func (d folder) stat(rel string) (fs.FileInfo, error) {
	info, err := d.root.Stat(rel)
	if err == nil {
		return info, nil
	}
	if inside, ok := d.inside(rel); ok {
		return d.root.Stat(inside)
	}
	return nil, err
}

// inside is where an absolute link to a place inside the folder leads to;
// os.Root refuses all absolute links.
func (d folder) inside(rel string) (string, bool) {
	if info, err := d.root.Lstat(rel); err != nil || info.Mode().Type() != fs.ModeSymlink {
		return "", false
	}
	dir, err := resolved(d.dir)
	target, err2 := resolved(filepath.Join(d.dir, filepath.FromSlash(rel)))
	if err != nil || err2 != nil {
		return "", false
	}
	inside, err := filepath.Rel(dir, target)
	return inside, err == nil && filepath.IsLocal(inside)
}

func resolved(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// open opens the regular file at rel. A FIFO does not block it, and what is no
// regular file is not read; devices are not even opened, unless one comes
// between stat and open.
func (d folder) open(rel string) (*os.File, fs.FileInfo, error) {
	info, err := d.stat(rel)
	if err == nil {
		err = regular(info)
	}
	if err != nil {
		return nil, nil, err
	}
	const flags = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY
	file, err := d.root.OpenFile(rel, flags, 0)
	if err != nil {
		inside, ok := d.inside(rel)
		if !ok {
			return nil, nil, err
		}
		if file, err = d.root.OpenFile(inside, flags, 0); err != nil {
			return nil, nil, err
		}
	}
	info, err = file.Stat()
	if err == nil {
		err = regular(info)
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// notRegular says what lies there in the place of a file.
type notRegular fs.FileMode

func (e notRegular) Error() string {
	what := "no regular file"
	switch t := fs.FileMode(e); {
	case t&fs.ModeDir != 0:
		what = "a link to a folder"
	case t&fs.ModeNamedPipe != 0:
		what = "a FIFO"
	case t&fs.ModeSocket != 0:
		what = "a socket"
	case t&fs.ModeDevice != 0:
		what = "a device"
	}
	return what + "; want a regular file"
}

func regular(info fs.FileInfo) error {
	if t := info.Mode().Type(); t != 0 {
		return notRegular(t)
	}
	return nil
}

// whyNot says why something cannot be opened, in words that fit behind its name.
func whyNot(err error, link bool) string {
	var what notRegular
	switch {
	case errors.As(err, &what):
		return what.Error()
	case link && errors.Is(err, fs.ErrNotExist):
		return "a link that leads to nothing; want a regular file inside the folder"
	case link && !errors.Is(err, fs.ErrPermission):
		return "a link that leads out of the folder, or in a circle; want a regular file inside the folder"
	}
	return "cannot be read: " + cause(err)
}

// cause is an error less the path that is said already.
func cause(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}

// errChanged: the file is another than the one that was opened.
var errChanged = errors.New("it changes while it is read")

// opened is one version of a file, held open while it is judged: what takes the
// place of the file in the folder meanwhile does not matter.
type opened struct {
	file  *os.File
	info  fs.FileInfo
	pause func()
}

// reader reads the octets from the beginning; any number may be used at once.
func (v opened) reader(ctx context.Context) io.Reader {
	return &patient{ctx, io.NewSectionReader(v.file, 0, v.info.Size()), v.pause}
}

// unchanged: nobody has written to the file since it was opened.
func (v opened) unchanged() error {
	now, err := v.file.Stat()
	if err != nil {
		return err
	}
	if now.Size() != v.info.Size() || !now.ModTime().Equal(v.info.ModTime()) {
		return errChanged
	}
	return nil
}

// patient reads until ctx ends.
type patient struct {
	ctx   context.Context
	r     io.Reader
	pause func()
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	p.pause()
	return p.r.Read(b)
}

func sumOf(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), err
}

// proven reads a file to the end, and fails there when it was not the one with
// this hash.
type proven struct {
	file  *os.File
	h     hash.Hash
	sum   string
	fail  error // what it says then
	pause func()
}

func (p *proven) Read(b []byte) (int, error) {
	p.pause()
	n, err := p.file.Read(b)
	p.h.Write(b[:n])
	if err == io.EOF && hex.EncodeToString(p.h.Sum(nil)) != p.sum {
		return n, p.fail
	}
	return n, err
}

func (p *proven) Close() error { return p.file.Close() }

var errCopy = errors.New("its copy in the state is broken")

// openVersion opens the copy of accepted octets or, where there is none, the
// file itself if it still holds them.
func (f *Folder) openVersion(name, sum string) (io.ReadCloser, error) {
	if file, err := f.store.open(sum); err == nil {
		return &proven{file, sha256.New(), sum, fmt.Errorf("%s: %w", Printable(name), errCopy), f.o.Pause}, nil
	}
	dir, err := openFolder(f.o.Dir)
	if err != nil {
		return nil, err
	}
	defer dir.root.Close()
	file, _, err := dir.open(name)
	if err != nil {
		return nil, err
	}
	fail := fmt.Errorf("%s: its accepted version has no copy, and %w", Printable(path.Base(name)), errChanged)
	return &proven{file, sha256.New(), sum, fail, f.o.Pause}, nil
}

// openPart opens a part of an accepted version. One that was missing then is
// missing for it, whatever has come since.
func (f *Folder) openPart(c content, rel string) (io.ReadCloser, error) {
	for _, p := range c.found() {
		if string(p.Name) == rel {
			return f.openVersion(rel, p.Sum)
		}
	}
	return nil, &fs.PathError{Op: "open", Path: rel, Err: fs.ErrNotExist}
}

// exists: there is something of this name that a look would find.
func (f *Folder) exists(name string) bool {
	if hidden(name) {
		return false
	}
	dir, err := openFolder(f.o.Dir)
	if err != nil {
		return false
	}
	defer dir.root.Close()
	info, err := dir.root.Lstat(name)
	return err == nil && !info.IsDir()
}

type acceptError struct{ name string }

func (e *acceptError) Error() string {
	return fmt.Sprintf("%q: %v; want a name that status shows, or a path to it", e.name, ErrNoFile)
}

func (e *acceptError) Unwrap() error { return ErrNoFile }
