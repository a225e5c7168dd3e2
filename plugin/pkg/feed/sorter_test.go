package feed

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// TestSorter: runs on disk and lines in memory give what sorting all of them does.
func TestSorter(t *testing.T) {
	for _, n := range []int{0, 1, 2, 100, 5000} {
		for _, room := range []int{1, 64, 4 << 10, sortRoom} {
			if n == 5000 && room == 1 {
				continue // a file for each line
			}
			t.Run(fmt.Sprintf("%d lines, %d octets", n, room), func(t *testing.T) {
				dir := t.TempDir()
				s := newSorter(dir)
				s.room = room
				defer s.close()
				random := rand.New(rand.NewPCG(1, uint64(n)))
				var want []string
				for range n {
					line := fmt.Sprint(random.IntN(2 * n)) // some of them twice
					want = append(want, line)
					if err := s.add([]byte(line)); err != nil {
						t.Fatal(err)
					}
				}
				slices.Sort(want)
				want = slices.Compact(want)
				var got []string
				if err := s.each(func(line []byte) error { got = append(got, string(line)); return nil }); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, want) {
					t.Errorf("got  %.200q\nwant %.200q", got, want)
				}
				if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
					t.Errorf("it leaves %v, %v", left, err)
				}
			})
		}
	}
}
