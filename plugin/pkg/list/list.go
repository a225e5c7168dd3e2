// Package list turns the text of a list into rules.
package list

import (
	"errors"
	"io"
	"net/netip"
	"time"
)

// Reach says how far a rule on a name goes.
type Reach uint8

const (
	Exact   Reach = iota // the name only
	Subtree              // the name and all below it
)

// Rule is what an entry of a list says.
type Rule struct {
	Except bool         // an exception: @@, and every rule of an allow file
	Reach  Reach        // of Name
	Name   []byte       // wire form, see dnsname; valid during the call only
	Prefix netip.Prefix // an address rule where valid; Name is nil then
	Line   int          // counts from one
	Text   []byte       // the line without its end; valid during the call only
}

// Note is a refusal or a warning.
type Note struct {
	File           string
	Line           int
	Text, Why      string
	Guard, Warning bool
}

// Options stand in the comments of a file.
type Options struct {
	Subdomains bool
	Category   string
	Shadow     bool
	Expires    time.Duration
	URLs       string
	CSVColumn  int
}

// MaxNotes is how many notes a Result keeps; all are counted.
const MaxNotes = 1000

// Result is what came of a file.
type Result struct {
	Options      Options
	Entries      int
	Refused      int
	GuardRefused int
	PassedOver   int
	Notes        []Note
	Warnings     int
}

// Guard says why a name may not be listed, "" where it may.
type Guard func(name []byte, reach Reach) (why string)

// Source opens the file; Read may call it twice.
type Source func() (io.ReadCloser, error)

// ReadOptions says whose file it is.
type ReadOptions struct {
	Allow     bool
	Protected Guard
	MaxSize   int64
}

// Reasons to refuse a file as a whole.
var (
	ErrEmpty      = errors.New("empty, or comments only")
	ErrHTML       = errors.New("an HTML page, not a list")
	ErrBinary     = errors.New("binary, not text")
	ErrUnreadable = errors.New("over one in ten entries cannot be read")
	ErrBroken     = errors.New("the compression breaks off")
	ErrSize       = errors.New("over the size limit")
)

// Read reads a list.
func Read(file string, open Source, o ReadOptions, emit func(Rule)) (Result, error) {
	return Result{Options: Options{Subdomains: true}}, ErrEmpty
}

// String is the note in one line for people.
func (n Note) String() string { return n.Why }
