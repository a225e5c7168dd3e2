package peer

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// drawZones makes one to four zones of a few rules.
func drawZones(r *rand.Rand, w *world) []string {
	zones := make([]string, 1+r.IntN(4))
	for i := range zones {
		zones[i] = drawZone(r, w)
	}
	return zones
}

const zoneHead = "$TTL 60\n@ SOA localhost. root.localhost. 1 3600 600 86400 60\n@ NS localhost.\n"

func drawZone(r *rand.Rand, w *world) string {
	var b strings.Builder
	b.WriteString(zoneHead)
	owners := map[string]bool{}
	kinds := r.IntN(8) // most zones are of names, as most feeds are
	for range 1 + r.IntN(8) {
		owner := drawOwner(r, w, kinds)
		if owners[owner] {
			continue
		}
		owners[owner] = true
		for _, action := range drawAction(r, owner) {
			fmt.Fprintf(&b, "%s %s\n", owner, action)
		}
	}
	return b.String()
}

func pick[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

func drawOwner(r *rand.Rand, w *world, kinds int) string {
	kind := 0
	if kinds >= 4 {
		kind = r.IntN(5)
	}
	name := strings.TrimSuffix(w.names[r.IntN(len(w.names))], ".")
	switch kind {
	case 1:
		return pick(r, "32.1.0.0.127", "24.0.0.0.127", "24.0.1.0.127", "32.2.0.0.127", "16.0.0.0.127") + ".rpz-client-ip"
	case 2:
		return pick(r, fmt.Sprintf("32.%d.2.0.192", r.IntN(64)), "28.16.2.0.192", "24.0.2.0.192", fmt.Sprintf("28.%d.100.51.198", r.IntN(5)*16),
			"24.0.113.0.203", "48.zz.1.db8.2001", "128.2.zz.1.db8.2001", "32.zz.db8.2001") + ".rpz-ip"
	case 3:
		return pick(r, "ns1.p0.example", "ns2.p1.example", "*.p2.example", "*.p0.example", "ns1.p2.example") + ".rpz-nsdname"
	case 4:
		return pick(r, "32.100.113.0.203", "32.111.113.0.203", "29.120.113.0.203", "128.1.zz.53.db8.2001", "28.96.113.0.203") + ".rpz-nsip"
	}
	switch r.IntN(6) {
	case 0:
		return "*." + name
	case 1: // some domain of the world, or all names in it
		return pick(r, "", "*.") + fmt.Sprintf("d%d.example", r.IntN(domains))
	case 2: // names that exist only because one below them does (RFC 4592, section 2.2.2)
		return pick(r, "x.y.", "*.x.") + name
	case 3:
		return pick(r, "*.example", "example", "*.sub."+name)
	}
	return name
}

func drawAction(r *rand.Rand, owner string) []string {
	switch r.IntN(10) {
	case 0, 1:
		return []string{"CNAME ."}
	case 2:
		return []string{"CNAME *."}
	case 3, 4:
		return []string{"CNAME rpz-passthru."}
	case 5:
		return []string{"CNAME rpz-drop."}
	case 6:
		return []string{"CNAME rpz-tcp-only."}
	case 7:
		return []string{"A 192.0.2.200", "A 192.0.2.201", "TXT \"policy\""}
	case 8:
		return []string{"CNAME garden.example."}
	}
	return []string{pick(r, "CNAME *.garden.example.", "AAAA 2001:db8:ffff::1")}
}
