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
package feed

import (
	"net/netip"
	"time"
)

// Primary is a server that gives the zone away.
type Primary struct {
	Addr    netip.AddrPort
	KeyFile string // of its TSIG key; "": transfers are not signed
}

func (p Primary) String() string { return p.Addr.String() }

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

// Failure is why a refresh failed at one primary.
type Failure struct {
	Primary string // its address
	Reason  Reason
	Text    string
	At      time.Time
}

// Reason is the kind of a failure.
type Reason string

// The reasons.
const (
	Unreachable Reason = "unreachable" // no connection, or it broke off
	TooSlow     Reason = "slow"        // longer than a message or a transfer may take
	Unsigned    Reason = "tsig"        // the key, or a signature
	Declined    Reason = "declined"    // an answer that is no zone: REFUSED, NOTAUTH, ...
	Malformed   Reason = "malformed"   // no DNS, not to our question, or not this zone
	TooLarge    Reason = "size"        // more than the file may hold
	Behind      Reason = "behind"      // a serial older than ours
	NotWritten  Reason = "file"        // the zone came, and could not be written
)

// Reasons are all of them.
var Reasons = []Reason{Unreachable, TooSlow, Unsigned, Declined, Malformed, TooLarge, Behind, NotWritten}

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
