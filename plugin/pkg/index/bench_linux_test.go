package index

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// benchNames are n names: the real million where it is beside the repository,
// and else names with the first labels of two real ones put together.
func benchNames(b *testing.B, n int) [][]byte {
	real := realMillion()
	if real == nil {
		b.Log("no real names beside the repository; made-up ones instead")
		return synthetic(n)
	}
	if n == len(real) {
		return real
	}
	r := rand.New(rand.NewPCG(1, uint64(n)))
	seen, names := make(map[string]bool, n), make([][]byte, 0, n)
	for len(names) < n {
		one, two := real[r.IntN(len(real))], real[r.IntN(len(real))]
		head, tail := one[1:1+one[0]], two[1:1+two[0]]
		label := append(append([]byte{0}, head[:(len(head)+1)/2]...), tail[len(tail)/2:]...)
		label[0] = byte(len(label) - 1)
		name := append(label, one[1+one[0]:]...)
		if whole(name) && !seen[string(name)] {
			seen[string(name)] = true
			names = append(names, name)
		}
	}
	return names
}

// stranger is a name of four labels that is on no list and below nothing listed:
// a real one with two octets changed in the second label from the right.
func stranger(names [][]byte, r *rand.Rand, listed func([]byte) bool) []byte {
	for {
		name := names[r.IntN(len(names))]
		at, count, _ := split(name)
		name = append([]byte(nil), name[at.nth(min(4, count), name, count):]...)
		for count = min(4, count); count < 4; count++ {
			name = append([]byte{3, 'w', 'w', '0' + byte(count)}, name...)
		}
		at, _, _ = split(name)
		second := name[at.nth(2, name, 4):]
		for range 2 {
			second[1+r.IntN(int(second[0]))] = byte('a' + r.IntN(26))
		}
		if !listed(second) {
			return name
		}
	}
}

// flat copies names behind each other, as they come in packets: not the list's
// own octets.
func flat(names [][]byte) [][]byte {
	size := 0
	for _, n := range names {
		size += len(n)
	}
	room := make([]byte, 0, size)
	for i, n := range names {
		room = append(room, n...)
		names[i] = room[len(room)-len(n) : len(room) : len(room)]
	}
	return names
}

var total uint32 // of what was found: nothing is optimized away

// BenchmarkLookUp asks a Set and a map of the same names for names drawn at
// random from all, and for strangers. They take turns, so that what else the
// machine does falls on all: ns/op is of no meaning, the metrics are.
func BenchmarkLookUp(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"10k", 10_000}, {"100k", 100_000}, {"1M", 1_000_000}, {"5M", 5_000_000}} {
		b.Run(size.name, func(b *testing.B) {
			n := size.n
			names := benchNames(b, n)
			m := make(map[string]uint32, n)
			builder := NewBuilder(Options{Dir: b.TempDir()})
			for i, name := range names {
				v := uint32(1 + i%20/19)
				m[string(name)] = v
				builder.Add(name, v)
			}
			s, err := builder.Build(nil)
			if err != nil {
				b.Fatal(err)
			}
			r := rand.New(rand.NewPCG(3, 4))
			var listed, unlisted [][]byte
			for range 200_000 {
				listed = append(listed, names[r.IntN(n)])
				unlisted = append(unlisted, stranger(names, r, func(n []byte) bool { _, ok := m[string(n)]; return ok }))
			}
			names, listed, unlisted = nil, flat(listed), flat(unlisted)
			b.Run("listed", func(b *testing.B) { lookUp(b, s, m, listed) })
			b.Run("unlisted", func(b *testing.B) { lookUp(b, s, m, unlisted) })
		})
	}
}

// threadTime is what this thread has had of a processor. What others had of it
// meanwhile is left out, what they did to the caches is not.
func threadTime() time.Duration {
	var t unix.Timespec
	unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano())
}

func lookUp(b *testing.B, s *Set, m map[string]uint32, asked [][]byte) {
	const turn = 5000
	runtime.GC()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ways := []func([]byte){
		func(n []byte) { total += m[string(n)] },
		func(n []byte) {
			w := s.Walk(n)
			for w.Next() {
				total += w.Value
			}
		},
		func(n []byte) { v, _ := s.Find(n); total += v },
	}
	best := []time.Duration{1 << 60, 1 << 60, 1 << 60}
	var all [3]time.Duration
	turns := max(1, b.N/turn)
	for t := range turns {
		for i := range ways {
			i = (i + t) % len(ways)
			from := rand.IntN(len(asked) - turn) // names that nobody has brought into the caches
			begin := threadTime()
			for _, n := range asked[from : from+turn] {
				ways[i](n)
			}
			took := threadTime() - begin
			all[i] += took
			best[i] = min(best[i], took)
		}
	}
	per := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / turn }
	for i, way := range []string{"map", "walk", "find"} {
		b.ReportMetric(per(all[i])/float64(turns), way+"-ns")
		b.ReportMetric(per(best[i]), way+"-best-ns")
	}
	b.ReportMetric(float64(all[1])/float64(all[0]), "walk/map")
	b.ReportMetric(float64(all[2])/float64(all[0]), "find/map")
	b.ReportMetric(float64(s.Bytes())/float64(s.Len()), "octets/name")
}

// BenchmarkBuild adds a million names to a Builder and builds; an op is all of it.
func BenchmarkBuild(b *testing.B) {
	names := benchNames(b, 1_000_000)
	for where, dir := range map[string]string{"memory": "", "file": b.TempDir()} {
		b.Run(where, func(b *testing.B) {
			for b.Loop() {
				builder := NewBuilder(Options{Dir: dir})
				for _, n := range names {
					builder.Add(n, 1)
				}
				if _, err := builder.Build(nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
