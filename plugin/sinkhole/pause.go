package sinkhole

import (
	"sync/atomic"
	"time"
)

const (
	// workFor is how long reading and building go on between two pauses. With
	// every processor busy Go looks for packets that came only when somebody has
	// run for 10 ms, or stops: so long a question would wait for each step of its
	// answer.
	workFor = time.Millisecond

	// pauseFor is long enough for the collector's sweeper to be done, which goes
	// before packets. It takes no time of a processor; a build takes half as long
	// again on the wall. With 50 µs one answer in a hundred took over 14 ms on
	// one busy core, with 300 over 6, with 1,000 over 4.
	pauseFor = 500 * time.Microsecond
)

// pauses lets questions through while lists are read and built.
type pauses struct {
	serving atomic.Bool // before, nobody waits for an answer
	begun   time.Time
	last    atomic.Int64 // end of the last pause, in nanoseconds since begun
}

// pause is a pause where one is due. Any goroutine may call it.
func (p *pauses) pause() {
	if !p.serving.Load() || time.Since(p.begun)-time.Duration(p.last.Load()) < workFor {
		return
	}
	time.Sleep(pauseFor)
	p.last.Store(int64(time.Since(p.begun)))
}
