package index

import (
	"errors"
	"fmt"
	"os"
)

// spill keeps chunks of octets aside: in a file without a name, or in memory.
type spill struct {
	dir  string
	file *os.File
	size int64
	held [][]byte
}

// chunk is a place in a spill.
type chunk struct {
	at int64 // in the file, or which of held
	n  int
}

// write puts b aside. What comes back is b to be used again, or nil when it was
// kept as it is.
func (s *spill) write(b []byte) (chunk, []byte, error) {
	if s.dir == "" {
		s.held = append(s.held, b)
		return chunk{int64(len(s.held) - 1), len(b)}, nil, nil
	}
	if s.file == nil {
		f, err := nameless(s.dir)
		if err != nil {
			return chunk{}, b, err
		}
		s.file = f
	}
	c := chunk{s.size, len(b)}
	if _, err := s.file.WriteAt(b, s.size); err != nil {
		return chunk{}, b, err
	}
	s.size += int64(len(b))
	return c, b[:0], nil
}

// append reads a chunk back.
func (s *spill) append(dst []byte, c chunk) ([]byte, error) {
	if s.dir == "" {
		return append(dst, s.held[c.at]...), nil
	}
	n := len(dst)
	dst = append(dst, make([]byte, c.n)...)
	_, err := s.file.ReadAt(dst[n:], c.at)
	return dst, err
}

// forget lets a chunk go that is not read again; a file keeps it.
func (s *spill) forget(c chunk) {
	if s.dir == "" {
		s.held[c.at] = nil
	}
}

func (s *spill) close() {
	if s.file != nil {
		s.file.Close()
	}
	s.file, s.held = nil, nil
}

// stream is a section of the result that grows in a spill.
type stream struct {
	spill  *spill
	buf    []byte
	chunks []chunk
	size   int
	crc    uint32
}

// streamChunk is what a stream writes at once, in octets.
const streamChunk = 64 << 10

func (s *stream) write(b []byte) error {
	s.size += len(b)
	s.crc = sum(s.crc, b)
	if s.buf = append(s.buf, b...); len(s.buf) < streamChunk {
		return nil
	}
	c, buf, err := s.spill.write(s.buf)
	s.chunks, s.buf = append(s.chunks, c), buf
	return err
}

// each calls f for the parts of the stream, in order.
func (s *stream) each(f func([]byte) error) (err error) {
	var buf []byte
	for _, c := range s.chunks {
		if buf, err = s.spill.append(buf[:0], c); err != nil {
			return err
		}
		s.spill.forget(c)
		if err = f(buf); err != nil {
			return err
		}
	}
	return f(s.buf)
}

// nameless makes a file that is gone when it is closed.
func nameless(dir string) (*os.File, error) {
	if f, err := tmpfile(dir); !errors.Is(err, errors.ErrUnsupported) {
		return f, err
	}
	f, err := os.CreateTemp(dir, ".index-*.tmp")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return f, nil
}
