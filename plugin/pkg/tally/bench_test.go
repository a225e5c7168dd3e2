package tally

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"sinkhole/plugin/pkg/subscriber"
)

// someLine is the i-th of many lines, IPv4 ones of 10.0.0.0/8.
func someLine(i int) subscriber.Line {
	return 0xff04<<48 | subscriber.Line(10<<24|i&0xffffff)<<16
}

// BenchmarkCount counts in a table that stays in the cache, and in one that does
// not. Lines come in random order.
func BenchmarkCount(b *testing.B) {
	for _, lines := range []int{1_000, 50_000, 1_000_000} {
		b.Run(fmt.Sprintf("%d lines", lines), func(b *testing.B) {
			t := New(int64(lines) * lineCost)
			order := make([]subscriber.Line, 1<<20)
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range order {
				order[i] = someLine(rng.IntN(lines))
			}
			for i := range lines {
				t.Count(someLine(i), 0, false, someDay)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				t.Count(order[i%len(order)], uint64(i), false, someDay+Pane(i>>22))
			}
		})
	}
}

// BenchmarkCountStrangers counts what a spoofed flood adds: lines that are not
// there, in full buckets.
func BenchmarkCountStrangers(b *testing.B) {
	t := New(64 << 20)
	for i := range 4_000_000 {
		t.Count(someLine(i), 0, false, someDay)
		t.Count(someLine(i), 0, false, someDay)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		t.Count(subscriber.Line(0xff04<<48|rng.Uint64N(1<<32)<<16), uint64(i), false, someDay)
	}
}

// BenchmarkCountPromoted counts lines that have records.
func BenchmarkCountPromoted(b *testing.B) {
	t := New(64 << 20)
	for i := range 10_000 {
		for range promoteAt {
			t.Count(someLine(i), 0, false, someDay)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		t.Count(someLine(rng.IntN(10_000)), uint64(i), false, someDay)
	}
}

func BenchmarkHit(b *testing.B) {
	t := New(1 << 20)
	name := []byte("c2.example")
	b.ReportAllocs()
	for i := range b.N {
		t.Hit(someLine(i&63), "c2", name, 100, false, someDay)
	}
}

const someDay = 20_500 * Day
