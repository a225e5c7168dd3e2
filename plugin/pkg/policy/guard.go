package policy

import (
	"fmt"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/list"
)

const whyProtected = "a protected name; want another one"

// Guard refuses rules that would block one of the names: the name itself, and a
// subtree above it. What is below a protected name may be listed, for it may be
// another's. nil where there are none.
func Guard(protect [][]byte) list.Guard {
	if len(protect) == 0 {
		return nil
	}
	why := make(map[string]string) // by the ancestor of a protected name
	self := make(map[string]bool)
	for _, name := range protect {
		self[string(name)] = true
		covers := fmt.Sprintf("covers %s, a protected name; want it without the names below it", dnsname.String(name))
		for above := dnsname.Parent(name); len(above) > 1; above = dnsname.Parent(above) {
			if why[string(above)] == "" {
				why[string(above)] = covers
			}
		}
	}
	return func(name []byte, reach list.Reach) string {
		switch {
		case self[string(name)]:
			return whyProtected
		case reach == list.Subtree:
			return why[string(name)]
		}
		return ""
	}
}
