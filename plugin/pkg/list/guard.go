package list

import "sinkhole/plugin/pkg/dnsname"

const (
	whyRoot     = "the root: every name is below it; want a name that somebody registered"
	whyTopLevel = "a top-level domain; want a name below it"
	whyICANN    = "a public suffix: registries sell names below it; want a name below it"
	warnPrivate = "a private public suffix: taken without the names below it, which belong to others; want *. in front to mean them too"
)

// guard says why nobody blocks this name by a line of a list, and whether its
// reach is narrowed to the name itself. Below a private suffix (github.io)
// stand the names of many owners: a bare name there is more likely one feed's
// carelessness than the wish to block them all, unless the form says so.
func guard(name []byte, reach Reach, own bool) (why string, narrow bool) {
	switch dnsname.SuffixOf(name) {
	case dnsname.TopLevel:
		return whyTopLevel, false
	case dnsname.ICANN:
		return whyICANN, false
	case dnsname.Private:
		return "", reach == Subtree && !own
	}
	return "", false
}
