package list

import (
	"bytes"
	"strings"
)

const (
	whyDnsmasq     = "no option of names; want address=/name/ or address=/name/ADDRESS, local=/name/, server=/name/ or server=/name/#"
	whyDnsmasqAddr = "no address behind the last slash; want one, # or nothing"
)

// dnsmasqOptions are the other options of dnsmasq 2.90: they block nothing.
var dnsmasqOptions = wordSet("add-cpe-id add-mac add-subnet addn-hosts alias all-servers auth-peer auth-sec-servers auth-server auth-soa " +
	"auth-ttl auth-zone bind-dynamic bind-interfaces bogus-nxdomain bogus-priv bootp-dynamic bridge-interface " +
	"caa-record cache-rr cache-size clear-on-reload cname conf-dir conf-file conf-script connmark-allowlist " +
	"connmark-allowlist-enable conntrack dhcp-alternate-port dhcp-authoritative dhcp-boot dhcp-broadcast " +
	"dhcp-circuitid dhcp-client-update dhcp-duid dhcp-fqdn dhcp-generate-names dhcp-host dhcp-hostsdir " +
	"dhcp-hostsfile dhcp-ignore dhcp-ignore-clid dhcp-ignore-names dhcp-lease-max dhcp-leasefile dhcp-luascript " +
	"dhcp-mac dhcp-match dhcp-name-match dhcp-no-override dhcp-option dhcp-option-force dhcp-optsdir dhcp-optsfile " +
	"dhcp-proxy dhcp-pxe-vendor dhcp-range dhcp-rapid-commit dhcp-relay dhcp-remoteid dhcp-reply-delay dhcp-script " +
	"dhcp-scriptuser dhcp-sequential-ip dhcp-subscrid dhcp-ttl dhcp-userclass dhcp-vendorclass dns-forward-max " +
	"dns-loop-detect dns-rr dnssec dnssec-check-unsigned dnssec-debug dnssec-limits dnssec-no-timecheck " +
	"dnssec-timestamp domain domain-needed dumpfile dumpmask dynamic-host edns-packet-max enable-dbus enable-ra " +
	"enable-tftp enable-ubus except-interface expand-hosts fast-dns-retry filter-A filter-AAAA filter-rr " +
	"filterwin2k group host-record hostsdir ignore-address interface interface-name ipset keep-in-foreground " +
	"leasefile-ro listen-address local-service local-ttl localise-queries localmx log-async log-debug log-dhcp " +
	"log-facility log-queries max-cache-ttl max-port max-tcp-connections max-ttl min-cache-ttl min-port mx-host " +
	"mx-target naptr-record neg-ttl nftset no-daemon no-dhcp-interface no-dhcpv4-interface no-dhcpv6-interface " +
	"no-hosts no-ident no-negcache no-ping no-poll no-resolv no-round-robin pid-file port port-limit proxy-dnssec " +
	"ptr-record pxe-prompt pxe-service query-port quiet-dhcp quiet-dhcp6 quiet-ra quiet-tftp ra-param read-ethers " +
	"rebind-domain-ok rebind-localhost-ok resolv-file rev-server script-arp script-on-renewal selfmx servers-file " +
	"shared-network srv-host stop-dns-rebind strict-order strip-mac strip-subnet synth-domain tag-if tftp-lowercase " +
	"tftp-max tftp-mtu tftp-no-blocksize tftp-no-fail tftp-port-range tftp-root tftp-secure tftp-single-port " +
	"tftp-unique-root trust-anchor txt-record umbrella use-stale-cache user ")

// dnsmasq reads an option of dnsmasq, as it reads its files: letter case counts,
// blanks around key and value do not, quotes around the value neither, and a
// comment begins at a # behind white space only. False where e is none.
//
//	address=/x.example/y.example/192.0.2.1   x.example, y.example and all below
//	address=/x.example/#  local=/x.example/  the same, whatever the address
//	server=/x.example/#                      opened again under a blocked name
//	server=/x.example/192.0.2.1              a forward: passed over
//	address=/*.x.example/192.0.2.1           all below x.example, not itself
//	address=/*x.example/192.0.2.1            a pattern: passed over
func (r *reader) dnsmasq(e []byte) bool {
	if c := e[0]; c < 'a' || c > 'z' {
		return false
	}
	key, value, ok := bytes.Cut(e, []byte("="))
	key, value = trim(key), dnsmasqValue(value)
	switch {
	case !ok && dnsmasqFlag(e):
		r.pass(passDnsmasq)
	case ok && string(key) == "address":
		r.dnsmasqNames(e, value, true)
	case ok && (string(key) == "local" || string(key) == "server"):
		r.dnsmasqNames(e, value, false)
	case ok && dnsmasqOptions[string(key)]:
		r.pass(passDnsmasq)
	default:
		return false
	}
	return true
}

// dnsmasqFlag tells an option without a value, which could be a name too.
func dnsmasqFlag(e []byte) bool { return bytes.IndexByte(e, '-') > 0 && dnsmasqOptions[string(e)] }

// dnsmasqValue is what stands behind =, less comment, blanks and quotes.
func dnsmasqValue(text []byte) []byte {
	for i, c := range text {
		if c == '#' && i > 0 && space(text[i-1]) {
			text = text[:i]
			break
		}
	}
	text = trim(text)
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' {
		return trim(text[1 : n-1])
	}
	return text
}

// dnsmasqNames reads /name/name/target. address: target is an address to answer
// with, else a server to ask.
func (r *reader) dnsmasqNames(e, value []byte, address bool) {
	end := bytes.LastIndexByte(value, '/')
	if end < 1 || value[0] != '/' {
		if address || bytes.IndexByte(value, '/') >= 0 || len(value) == 0 {
			r.refuse(e, whyDnsmasq)
			return
		}
		r.pass(passDnsmasq) // server=192.0.2.1: for all names
		return
	}
	names, target := value[1:end], value[end+1:]
	opens := false
	switch {
	case len(target) == 0 || address && string(target) == "#":
	case address && !isAddr(target):
		r.refuse(e, whyDnsmasqAddr)
		return
	case !address && string(target) == "#":
		opens = true
	case !address:
		r.pass(passDnsmasq)
		return
	}
	for more := true; more; {
		var name []byte
		name, names, more = bytes.Cut(names, []byte("/"))
		r.dnsmasqName(name, opens)
	}
}

// dnsmasqName takes one name between slashes.
func (r *reader) dnsmasqName(text []byte, opens bool) {
	says := Rule{Except: opens, Reopens: opens && !r.o.Allow, Reach: Subtree}
	below := bytes.HasPrefix(text, []byte("*."))
	switch {
	case len(text) == 0: // names without a dot
		r.pass(passPattern)
		return
	case string(text) == "#" || string(text) == "*": // all names
		r.refuseByGuard(text, whyRoot)
		return
	case below:
		text = text[len("*."):]
	case bytes.IndexByte(text, '*') >= 0:
		r.pass(passPattern)
		return
	case text[0] == '.':
		text = text[1:]
	}
	name, why := r.name(text)
	if why != "" {
		r.refuse(text, why)
		return
	}
	says.Name = name
	if below {
		says.Cond = &Condition{NotName: bytes.Clone(name)}
	}
	r.rule(says, true, text)
}

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}
