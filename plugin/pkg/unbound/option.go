package unbound

import (
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
)

// option is a line of unbound.conf and why it stands there, which is written
// above it: lines of one clause have one reason. An Unbound that
// does not know a word refuses its whole configuration, and distributions
// back-port words without a new version: what unbound-checkconf refuses is left
// out, unless it is vital.
type option struct {
	line  string
	why   string
	vital bool
}

// word is the option's name.
func (o option) word() string {
	word, _, _ := strings.Cut(strings.TrimSpace(o.line), ":")
	return word
}

// Sizes that depend on the machine and are bounded.
const (
	// A cache of n bytes makes the process grow by about two and a half n
	// (Unbound's own guide to optimisation); Memory is for the whole.
	cachesPart, cachesOf = 2, 5

	// One host in the infrastructure cache for so many bytes of Memory. Unbound's
	// own 10,000 are too few for an access network.
	bytesPerHost       = 4096
	minHosts, maxHosts = 10000, 100000

	// QueriesPerThread is how many questions a thread works on at once. One more
	// pushes out an old one without a word, so the front must send fewer.
	QueriesPerThread = 4096
	// ConnectionsPerThread is how many TCP connections a thread accepts. The
	// kernel spreads connections over threads as it likes.
	ConnectionsPerThread = 64
	// MaxUDP is the largest answer over loopback UDP, in octets.
	MaxUDP = 4096
	// statisticsInterval is how often the child writes its statistics, in seconds.
	statisticsInterval = 10
)

// options are the lines of a child that listens on port. Facts are from the RFCs
// named, from Unbound's manual, and from measurements on 1.17.1 and 1.26.2.
func options(s Settings, port uint16, secret string) []option {
	return slices.Concat(place(port, secret), silence, sizes(s), oneClient, hardening, budgets, answering, reporting)
}

// place is where the child is, and how it is told from others.
func place(port uint16, secret string) []option {
	return []option{
		{fmt.Sprintf("interface: 127.0.0.1@%d", port), "this machine's loopback and a port above 1023: no privilege needed, and nobody outside reaches it", true},
		{"access-control: 0.0.0.0/0 refuse", "nobody else is answered, whatever another line opens", true},
		{"access-control: ::/0 refuse", "the same for IPv6", true},
		{"access-control: 127.0.0.1/32 allow", "one client only: the front", true},
		{`username: ""`, "changes no user: that would clear the order by which the kernel kills an orphan; the front has changed it already", true},
		{`chroot: ""`, "a changed root would hide /dev and the certificates from it; it reads no file", true},
		{`directory: ""`, "it reads no file by a relative name", true},
		{`pidfile: ""`, "the front knows its child", true},
		{"do-daemonize: no", "a child that forks away could not be watched", true},
		{"use-syslog: no", "the front reads standard error", true},
		{`logfile: ""`, "its log is its standard error", true},
		{fmt.Sprintf("local-zone: %q static", secretZone), "a name that this child alone knows an answer for: by it the front tells its child from a stranger on the port", true},
		{fmt.Sprintf("local-data: '%s 0 IN TXT %q'", secretZone, secret), "new at each start", true},
	}
}

// silence keeps names that somebody asked for out of all logs.
var silence = []option{
	{"verbosity: 0", "errors only: no name that somebody asked for reaches a log", false},
	{"val-log-level: 0", "no names of bogus answers", false},
	{"log-queries: no", "no names of questions", false},
	{"log-replies: no", "no names of answers", false},
	{"log-local-actions: no", "no names of its own zones", false},
	{"log-servfail: no", "no names that failed; the client is told why by EDE", false},
}

// sizes fit the child to the machine.
func sizes(s Settings) []option {
	slabs := 1 << bits.Len(uint(s.Threads-1)) // a power of two, at least a thread's worth
	caches := s.Memory * cachesPart / cachesOf
	hosts := min(max(minHosts, s.Memory/bytesPerHost), maxHosts)
	return []option{
		{fmt.Sprintf("num-threads: %d", s.Threads), "half the cores: lists and caches are answered by the front", false},
		{fmt.Sprintf("msg-cache-slabs: %d", slabs), "a lock for each thread", false},
		{fmt.Sprintf("rrset-cache-slabs: %d", slabs), "likewise", false},
		{fmt.Sprintf("infra-cache-slabs: %d", slabs), "likewise", false},
		{fmt.Sprintf("key-cache-slabs: %d", slabs), "likewise", false},
		{fmt.Sprintf("rrset-cache-size: %d", caches*6/10), "all caches together: two fifths of the memory granted, for the process takes two and a half times as much", false},
		{fmt.Sprintf("msg-cache-size: %d", caches*3/10), "half of the records': messages point to them", false},
		{fmt.Sprintf("key-cache-size: %d", caches/20), "validated keys", false},
		{fmt.Sprintf("neg-cache-size: %d", caches/20), "proofs for aggressive-nsec", false},
		{fmt.Sprintf("infra-cache-numhosts: %d", hosts), "10,000 servers, the default, are too few for an access network", false},
		{fmt.Sprintf("num-queries-per-thread: %d", QueriesPerThread), "the default of 1,024 fills up behind a few slow zones", false},
		{"outgoing-range: 8192", "ports for twice as many packets as questions", false},
		{"jostle-timeout: 200", "ms: under overload the fast half of the questions is kept", false},
		{"so-reuseport: yes", "the kernel spreads questions over the threads", false},
		{"so-rcvbuf: 4m", "room for a burst; the kernel gives what net.core.rmem_max allows, at the usual 208 KiB some 550 questions", false},
		{fmt.Sprintf("incoming-num-tcp: %d", ConnectionsPerThread), fmt.Sprintf("answers over %d octets come by TCP; the default is 10", MaxUDP), false},
	}
}

// oneClient takes back what protects an Unbound from its clients: it has one.
var oneClient = []option{
	{"wait-limit: 0", "all clients are one client to this Unbound, and its limits for one address would shut out everybody: 1,500 open questions dropped 20 of 20 good ones (Debian 12, at its defaults)", false},
	{"ratelimit: 0", "no limit a zone: it would be one for all clients together", false},
	{"ip-ratelimit: 0", "no limit an address: there is one address", false},
	{"discard-timeout: 0", "the default drops answers that took over 1.9 s; the front has its own clock, and its cache wants the late ones", false},
	{"sock-queue-timeout: 3", "s: after a stall, what nobody waits for any more", false},
	{"answer-cookie: no", "the front speaks cookies with its clients; none here (CVE-2026-42944)", false},
	{"pad-responses: no", "nothing is encrypted on loopback (CVE-2026-42944)", false},
	{"dns-error-reporting: no", "reports would tell strangers what is asked here (CVE-2026-55973)", false},
}

// hardening is about what servers may say.
var hardening = []option{
	{`module-config: "validator iterator"`, "no more than that: distributions compile in modules for scripts, caches and client subnets", true},
	{"harden-glue: yes", "only what the zone may speak for (bailiwick)", false},
	{"harden-unknown-additional: yes", "no records in the additional section that nothing refers to", false},
	{"iter-scrub-promiscuous: yes", "no name servers that came unasked (CVE-2025-11411)", false},
	{"harden-dnssec-stripped: yes", "signatures taken away make an answer bogus, not insecure", false},
	{"harden-below-nxdomain: yes", "RFC 8020: below what does not exist nothing does", false},
	{"harden-large-queries: yes", "no questions that are too long to be any", false},
	{"harden-short-bufsize: yes", "no buffer sizes under 512 octets (RFC 6891)", false},
	{"harden-referral-path: no", "asks more than it finds", false},
	{"harden-algo-downgrade: no", "breaks zones that roll their algorithm", false},
	{"use-caps-for-id: no", "breaks servers that do not echo letter case", false},
	{"qname-minimisation: yes", "RFC 9156: a server is asked no more than it must know", false},
	{"qname-minimisation-strict: no", "breaks zones whose servers deny empty non-terminals", false},
	{"aggressive-nsec: yes", "RFC 8198: random subdomains of signed zones end here", false},
	{"minimal-responses: yes", "what was asked and nothing beside it", false},
	{"deny-any: yes", "RFC 8482: no long answers to ANY", false},
	{"unwanted-reply-threshold: 0", "counting strays became an attack itself (CVE-2026-50251, CVE-2026-109125)", false},
	{"do-not-query-localhost: yes", "a delegation to loopback must not lead back to the front", false},
}

// budgets bound the work for one question.
var budgets = []option{
	{"max-sent-count: 32", "packets for one question (NXNSAttack)", false},
	{"max-query-restarts: 11", "CNAMEs in a chain", false},
	{"max-global-quota: 200", "packets for one question and all that it needs (CAMP)", false},
	{"iter-scrub-ns: 20", "name servers taken from one referral", false},
	{"iter-scrub-cname: 11", "CNAMEs taken from one answer", false},
	{"iter-scrub-rrsig: 8", "signatures looked at for one set", false},
	{"outbound-msg-retry: 5", "tries at one server", false},
	{"infra-cache-max-rtt: 120000", "ms: how slow a server is remembered to be", false},
	{"infra-keep-probing: no", "a server that is down is left in peace", false},
}

// answering is about what comes out.
var answering = []option{
	{fmt.Sprintf("max-udp-size: %d", MaxUDP), "to the front, over loopback, where nothing fragments; it cuts for its client itself", false},
	{"edns-buffer-size: 1232", "to the world: no fragments (RFC 9715)", false},
	{"udp-connect: yes", "an ICMP message cannot betray the port (SAD DNS)", false},
	{"serve-expired: no", "stale answers are the front's to give, in one place, also while this Unbound is down (RFC 8767)", false},
	{"cache-max-ttl: 86400", "s: what was taken down is gone within a day", false},
	{"cache-max-negative-ttl: 10800", "s: three hours for what does not exist (RFC 2308, section 5)", false},
	{"ede: yes", "the front hands codes 6 to 12, 22 and 23 on (RFC 8914)", false},
	{"val-permissive-mode: no", "what is bogus is not answered", false},
	{"val-clean-additional: yes", "unsigned records beside signed ones are taken out", false},
	{"val-bogus-ttl: 60", "s: a zone that is repaired is back within a minute", false},
	{"val-max-restart: 5", "tries to get data that validates, from other servers", false},
	{"trust-anchor-signaling: yes", "RFC 8145: the root may see which keys are trusted", false},
	{"root-key-sentinel: yes", "RFC 8509: a client may ask which root keys are trusted", false},
	{"hide-identity: yes", "id.server is not answered", false},
	{"hide-version: yes", "version.server is not answered: what runs here is the operator's to tell", false},
	{"hide-trustanchor: yes", "trustanchor.unbound is not answered", false},
}

// reporting is what the child says about itself.
var reporting = []option{
	{fmt.Sprintf("statistics-interval: %d", statisticsInterval), "s, to standard error: a control socket is a door that the AppArmor profile shuts, and that others might open", false},
	{"statistics-cumulative: yes", "counters count from the start", false},
	{"extended-statistics: no", "the log has no place for them", false},
}

// secretZone is asked for the secret of a life. Nobody else's question reaches
// the child under it: the front answers invalid itself (RFC 6761).
const secretZone = "child.sinkhole.invalid."

// forwarding is the part of the configuration that forwards.
func forwarding(to []netip.AddrPort) []option {
	if len(to) == 0 {
		return nil
	}
	var out []option
	for _, a := range to {
		if a.Addr().Unmap().IsLoopback() {
			out = append(out, option{"do-not-query-localhost: no", "a forwarder named in the Corefile is on loopback", true})
			break
		}
	}
	out = append(out, option{"forward-zone:", "everything goes to the forwarders; what they answer is still validated", true},
		option{`    name: "."`, "", true})
	for _, a := range to {
		out = append(out, option{fmt.Sprintf("    forward-addr: %s@%d", a.Addr().Unmap(), a.Port()), "", true})
	}
	return out
}

// anchoring is the part that says whom to trust.
func anchoring(f anchorFile, tracked string) []option {
	if tracked != "" {
		return []option{{fmt.Sprintf("auto-trust-anchor-file: %q", tracked), "the child follows the root's keys from here on (RFC 5011)", true}}
	}
	var out []option
	for i, rr := range f.records {
		o := option{"trust-anchor: \"" + strings.ReplaceAll(rr.String(), "\t", " ") + "\"", "", true}
		if i == 0 {
			o.why = "from " + f.path + ", read at each start"
		}
		out = append(out, o)
	}
	return out
}
