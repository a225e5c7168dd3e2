// Package rpz reads response policy zones: a zone file becomes an immutable Zone,
// which says what rule holds for a name or an address. What wins between zones
// and triggers is package policy's.
//
// The language is that of draft-vixie-dnsop-dns-rpz-00; where it leaves a choice,
// what BIND does.
//
// # From text to rules
//
//	lines    package list: unpacked, without BOM and CR, at most 64 KiB
//	entries  entry.go: parentheses, quotes and comments (RFC 1035, section 5.1)
//	records  record.go: owner, TTL, class and type; directive.go: what begins with $
//	rules    trigger.go: what the owner says; target.go: what the data says
//
// miekg/dns reads the data of single records; its reader of whole zones stops at
// the first bad line. Here one bad line costs itself: it is refused with its
// number and why, and what the rest says does not change.
//
// # Layout
//
//	names      index.Set   name -> number of a node, exact, mapped from a file
//	nodes      { own 4B | wild 4B }        numbers of outcomes, 0 for none
//	outcomes   { action 1B | data 4B }     each once
//	data       packed records, each set of them once, and where they begin
//	addresses  bart.Table  prefix -> number of an outcome, one for each trigger
//
// A wildcard stands at the name that it hangs from, so that the two rules which
// feeds write for a name are one. Names that exist because there are names below
// them stand in the set too, with node 0: the longest suffix found is the closest
// encloser of RFC 4592, section 3.3.1, and there is nothing more to ask.
//
// # Example
//
//	bad.example    CNAME .              bad.example     own nxdomain  wild nxdomain
//	*.bad.example  CNAME .              example         own none      wild none
//	ok.bad.example CNAME rpz-passthru.  ok.bad.example  own passthru  wild none
//
// QName(www.bad.example) finds example and bad.example; the last is not the whole
// name, so its wild counts: nxdomain. QName(a.ok.bad.example) finds ok.bad.example
// last, which has no wildcard: no rule.
//
// # Bounds
//
//	file        512 MiB    unpacked, with all parts (ReadOptions.MaxSize)
//	entry       128 lines  and 64 KiB, with open parentheses (maxLines, maxEntry)
//	$INCLUDE    256 files  eight deep, inside the folder of zones (maxParts, maxDepth)
//	$GENERATE   65,536     records each, 1,048,576 and 64 MiB in all (maxGenerate,
//	                       maxMade, maxMadeText)
//	one rule    128        records, and 32 KiB (maxRecords, maxData)
//	notes       1,000      kept of all that are counted (list.MaxNotes)
//
// # Cost
//
// A line goes by as it is read. While it is, 8 to 22 octets a rule remember what
// came before, to name duplicates by line (seen). QName walks once through the set
// and allocates nothing (TestAskAllocatesNothing).
//
// A million real names, one rule each: Check takes 0.36 s of one core and Read 0.76
// s; the Zone holds 12.9 octets a rule, and 6.4 where each name has its wildcard
// beside it (BenchmarkReadReal).
package rpz

import (
	"net/netip"
)

// Trigger is what a rule looks at. The values stand in the order in which
// triggers of one zone decide (draft-vixie-dnsop-dns-rpz-00, section 5.4).
type Trigger uint8

const (
	ClientIP Trigger = iota // who asks
	QName                   // the name asked, or a name of its CNAME chain
	IP                      // an address in the answer
	NSDName                 // the name of a server of a zone above the name asked
	NSIP                    // an address of such a server

	triggers = 5 // how many there are
)

// String is the word for t in explanations and metrics.
func (t Trigger) String() string {
	if int(t) < len(triggerNames) {
		return triggerNames[t]
	}
	return "none"
}

var triggerNames = [triggers]string{"client-ip", "qname", "response-ip", "nsdname", "nsip"}

// Action is what a rule does.
type Action uint8

const (
	NXDOMAIN Action = iota // CNAME .
	NODATA                 // CNAME *.
	Passthru               // CNAME rpz-passthru.
	Drop                   // CNAME rpz-drop.
	TCPOnly                // CNAME rpz-tcp-only.
	Data                   // the records of the rule: Zone.Data

	actions = 6 // how many there are
)

// String is the word for a in explanations.
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return "none"
}

var actionNames = [actions]string{"nxdomain", "nodata", "passthru", "drop", "tcp-only", "local-data"}

// Rule is what a zone says of a name or an address.
type Rule struct {
	Trigger Trigger
	Action  Action
	Wild    bool         // the trigger is the wildcard below the name of Labels labels
	Labels  uint8        // of the trigger's name, without * and the root; in a rule on names
	Data    uint32       // where Action is Data: which records, for Zone.Data
	Prefix  netip.Prefix // of a rule on addresses, IPv4 where it is v4-mapped
}

// Override says what an operator wants of a zone in place of its own actions.
type Override struct {
	// Action is one of given, disabled, passthru, nxdomain, nodata, tcp-only,
	// drop and cname; "" is given.
	Action string
	// CNAME is the target of cname, in presentation form.
	CNAME string
}
