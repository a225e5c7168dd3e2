package feed

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/statedir"
)

// base is the zone in the file, as it was when it was last read whole.
type base struct {
	soa     *dns.SOA
	line    []byte // that of the SOA
	records int
	sum     string // of what stands behind the head
	size    int64
	changed time.Time
}

// headText is what stands before the zone. It has a fixed length for a zone, a
// serial and a source, so that the sum can be written into it at the end.
func headText(zone string, serial uint32, source, sum string) string {
	return fmt.Sprintf("; %s: fetched by zone transfer, what is changed here is lost\n; serial %d from %s\n; sha256 %s\n",
		strings.TrimSuffix(zone, "."), serial, source, sum)
}

const headLines = 3

var (
	errNotOurs = errors.New("not as it was written")
	noSum      = strings.Repeat("0", 2*sha256.Size)
)

// readBase reads the file of a zone, in bounded memory. A file that is not there,
// or is not to the octet what we wrote, is errNotOurs or an error of the system.
func readBase(path, zone string) (*base, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(f, maxLine)
	serial, head, err := readHead(r, zone)
	if err != nil {
		return nil, err
	}
	line, err := r.Peek(maxLine) // of a shorter file, the whole
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line, err = bytes.Clone(line[:i]), nil
	}
	if err != nil {
		return nil, errNotOurs
	}
	soa, err := parseSOA(string(line), zone)
	if err != nil {
		return nil, err
	}
	if soa.Serial != serial {
		return nil, errNotOurs
	}
	sum, count := sha256.New(), &counter{}
	if _, err := io.Copy(io.MultiWriter(sum, count), r); err != nil {
		return nil, err
	}
	if hex.EncodeToString(sum.Sum(nil)) != head {
		return nil, errNotOurs
	}
	return &base{soa, line, count.lines, head, info.Size(), info.ModTime()}, nil
}

// readHead reads the head, and gives the serial and the sum in it.
func readHead(r *bufio.Reader, zone string) (serial uint32, sum string, err error) {
	var lines [headLines]string
	for i := range lines {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, "", errNotOurs
		}
		lines[i] = string(line)
	}
	said, source, _ := strings.Cut(strings.TrimSuffix(lines[1], "\n"), " from ")
	fmt.Sscanf(said, "; serial %d", &serial)
	sum = strings.TrimSuffix(strings.TrimPrefix(lines[2], "; sha256 "), "\n")
	if len(sum) != len(noSum) || strings.Join(lines[:], "") != headText(zone, serial, source, sum) {
		return 0, "", errNotOurs
	}
	return serial, sum, nil
}

func parseSOA(line, zone string) (*dns.SOA, error) {
	rr, err := dns.NewRR(line)
	soa, ok := rr.(*dns.SOA)
	if err != nil || !ok || soa.Hdr.Name != zone {
		return nil, errNotOurs
	}
	return soa, nil
}

// counter counts ends of lines.
type counter struct{ lines int }

func (c *counter) Write(b []byte) (int, error) {
	c.lines += bytes.Count(b, []byte{'\n'})
	return len(b), nil
}

// lines opens the file, and gives its lines behind the SOA's, and nil behind the
// last. end tells whether they were those of b.
func (b *base) lines(path string) (next func() ([]byte, error), end func() error, close func() error, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, nil, err
	}
	r := bufio.NewReaderSize(f, 256<<10)
	for range headLines {
		if _, err := r.ReadSlice('\n'); err != nil {
			f.Close()
			return nil, nil, nil, errNotOurs
		}
	}
	sum := sha256.New()
	s := newLines(io.TeeReader(r, sum))
	next = func() ([]byte, error) {
		if s.Scan() {
			return s.Bytes(), nil
		}
		return nil, s.Err()
	}
	end = func() error {
		if hex.EncodeToString(sum.Sum(nil)) != b.sum {
			return fmt.Errorf("%w: the file has changed", errMismatch)
		}
		return nil
	}
	if line, err := next(); err != nil || !bytes.Equal(line, b.line) {
		f.Close()
		return nil, nil, nil, fmt.Errorf("%w: the file has changed", errMismatch)
	}
	return next, end, f.Close, nil
}

// same: the file has not been touched since b was read.
func (b *base) same(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() == b.size && info.ModTime().Equal(b.changed)
}

// writer writes the file of a zone beside the one in force, under a name that
// package dropdir passes over.
type writer struct {
	path   string
	zone   string
	serial uint32
	source string
	max    int64

	f       *os.File
	w       *bufio.Writer
	sum     hash.Hash
	records int
	size    int64
}

// temporary is the pattern of a name that is none of a list yet.
func temporary(path string) string { return "." + filepath.Base(path) + ".*.tmp" }

func newWriter(path, zone string, serial uint32, source string, max int64) (*writer, error) {
	f, err := os.CreateTemp(filepath.Dir(path), temporary(path))
	if err != nil {
		return nil, err
	}
	w := &writer{path: path, zone: zone, serial: serial, source: source, max: max, f: f, sum: sha256.New()}
	w.w = bufio.NewWriterSize(io.MultiWriter(f, w.sum), 256<<10)
	_, err = f.WriteString(headText(zone, serial, source, noSum))
	if err != nil {
		w.discard()
		return nil, err
	}
	return w, nil
}

// line writes the line of one record.
func (w *writer) line(text []byte) error {
	if w.size += int64(len(text)) + 1; w.size > w.max {
		return fmt.Errorf("%w: %d octets", errSize, w.max)
	}
	w.records++
	w.w.Write(text)
	return w.w.WriteByte('\n')
}

// commit puts the file in force, unless it holds what old does, and gives back
// what the file holds.
func (w *writer) commit(soa *dns.SOA, soaLine []byte, old *base) (*base, error) {
	if err := w.w.Flush(); err != nil {
		return nil, err
	}
	sum := hex.EncodeToString(w.sum.Sum(nil))
	if old != nil && sum == old.sum && old.same(w.path) {
		return old, nil
	}
	if err := w.rename(sum); err != nil {
		return nil, err
	}
	info, err := os.Stat(w.path)
	if err != nil {
		return nil, err
	}
	return &base{soa, soaLine, w.records, sum, info.Size(), info.ModTime()}, nil
}

func (w *writer) rename(sum string) error {
	if _, err := w.f.WriteAt([]byte(headText(w.zone, w.serial, w.source, sum)), 0); err != nil {
		return err
	}
	if err := w.f.Chmod(0o644); err != nil { // a list is no secret of the server's user
		return err
	}
	return statedir.Commit(w.f, w.path)
}

// discard leaves nothing behind but what was committed.
func (w *writer) discard() {
	w.f.Close()
	os.Remove(w.f.Name())
}

// leftOver is how old a temporary file is that nobody writes to any more.
const leftOver = 2 * maxTransfer

// sweep removes what a process that was killed has left.
func sweep(path string, now time.Time) {
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), temporary(path)))
	if err != nil {
		return
	}
	for _, file := range left {
		if info, err := os.Lstat(file); err == nil && now.Sub(info.ModTime()) > leftOver {
			os.Remove(file)
		}
	}
}

// cause is what the operating system said, without operation and path.
func cause(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		return p.Err
	case errors.As(err, &l):
		return l.Err
	}
	return err
}
