package subscriber

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow bounds the memory of the zstd decoder, in octets; the tool zstd
// refuses more without being told, too.
const maxWindow = 128 << 20

// unpack is the text of a file, packed or not, as its first octets say. release
// gives the decoder back.
func unpack(file io.Reader) (text io.Reader, release func(), err error) {
	in := bufio.NewReader(file)
	magic, err := in.Peek(4)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	release = func() {}
	switch {
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %v", ErrBroken, err)
		}
		text = packed{z}
	case bytes.Equal(magic, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %v", ErrBroken, err)
		}
		text, release = packed{z}, z.Close
	default:
		text = in
	}
	return &limited{text, MaxSize}, release, nil
}

// packed is a decoder whose refusals are ErrBroken.
type packed struct{ io.Reader }

func (p packed) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %v", ErrBroken, err)
	}
	return n, err
}

// limited refuses to read more than left octets.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, ErrSize
	}
	return n, err
}
