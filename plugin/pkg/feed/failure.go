package feed

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

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

// errFile marks what went wrong at our end.
var errFile = errors.New("not written")

// kinds are the errors of this package by what they are to an operator.
var kinds = []struct {
	err    error
	reason Reason
}{
	{errTSIG, Unsigned},
	{errDeclined, Declined},
	{errSize, TooLarge},
	{errDelta, TooLarge},
	{errOlder, Behind},
	{errAnswer, Malformed},
	{errZone, Malformed},
	{errMismatch, Malformed},
	{errFile, NotWritten},
	{os.ErrDeadlineExceeded, TooSlow},
}

func reasonOf(err error) Reason {
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return k.reason
		}
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return TooSlow
	}
	return Unreachable
}

// textOf says err in words for an operator, without what he knows: the address.
func textOf(err error, l limits) string {
	var errno syscall.Errno
	switch {
	case reasonOf(err) == TooSlow:
		return fmt.Sprintf("slower than it may be: %s for a connection, %s for a message, %s for a transfer", l.dial, l.message, l.transfer)
	case errors.Is(err, io.EOF):
		return "it closed the connection"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it closed the connection within a message"
	case reasonOf(err) == Unreachable && errors.As(err, &errno):
		return errno.Error()
	}
	return err.Error()
}

// again: what failed as an IXFR may come as an AXFR. From a primary that is slow,
// or that does not have our key, it would not.
func again(err error) bool {
	switch reasonOf(err) {
	case Declined, Malformed, Unreachable, TooLarge:
		return true
	}
	return false
}

func rcodeText(code int) string {
	if s, ok := dns.RcodeToString[code]; ok {
		return s
	}
	return fmt.Sprint(code)
}
