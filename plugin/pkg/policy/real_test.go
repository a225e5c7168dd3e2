package policy

import (
	"io"
	"os"
	"testing"
)

func BenchmarkBuildReal(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		p, err := Build(Config{}, []File{{Name: "c2/a.txt", Entries: 1000000, Open: func() (io.ReadCloser, error) {
			return os.Open("../../../../shared/lists/plain/real-million.txt.zst")
		}}})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(p.Stats().Bytes)/float64(p.Stats().Names), "octets/name")
	}
}
