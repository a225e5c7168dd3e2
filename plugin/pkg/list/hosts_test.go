package list

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var hostsOctets = regexp.MustCompile(`^[A-Za-z0-9_.:% \t-]+$`)

// slowHosts: an address and names. Where the address is one that blocks, each
// name by itself, and nothing below; the machine's own names are passed over.
func slowHosts(line string) (want string, mine bool) {
	line, _, _ = strings.Cut(line, " #")
	fields := strings.Fields(line)
	if !hostsOctets.MatchString(line) || len(fields) < 2 {
		return "", false
	}
	addr, err := netip.ParseAddr(fields[0])
	if fields[0] == "0" {
		addr, err = netip.IPv4Unspecified(), nil
	}
	if err != nil || len(fields[0]) > maxAddr {
		return "", false
	}
	if addr = addr.Unmap(); !addr.IsUnspecified() && !addr.IsLoopback() {
		return "passed over", true
	}
	var parts []string
	for _, name := range fields[1:] {
		_, notAddr := netip.ParseAddr(name)
		switch {
		case !hostOctets.MatchString(name) || name[0] == '.' && name != ".":
			return "", false
		case notAddr == nil || slices.Contains(machineNames, strings.TrimSuffix(strings.ToLower(name), ".")):
			parts = append(parts, "passed over")
		case strings.Trim(name, ".") == "":
			return "", false
		default:
			parts = append(parts, slowBlock(name, Exact, true))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "; "), true
}

var machineNames = []string{"localhost", "localhost.localdomain", "local", "localhost4", "localhost4.localdomain4",
	"localhost6", "localhost6.localdomain6", "broadcasthost", "ip6-localhost", "ip6-loopback", "ip6-localnet",
	"ip6-mcastprefix", "ip6-allnodes", "ip6-allrouters", "ip6-allhosts"}

func FuzzHosts(f *testing.F) {
	fuzzFormat(f, slowHosts, "0.0.0.0 bad.example", "127.0.0.1\tlocalhost", "::1 a.example b.example # c", "0 a.example", "10.1.2.3 nas.home-lan",
		"fe80::1%lo0 localhost", ":: LOCALHOST. co.uk github.io a..b 0.0.0.0", "::ffff:127.0.0.1 bad.example", "0.0.0.0  bad.example\t")
}
