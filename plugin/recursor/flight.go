package recursor

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"sinkhole/plugin/pkg/query"
	"sinkhole/plugin/pkg/unbound"
)

const (
	// Of the child's places three in four are filled: the kernel spreads packets
	// over its threads as it likes, and a thread that is full drops without a word.
	placesOf, placesFrom = 3, 4
	// maxFlights bounds the sockets whatever the machine.
	maxFlights = 16384
	// waitersPerFlight bounds the clients that wait, on average over all flights.
	// One that waits holds a goroutine, about 10 KiB.
	waitersPerFlight = 4

	// maxPerLine is how many questions of one line may be under way: what Unbound
	// itself allows an address (wait-limit). Behind us it cannot tell them apart.
	maxPerLine = 1000
	// lineCounters is how many counters lines share, by hash.
	lineCounters = 1 << 14
	// Without a gate a line is the client's address, or its network in IPv6, in
	// bits.
	lineBits6 = 56
)

// flights are the questions under way, each sent once however many ask it.
type flights struct {
	inFlight  atomic.Int64
	waiting   atomic.Int64
	coalesced atomic.Uint64
	limit     atomic.Int64 // of inFlight

	seed  maphash.Seed
	lines [lineCounters]atomic.Int32

	mu  sync.Mutex
	byQ map[question]*flight
}

// flight is one question under way. What it brings is set before done is closed.
type flight struct {
	done   chan struct{}
	shared bool // guarded by flights.mu: somebody waits for it
	reply  *reply
	fail   *failure
}

func newFlights() *flights {
	f := &flights{seed: maphash.MakeSeed(), byQ: map[question]*flight{}}
	f.setThreads(1)
	return f
}

// setThreads sets the bound for a child of so many threads.
func (f *flights) setThreads(n int) {
	f.limit.Store(int64(min(n*unbound.QueriesPerThread*placesOf/placesFrom, maxFlights)))
}

// do brings the reply to q: by ask, or by the ask of another who asked the same
// a moment ago. own says whether nobody else has the reply.
func (f *flights) do(q question, from *query.Source, ask func(*question) (*reply, *failure)) (r *reply, own bool, fail *failure) {
	if f.waiting.Add(1) > waitersPerFlight*f.limit.Load() {
		f.waiting.Add(-1)
		return nil, false, tooMany
	}
	defer f.waiting.Add(-1)
	f.mu.Lock()
	if fl := f.byQ[q]; fl != nil {
		fl.shared = true
		f.mu.Unlock()
		f.coalesced.Add(1)
		<-fl.done
		return fl.reply, false, fl.fail
	}
	line := f.line(from)
	if fail := f.admit(line); fail != nil {
		f.mu.Unlock()
		return nil, false, fail
	}
	fl := &flight{done: make(chan struct{}), fail: childDown} // unless ask returns
	f.byQ[q] = fl
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.byQ, q)
		own = !fl.shared
		f.mu.Unlock()
		f.inFlight.Add(-1)
		if line != nil {
			line.Add(-1)
		}
		close(fl.done)
	}()
	fl.reply, fl.fail = ask(&q)
	return fl.reply, own, fl.fail
}

// admit takes a place for a flight.
func (f *flights) admit(line *atomic.Int32) *failure {
	if f.inFlight.Add(1) > f.limit.Load() {
		f.inFlight.Add(-1)
		return tooMany
	}
	if line != nil && line.Add(1) > maxPerLine {
		line.Add(-1)
		f.inFlight.Add(-1)
		return tooManyYou
	}
	return nil
}

// line is the counter of the line that asks; nil where none is known, or it is
// the machine itself.
func (f *flights) line(from *query.Source) *atomic.Int32 {
	if from == nil || !from.Addr.IsValid() || from.Addr.Addr().IsLoopback() {
		return nil
	}
	if from.Line != 0 {
		return &f.lines[maphash.Comparable(f.seed, from.Line)%lineCounters]
	}
	addr := from.Addr.Addr()
	bits := addr.BitLen()
	if addr.Is6() {
		bits = lineBits6
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return nil
	}
	return &f.lines[maphash.Comparable(f.seed, p.Addr())%lineCounters]
}
