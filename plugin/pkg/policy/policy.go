// Package policy turns the rules of all lists into verdicts on names and on what
// an upstream answer reveals.
//
// A Policy is built beside the one in force, never changes, and is asked by any
// number of goroutines:
//
//	p, err := policy.Build(cfg, files)
//	v := p.Decide(q)          // before anything else is asked
//	v, at := p.Review(q, m)   // when the answer m is there
//
// # Which rule decides
//
// An allowed name is left alone whole: Decide says Pass and Allowed, and Review
// looks at nothing. Else, of all entries that match, the longest name decides,
// on a tie the category that stands first, then the file's name. An exception
// (@@) exempts from the rules of its own file. Shadow files take part beside:
// Verdict.Shadow is the rule of such a file that would have decided.
//
// What a question's name passes, Review follows through the answer: the targets
// of CNAME and DNAME in chain order, then addresses, targets and hints of SVCB
// and HTTPS. On this way allow exempts only what it names. Review also decides
// the question's name once more, for lists may have changed while the question
// was on its way, so that its verdict alone counts.
package policy

import (
	"net/netip"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/list"
)

// Action is what a category does with a query for a listed name.
type Action uint8

const (
	Pass     Action = iota // nothing is listed
	Sinkhole               // the category's address, or NODATA
	NXDOMAIN               // the name does not exist
	NODATA                 // the name has no such records
	Refused                // REFUSED
	Drop                   // no answer
	Truncate               // over UDP an empty answer with TC; on a stream it is Passthru
	Passthru               // recorded, and left alone
)

// Config is what the Corefile says about lists.
type Config struct {
	Categories []Category // their order is their precedence
	Default    Category   // of folders that no category line names; behind the named ones, by name
	Protect    [][]byte   // names that no rule may block, see Guard
	MaxSize    int64      // of an unpacked file, in octets; 0: the default of package list
}

// Category is what happens to queries for its names.
type Category struct {
	Name    string
	Action  Action
	Addr4   netip.Addr // of Sinkhole for A; not valid: NODATA
	Addr6   netip.Addr // of Sinkhole for AAAA; not valid: NODATA
	TTL     uint32     // in seconds
	EDE     int        // extended error code (RFC 8914); negative: 4 with a sinkhole address, else 15
	EDEText string     // "": the code only
	Record  bool       // hits are evidence of the line that asked
}

// File is one list in force.
type File struct {
	Name    string      // as in the drop folder: c2/feed.txt, allow/ours.txt
	Open    list.Source // gives the accepted octets, each time
	Entries int         // about how many, so that room is made once; 0: not known
}

// Query is what is asked. It knows no client.
type Query struct {
	Name   []byte // wire form as package dnsname makes it
	Type   uint16
	Stream bool // came by TCP, DoT, DoH or DoQ
}

// Trigger is what a rule matched.
type Trigger uint8

const (
	NoTrigger  Trigger = iota
	QName              // the question's name
	CNAME              // the target of a CNAME or DNAME in the answer
	SVCB               // the target of an SVCB or HTTPS record
	ResponseIP         // an address in the answer, or in a hint
)

// RuleID names an entry of a file, together with Verdict.Labels. Its zero value
// is no rule. It means nothing to another Policy.
type RuleID struct {
	file uint32 // from one, in order of precedence
	addr uint32 // from one, of an address rule
}

// Verdict says what to do and why. It is a plain value.
type Verdict struct {
	Action  Action
	Trigger Trigger
	Allowed bool   // Rule is of an allow file: the query is left alone whole
	Labels  uint8  // of the listed name, which is a suffix of the name found; 0 in an address rule
	Rule    RuleID // what decided; none where nothing is listed
	Shadow  RuleID // of a shadow file, would have decided in place of Rule
}

// Policy is the rules in force.
type Policy struct{}

// Build reads all files and makes a Policy of them.
func Build(cfg Config, files []File) (*Policy, error) { return &Policy{}, nil }

// CategoryOf says whose rules a file holds, by its name in the drop folder: its
// first folder is the category, a file at the root belongs to malware. want is
// false for files that are no lists of this package (clients/, rpz/).
func CategoryOf(rel string) (category string, allow, want bool) { return "", false, false }

// Guard refuses rules that would block one of the names: the name itself, and a
// subtree above it. nil where there are none.
func Guard(protect [][]byte) list.Guard { return nil }

// Decide says what to do with q. It allocates nothing, locks nothing and reads
// no clock. Pass and Passthru are not the last word: Review has it.
func (p *Policy) Decide(q Query) Verdict { return Verdict{} }

// Review says what to do with q and its upstream answer m, nil where there is
// none. at is the place in m.Answer, from one, of the record that revealed what
// is listed, 0 for the question; Listed and answer.Reply want it.
func (p *Policy) Review(q Query, m *dns.Msg) (v Verdict, at int) { return Verdict{}, 0 }

// Blocks tells whether the query gets an answer of ours, or none, in place of
// the upstream's.
func (v Verdict) Blocks() bool { return v.Action != Pass && v.Action != Passthru }

// Category is the category of what decided, nil where nothing is listed and for
// an allow file.
func (p *Policy) Category(v Verdict) *Category { return nil }

// CategoryOfRule is the category of a rule, for Verdict.Shadow.
func (p *Policy) CategoryOfRule(r RuleID) *Category { return nil }

// File is the name of the file that a rule is from, "" where it is none.
func (p *Policy) File(r RuleID) string { return "" }

// Listed is what was listed: a name in wire form and as text, or for an address
// rule nil and the prefix. The arguments are those of Review, and what it
// returned; for a verdict of Decide m is nil and at 0. Both are copies.
func (p *Policy) Listed(v Verdict, q Query, m *dns.Msg, at int) (name []byte, text string) {
	return nil, ""
}

// Line is one line of a file that matches a name.
type Line struct {
	Category string // "" in an allow file
	Action   string // "allow" in an allow file, "exception", else the category's
	File     string
	Line     int    // from one
	Text     string // the line as it stands, cut at 200 octets
	Shadow   bool
	Why      string // it was passed over: a sentence; "" for the line that decides
}

// Explanation says what decides a name.
type Explanation struct {
	Verdict    Verdict
	Decides    *Line  // nil where nothing does
	PassedOver []Line // in order of precedence
}

// Explain finds the lines that match q by reading their files again. It is slow
// and not for the query path.
func (p *Policy) Explain(q Query) (Explanation, error) { return Explanation{}, nil }

// ExplainAddr is Explain for an address in answers.
func (p *Policy) ExplainAddr(a netip.Addr) (Explanation, error) { return Explanation{}, nil }

// Stats are the figures of a Policy.
type Stats struct {
	Names     int // listed names, each counted once
	Addresses int // listed prefixes, each counted once
	Bytes     int // memory held, in octets
	Files     []FileStats
}

// FileStats are the figures of one file, in order of precedence.
type FileStats struct {
	File     string
	Category string // "" in an allow file
	Allow    bool
	Shadow   bool
	Result   list.Result
}

// Stats may be called at any time.
func (p *Policy) Stats() Stats { return Stats{} }
