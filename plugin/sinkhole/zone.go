package sinkhole

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/feed"
	"sinkhole/plugin/pkg/option"
)

// Zone is an rpz line: response policy zones of the folder rpz, in order, or one
// that is fetched into it.
type Zone struct {
	Files  []string // below rpz; of a feed the one file that it writes
	Policy string   // in place of the zone's own actions; policyGiven: none
	CNAME  string   // of policyCNAME, with its final dot

	Name      string         // of a feed: the zone, in lower case, without its final dot
	Primaries []feed.Primary // of a feed, in the order in which they are tried

	place option.Place
}

// Feed: the zone is fetched.
func (z Zone) Feed() bool { return len(z.Primaries) > 0 }

const (
	rpzFolder   = "rpz"
	feedSuffix  = ".zone" // of a file that a feed writes
	dnsPort     = 53
	maxPrimary  = 16
	maxFeeds    = 64
	policyGiven = "given"
	policyCNAME = "cname"
)

// policies are what may stand in place of a zone's own actions.
var policies = []string{policyGiven, "disabled", "passthru", "nxdomain", "nodata", "tcp-only", "drop", policyCNAME}

// zoneOptions is what may stand in the block of an rpz line.
var zoneOptions = option.Grammar[Zone]{
	"policy":  parsePolicy,
	"primary": parsePrimary,
}

func parseZone(t option.Tokens, b *block) error {
	place := option.PlaceOf(t)
	args, err := option.Some(t, "files of the folder rpz, or a zone and its primaries in a block")
	if err != nil {
		return err
	}
	z := Zone{Policy: policyGiven, place: place}
	if err := inner(t, "rpz", zoneOptions, &z); err != nil {
		return err
	}
	if z.Files = args; z.Feed() {
		if len(args) > 1 {
			return t.Errf("rpz %s: primaries give one zone; want a line for each zone", strings.Join(args, " "))
		}
		if z.Name, err = zoneName(args[0]); err != nil {
			return t.Errf("rpz %q: %v", args[0], err)
		}
		z.Files = []string{z.Name + feedSuffix}
	}
	feeds := 0
	for _, other := range b.Zones {
		if other.Feed() {
			feeds++
		}
		for _, file := range z.Files {
			if slices.Contains(other.Files, file) {
				return t.Errf("rpz %q: stands already at %s; want each zone once", file, other.place)
			}
		}
	}
	for i, file := range z.Files {
		if !filepath.IsLocal(file) || file == "." || filepath.ToSlash(filepath.Clean(file)) != file {
			return t.Errf("rpz %q: want a file by its path below the folder rpz", file)
		}
		if slices.Contains(z.Files[:i], file) {
			return t.Errf("rpz %q: stands twice in this line; want each zone once", file)
		}
	}
	if z.Feed() && feeds == maxFeeds {
		return t.Errf("rpz %s: want at most %d zones with primaries", z.Name, maxFeeds)
	}
	b.Zones = append(b.Zones, z)
	return nil
}

// zoneName is the name of a zone that can be the name of a file, too.
func zoneName(text string) (string, error) {
	wire, err := nameOf(text)
	if err != nil {
		return "", err
	}
	name := dnsname.String(wire)
	const chars = "abcdefghijklmnopqrstuvwxyz0123456789-_."
	if strings.Trim(name, chars) != "" {
		return "", errNoZone
	}
	return name, nil
}

func parsePolicy(t option.Tokens, z *Zone) error {
	want := strings.Join(policies, ", ") + " NAME"
	args := t.RemainingArgs()
	if len(args) == 0 || !slices.Contains(policies, args[0]) || len(args) > 1 != (args[0] == policyCNAME) || len(args) > 2 {
		return t.Errf("policy %q: want one of %s", args, want)
	}
	if z.Policy, z.CNAME = args[0], ""; z.Policy != policyCNAME {
		return nil
	}
	name, err := nameOf(strings.TrimPrefix(args[1], "*."))
	if err != nil {
		return t.Errf("policy cname %q: %v; want a name", args[1], err)
	}
	z.CNAME = dns.Fqdn(dnsname.String(name))
	if strings.HasPrefix(args[1], "*.") {
		z.CNAME = "*." + z.CNAME
	}
	return nil
}

// parsePrimary reads the key file, too, so that one that is wrong is refused with
// its line; the feed reads it again whenever it needs it.
func parsePrimary(t option.Tokens, z *Zone) error {
	const want = "an address, its port unless it is 53, and a key file if transfers are signed"
	args := t.RemainingArgs()
	if len(args) < 1 || len(args) > 2 {
		return t.Errf("primary %q: want %s", args, want)
	}
	addr, err := netip.ParseAddrPort(args[0])
	if err != nil {
		var alone netip.Addr
		alone, err = netip.ParseAddr(args[0])
		addr = netip.AddrPortFrom(alone, dnsPort)
	}
	if err != nil || addr.Port() == 0 || addr.Addr().IsUnspecified() || addr.Addr().IsMulticast() {
		return t.Errf("primary %q: want %s", args[0], want)
	}
	p := feed.Primary{Addr: netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())}
	if len(args) == 2 {
		p.KeyFile = args[1]
		if _, _, err := feed.ReadKey(p.KeyFile); err != nil {
			return t.Errf("primary %s: %v", args[0], err)
		}
	}
	for _, other := range z.Primaries {
		if other.Addr == p.Addr {
			return t.Errf("primary %s: stands twice; want each primary once", p.Addr)
		}
	}
	if len(z.Primaries) == maxPrimary {
		return t.Errf("primary %s: want at most %d of a zone", p.Addr, maxPrimary)
	}
	z.Primaries = append(z.Primaries, p)
	return nil
}
