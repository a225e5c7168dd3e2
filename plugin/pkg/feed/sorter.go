package feed

import (
	"bufio"
	"bytes"
	"container/heap"
	"io"
	"os"
	"slices"
)

// sorter gives lines back sorted, each once, in memory that does not depend on
// how many there are: what is over is sorted and spilled to a file without a
// name. 70 MB, a million records, are nine such runs.
type sorter struct {
	dir   string // for the runs
	room  int    // octets in memory
	text  []byte
	lines []span
	runs  []*os.File
	added int64 // octets
}

type span struct{ at, end int }

const sortRoom = 8 << 20 // octets

func newSorter(dir string) *sorter { return &sorter{dir: dir, room: sortRoom} }

// add takes a line.
func (s *sorter) add(line []byte) error {
	at := len(s.text)
	s.text = append(s.text, line...)
	s.lines = append(s.lines, span{at, len(s.text)})
	s.added += int64(len(line)) + 1
	if len(s.text) < s.room {
		return nil
	}
	return s.spill()
}

func (s *sorter) sort() {
	slices.SortFunc(s.lines, func(a, b span) int { return bytes.Compare(s.text[a.at:a.end], s.text[b.at:b.end]) })
}

func (s *sorter) spill() error {
	f, err := os.CreateTemp(s.dir, ".run-*.tmp")
	if err != nil {
		return err
	}
	os.Remove(f.Name()) // it is ours alone, and gone with us
	s.runs = append(s.runs, f)
	s.sort()
	w := bufio.NewWriterSize(f, 256<<10)
	for _, l := range s.lines {
		w.Write(s.text[l.at:l.end])
		w.WriteByte('\n')
	}
	s.text, s.lines = s.text[:0], s.lines[:0]
	return w.Flush()
}

// each calls f with every line, in order. f must not keep it.
func (s *sorter) each(f func(line []byte) error) error {
	if len(s.runs) > 0 && len(s.lines) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	var last []byte
	once := func(line []byte) error {
		if last != nil && bytes.Equal(line, last) {
			return nil
		}
		last = append(last[:0], line...)
		return f(line)
	}
	if len(s.runs) > 0 {
		return s.merge(once)
	}
	s.sort()
	for _, l := range s.lines {
		if err := once(s.text[l.at:l.end]); err != nil {
			return err
		}
	}
	return nil
}

// merge reads all runs side by side.
func (s *sorter) merge(f func(line []byte) error) error {
	var h runs
	for _, file := range s.runs {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		r := newLines(file)
		if r.Scan() {
			h = append(h, r)
		} else if r.Err() != nil {
			return r.Err()
		}
	}
	heap.Init(&h)
	for len(h) > 0 {
		if err := f(h[0].Bytes()); err != nil {
			return err
		}
		if h[0].Scan() {
			heap.Fix(&h, 0)
		} else if err := h[0].Err(); err != nil {
			return err
		} else {
			heap.Pop(&h)
		}
	}
	return nil
}

// newLines reads lines of any length that we write.
func newLines(r io.Reader) *bufio.Scanner {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	s.Split(scanLine)
	return s
}

// scanLine is bufio.ScanLines, but a line may end in a carriage return, and one
// without an end is none of ours.
func scanLine(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return 0, nil, nil
}

func (s *sorter) close() {
	for _, f := range s.runs {
		f.Close()
	}
}

// runs is a heap of readers, by the line that they stand at.
type runs []*bufio.Scanner

func (h runs) Len() int           { return len(h) }
func (h runs) Less(i, j int) bool { return bytes.Compare(h[i].Bytes(), h[j].Bytes()) < 0 }
func (h runs) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *runs) Push(x any)        { *h = append(*h, x.(*bufio.Scanner)) }
func (h *runs) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
