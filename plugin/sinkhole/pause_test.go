package sinkhole

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPauses: there are none before anybody is served, and then one for each
// millisecond of work.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pauses{begun: time.Now()}
		work := func() (paused time.Duration) {
			for range 100 {
				time.Sleep(workFor / 10)
				begun := time.Now()
				p.pause()
				paused += time.Since(begun)
			}
			return paused
		}
		if got := work(); got != 0 {
			t.Errorf("before anybody is served: paused for %s", got)
		}
		p.serving.Store(true)
		if got, want := work(), 10*pauseFor; got != want {
			t.Errorf("in 100 pieces of a tenth of the time for a pause: paused for %s, want %s", got, want)
		}
	})
}
