package tally

import (
	"math/rand/v2"
	"testing"
)

func TestClock(t *testing.T) {
	for _, test := range []struct {
		name  string
		shows []Pane
		want  []Pane // the tally's
		ahead Pane
	}{
		{"runs", []Pane{100, 100, 101, 102}, []Pane{100, 100, 101, 102}, 0},
		{"is late by one pane, as one goroutine is behind another", []Pane{100, 101, 100, 101}, []Pane{100, 101, 101, 101}, 0},
		{"goes ahead, as after sleep", []Pane{100, 5000, 5001}, []Pane{100, 5000, 5001}, 0},
		{"goes back and runs on", []Pane{100, 50, 51, 52}, []Pane{100, 100, 101, 102}, 50},
		{"goes back and is put right", []Pane{100, 50, 51, 101, 102}, []Pane{100, 100, 101, 101, 102}, 0},
		{"goes back and is put right later than it was", []Pane{100, 50, 51, 200, 201}, []Pane{100, 100, 101, 200, 201}, 0},
		{"goes ahead by mistake", []Pane{100, 90_000, 101, 102}, []Pane{100, 90_000, 90_000, 90_001}, 89_899},
		{"goes back twice", []Pane{100, 50, 20, 21}, []Pane{100, 100, 100, 101}, 80},
		{"sleeps for an hour after it went back", []Pane{100, 50, 56}, []Pane{100, 100, 106}, 50},
		{"stands in 1970 at first", []Pane{0, 1, 3_000_000}, []Pane{0, 1, 3_000_000}, 0},
		{"shows a time before 1970", []Pane{1<<32 - 5, 3_000_000, 3_000_001}, []Pane{maxPane, maxPane, maxPane + 1}, maxPane - 3_000_000},
	} {
		var c clock
		for i, p := range test.shows {
			if got := c.tick(p); got != test.want[i] {
				t.Errorf("%s: look %d gives %d, want %d", test.name, i, got, test.want[i])
			}
		}
		if _, ahead := c.read(); ahead != test.ahead {
			t.Errorf("%s: ahead by %d, want %d", test.name, ahead, test.ahead)
		}
	}
}

// TestClockNeverGoesBack shows it all kinds of nonsense: it never goes back, does
// not stand still while the caller's runs, and shows what the caller's does.
func TestClockNeverGoesBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var c clock
	last, p := Pane(0), Pane(3_000_000)
	for range 200_000 {
		jumped := rng.IntN(20) == 0
		if jumped {
			p = []Pane{Pane(rng.Uint32()), 3_000_000, p - min(p, 1000), p + 1000, 0, 1<<32 - 1}[rng.IntN(6)]
		} else {
			p++
		}
		q := c.tick(p)
		running, ahead := c.read()
		if q < last || running != q || ahead > running {
			t.Fatalf("at %d: the tally's is %d after %d, ahead by %d", p, q, last, ahead)
		}
		if !jumped && p <= maxPane && q == last && running-ahead != p && running-ahead != p+1 {
			t.Fatalf("at %d: the tally's stands at %d, ahead by %d", p, q, ahead)
		}
		if p <= maxPane && running-ahead != p && running-ahead != p+1 {
			t.Fatalf("at %d: the tally shows %d", p, running-ahead)
		}
		last = q
	}
}
