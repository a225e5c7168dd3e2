// Package rpz reads response policy zones: a zone file becomes an immutable Zone
// that says which rule holds for a name or an address.
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
