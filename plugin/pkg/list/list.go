// Package list reads lists of names and addresses: text to rules.
//
// # How a line is told
//
// A file has no declared format. Each line says by its own form what it is, so
// that mixed files work, and the form says how far the rule reaches:
//
//	form       line                        rule
//	plain      bad.example                 the name and all below (subdomains=off: the name)
//	hosts      0.0.0.0 bad.example x.test  each name, and nothing below
//	wildcard   *.bad.example .bad.example  the name and all below
//	Adblock    ||bad.example^              the name and all below
//	           |bad.example^               the name
//	           @@||ok.bad.example^         an exception from this file
//	           ||bad.example^$dnstype=A    for such questions only
//	           |x.example^$dnsrewrite=A.B  what the name is answered
//	address    192.0.2.7 2001:db8::/32     answers that hold such an address
//	dnsmasq    address=/bad.example/#      the name and all below; server=/x/# opens x again
//	Unbound    local-zone: "x" always_null what the type says, for the name and all below
//	           local-data: "x A 192.0.2.1" the name
//	URL        http://bad.example:80/      the host, and nothing below; also bad.example:80
//	CSV        "1","bad.example","x"       as a URL, a name and nothing below, or an address
//
// What is none of these is refused, with line and reason, or passed over: forms
// that are recognised and mean something that an exact index of names does not
// say (a path, a URL with one, a pattern, a rule for pages, an option of another
// program that blocks nothing). Nothing is guessed: a path never becomes a name, a
// hosts line for a real address never a block.
//
// # Bounds
//
//	line        64 KiB   a longer one is refused, reading goes on (MaxLine)
//	file        512 MiB  unpacked; more is ErrSize (ReadOptions.MaxSize)
//	window      128 MiB  of zstd (package unpack)
//	columns     64       of a row; a line with more is none (maxColumns)
//	quotes      16 lines of a row, in 64 KiB; else its lines stand alone (maxRowLines)
//	notes       1,000    kept of all that are counted (MaxNotes)
//	modifiers   65,536   that differ, in 16 MiB; rules behind are refused (maxModifiers, maxModifierText)
//	$badfilter  65,536   rules; more are refused (maxBadfilters)
//
// # Cost
//
// A file is read twice: the first time for its options and for $badfilter, which
// may stand on any line, and for what refuses it as a whole; so nothing is
// emitted of an HTML page or a bomb. BenchmarkRead has the figures; on a plain
// line the only allocation is the 48 octets of dnsname.SuffixOf.
package list

import (
	"errors"
	"fmt"
	"io"
	"net/netip"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/unpack"
)

// Reach says how far a rule on a name goes.
type Reach uint8

const (
	Exact   Reach = iota // the name and nothing below it
	Subtree              // the name and all below it
)

// String is the word for r in notes and explanations.
func (r Reach) String() string {
	if r == Subtree {
		return "subtree"
	}
	return "exact"
}

// Rule is what one entry says: about a name, or about addresses in answers.
type Rule struct {
	Except    bool // an exception (@@); in an allow file, every rule
	Important bool // beats the exceptions of its file that are not; an important exception beats all of it
	Reopens   bool // an exception that frees from shorter names of its file only (dnsmasq's server=/x/#, Unbound's transparent)

	Reach  Reach        // of Name
	Name   []byte       // wire form, see dnsname; nil in an address rule; valid during the call only
	Prefix netip.Prefix // masked, IPv4 where it is v4-mapped; valid in an address rule only

	Cond    *Condition // when the rule holds; nil: always
	Rewrite *Rewrite   // the answer it gives; nil: its category's

	Line int    // from one
	Text []byte // the whole line less BOM and line end; valid during the call only
}

// Guard says why a name may not be blocked, in words that fit behind the quoted
// name; "" where it may. It is asked for rules that block, not for exceptions
// and not in allow files.
type Guard func(name []byte, reach Reach) (why string)

// Source opens the file. Read calls it twice and closes what it got.
type Source func() (io.ReadCloser, error)

// ReadOptions says whose file it is.
type ReadOptions struct {
	// Allow: a file of names and addresses that are never blocked. Every rule
	// is an exception, public suffixes and protected names are taken.
	Allow bool
	// Protected names are refused; nil: none are.
	Protected Guard
	// MaxSize bounds the unpacked file, in octets; 0: 512 MiB.
	MaxSize int64
	// PassedOver is told of every entry that makes no rule; nil: they are only
	// counted.
	PassedOver func(Note)
}

// Result is what came of a file. It is filled also where the file is refused.
type Result struct {
	Options      Options
	Entries      int            // rules emitted
	Refused      int            // lines that are no entry, or single names of a line, with GuardRefused
	GuardRefused int            // of them, what a guard refused: it could be read
	PassedOver   int            // lines or names understood, which say nothing about names to block
	Passed       map[string]int // PassedOver by reason
	Warnings     int
	Notes        []Note // refusals and warnings in the order of lines, at most MaxNotes
}

// Reasons to refuse a file as a whole. The texts stand behind the file's name.
var (
	ErrEmpty      = errors.New("empty: not one entry; delete the file to take a list away")
	ErrNoEntry    = errors.New("not one entry can be read; delete the file to take a list away")
	ErrHTML       = errors.New("an HTML or XML page, not a list")
	ErrBinary     = errors.New("binary or UTF-16, not a text in UTF-8")
	ErrUnreadable = errors.New("over one in ten entries cannot be read")
	ErrBroken     = unpack.ErrBroken
	ErrSize       = unpack.ErrSize
)

const (
	defaultMaxSize = 512 << 20 // octets

	// A file of fewer entries is too short to say that it is no list.
	minUnreadable = 10
)

// Read reads the file of that name and calls emit for each rule, in the order of
// lines. A refusal of the whole file may come after rules were emitted: they are
// void then.
func Read(file string, open Source, o ReadOptions, emit func(Rule)) (Result, error) {
	if o.MaxSize <= 0 {
		o.MaxSize = defaultMaxSize
	}
	r := &reader{file: file, o: o, emit: emit}
	r.res.Options = defaultOptions()

	err := eachLine(open, o.MaxSize, sniff, r.survey)
	if err == nil {
		err = eachLine(open, o.MaxSize, nil, r.entryLine)
		r.endRow()
	}
	r.res.Passed = r.passed.byReason()
	if err != nil {
		return r.res, err
	}
	return r.res, r.judge()
}

// judge refuses a file that is no list as a whole.
func (r *reader) judge() error {
	all := r.res.Entries + r.res.Refused + r.res.PassedOver
	unread := r.res.Refused - r.res.GuardRefused
	switch {
	case all == 0:
		return ErrEmpty
	case all >= minUnreadable && unread*10 > all:
		return fmt.Errorf("%w: %d of %d", ErrUnreadable, unread, all)
	case unread == all: // "Too many requests", where a list was asked for
		return ErrNoEntry
	}
	return nil
}

// reader is the state of one Read: the line at hand and what came so far.
type reader struct {
	file string
	o    ReadOptions
	emit func(Rule)
	res  Result

	passed passCounts
	line   int
	text   []byte               // the line
	room   [dnsname.MaxLen]byte // of the name at hand

	modifiers    map[string]*modifiers // of Adblock rules, by their text
	modifierText int                   // octets of those texts
	badfilters   map[string]bool       // what rules with $badfilter take away, see ruleKey

	rows      rows // of CSV
	inUnbound struct {
		clause bool // behind server: or the like, other options stand too
		view   bool // of some clients only
	}
	hosts struct { // the address that the last hosts line began with
		text  [maxAddr]byte
		n     int
		blank bool // it is one that blocks
	}
}

// block takes a rule on a name that says no more than that.
func (r *reader) block(name []byte, reach Reach, own, except bool, text []byte) {
	r.rule(Rule{Except: except, Reach: reach, Name: name}, own, text)
}

// rule takes a rule on a name, and tells whether it stands. own: the line's form
// says itself how far it reaches. text is the entry, for notes.
func (r *reader) rule(says Rule, own bool, text []byte) bool {
	says.Except = says.Except || r.o.Allow
	if len(says.Name) == 1 {
		r.refuseByGuard(text, whyRoot)
		return false
	}
	if !says.Except {
		why, narrow := guard(says.Name, says.Reach, own)
		if narrow {
			says.Reach = Exact
		}
		if why == "" && r.o.Protected != nil {
			why = r.o.Protected(says.Name, says.Reach)
		}
		if why != "" {
			r.refuseByGuard(text, why)
			return false
		}
		if narrow {
			r.warn(text, warnPrivate)
		}
	}
	says.Line, says.Text = r.line, r.text
	r.res.Entries++
	r.emit(says)
	return true
}
