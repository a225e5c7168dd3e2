// Package subscribers tells who may ask, and which subscriber line an address
// is.
//
// It stands before everything that could answer. What is no recursive question
// of a subscriber ends here, judged by package query; to the rest it gives a
// query.Source, and a question without anything that nobody behind it needs:
// other records, options and flags of the client stay here. On the way back it
// sees to the OPT, the size and the flags of every reply.
//
// A Subscribers is what one Corefile says, shared by all its server blocks. The
// folder of classes lives through reloads of the Corefile.
package subscribers

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"sinkhole/plugin/pkg/subscriber"
)

// Subscribers is who may ask, what a line is, and of which class. Any number of
// goroutines may use it.
type Subscribers struct {
	cfg    Config
	served *subscriber.Served
	shape  *subscriber.Shape
	folder atomic.Pointer[folder] // from Start on; nil: no classes

	draining atomic.Bool // its servers are about to stop

	mu   sync.Mutex
	tell []func() // when the classes have changed
}

// New is the Subscribers of a block, without classes as yet.
func New(cfg Config) (*Subscribers, error) {
	shape, err := subscriber.NewShape(cfg.Bits4, cfg.Bits6, cfg.Ports)
	if err != nil {
		return nil, err
	}
	served := cfg.Served
	if len(served) == 0 {
		served = subscriber.Private()
	}
	return &Subscribers{cfg: cfg, served: subscriber.NewServed(served), shape: shape}, nil
}

// Line is the line that a is, 0 where it is none.
func (s *Subscribers) Line(a netip.AddrPort) subscriber.Line { return s.shape.Line(a) }

// LineText is the line as people write it.
func (s *Subscribers) LineText(l subscriber.Line) string { return s.shape.Text(l) }

// LineClass is the class of a line, and whether it opted out, as the files in
// force say.
func (s *Subscribers) LineClass(l subscriber.Line) (class subscriber.Class, optedOut bool) {
	return s.classes().OfLine(s.shape, l)
}

// Shape is what a line is.
func (s *Subscribers) Shape() *subscriber.Shape { return s.shape }

// SourcesTrusted: forged sources cannot enter the access network (BCP 38).
func (s *Subscribers) SourcesTrusted() bool { return s.cfg.Trusted }

// flushTime is how long a handler waits, once its servers are about to stop, for
// a reply that it has written over UDP to leave: plugin shed hands replies to a
// goroutine, for which nobody waits before the socket is closed.
const flushTime = 50 * time.Millisecond

// Drain says that the servers are about to stop: what is on its way is still
// answered.
func (s *Subscribers) Drain() { s.draining.Store(true) }

// OnClasses has f called whenever other classes have come in force, from any
// goroutine. It is called for as long as this Corefile is in force.
func (s *Subscribers) OnClasses(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell = append(s.tell, f)
}

// classesChanged tells all who want to know.
func (s *Subscribers) classesChanged() {
	s.mu.Lock()
	tell := s.tell[:len(s.tell):len(s.tell)]
	s.mu.Unlock()
	for _, f := range tell {
		f()
	}
}

// follow takes the classes of f from now on.
func (s *Subscribers) follow(f *folder) {
	f.join(s)
	s.folder.Store(f)
	s.classesChanged()
}

// classes are the classes in force; nil: there are none.
func (s *Subscribers) classes() *subscriber.Classes {
	f := s.folder.Load()
	if f == nil {
		return nil
	}
	return f.inForce.Load()
}
