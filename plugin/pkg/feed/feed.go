// Package feed fetches a zone from its primaries by zone transfer, keeps it in a
// file, and follows it.
//
// # The way of a refresh
//
//	due      by the SOA's timers, or by a NOTIFY of a primary (RFC 1996)
//	asked    the SOA, by TCP, of one primary after the other until one answers;
//	         a serial that is ours ends it there (RFC 1982)
//	fetched  IXFR (RFC 1995) where the file is ours and whole, else AXFR (RFC
//	         5936); what does not fit the file to the record is fetched by AXFR
//	checked  TSIG of every message (RFC 8945), every record in the zone, bounds
//	sorted   in runs on disk, so that memory does not depend on the zone's size
//	written  beside the file under a hidden name, synced, renamed
//
// A refresh that fails anywhere leaves the file as it is. Primaries are addresses,
// so nothing needs to resolve for it.
//
// # The file
//
//	; rpz.example: fetched by zone transfer, what is changed here is lost
//	; serial 2026112501 from 192.0.2.1:53
//	; sha256 6b86b273…              of what follows
//	rpz.example.	300	IN	SOA	…
//	*.bad.example.rpz.example.	300	IN	CNAME	.
//	bad.example.rpz.example.	300	IN	CNAME	.
//
// One record a line, with absolute names in lower case, sorted by octets, each
// once: a zone has one file, whichever way it came, so that a line of an IXFR is
// found in it by comparing lines. The sum tells the file that we wrote from one
// that somebody has changed, which is fetched whole.
//
// # Bounds
//
//	zone       Options.MaxSize octets of file (default 512 MiB)
//	changes    64 MiB of lines in one IXFR; more is fetched by AXFR
//	time       an hour a transfer, 30 s a message, 10 s a connection
//	timers     30 s to a day between refreshes, 10 s to an hour after a failure
//	memory     8 MiB of lines before they are sorted and spilled
//
// # Cost
//
// A million records of 62 octets a line, from the wire to the disk: 1.7 s
// (BenchmarkAXFR, two cores at 600,000 records/s); a hundred changes in them by
// IXFR: 0.23 s, the reading and writing of the file (BenchmarkIXFR).
package feed

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Primary is a server that gives the zone away.
type Primary struct {
	Addr    netip.AddrPort
	KeyFile string // of its TSIG key; "": transfers are not signed
}

func (p Primary) String() string { return p.Addr.String() }

// at: the primary has this address, whatever link it is on.
func (p Primary) at(a netip.Addr) bool {
	return p.Addr.Addr().WithZone("") == a.Unmap().WithZone("")
}

// Options say what is fetched, and whereto.
type Options struct {
	Zone      string    // in lower case, without its final dot
	Primaries []Primary // in the order in which they are tried
	File      string    // the file of the zone; its folder must be there
	State     string    // a folder for what is kept besides; "": the system's for temporary files, and nothing is kept
	MaxSize   int64     // octets of the file; 0: 512 MiB

	// Changed, where there is one, hears of each refresh that fetched something
	// or failed. It is called from Run's goroutine.
	Changed func(Event)
}

// Kind is how a zone was transferred.
type Kind string

// The kinds of transfer.
const (
	AXFR Kind = "axfr"
	IXFR Kind = "ixfr"
)

// Event is what became of one refresh.
type Event struct {
	Zone    string
	Primary Primary
	Kind    Kind // "": nothing was fetched
	Serial  uint32
	Records int
	Took    time.Duration
	Failure *Failure // nil: the zone has come
}

// State is how a feed stands.
type State string

// The states.
const (
	Waiting State = "waiting" // for the first answer of a primary
	Current State = "current" // the last refresh went well
	Failing State = "failing" // it did not; what was fetched before stays
	Expired State = "expired" // for longer than the SOA allows; what was fetched before stays all the same
)

// Status is what a feed shows of itself.
type Status struct {
	Zone        string
	State       State
	Serial      uint32    // of the file; 0 where Records is 0
	Records     int       // of the file; 0: there is none
	Primary     string    // the address that answered last; "": none did
	LastSuccess time.Time // when a primary last said that the file is as new as its zone
	NextRefresh time.Time
	LastFailure *Failure // nil: none since the start
	Warnings    []string // what an operator should see to

	Transfers map[Kind]int   // since the start
	Failures  map[Reason]int // since the start, each primary counted
}

// Feed is one zone that is followed.
type Feed struct {
	o        Options
	zone     string // in canonical form, with its final dot
	times    limits
	notified chan Primary

	base *base // of Run's goroutine; nil: the file is not there, or not ours

	mu     sync.Mutex
	status Status
	soa    *dns.SOA // of the file; nil: there is none
	talk   *talk    // the last; nil: none yet
}

const defaultMaxSize = 512 << 20 // octets

// New is a feed that nobody runs yet.
func New(o Options) *Feed {
	if o.MaxSize <= 0 {
		o.MaxSize = defaultMaxSize
	}
	f := &Feed{
		o:        o,
		zone:     dns.CanonicalName(o.Zone),
		times:    limits{maxDial, maxMessage, maxTransfer, notifyGap},
		notified: make(chan Primary, 1),
	}
	f.status = Status{Zone: o.Zone, State: Waiting, Transfers: map[Kind]int{}, Failures: map[Reason]int{}}
	return f
}

// Run follows the zone until ctx ends.
func (f *Feed) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, f.hangUp)()
	sweep(f.o.File, time.Now())
	f.recall()
	failures, first := 0, Primary{}
	for ctx.Err() == nil {
		if f.refresh(ctx, first) {
			failures = 0
		} else {
			failures++
		}
		first = f.wait(ctx, f.schedule(failures))
	}
	return nil
}

// wait returns when it is time, or with the primary that has notified us.
func (f *Feed) wait(ctx context.Context, d time.Duration) Primary {
	gap := time.NewTimer(f.times.gap)
	defer gap.Stop()
	select {
	case <-ctx.Done():
		return Primary{}
	case <-gap.C:
	}
	due := time.NewTimer(d - f.times.gap)
	defer due.Stop()
	select {
	case <-ctx.Done():
	case <-due.C:
	case p := <-f.notified:
		return p
	}
	return Primary{}
}

// Notify takes a NOTIFY that came from an address, with the SOA in it if it had
// one. It is false where the address is none of a primary.
func (f *Feed) Notify(from netip.Addr, soa *dns.SOA) bool {
	p, ok := f.primaryAt(from)
	if !ok || f.known(soa) {
		return ok
	}
	select {
	case f.notified <- p:
	default: // one waits already
	}
	return true
}

func (f *Feed) primaryAt(from netip.Addr) (Primary, bool) {
	i := slices.IndexFunc(f.o.Primaries, func(p Primary) bool { return p.at(from) })
	if i < 0 {
		return Primary{}, false
	}
	return f.o.Primaries[i], true
}

// known: the zone in the file is not older than this SOA, so that nothing is to
// be asked (RFC 1996, section 3.7).
func (f *Feed) known(soa *dns.SOA) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return soa != nil && f.soa != nil && f.status.State == Current && !newer(soa.Serial, f.soa.Serial)
}

// Zone is the zone's name, in lower case, without its final dot.
func (f *Feed) Zone() string { return f.o.Zone }

// Shares: a primary at this address has this key, of this algorithm, from us.
func (f *Feed) Shares(from netip.Addr, name, algorithm string) bool {
	return slices.ContainsFunc(f.o.Primaries, func(p Primary) bool {
		if p.KeyFile == "" || !p.at(from) {
			return false
		}
		k, _, err := ReadKey(p.KeyFile)
		return err == nil && k.Name == dns.CanonicalName(name) && k.Algorithm == dns.CanonicalName(algorithm)
	})
}

// Status is how the feed stands.
func (f *Feed) Status() Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.status
	if s.State == Failing && f.soa != nil && time.Since(s.LastSuccess) > expireAfter(f.soa) {
		s.State = Expired
	}
	s.Warnings = f.warnings(s)
	s.Transfers, s.Failures = maps.Clone(s.Transfers), maps.Clone(s.Failures)
	if s.LastFailure != nil {
		last := *s.LastFailure
		s.LastFailure = &last
	}
	return s
}

// schedule says when the next refresh is, after so many failures in a row.
func (f *Feed) schedule(failures int) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := retryAfter(f.soa, failures, rand.Float64())
	if failures == 0 {
		d = refreshAfter(f.soa, rand.Float64())
	}
	f.status.NextRefresh = time.Now().Add(d)
	if failures > 0 && f.soa != nil {
		f.status.State = Failing
	}
	return d
}

func (f *Feed) recalled(last time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status.LastSuccess = last
}

// holds notes what the file holds; nil: none of ours.
func (f *Feed) holds(b *base) {
	f.base = b
	f.mu.Lock()
	defer f.mu.Unlock()
	f.soa, f.status.Serial, f.status.Records = nil, 0, 0
	if b != nil {
		f.soa, f.status.Serial, f.status.Records = b.soa, b.soa.Serial, b.records
	}
}

func (f *Feed) succeeded(p Primary, g got, took time.Duration) {
	now := time.Now()
	f.touch(now)
	f.holds(g.base)
	f.mu.Lock()
	was := f.status.State
	f.status.State, f.status.Primary, f.status.LastSuccess = Current, p.String(), now
	if g.kind != "" {
		f.status.Transfers[g.kind]++
	}
	f.mu.Unlock()
	if g.kind != "" || was == Failing {
		f.tell(Event{Zone: f.o.Zone, Primary: p, Kind: g.kind, Serial: g.base.soa.Serial, Records: g.base.records, Took: took})
	}
}

func (f *Feed) failed(p Primary, err error) {
	why := &Failure{Primary: p.String(), Reason: reasonOf(err), Text: textOf(err, f.times), At: time.Now()}
	f.mu.Lock()
	f.status.LastFailure = why
	f.status.Failures[why.Reason]++
	e := Event{Zone: f.o.Zone, Primary: p, Serial: f.status.Serial, Records: f.status.Records, Failure: why}
	f.mu.Unlock()
	f.tell(e)
}

func (f *Feed) tell(e Event) {
	if f.o.Changed != nil {
		f.o.Changed(e)
	}
}

// seen is a file whose time is that of the last success, over restarts.
func (f *Feed) seen() string { return filepath.Join(f.o.State, f.o.Zone+".seen") }

func (f *Feed) touch(now time.Time) {
	if f.o.State == "" {
		return
	}
	if os.Chtimes(f.seen(), now, now) != nil {
		os.WriteFile(f.seen(), nil, 0o600) // without it, the time of the zone's file stands for it
	}
}
