package feed

import "testing"

func TestNewer(t *testing.T) {
	for _, row := range []struct {
		name string
		a, b uint32
		want bool
	}{
		{"the same", 7, 7, false},
		{"the next", 8, 7, true},
		{"the one before", 7, 8, false},
		{"over the end of the numbers", 0, 1<<32 - 1, true},
		{"back over it", 1<<32 - 1, 0, false},
		{"the farthest that is newer", 1<<31 - 1, 0, true},
		{"half the circle: neither", 1 << 31, 0, false},
		{"half the circle, the other way", 0, 1 << 31, false},
		{"from a date to an epoch: older", 1764086400, 2026112501, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := newer(row.a, row.b); got != row.want {
				t.Errorf("newer(%d, %d) = %v", row.a, row.b, got)
			}
		})
	}
}
