package index

import (
	"bufio"
	"os"
	"path/filepath"
	"sync"

	"github.com/klauspost/compress/zstd"

	"sinkhole/plugin/pkg/dnsname"
)

// realMillion are the names of a million-name list that stands beside the
// repository on some machines, nil elsewhere: made-up names do not weigh, spread
// or compare like real ones.
var realMillion = sync.OnceValue(func() [][]byte {
	dir, err := os.Getwd()
	if err != nil {
		return nil
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		f, err := os.Open(filepath.Join(dir, "shared", "lists", "plain", "real-million.txt.zst"))
		if err == nil {
			defer f.Close()
			return wireNames(f)
		}
	}
	return nil
})

func wireNames(f *os.File) (names [][]byte) {
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil
	}
	defer z.Close()
	for lines := bufio.NewScanner(z); lines.Scan(); {
		if name, err := dnsname.AppendBytes(nil, lines.Bytes()); err == nil {
			names = append(names, name)
		}
	}
	return names
}
