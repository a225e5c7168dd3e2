package list

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"sinkhole/plugin/pkg/unpack"
)

// MaxLine is the longest line that is read, in octets without its end.
const MaxLine = 64 << 10

// bom is the byte order mark in UTF-8. It stands at the beginning of files, and
// of parts where files were put together.
var bom = []byte("\xef\xbb\xbf")

// eachLine opens the file, unpacks it and calls f for every line, less BOM and
// line end. Lines count from one. Of a line over MaxLine f gets the beginning,
// and long. check, where there is one, sees the beginning of the file first.
func eachLine(open Source, maxSize int64, check func(head []byte) error, f func(line int, text []byte, long bool)) error {
	file, err := open()
	if err != nil {
		return err
	}
	defer file.Close()
	text, release, err := unpack.Reader(file, maxSize)
	if err != nil {
		return err
	}
	defer release()

	in := bufio.NewReaderSize(text, MaxLine+len("\r\n"))
	if check != nil {
		head, err := in.Peek(in.Size())
		if err != nil && err != io.EOF {
			return err
		}
		if err := check(head); err != nil {
			return err
		}
	}
	for line := 1; ; line++ {
		text, err := in.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		if long {
			text = bytes.Clone(text[:maxText+len(bom)])
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = in.ReadSlice('\n')
			}
		}
		if err != nil && err != io.EOF {
			return err
		}
		if len(text) > 0 {
			text = bytes.TrimPrefix(bytes.TrimRight(text, "\r\n"), bom)
			f(line, text, long || len(text) > MaxLine)
		}
		if err == io.EOF {
			return nil
		}
	}
}
