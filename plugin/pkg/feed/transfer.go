package feed

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// transfer reads the records of one transfer, in the order in which they come,
// and says when it has ended. It knows no network.
//
//	N ... N                     AXFR: SOA, all records, the same SOA
//	N                           IXFR: ours is as new
//	N O -... P +... P -... N +... N    IXFR (RFC 1995, section 4): the newest
//	                            SOA; from O to P what is removed, then what is
//	                            added; from P to N the same; the newest SOA
//	N ... N                     IXFR, answered as an AXFR would be
//
// What comes second tells the last two apart: it is our SOA, or not.
type transfer struct {
	apex  string   // the zone, in canonical form
	old   *dns.SOA // of the zone we have; nil: an AXFR was asked for
	oldAt []byte   // its line

	sorted *sorter // the zone, of an AXFR
	delta  *delta  // the changes, of an IXFR; nil: it is none

	soa    *dns.SOA // the newest
	soaAt  []byte   // its line
	step   step
	from   []byte // line of the SOA that a difference sequence leads to
	serial uint32 // and its serial
	line   []byte // the record at hand
	max    int64  // octets of the file
	came   int    // records, with SOAs
}

// step is what is to come next.
type step uint8

const (
	wantNewest step = iota
	wantSecond
	wantZone    // records, or the SOA that ends it
	wantRemoved // records, or the SOA that a sequence leads to
	wantAdded   // records, or an SOA: the next sequence's, or the last
	ended
)

var (
	errZone  = errors.New("no zone of that name")
	errSize  = errors.New("larger than max-size")
	errOlder = errors.New("a serial older than ours")
)

// newTransfer reads a transfer of a zone in canonical form; old is what an IXFR
// was asked for by, nil where it was an AXFR. dir is for what does not fit into
// memory.
func newTransfer(zone string, old *base, max int64, dir string) *transfer {
	t := &transfer{apex: zone, max: max, sorted: newSorter(dir)}
	if old != nil {
		t.old, t.oldAt = old.soa, old.line
	}
	return t
}

// same: the primary has no newer zone than we.
func (t *transfer) same() bool { return t.step == ended && t.delta == nil && t.came == 1 }

// kind is how the zone came.
func (t *transfer) kind() Kind {
	if t.delta != nil {
		return IXFR
	}
	return AXFR
}

// add takes the next record.
func (t *transfer) add(rr dns.RR) (err error) {
	if !dns.IsSubDomain(t.apex, dns.CanonicalName(rr.Header().Name)) {
		return fmt.Errorf("%w: a record out of the zone: %q", errZone, rr.Header().Name)
	}
	if t.line, err = appendLine(t.line[:0], rr); err != nil {
		return fmt.Errorf("%w: %w", errZone, err)
	}
	t.came++
	soa, isSOA := rr.(*dns.SOA)
	if isSOA && soa.Hdr.Name != t.apex {
		return fmt.Errorf("%w: an SOA of another name: %q", errZone, soa.Hdr.Name)
	}
	switch t.step {
	case wantNewest:
		return t.newest(soa)
	case wantSecond:
		return t.second(soa)
	case wantZone:
		return t.record(soa)
	case wantRemoved:
		return t.removed(soa)
	case wantAdded:
		return t.added(soa)
	}
	return fmt.Errorf("%w: records behind its end", errZone)
}

func (t *transfer) newest(soa *dns.SOA) error {
	if soa == nil {
		return fmt.Errorf("%w: the first record is no SOA", errZone)
	}
	t.soa, t.soaAt, t.step = soa, bytes.Clone(t.line), wantSecond
	if t.old != nil && !newer(soa.Serial, t.old.Serial) {
		t.step = ended
	}
	return nil
}

func (t *transfer) second(soa *dns.SOA) error {
	if t.old == nil || soa == nil || soa.Serial == t.soa.Serial {
		t.step = wantZone
		return t.record(soa)
	}
	if !bytes.Equal(t.line, t.oldAt) {
		return fmt.Errorf("%w: they begin with serial %d, ours is %d, or with another SOA of that serial", errMismatch, soa.Serial, t.old.Serial)
	}
	t.delta, t.step, t.serial = newDelta(), wantRemoved, soa.Serial
	return nil
}

func (t *transfer) record(soa *dns.SOA) error {
	if soa != nil {
		if !bytes.Equal(t.line, t.soaAt) {
			return fmt.Errorf("%w: it ends with another SOA than it begins with", errZone)
		}
		t.step = ended
		return nil
	}
	if t.sorted.added+int64(len(t.line)) >= t.max {
		return fmt.Errorf("%w: %d octets", errSize, t.max)
	}
	if err := t.sorted.add(t.line); err != nil {
		return fmt.Errorf("%w: %w", errFile, cause(err))
	}
	return nil
}

func (t *transfer) removed(soa *dns.SOA) error {
	if soa == nil {
		return t.delta.remove(t.line)
	}
	if !newer(soa.Serial, t.serial) {
		return fmt.Errorf("%w: from serial %d to %d", errMismatch, t.serial, soa.Serial)
	}
	t.from, t.serial, t.step = append(t.from[:0], t.line...), soa.Serial, wantAdded
	return nil
}

func (t *transfer) added(soa *dns.SOA) error {
	switch {
	case soa == nil:
		return t.delta.insert(t.line)
	case !bytes.Equal(t.line, t.from):
		return fmt.Errorf("%w: a sequence ends at serial %d, the next begins at %d", errMismatch, t.serial, soa.Serial)
	case bytes.Equal(t.line, t.soaAt):
		t.step = ended
	default:
		t.step = wantRemoved
	}
	return nil
}

func (t *transfer) close() { t.sorted.close() }
