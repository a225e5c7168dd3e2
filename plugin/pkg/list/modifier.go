package list

import (
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

// Condition says when a rule holds; nil: always. It is immutable, and rules of
// one file that say the same may share one.
type Condition struct {
	Types     []uint16 // the rule is for these types of question; none: for all but NotTypes
	NotTypes  []uint16 // not for these; empty where there are Types
	DenyAllow [][]byte // wire names: these and all below are not meant
}

// Holds tells whether the rule is meant for a question of that name and type.
func (c *Condition) Holds(name []byte, qtype uint16) bool {
	switch {
	case c == nil:
		return true
	case len(c.Types) > 0 && !slices.Contains(c.Types, qtype):
		return false
	case len(c.Types) == 0 && slices.Contains(c.NotTypes, qtype):
		return false
	}
	for _, zone := range c.DenyAllow {
		if dnsname.Under(name, zone) {
			return false
		}
	}
	return true
}

// Key is c as its file would say it, sorted: equal for conditions that mean the
// same. "dnstype=A|AAAA", "dnstype=~TXT,denyallow=ok.example".
func (c *Condition) Key() string {
	if c == nil {
		return ""
	}
	var parts []string
	switch {
	case len(c.Types) > 0:
		parts = append(parts, "dnstype="+typeList(c.Types, ""))
	case len(c.NotTypes) > 0:
		parts = append(parts, "dnstype="+typeList(c.NotTypes, "~"))
	}
	if len(c.DenyAllow) > 0 {
		var names []string
		for _, name := range c.DenyAllow {
			names = append(names, dnsname.String(name))
		}
		slices.Sort(names)
		parts = append(parts, "denyallow="+strings.Join(slices.Compact(names), "|"))
	}
	return strings.Join(parts, ",")
}

func typeList(types []uint16, mark string) string {
	types = slices.Compact(slices.Sorted(slices.Values(types)))
	var text []string
	for _, t := range types {
		name, ok := dns.TypeToString[t]
		if !ok {
			name = "TYPE" + strconv.Itoa(int(t))
		}
		text = append(text, mark+name)
	}
	return strings.Join(text, "|")
}
