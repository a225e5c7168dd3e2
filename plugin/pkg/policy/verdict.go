package policy

import (
	"net/netip"

	"sinkhole/plugin/pkg/rpz"
)

// Action is what a category does with a query for a listed name.
type Action uint8

const (
	Pass      Action = iota // nothing is listed
	Sinkhole                // the category's address, or NODATA
	NXDOMAIN                // the name does not exist
	NODATA                  // the name has no such records
	Refused                 // REFUSED
	Drop                    // no answer
	Truncate                // over UDP an empty answer with TC; on a stream it is Passthru
	Passthru                // recorded, and left alone
	LocalData               // the rule says its answer itself; no category has this action
	TCPOnly                 // Truncate of a zone's rule; on a stream it is Passthru
	Failed                  // SERVFAIL: an address that a zone's NSIP rules look at could not be known
)

var actions = [...]string{
	Pass: "pass", Sinkhole: "sinkhole", NXDOMAIN: "nxdomain", NODATA: "nodata",
	Refused: "refused", Drop: "drop", Truncate: "truncate", Passthru: "passthru",
	LocalData: "local-data", TCPOnly: "tcp-only", Failed: "servfail",
}

// String is the word of the Corefile for a, and the label of metrics.
func (a Action) String() string { return actions[a] }

// ParseAction reads the word that a category's action is.
func ParseAction(word string) (Action, bool) {
	for a, w := range actions {
		if w == word && Action(a) != Pass && Action(a) < LocalData {
			return Action(a), true
		}
	}
	return Pass, false
}

// Trigger is what a rule matched.
type Trigger uint8

const (
	NoTrigger  Trigger = iota
	QName              // the question's name
	CNAME              // the target of a CNAME or DNAME in the answer
	SVCB               // the target of an SVCB or HTTPS record
	ResponseIP         // an address in the answer, or in a hint
	ClientIP           // of a zone: who asks
	NSDName            // of a zone: the name of a server of the name, or of a domain above it
	NSIP               // of a zone: the address of such a server
)

var triggers = [...]string{
	NoTrigger: "none", QName: "qname", CNAME: "cname", SVCB: "svcb", ResponseIP: "response-ip",
	ClientIP: "client-ip", NSDName: "nsdname", NSIP: "nsip",
}

// String is the label of metrics.
func (t Trigger) String() string { return triggers[t] }

// RuleID is an entry of a file, together with Verdict.Labels. Its zero value is
// no rule. It means nothing to another Policy.
type RuleID struct {
	file uint32 // from one, in order of precedence
	addr uint32 // from one, of an address rule
}

// None tells whether r is no rule.
func (r RuleID) None() bool { return r == RuleID{} }

// Verdict says what to do and why. It is a plain value.
type Verdict struct {
	Action  Action
	Trigger Trigger
	Allowed bool   // Rule is of an allow file: the query is left alone whole
	Labels  uint8  // of the listed name, a suffix of the name found; 0 in an address rule
	Rule    RuleID // what decided; none where nothing is listed, and for a zone
	Shadow  RuleID // of a shadow file, would have decided in place of Rule

	Zone       uint16   // whose rule decided, from one in order of precedence; 0: no zone's
	ZoneRule   rpz.Rule // what decided, where it is a zone's
	ShadowZone uint16   // the first disabled zone with a rule that would have decided
	Proven     bool     // the rule is tcp-only and the query came so: no other rule of a zone counts, lists do

	said said // by the rewrites of a list that decides
}

// Blocks tells whether there is an answer of ours, or none, in place of the
// upstream's.
func (v Verdict) Blocks() bool { return v.Action != Pass && v.Action != Passthru }

// Whole tells whether the query is left alone whole: its name is allowed, or a
// zone's rule lets it pass. Nothing that the answer reveals is looked at.
func (v Verdict) Whole() bool { return v.Allowed || v.Zone > 0 && v.Action == Passthru && !v.Proven }

// decided tells whether v is of a rule.
func (v Verdict) decided() bool { return !v.Rule.None() || v.Zone > 0 }

// Delegations are what the NSDNAME and NSIP triggers of zones look at. It is
// asked only where a loaded zone has such triggers, and where one could decide.
type Delegations interface {
	// NS are the servers of the zone that name is the apex of, all in wire form:
	// none where it is no apex, and where that cannot be known.
	NS(name []byte) (servers [][]byte)
	// Addrs are the addresses of a server; ok is false where they cannot be known.
	Addrs(server []byte) (addrs []netip.Addr, ok bool)
}

// Category is the category of what decided, nil where nothing is listed and for
// an allow file. A zone is one of its own, with its name, and with what the
// Corefile says of all categories.
func (p *Policy) Category(v Verdict) *Category {
	if v.Zone > 0 {
		return p.zoneCategory(v.Zone)
	}
	return p.CategoryOfRule(v.Rule)
}

// ShadowCategory is the category of what would have decided, nil for nothing.
func (p *Policy) ShadowCategory(v Verdict) *Category {
	if v.ShadowZone > 0 {
		return p.zoneCategory(v.ShadowZone)
	}
	return p.CategoryOfRule(v.Shadow)
}

func (p *Policy) zoneCategory(number uint16) *Category { return &p.zones[number-1].category }

// CategoryOfRule is the category of a rule of a list.
func (p *Policy) CategoryOfRule(r RuleID) *Category {
	if r.None() || p.files[r.file-1].allow {
		return nil
	}
	return &p.categories[p.files[r.file-1].category]
}

// File is the name of the file that a rule is from, "" for none.
func (p *Policy) File(r RuleID) string {
	if r.None() {
		return ""
	}
	return p.files[r.file-1].Name
}
