package index

import (
	"bufio"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

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

// benchNames are the real names where there are any, shuffled as a list in use
// is: half to be listed, half not.
func benchNames(b *testing.B) (listed, strangers [][]byte) {
	b.Helper()
	names := realMillion()
	if names == nil {
		b.Log("no real names beside the repository; made-up ones instead")
		names = synthetic(1_000_000)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	strangers = make([][]byte, 200_000)
	for i := range strangers {
		strangers[i] = append([]byte("\x03www"), names[i]...)
	}
	return names, strangers
}

// BenchmarkFind asks a set and a map of all names for listed ones and for
// strangers, in an order that no cache foresees. The hash is part of the work.
func BenchmarkFind(b *testing.B) {
	names, strangers := benchNames(b)
	s := build(names)
	m := make(map[string]uint32, len(names))
	for i, n := range names {
		m[string(n)] = uint32(i)
	}
	asked := make([][]byte, len(strangers)) // copies: the bytes are not the set's own
	for i := range asked {
		asked[i] = append([]byte(nil), names[i]...)
	}
	for _, q := range []struct {
		what  string
		names [][]byte
	}{{"listed", asked}, {"stranger", strangers}} {
		b.Run("set/"+q.what, func(b *testing.B) {
			for i := range b.N {
				n := q.names[i%len(q.names)]
				s.Find(Hash(n), n)
			}
			b.ReportMetric(float64(s.Bytes())/float64(s.Len()), "octets/name")
		})
		b.Run("map/"+q.what, func(b *testing.B) {
			for i := range b.N {
				_ = m[string(q.names[i%len(q.names)])]
			}
		})
	}
}

// BenchmarkBuild builds a set of all names; an op is all of it.
func BenchmarkBuild(b *testing.B) {
	names, _ := benchNames(b)
	for what, hint := range map[string]int{"hinted": len(names), "grown": 0} {
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set := NewBuilder(hint)
				for _, n := range names {
					set.Add(n, 1)
				}
				set.Build()
			}
		})
	}
}
