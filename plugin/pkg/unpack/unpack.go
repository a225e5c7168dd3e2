// Package unpack gives the text of a file that may be packed, by gzip or zstd.
//
// What it is packed with is told by its first octets and not by its name. Packed
// parts that stand one behind the other are one text, as their own tools have it.
//
// # Bounds
//
//	text    what the caller says  more is ErrSize, and nothing of it is kept
//	window  128 MiB               of zstd, as its own tool (maxWindow)
//
// No goroutine is started, and memory is that of the decoder whatever the text
// comes to (TestBombs).
package unpack

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Reasons not to go on. What the disk does to a file is neither: it comes as it
// is, also from the middle of what is packed.
var (
	ErrBroken = errors.New("the compressed data is broken or cut off")
	ErrSize   = errors.New("over the size limit")
)

const (
	// maxWindow bounds the memory of the zstd decoder, in octets; the tool zstd
	// refuses more without being told, too.
	maxWindow = 128 << 20

	// readAhead is how much is read of the file at once, in octets.
	readAhead = 64 << 10
)

var (
	gzipMagic = []byte("\x1f\x8b")         // RFC 1952, section 2.3.1
	zstdMagic = []byte("\x28\xb5\x2f\xfd") // RFC 8878, section 3.1.1
)

// Reader is the text of file, of which maxSize octets may be read. release gives
// the decoder back; it is to be called once, and not beside Read.
func Reader(file io.Reader, maxSize int64) (text io.Reader, release func(), err error) {
	src := &source{r: file}
	in := bufio.NewReaderSize(src, readAhead)
	magic, err := in.Peek(len(zstdMagic))
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	release = func() {}
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, src.broken(err)
		}
		text = packed{z, src}
	case bytes.Equal(magic, zstdMagic) || skippable(magic):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, src.broken(err)
		}
		text, release = packed{z, src}, z.Close
	default:
		text = in
	}
	return &limited{r: text, left: maxSize, maxSize: maxSize}, release, nil
}

// skippable: a zstd frame that holds no data, as pzstd writes in front (RFC
// 8878, section 3.1.2).
func skippable(magic []byte) bool {
	return len(magic) == 4 && magic[0]&0xf0 == 0x50 && string(magic[1:]) == "\x2a\x4d\x18"
}

// source remembers what went wrong with the file itself.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// broken tells what stands in a file from what the disk did to it.
func (s *source) broken(err error) error {
	if s.err != nil {
		return s.err
	}
	return fmt.Errorf("%w: %v", ErrBroken, err)
}

// packed is a decoder whose refusals are ErrBroken.
type packed struct {
	decoder io.Reader
	src     *source
}

func (p packed) Read(b []byte) (int, error) {
	n, err := p.decoder.Read(b)
	if err != nil && err != io.EOF {
		err = p.src.broken(err)
	}
	return n, err
}

// limited refuses to read more than maxSize octets.
type limited struct {
	r             io.Reader
	left, maxSize int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, fmt.Errorf("%w of %d octets unpacked", ErrSize, l.maxSize)
	}
	return n, err
}
