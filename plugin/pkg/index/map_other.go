//go:build !linux

package index

import (
	"errors"
	"io"
	"os"
)

// mapFile reads n octets of f.
func mapFile(_ *Set, f *os.File, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(io.NewSectionReader(f, 0, int64(n)), b)
	return b, err
}

func tmpfile(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func link(*os.File, string) error { return errors.ErrUnsupported }
