package policy

import (
	"fmt"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/list"
)

const (
	whyProtected = "a protected name; want another one"
	whyBelow     = "below a protected name; want a name that is not the operator's own"
)

// Guard refuses rules that would block one of the names or what is below it: an
// operator who protects isp.example means his mail server too. A subtree above
// covers it, and is refused as well. nil where there are none.
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
		if self[string(name)] {
			return whyProtected
		}
		for above := dnsname.Parent(name); len(above) > 1; above = dnsname.Parent(above) {
			if self[string(above)] {
				return whyBelow
			}
		}
		if reach == list.Subtree {
			return why[string(name)]
		}
		return ""
	}
}
