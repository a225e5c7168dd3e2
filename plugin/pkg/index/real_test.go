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

// TestReal finds every real name, and none of 400,000 that are near to one and
// not listed. It holds the size that the package comment gives.
func TestReal(t *testing.T) {
	names := realMillion()
	if names == nil {
		t.Skip("no real names beside the repository")
	}
	strangers := 400_000
	if raced {
		names, strangers = names[:100_000], 40_000
	}
	listed := make(map[string]uint32, len(names))
	b := NewBuilder(Options{Dir: t.TempDir()})
	for i, n := range names {
		listed[string(n)] = uint32(i % 4)
		if err := b.Add(n, uint32(i%4)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != len(listed) {
		t.Fatalf("Len %d, want %d", s.Len(), len(listed))
	}
	if per := float64(s.Bytes()) / float64(s.Len()); per > 12.5 {
		t.Errorf("%.2f octets a name, want at most 12", per)
	}
	for _, n := range names {
		if v, ok := s.Find(n); !ok || v != listed[string(n)] {
			t.Fatalf("%q: %d, %v; want %d", n, v, ok, listed[string(n)])
		}
	}
	r := rand.New(rand.NewPCG(4, 4))
	var near []byte
	for strangers > 0 {
		near = append(near[:0], names[r.IntN(len(names))]...)
		switch r.IntN(3) {
		case 0: // below it
			near = append([]byte{2, byte('a' + r.IntN(26)), byte('a' + r.IntN(26))}, near...)
		case 1: // another first label
			near[1+r.IntN(int(near[0]))] = byte('a' + r.IntN(26))
		case 2: // above it
			near = dnsname.Parent(near)
		}
		want, ok := listed[string(near)]
		if !ok {
			strangers--
		}
		if got, found := s.Find(near); got != want || found != ok {
			t.Fatalf("Find(%q): %d, %v; want %d, %v", near, got, found, want, ok)
		}
		met := 0
		for w := s.Walk(near); w.Next(); met++ {
			if int(w.Labels) > dnsname.Labels(near) {
				t.Fatalf("Walk(%q) meets %d labels", near, w.Labels)
			}
		}
		for p := near; p != nil; p = dnsname.Parent(p) {
			if _, ok := listed[string(p)]; ok {
				met--
			}
		}
		if met != 0 {
			t.Fatalf("Walk(%q) meets %d too many", near, met)
		}
	}
	n := 0
	for name, v := range s.All() {
		if want, ok := listed[string(name)]; v != want || !ok {
			t.Fatalf("All yields %q with %d", name, v)
		}
		n++
	}
	if n != len(listed) {
		t.Errorf("All yields %d names, want %d", n, len(listed))
	}
}
