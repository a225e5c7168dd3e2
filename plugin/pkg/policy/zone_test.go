package policy

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/rpz"
)

// zonesOf reads zones as an operator writes them, a line "--- [POLICY [NAME]]"
// between two, and before the first where it has a policy.
func zonesOf(text string) (zones []ZoneFile) {
	var lines []string
	var o rpz.Override
	begun := false
	end := func() {
		if begun {
			name := fmt.Sprintf("rpz/%d.zone", len(zones)+1)
			zones = append(zones, ZoneFile{Name: name, Open: source(strings.Join(lines, "\n") + "\n"), Override: o})
		}
		lines, o, begun = nil, rpz.Override{}, true
	}
	for line := range strings.Lines(strings.TrimSpace(text)) {
		line = strings.TrimSpace(line)
		if words := strings.Fields(line); line != "" && words[0] == "---" {
			if begun || len(lines) > 0 {
				begun = true
				end()
			}
			begun = true
			if len(words) > 1 {
				o.Action = words[1]
			}
			if len(words) > 2 {
				o.CNAME = words[2]
			}
			continue
		}
		begun = begun || line != ""
		lines = append(lines, line)
	}
	end()
	return zones
}

func TestZonesOf(t *testing.T) {
	for text, want := range map[string]string{
		"a":                               "a",
		"a\nb\n---\nc":                    "a b,c",
		"--- disabled\na\n--- cname x\nb": "disabled a,cname x b",
		"---\na\n---\n--- drop\nb":        "a,,drop b",
	} {
		var got []string
		for _, z := range zonesOf(text) {
			r, err := z.Open()
			if err != nil {
				t.Fatal(err)
			}
			octets := make([]byte, 100)
			n, _ := r.Read(octets)
			said := strings.Fields(z.Override.Action + " " + z.Override.CNAME + " " + string(octets[:n]))
			got = append(got, strings.Join(said, " "))
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// world is who serves what, as a test tells it: "ZONE SERVER ADDRESS...", where an
// address may be "fails".
type world struct {
	lines [][]string
	asked []string // every question, in order
}

func worldOf(text string) *world {
	w := &world{}
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 0 {
			w.lines = append(w.lines, words)
		}
	}
	return w
}

func textOf(name []byte) string { return dnsname.String(name) }

// NS implements Delegations.
func (w *world) NS(name []byte) (servers [][]byte) {
	w.asked = append(w.asked, textOf(name))
	for _, l := range w.lines {
		if l[0] == textOf(name) {
			server, _ := dnsname.Append(nil, l[1])
			servers = append(servers, server)
		}
	}
	return servers
}

// Addrs implements Delegations.
func (w *world) Addrs(server []byte) (addrs []netip.Addr, ok bool) {
	w.asked = append(w.asked, "@"+textOf(server))
	ok = true
	for _, l := range w.lines {
		if l[1] != textOf(server) {
			continue
		}
		for _, a := range l[2:] {
			if addr, err := netip.ParseAddr(a); err == nil {
				addrs = append(addrs, addr)
			} else {
				ok = false
			}
		}
	}
	return addrs, ok
}

// zoneRow is one case: zones and what is asked, and what comes of it.
type zoneRow struct {
	name  string
	zones string // see zonesOf
	lists string // see filesOf
	ask   string // NAME TYPE [from ADDRESS] [tcp] [RCODE|nothing]
	up    string // records of the upstream answer
	ns    string // see worldOf
	want  string // of Review; "at once" where Decide says it
}

// asked reads what is asked, and the answer to it.
func (row zoneRow) asked(t testing.TB) (q Query, m *dns.Msg) {
	t.Helper()
	words := strings.Fields(row.ask)
	rcode, nothing := "", false
	q = Query{Name: wire(t, words[0]), Type: dns.StringToType[words[1]]}
	for i := 2; i < len(words); i++ {
		switch words[i] {
		case "from":
			i++
			q.Client = netip.MustParseAddr(words[i])
		case "tcp":
			q.Stream = true
		case "nothing":
			nothing = true
		default:
			rcode = words[i]
		}
	}
	if nothing {
		return q, nil
	}
	var records []string
	for line := range strings.Lines(row.up) {
		if f := strings.Fields(line); len(f) > 0 {
			f[0] = dns.Fqdn(f[0])
			records = append(records, strings.Join(f, " "))
		}
	}
	return q, answerOf(t, strings.TrimSpace(dns.Fqdn(words[0])+" "+words[1]+" "+rcode), strings.Join(records, "\n"))
}

// policy builds what the row has.
func (row zoneRow) policy(t testing.TB) *Policy {
	t.Helper()
	cfg := testConfig()
	cfg.Protect = nil
	p, err := Build(context.Background(), cfg, filesOf(row.lists), zonesOf(row.zones), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, z := range p.zones {
		if z.result.Refused > 0 {
			t.Fatalf("%s: %d lines are refused: %+v", z.Name, z.result.Refused, z.result)
		}
	}
	return p
}

// said puts a verdict into words: "nxdomain by qname *.bad.example in zone 1 line
// 2".
func (row zoneRow) said(t testing.TB, p *Policy, q Query, m *dns.Msg, v Verdict, at int) string {
	t.Helper()
	words := v.Action.String()
	switch {
	case v.Action == Failed:
		words += fmt.Sprintf(" by %s in zone %d", v.Trigger, v.Zone)
	case v.Zone > 0:
		words += fmt.Sprintf(" by %s %s in zone %d", v.Trigger, row.rule(t, p, q, m, v, at), v.Zone)
	case v.Allowed:
		words = "allow by " + p.File(v.Rule)
	case !v.Rule.None():
		words += fmt.Sprintf(" by %s in %s", v.Trigger, p.File(v.Rule))
	}
	if at > 0 {
		words += fmt.Sprintf(", record %d", at)
	}
	if v.ShadowZone > 0 {
		words += fmt.Sprintf("; zone %d would", v.ShadowZone)
	}
	if f := p.File(v.Shadow); f != "" {
		words += "; " + f + " would"
	}
	return words
}

// rule finds the rule that decided in the zone's own text.
func (row zoneRow) rule(t testing.TB, p *Policy, q Query, m *dns.Msg, v Verdict, at int) string {
	names := [][]byte{q.Name}
	switch {
	case v.Trigger == NSDName:
		names = nil
		for _, l := range worldOf(row.ns).lines {
			names = append(names, wire(t, l[1]))
		}
	case v.Trigger == SVCB:
		if s, ok := m.Answer[at-1].(*dns.HTTPS); ok {
			names = [][]byte{wire(t, s.Target)}
		}
	case at > 0:
		_, name, _ := Lead(m, at)
		names = [][]byte{wire(t, name)}
	}
	of := p.zones[v.Zone-1]
	found := ""
	err := rpz.Scan(of.Name, of.Open, rpz.ReadOptions{}, func(e rpz.Entry) {
		if e.Trigger != v.ZoneRule.Trigger || e.Action != v.ZoneRule.Action || found != "" {
			return
		}
		if e.Prefix.IsValid() {
			if e.Prefix == v.ZoneRule.Prefix {
				found = fmt.Sprintf("%s line %d", e.Prefix, e.Line)
			}
			return
		}
		if e.Wild != v.ZoneRule.Wild || dnsname.Labels(e.Name) != int(v.ZoneRule.Labels) {
			return
		}
		for _, name := range names {
			if !dnsname.Under(name, e.Name) {
				continue
			}
			found = textOf(e.Name)
			if e.Wild {
				found = strings.TrimSuffix("*."+found, "..")
			}
			found = fmt.Sprintf("%s line %d", found, e.Line)
			return
		}
	})
	if err != nil || found == "" {
		t.Fatalf("no such rule in zone %d: %+v (%v)", v.Zone, v.ZoneRule, err)
	}
	return found
}

// got is what Decide and Review say.
func (row zoneRow) got(t testing.TB) (string, *world) {
	t.Helper()
	p := row.policy(t)
	q, m := row.asked(t)
	if v := p.Decide(q); v.Blocks() || v.Whole() {
		if w, at := p.Review(q, m, worldOf(row.ns)); w != v || at != 0 {
			t.Errorf("Decide says %+v, Review %+v in record %d", v, w, at)
		}
		return row.said(t, p, q, m, v, 0) + ", at once", &world{}
	}
	w := worldOf(row.ns)
	v, at := p.Review(q, m, w)
	return row.said(t, p, q, m, v, at), w
}

func runZoneRows(t *testing.T, rows []zoneRow) {
	names := map[string]bool{}
	for _, row := range rows {
		if names[row.name] {
			t.Errorf("two rows %q", row.name)
		}
		names[row.name] = true
		t.Run(row.name, func(t *testing.T) {
			if got, _ := row.got(t); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

// TestZoneActions: every action and trigger, alone.
func TestZoneActions(t *testing.T) {
	runZoneRows(t, []zoneRow{
		{name: "CNAME . is NXDOMAIN", zones: `bad.example CNAME .`,
			ask: "bad.example A", want: "nxdomain by qname bad.example line 1 in zone 1, at once"},
		{name: "CNAME *. is NODATA", zones: `bad.example CNAME *.`,
			ask: "bad.example A", want: "nodata by qname bad.example line 1 in zone 1, at once"},
		{name: "CNAME rpz-passthru. leaves the query alone", zones: `ok.example CNAME rpz-passthru.`,
			ask: "ok.example A", want: "passthru by qname ok.example line 1 in zone 1, at once"},
		{name: "so does a CNAME to itself, as it was written before", zones: `ok.example CNAME ok.example.`,
			ask: "ok.example A", want: "passthru by qname ok.example line 1 in zone 1, at once"},
		{name: "CNAME rpz-drop. is silence", zones: `bad.example CNAME rpz-drop.`,
			ask: "bad.example A", want: "drop by qname bad.example line 1 in zone 1, at once"},
		{name: "CNAME rpz-tcp-only. asks who is there", zones: `bad.example CNAME rpz-tcp-only.`,
			ask: "bad.example A", want: "tcp-only by qname bad.example line 1 in zone 1, at once"},
		{name: "who has come by TCP has said so, and passes", zones: `bad.example CNAME rpz-tcp-only.`,
			ask: "bad.example A tcp", want: "passthru by qname bad.example line 1 in zone 1"},
		{name: "no other rule of a zone counts then", zones: `
			bad.example CNAME rpz-tcp-only.
			32.66.2.0.192.rpz-ip CNAME .
			---
			bad.example CNAME .
			two.example CNAME .`,
			ask: "bad.example A tcp", up: "bad.example CNAME two.example.\ntwo.example A 192.0.2.66", want: "passthru by qname bad.example line 1 in zone 1"},
		{name: "nor further on the way", zones: `
			two.example CNAME rpz-tcp-only.
			---
			three.example CNAME .`,
			ask: "www.example A tcp", up: "www.example CNAME two.example.\ntwo.example CNAME three.example.", want: "passthru by qname two.example line 1 in zone 1, record 1"},
		{name: "lists do: a client who is sent to TCP is not let off from them", zones: `32.7.100.51.198.rpz-client-ip CNAME rpz-tcp-only.`, lists: "c2/a.txt: bad.example",
			ask: "bad.example A from 198.51.100.7 tcp", want: "sinkhole by qname in c2/a.txt, at once"},
		{name: "also by what the answer reveals", zones: `32.7.100.51.198.rpz-client-ip CNAME rpz-tcp-only.`, lists: "c2/a.txt: bad.example",
			ask: "www.example A from 198.51.100.7 tcp", up: "www.example CNAME bad.example.", want: "sinkhole by cname in c2/a.txt, record 1"},
		{name: "records are local data", zones: `bad.example A 192.0.2.1`,
			ask: "bad.example TXT", want: "local-data by qname bad.example line 1 in zone 1, at once"},
		{name: "so is a CNAME to anywhere else", zones: `bad.example CNAME garden.example.`,
			ask: "bad.example A", want: "local-data by qname bad.example line 1 in zone 1, at once"},
		{name: "and one to a wildcard", zones: `bad.example CNAME *.garden.example.`,
			ask: "bad.example A", want: "local-data by qname bad.example line 1 in zone 1, at once"},

		{name: "a name on no zone passes", zones: `bad.example CNAME .`, ask: "good.example A", want: "pass"},
		{name: "a rule on a name is not on what is below it", zones: `bad.example CNAME .`, ask: "www.bad.example A", want: "pass"},
		{name: "a wildcard is on what is below it", zones: `*.bad.example CNAME .`,
			ask: "a.b.bad.example A", want: "nxdomain by qname *.bad.example line 1 in zone 1, at once"},
		{name: "and not on the name it hangs from", zones: `*.bad.example CNAME .`, ask: "bad.example A", want: "pass"},
		{name: "* alone is on every name", zones: `* CNAME .`,
			ask: "example A", want: "nxdomain by qname * line 1 in zone 1, at once"},
		{name: "but the root", zones: `* CNAME .`, ask: ". NS", want: "pass"},
		{name: "letter case is of no meaning", zones: `BAD.Example CNAME .`,
			ask: "bAd.exAMPLE A", want: "nxdomain by qname bad.example line 1 in zone 1, at once"},

		{name: "a client", zones: `24.0.100.51.198.rpz-client-ip CNAME rpz-drop.`,
			ask: "www.example A from 198.51.100.7", want: "drop by client-ip 198.51.100.0/24 line 1 in zone 1, at once"},
		{name: "another one", zones: `24.0.100.51.198.rpz-client-ip CNAME rpz-drop.`, ask: "www.example A from 192.0.2.1", want: "pass"},
		{name: "one who is not known", zones: `1.0.0.0.0.rpz-client-ip CNAME rpz-drop.`, ask: "www.example A", want: "pass"},
		{name: "a client of IPv6", zones: `48.zz.c.db8.2001.rpz-client-ip CNAME .`,
			ask: "www.example A from 2001:db8:c::1", want: "nxdomain by client-ip 2001:db8:c::/48 line 1 in zone 1, at once"},

		{name: "an address in the answer", zones: `32.66.2.0.192.rpz-ip CNAME .`,
			ask: "www.example A", up: "www.example A 192.0.2.66", want: "nxdomain by response-ip 192.0.2.66/32 line 1 in zone 1, record 1"},
		{name: "an address of IPv6 in the answer", zones: `48.zz.bad.db8.2001.rpz-ip CNAME .`,
			ask: "www.example AAAA", up: "www.example AAAA 2001:db8:bad::1", want: "nxdomain by response-ip 2001:db8:bad::/48 line 1 in zone 1, record 1"},
		{name: "where there are several", zones: `32.66.2.0.192.rpz-ip CNAME .`,
			ask: "www.example A", up: "www.example A 198.51.100.1\nwww.example A 192.0.2.66", want: "nxdomain by response-ip 192.0.2.66/32 line 1 in zone 1, record 2"},
		{name: "of type ANY too", zones: `32.66.2.0.192.rpz-ip CNAME .`,
			ask: "www.example ANY", up: "www.example TXT x\nwww.example A 192.0.2.66", want: "nxdomain by response-ip 192.0.2.66/32 line 1 in zone 1, record 2"},
		{name: "an answer without an address has none", zones: `32.66.2.0.192.rpz-ip CNAME .`,
			ask: "www.example TXT", up: `www.example TXT "192.0.2.66"`, want: "pass"},
		{name: "a hint is an address (CONTRACT 5.5)", zones: `32.66.2.0.192.rpz-ip CNAME .`,
			ask: "www.example HTTPS", up: "www.example HTTPS 1 . ipv4hint=192.0.2.66", want: "nxdomain by response-ip 192.0.2.66/32 line 1 in zone 1, record 1"},
		{name: "a target of HTTPS is a name", zones: `bad.example CNAME .`,
			ask: "www.example HTTPS", up: "www.example HTTPS 1 bad.example.", want: "nxdomain by svcb bad.example line 1 in zone 1, record 1"},
		{name: "one that a zone lets pass is not on lists either", zones: `bad.example CNAME rpz-passthru.`, lists: "c2/a.txt: bad.example",
			ask: "www.example HTTPS", up: "www.example HTTPS 1 bad.example.", want: "pass"},
		{name: "and the hint beside it is still looked at", zones: "bad.example CNAME rpz-passthru.", lists: "c2/a.txt: 192.0.2.66",
			ask: "www.example HTTPS", up: "www.example HTTPS 1 bad.example. ipv4hint=192.0.2.66", want: "sinkhole by response-ip in c2/a.txt, record 1"},

		{name: "a server's name", zones: `ns.bad.example.rpz-nsdname CNAME .`,
			ask: "www.example A", ns: "example ns.bad.example", want: "nxdomain by nsdname ns.bad.example line 1 in zone 1"},
		{name: "by a wildcard", zones: `*.bad.example.rpz-nsdname CNAME .`,
			ask: "www.example A", ns: "example ns.bad.example", want: "nxdomain by nsdname *.bad.example line 1 in zone 1"},
		{name: "of a domain above, up to the root", zones: `ns.bad.example.rpz-nsdname CNAME .`,
			ask: "a.b.c.example A", ns: ". ns.bad.example", want: "nxdomain by nsdname ns.bad.example line 1 in zone 1"},
		{name: "of a name that does not exist", zones: `ns.bad.example.rpz-nsdname CNAME *.`,
			ask: "www.example A NXDOMAIN", ns: "example ns.bad.example", want: "nodata by nsdname ns.bad.example line 1 in zone 1"},
		{name: "a root for a server is none", zones: `*.rpz-nsdname CNAME .`, ask: "www.example A", ns: "example .", want: "pass"},
		{name: "a server's address", zones: `32.53.2.0.192.rpz-nsip CNAME .`,
			ask: "www.example A", ns: "example ns.example 198.51.100.1 192.0.2.53", want: "nxdomain by nsip 192.0.2.53/32 line 1 in zone 1"},
		{name: "a server's address of IPv6", zones: `128.53.zz.db8.2001.rpz-nsip CNAME .`,
			ask: "www.example MX", ns: "example ns.example 198.51.100.1 2001:db8::53", want: "nxdomain by nsip 2001:db8::53/128 line 1 in zone 1"},
	})
}

// TestZoneOrder: the seven steps of section 5 of the draft, and the first rows of
// each say the step.
func TestZoneOrder(t *testing.T) {
	const chain = `www.example CNAME two.example.
		two.example CNAME three.example.
		three.example A 192.0.2.66`
	runZoneRows(t, []zoneRow{
		// 1. Earlier in the chain.
		{name: "an earlier name of the chain comes before an earlier zone", zones: `
			three.example CNAME .
			---
			two.example CNAME *.`,
			ask: "www.example A", up: chain, want: "nodata by qname two.example line 1 in zone 2, record 1"},
		{name: "the question comes before all", zones: `
			two.example CNAME .
			---
			www.example CNAME *.`,
			ask: "www.example A", up: chain, want: "nodata by qname www.example line 1 in zone 2, at once"},
		{name: "an address is of the end of the chain", zones: `
			32.66.2.0.192.rpz-ip CNAME .
			---
			two.example CNAME *.`,
			ask: "www.example A", up: chain, want: "nodata by qname two.example line 1 in zone 2, record 1"},
		{name: "there zones are in order again", zones: `
			32.66.2.0.192.rpz-ip CNAME .
			---
			three.example CNAME *.`,
			ask: "www.example A", up: chain, want: "nxdomain by response-ip 192.0.2.66/32 line 1 in zone 1, record 3"},
		{name: "the servers of an earlier name come before a later name", zones: `
			two.example CNAME .
			---
			ns.bad.example.rpz-nsdname CNAME *.`,
			ask: "www.example A", up: chain, ns: "www.example ns.bad.example", want: "nodata by nsdname ns.bad.example line 1 in zone 2"},
		{name: "each name of the chain has servers", zones: `ns.bad.example.rpz-nsdname CNAME .`,
			ask: "www.example A", up: "www.example CNAME x.two.test.\nx.two.test A 192.0.2.1", ns: "example ns.example\ntwo.test ns.bad.example",
			want: "nxdomain by nsdname ns.bad.example line 1 in zone 1, record 1"},
		{name: "one that passes ends it: one rule at most counts (draft 5.1)", zones: `
			two.example CNAME rpz-passthru.
			three.example CNAME .
			32.66.2.0.192.rpz-ip CNAME .`,
			ask: "www.example A", up: chain, want: "passthru by qname two.example line 1 in zone 1, record 1"},
		{name: "for lists too: a zone's passthru leaves the query alone whole", zones: `www.example CNAME rpz-passthru.`, lists: "c2/a.txt: three.example | 192.0.2.66",
			ask: "www.example A", up: chain, want: "passthru by qname www.example line 1 in zone 1, at once"},
		{name: "a DNAME leads as a CNAME does", zones: `
			a.new.example CNAME .`,
			ask: "a.old.example A", up: "old.example DNAME new.example.\na.new.example A 192.0.2.1", want: "nxdomain by qname a.new.example line 1 in zone 1, record 1"},
		{name: "also where it makes a name too long: what is there then is the end", zones: `32.66.2.0.192.rpz-ip CNAME .`,
			ask:  strings.Repeat("a.", 100) + "old.example A",
			up:   "old.example DNAME " + strings.Repeat("b.", 100) + "example.\nold.example A 192.0.2.66",
			want: "nxdomain by response-ip 192.0.2.66/32 line 1 in zone 1, record 2"},
		{name: "who asks for the CNAME has asked for one name", zones: `two.example CNAME .`,
			ask: "www.example CNAME", up: "www.example CNAME two.example.", want: "pass"},
		{name: "as who asks for ANY", zones: `two.example CNAME .`,
			ask: "www.example ANY", up: "www.example CNAME two.example.", want: "pass"},
		{name: "and for DNAME", zones: `a.new.example CNAME .`,
			ask: "a.old.example DNAME", up: "old.example DNAME new.example.", want: "pass"},
		{name: "lists look at all the same (CONTRACT 5.5)", zones: `two.example CNAME .`, lists: "c2/a.txt: two.example",
			ask: "www.example CNAME", up: "www.example CNAME two.example.", want: "sinkhole by cname in c2/a.txt, record 1"},
		{name: "a chain in a loop ends", zones: `bad.example CNAME .`,
			ask: "www.example A", up: "www.example CNAME two.example.\ntwo.example CNAME www.example.", want: "pass"},

		// 2. Earlier zone.
		{name: "an earlier zone comes before a better match in a later one", zones: `
			*.example CNAME *.
			---
			bad.example CNAME .`,
			ask: "bad.example A", want: "nodata by qname *.example line 1 in zone 1, at once"},
		{name: "and before an earlier trigger", zones: `
			bad.example CNAME *.
			---
			32.7.100.51.198.rpz-client-ip CNAME .`,
			ask: "bad.example A from 198.51.100.7", want: "nodata by qname bad.example line 1 in zone 1, at once"},
		{name: "an earlier zone's address lets pass what a later one names; PowerDNS and Unbound block at once", zones: `
			32.66.2.0.192.rpz-ip CNAME rpz-passthru.
			---
			bad.example CNAME .`,
			ask: "bad.example A", up: "bad.example A 192.0.2.66", want: "passthru by response-ip 192.0.2.66/32 line 1 in zone 1, record 1"},
		{name: "or blocks otherwise", zones: `
			32.66.2.0.192.rpz-ip CNAME *.
			---
			bad.example CNAME .`,
			ask: "bad.example A", up: "bad.example A 192.0.2.66", want: "nodata by response-ip 192.0.2.66/32 line 1 in zone 1, record 1"},
		{name: "the name waited, and decides where the address is another", zones: `
			32.66.2.0.192.rpz-ip CNAME rpz-passthru.
			---
			bad.example CNAME .`,
			ask: "bad.example A", up: "bad.example A 192.0.2.1", want: "nxdomain by qname bad.example line 1 in zone 2"},
		{name: "where the name does not exist", zones: `
			32.66.2.0.192.rpz-ip CNAME rpz-passthru.
			---
			bad.example CNAME .`,
			ask: "bad.example A NXDOMAIN", want: "nxdomain by qname bad.example line 1 in zone 2"},
		{name: "where the answer failed", zones: `
			32.66.2.0.192.rpz-ip CNAME rpz-passthru.
			---
			bad.example CNAME .`,
			ask: "bad.example A SERVFAIL", up: "bad.example A 192.0.2.66", want: "nxdomain by qname bad.example line 1 in zone 2"},
		{name: "where there is none", zones: `
			32.66.2.0.192.rpz-ip CNAME rpz-passthru.
			---
			bad.example CNAME .`,
			ask: "bad.example A nothing", want: "nxdomain by qname bad.example line 1 in zone 2"},
		{name: "a client waits as well", zones: `
			ns.good.example.rpz-nsdname CNAME rpz-passthru.
			---
			32.7.100.51.198.rpz-client-ip CNAME .`,
			ask: "www.example A from 198.51.100.7", ns: "example ns.good.example", want: "passthru by nsdname ns.good.example line 1 in zone 1"},
		{name: "nothing waits for the answer triggers of its own zone", zones: `
			bad.example CNAME .
			32.66.2.0.192.rpz-ip CNAME rpz-passthru.`,
			ask: "bad.example A", up: "bad.example A 192.0.2.66", want: "nxdomain by qname bad.example line 1 in zone 1, at once"},
		{name: "nor of a later one", zones: `
			bad.example CNAME .
			---
			32.66.2.0.192.rpz-ip CNAME rpz-passthru.`,
			ask: "bad.example A", up: "bad.example A 192.0.2.66", want: "nxdomain by qname bad.example line 1 in zone 1, at once"},
		{name: "nor of one that decides nothing", zones: `
			--- disabled
			32.66.2.0.192.rpz-ip CNAME rpz-passthru.
			---
			bad.example CNAME .`,
			ask: "bad.example A", up: "bad.example A 192.0.2.66", want: "nxdomain by qname bad.example line 1 in zone 2, at once"},
		{name: "nor of one with names and clients alone", zones: `
			good.example CNAME rpz-passthru.
			32.9.100.51.198.rpz-client-ip CNAME .
			---
			bad.example CNAME .`,
			ask: "bad.example A from 198.51.100.7", want: "nxdomain by qname bad.example line 1 in zone 2, at once"},
		{name: "a bogus answer stays what it is", zones: `32.66.2.0.192.rpz-ip CNAME .`,
			ask: "bad.example A SERVFAIL", up: "bad.example A 192.0.2.66", want: "pass"},

		// 3. Exact, then most labels.
		{name: "an exact name beats the wildcard above it, whatever the file's order", zones: `
			*.bad.example   CNAME *.
			ok.bad.example  CNAME rpz-passthru.`,
			ask: "ok.bad.example A from 198.51.100.7", want: "passthru by qname ok.bad.example line 2 in zone 1, at once"},
		{name: "a longer wildcard beats a shorter one", zones: `
			*.example CNAME *.
			*.bad.example CNAME .`,
			ask: "x.y.bad.example A", want: "nxdomain by qname *.bad.example line 2 in zone 1, at once"},
		{name: "a name that is there hides the wildcard above it (RFC 4592)", zones: `
			*.example CNAME .
			bad.example CNAME *.`,
			ask: "www.bad.example A", want: "pass"},
		{name: "also where only a name below it is there", zones: `
			*.example CNAME .
			a.b.bad.example CNAME *.`,
			ask: "c.bad.example A", want: "pass"},
		{name: "the last label apart, all else is hidden", zones: `
			*.example CNAME .
			a.b.bad.example CNAME *.`,
			ask: "good.example A", want: "nxdomain by qname *.example line 1 in zone 1, at once"},

		// 4. client-ip, qname, ip, nsdname, nsip.
		{name: "a client comes before a name", zones: `
			bad.example CNAME .
			32.7.100.51.198.rpz-client-ip CNAME *.`,
			ask: "bad.example A from 198.51.100.7", want: "nodata by client-ip 198.51.100.7/32 line 2 in zone 1, at once"},
		{name: "a name comes before an address", zones: `
			32.66.2.0.192.rpz-ip CNAME .
			bad.example CNAME *.`,
			ask: "bad.example A", up: "bad.example A 192.0.2.66", want: "nodata by qname bad.example line 2 in zone 1, at once"},
		{name: "an address comes before a server", zones: `
			ns.example.rpz-nsdname CNAME .
			32.66.2.0.192.rpz-ip CNAME *.`,
			ask: "www.example A", up: "www.example A 192.0.2.66", ns: "example ns.example 192.0.2.53", want: "nodata by response-ip 192.0.2.66/32 line 2 in zone 1, record 1"},
		{name: "a server's name comes before its address", zones: `
			32.53.2.0.192.rpz-nsip CNAME .
			ns.example.rpz-nsdname CNAME *.`,
			ask: "www.example A", up: "www.example A 192.0.2.66", ns: "example ns.example 192.0.2.53", want: "nodata by nsdname ns.example line 2 in zone 1"},
		{name: "an exact server does not beat a wildcard name: the trigger comes first, and nothing waits for its own zone", zones: `
			*.example CNAME .
			ns.bad.test.rpz-nsdname CNAME *.`,
			ask: "www.example A", ns: "example ns.bad.test", want: "nxdomain by qname *.example line 1 in zone 1, at once"},

		// 5. The server's name that stands last.
		{name: "of servers' names the one that stands last; the ARM of 2016 said first", zones: `
			a.bad.example.rpz-nsdname CNAME .
			z.bad.example.rpz-nsdname CNAME *.`,
			ask: "www.example A", ns: "example z.bad.example\nexample a.bad.example", want: "nodata by nsdname z.bad.example line 2 in zone 1"},
		{name: "compared from the right", zones: `
			a.z.example.rpz-nsdname CNAME *.
			z.a.example.rpz-nsdname CNAME .`,
			ask: "www.example A", ns: "example a.z.example\nexample z.a.example", want: "nodata by nsdname a.z.example line 1 in zone 1"},
		{name: "an exact one before a wildcard", zones: `
			*.z.example.rpz-nsdname CNAME .
			ns.a.example.rpz-nsdname CNAME *.`,
			ask: "www.example A", ns: "example ns.z.example\nexample ns.a.example", want: "nodata by nsdname ns.a.example line 2 in zone 1"},
		{name: "and the one with more labels", zones: `
			ns.z.rpz-nsdname CNAME .
			ns.b.a.rpz-nsdname CNAME *.`,
			ask: "www.example A", ns: "example ns.z\nexample ns.b.a", want: "nodata by nsdname ns.b.a line 2 in zone 1"},

		// 6. The longest prefix.
		{name: "the longest prefix, of all addresses", zones: `
			24.0.2.0.192.rpz-ip CNAME .
			25.0.100.51.198.rpz-ip CNAME *.`,
			ask: "www.example A", up: "www.example A 192.0.2.1\nwww.example A 198.51.100.1", want: "nodata by response-ip 198.51.100.0/25 line 2 in zone 1, record 2"},
		{name: "IPv4 counts 96 more", zones: `
			64.zz.db8.2001.rpz-ip CNAME .
			24.0.2.0.192.rpz-ip CNAME *.`,
			ask: "www.example ANY", up: "www.example AAAA 2001:db8::1\nwww.example A 192.0.2.1", want: "nodata by response-ip 192.0.2.0/24 line 2 in zone 1, record 2"},
		{name: "of one address it is the longest that holds it", zones: `
			24.0.2.0.192.rpz-ip CNAME .
			32.1.2.0.192.rpz-ip CNAME rpz-passthru.`,
			ask: "www.example A", up: "www.example A 192.0.2.1", want: "passthru by response-ip 192.0.2.1/32 line 2 in zone 1, record 1"},
		{name: "of a client too", zones: `
			16.0.0.51.198.rpz-client-ip CNAME .
			24.0.100.51.198.rpz-client-ip CNAME rpz-passthru.`,
			ask: "www.example A from 198.51.100.7", want: "passthru by client-ip 198.51.100.0/24 line 2 in zone 1, at once"},
		{name: "of servers too", zones: `
			24.0.2.0.192.rpz-nsip CNAME .
			32.53.100.51.198.rpz-nsip CNAME *.`,
			ask: "www.example A", ns: "example a.example 192.0.2.53\nexample b.example 198.51.100.53", want: "nodata by nsip 198.51.100.53/32 line 2 in zone 1"},

		// 7. The smallest address.
		{name: "of equal prefixes the smallest", zones: `
			32.2.2.0.192.rpz-ip CNAME .
			32.1.2.0.192.rpz-ip CNAME *.`,
			ask: "www.example A", up: "www.example A 192.0.2.2\nwww.example A 192.0.2.1", want: "nodata by response-ip 192.0.2.1/32 line 2 in zone 1, record 2"},
		{name: "IPv4 before IPv6", zones: `
			128.1.zz.db8.2001.rpz-ip CNAME .
			32.200.2.0.192.rpz-ip CNAME *.`,
			ask: "www.example ANY", up: "www.example AAAA 2001:db8::1\nwww.example A 192.0.2.200", want: "nodata by response-ip 192.0.2.200/32 line 2 in zone 1, record 2"},
	})
}

// TestZonesAndLists: allow comes before zones, and they before lists.
func TestZonesAndLists(t *testing.T) {
	runZoneRows(t, []zoneRow{
		{name: "an allowed name is on no zone", zones: `* CNAME .`, lists: "allow/a.txt: good.example",
			ask: "www.good.example A from 198.51.100.7", want: "allow by allow/a.txt, at once"},
		{name: "nor is what it leads to", zones: `
			bad.example CNAME .
			32.66.2.0.192.rpz-ip CNAME .`, lists: "allow/a.txt: good.example",
			ask: "good.example A", up: "good.example CNAME bad.example.\nbad.example A 192.0.2.66", want: "allow by allow/a.txt, at once"},
		{name: "a zone comes before lists", zones: `bad.example CNAME .`, lists: "c2/a.txt: bad.example",
			ask: "bad.example A", want: "nxdomain by qname bad.example line 1 in zone 1, at once"},
		{name: "its passthru too", zones: `bad.example CNAME rpz-passthru.`, lists: "c2/a.txt: bad.example",
			ask: "bad.example A", want: "passthru by qname bad.example line 1 in zone 1, at once"},
		{name: "a list decides where no zone does", zones: `other.example CNAME .`, lists: "c2/a.txt: bad.example",
			ask: "bad.example A", want: "sinkhole by qname in c2/a.txt, at once"},
		{name: "and waits for no answer", zones: `32.66.2.0.192.rpz-ip CNAME rpz-passthru.`, lists: "c2/a.txt: bad.example",
			ask: "bad.example A", up: "bad.example A 192.0.2.66", want: "sinkhole by qname in c2/a.txt, at once"},
		{name: "a zone's rule that waits keeps the list from deciding", zones: `
			32.66.2.0.192.rpz-ip CNAME *.
			---
			bad.example CNAME rpz-passthru.`, lists: "c2/a.txt: bad.example",
			ask: "bad.example A", up: "bad.example A 192.0.2.1", want: "passthru by qname bad.example line 1 in zone 2"},
		{name: "an earlier name on a list comes before a later one on a zone", zones: `three.example CNAME .`, lists: "c2/a.txt: two.example",
			ask: "www.example A", up: "www.example CNAME two.example.\ntwo.example CNAME three.example.", want: "sinkhole by cname in c2/a.txt, record 1"},
		{name: "at the same name the zone comes first", zones: `two.example CNAME .`, lists: "c2/a.txt: two.example",
			ask: "www.example A", up: "www.example CNAME two.example.", want: "nxdomain by qname two.example line 1 in zone 1, record 1"},
		{name: "an allowed name on the way exempts itself", zones: `*.example CNAME .`, lists: "allow/a.txt: |two.example^",
			ask: "www.test A", up: "www.test CNAME two.example.", want: "pass"},
		{name: "and not what comes behind it", zones: `*.example CNAME .`, lists: "allow/a.txt: |two.example^",
			ask: "www.test A", up: "www.test CNAME two.example.\ntwo.example CNAME three.example.", want: "nxdomain by qname *.example line 1 in zone 1, record 2"},
		{name: "nor its address", zones: `32.66.2.0.192.rpz-ip CNAME .`, lists: "allow/a.txt: two.example",
			ask: "www.test A", up: "www.test CNAME two.example.\ntwo.example A 192.0.2.66", want: "nxdomain by response-ip 192.0.2.66/32 line 1 in zone 1, record 2"},
		{name: "but its servers, for they say no more than its name", zones: `ns.example.rpz-nsdname CNAME .`, lists: "allow/a.txt: two.example",
			ask: "www.test A", up: "www.test CNAME two.example.", ns: "example ns.example", want: "pass"},
		{name: "an allowed address exempts itself", zones: `24.0.2.0.192.rpz-ip CNAME .`, lists: "allow/a.txt: 192.0.2.66",
			ask: "www.example A", up: "www.example A 192.0.2.66", want: "pass"},
		{name: "and not the other one", zones: `24.0.2.0.192.rpz-ip CNAME .`, lists: "allow/a.txt: 192.0.2.66",
			ask: "www.example A", up: "www.example A 192.0.2.66\nwww.example A 192.0.2.67", want: "nxdomain by response-ip 192.0.2.0/24 line 1 in zone 1, record 2"},
		{name: "a list's passthru is recorded, and zones go on", zones: `32.66.2.0.192.rpz-ip CNAME .`, lists: "passthru/p.txt: watched.example",
			ask: "watched.example A", up: "watched.example A 192.0.2.66", want: "nxdomain by response-ip 192.0.2.66/32 line 1 in zone 1, record 1"},
	})
}

// TestZonePolicies: what the Corefile makes of a zone.
func TestZonePolicies(t *testing.T) {
	var rows []zoneRow
	for policy, want := range map[string]string{
		"given": "local-data", "passthru": "passthru", "nxdomain": "nxdomain", "nodata": "nodata",
		"tcp-only": "tcp-only", "drop": "drop", "cname garden.example": "local-data",
	} {
		rows = append(rows, zoneRow{name: policy, zones: "--- " + policy + "\nbad.example A 192.0.2.1",
			ask: "bad.example A", want: want + " by qname bad.example line 1 in zone 1, at once"})
	}
	runZoneRows(t, append(rows, []zoneRow{
		{name: "disabled decides nothing, and is counted", zones: "--- disabled\nbad.example CNAME .",
			ask: "bad.example A", want: "pass; zone 1 would"},
		{name: "disabled: the next best counts", zones: "--- disabled\nbad.example CNAME .\n---\n*.example CNAME *.",
			ask: "bad.example A", want: "nodata by qname *.example line 1 in zone 2; zone 1 would, at once"},
		{name: "disabled: a list counts as well", zones: "--- disabled\nbad.example CNAME .", lists: "c2/a.txt: bad.example",
			ask: "bad.example A", want: "sinkhole by qname in c2/a.txt; zone 1 would, at once"},
		{name: "disabled by the answer", zones: "--- disabled\n32.66.2.0.192.rpz-ip CNAME .",
			ask: "www.example A", up: "www.example A 192.0.2.66", want: "pass; zone 1 would"},
		{name: "disabled by the servers", zones: "--- disabled\n32.66.2.0.192.rpz-nsip CNAME .",
			ask: "www.example A", ns: "example ns.example 192.0.2.66", want: "pass; zone 1 would"},
		{name: "passthru is changed too", zones: "--- nxdomain\nbad.example CNAME rpz-passthru.",
			ask: "bad.example A", want: "nxdomain by qname bad.example line 1 in zone 1, at once"},
		{name: "tcp-only, by TCP", zones: "--- tcp-only\nbad.example CNAME .",
			ask: "bad.example A tcp", want: "passthru by qname bad.example line 1 in zone 1"},
		{name: "who asks for the garden gets there", zones: "--- cname garden.example\n* CNAME .",
			ask: "garden.example A", want: "passthru by qname * line 1 in zone 1, at once"},
		{name: "what is below it is led there", zones: "--- cname garden.example\n* CNAME .",
			ask: "www.garden.example A", want: "local-data by qname * line 1 in zone 1, at once"},
	}...))
}

// TestZoneServers: what zones ask about servers, and what is made of no answer.
func TestZoneServers(t *testing.T) {
	const ns = `a.example ns.a.example 192.0.2.1
		example ns.example 192.0.2.2
		. ns.root 192.0.2.3`
	for _, tt := range []struct {
		zoneRow
		asks string // names whose servers, and @ servers whose addresses are asked for
	}{
		{zoneRow{name: "no zone wants to know", zones: `32.66.2.0.192.rpz-ip CNAME .`, ns: ns,
			ask: "www.a.example A", up: "www.a.example A 192.0.2.9", want: "pass"}, ""},
		{zoneRow{name: "names alone", zones: `ns.bad.example.rpz-nsdname CNAME .`, ns: ns,
			ask: "www.a.example A", want: "pass"}, "www.a.example a.example example ."},
		{zoneRow{name: "addresses too", zones: `32.66.2.0.192.rpz-nsip CNAME .`, ns: ns,
			ask: "www.a.example A", want: "pass"}, "www.a.example a.example example . @ns.a.example @ns.example @ns.root"},
		{zoneRow{name: "once for all zones", zones: "32.66.2.0.192.rpz-nsip CNAME .\n---\n32.67.2.0.192.rpz-nsip CNAME .\n---\n32.3.2.0.192.rpz-nsip CNAME .", ns: ns,
			ask: "www.a.example A", want: "nxdomain by nsip 192.0.2.3/32 line 1 in zone 3"}, "www.a.example a.example example . @ns.a.example @ns.example @ns.root"},
		{zoneRow{name: "not where an earlier zone has decided", zones: "www.a.example CNAME .\n---\n32.66.2.0.192.rpz-nsip CNAME .", ns: ns,
			ask: "www.a.example A", want: "nxdomain by qname www.a.example line 1 in zone 1, at once"}, ""},
		{zoneRow{name: "nor where an address has", zones: "32.66.2.0.192.rpz-ip CNAME .\n---\n32.66.2.0.192.rpz-nsip CNAME .", ns: ns,
			ask: "www.a.example A", up: "www.a.example A 192.0.2.66", want: "nxdomain by response-ip 192.0.2.66/32 line 1 in zone 1, record 1"}, ""},
		{zoneRow{name: "nor for the addresses where a name has", zones: "ns.example.rpz-nsdname CNAME .\n32.66.2.0.192.rpz-nsip CNAME .", ns: ns,
			ask: "www.a.example A", want: "nxdomain by nsdname ns.example line 1 in zone 1"}, "www.a.example a.example example ."},
		{zoneRow{name: "nor where the answer failed", zones: "ns.example.rpz-nsdname CNAME .", ns: ns,
			ask: "www.a.example A SERVFAIL", want: "pass"}, ""},
		{zoneRow{name: "NOTIMP to ANY is none that failed", zones: "ns.example.rpz-nsdname CNAME .\n---\nwww.a.example CNAME *.", ns: ns,
			ask: "www.a.example ANY NOTIMP", want: "nxdomain by nsdname ns.example line 1 in zone 1"}, "www.a.example a.example example ."},
		{zoneRow{name: "to another type it is", zones: "ns.example.rpz-nsdname CNAME .", ns: ns,
			ask: "www.a.example A NOTIMP", want: "pass"}, ""},
		{zoneRow{name: "an address that cannot be known makes SERVFAIL, as in BIND", zones: "32.66.2.0.192.rpz-nsip CNAME .", ns: "example ns.example fails",
			ask: "www.example A", want: "servfail by nsip in zone 1"}, "www.example example . @ns.example"},
		{zoneRow{name: "but for a rule that another one meets", zones: "32.66.2.0.192.rpz-nsip CNAME .", ns: "example a.example fails\nexample b.example 192.0.2.66",
			ask: "www.example A", want: "nxdomain by nsip 192.0.2.66/32 line 1 in zone 1"}, "www.example example . @a.example @b.example"},
		{zoneRow{name: "a later zone does not come before it", zones: "32.66.2.0.192.rpz-nsip CNAME .\n---\nwww.example CNAME *.", ns: "example a.example fails",
			ask: "www.example A", want: "servfail by nsip in zone 1"}, "www.example example . @a.example"},
		{zoneRow{name: "one that decides nothing fails nothing", zones: "--- disabled\n32.66.2.0.192.rpz-nsip CNAME .", ns: "example a.example fails",
			ask: "www.example A", want: "pass"}, "www.example example . @a.example"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, w := tt.got(t)
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if asked := strings.Join(w.asked, " "); asked != tt.asks {
				t.Errorf("asked for %q, want %q", asked, tt.asks)
			}
		})
	}
}

// TestZonesWithoutDelegations: who cannot ask leaves these triggers out.
func TestZonesWithoutDelegations(t *testing.T) {
	row := zoneRow{zones: "32.66.2.0.192.rpz-nsip CNAME .\n---\nwww.example CNAME *.", ask: "www.example A"}
	p := row.policy(t)
	q, m := row.asked(t)
	v, at := p.Review(q, m, nil)
	if got := row.said(t, p, q, m, v, at); got != "nodata by qname www.example line 1 in zone 2" {
		t.Error(got)
	}
}

func TestZonePolicyRefused(t *testing.T) {
	for policy, want := range map[string]string{
		"refused":    `rpz/1.zone: policy "refused": no such one; want given, disabled, passthru, nxdomain, nodata, tcp-only, drop or cname`,
		"local-data": `rpz/1.zone: policy "local-data": no such one; want given, disabled, passthru, nxdomain, nodata, tcp-only, drop or cname`,
		"cname":      `rpz/1.zone: policy cname without a name; want one`,
		"cname a..b": `rpz/1.zone: policy cname "a..b": empty label; want a name`,
	} {
		_, err := Build(context.Background(), testConfig(), nil, zonesOf("--- "+policy+"\nbad.example CNAME ."), Options{})
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", policy, err, want)
		}
	}
}

// TestZonesAreKept: a zone whose file is the same is not read again; what the
// Corefile makes of it may be another.
func TestZonesAreKept(t *testing.T) {
	files := zonesOf("bad.example CNAME .")
	files[0].SHA256 = "1"
	old, err := readZones(context.Background(), testConfig(), files, Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	files[0].Open = nil
	files[0].Override.Action = "drop"
	kept, err := readZones(context.Background(), testConfig(), files, Options{}, old)
	if err != nil || kept[0].rules != old[0].rules || kept[0].override != Drop || old[0].override != Pass {
		t.Errorf("kept %+v of %+v (%v)", kept, old, err)
	}
}

// TestZoneProtect: * is not meant for names that no rule may block.
func TestZoneProtect(t *testing.T) {
	cfg := testConfig()
	p, err := Build(context.Background(), cfg, nil, zonesOf("* CNAME ."), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Action{"www.isp.example": Pass, "a.www.isp.example": Pass, "isp.example": NXDOMAIN, "www.example": NXDOMAIN} {
		if v := p.Decide(Query{Name: wire(t, name)}); v.Action != want {
			t.Errorf("%s: %v, want %v", name, v.Action, want)
		}
	}
}

// TestZoneNames: what answers and metrics call a zone.
func TestZoneNames(t *testing.T) {
	row := zoneRow{zones: `
		$ORIGIN feed.example.
		@ SOA localhost. nobody. 7 1 1 1 1
		bad.example CNAME .
		---
		worse.example CNAME .`}
	p := row.policy(t)
	for name, want := range map[string]string{"bad.example": "feed.example rpz/1.zone 7", "worse.example": "2 rpz/2.zone 0"} {
		v := p.Decide(Query{Name: wire(t, name)})
		c := p.Category(v)
		serial := uint32(0)
		if soa := p.ZoneSOA(v); soa != nil {
			serial = soa.Serial
		}
		got := fmt.Sprint(c.Name, " ", p.ZoneFile(v.Zone), " ", serial)
		if got != want || c.EDEText != c.Name || c.Record {
			t.Errorf("%s: got %s %+v, want %s", name, got, c, want)
		}
	}
	if p.ZoneSOA(Verdict{}) != nil || p.ZoneFile(0) != "" || p.Category(Verdict{}) != nil {
		t.Error("no zone has a name")
	}
}

func TestCompareNames(t *testing.T) {
	sorted := []string{".", "example", "a.example", "yljkjljk.a.example", "z.a.example", `\001.z.example`, "*.z.example", `\200.z.example`}
	for i, a := range sorted { // those of RFC 4034, section 6.1, but for letter case
		for j, b := range sorted {
			if got := compareNames(wire(t, a), wire(t, b)); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
	if !slices.IsSortedFunc([]string{"192.0.2.1/32", "192.0.2.2/32", "2001:db8::1/128", "0.0.0.0/0", "2001:db8::/64"}, func(a, b string) int {
		if beforePrefix(netip.MustParsePrefix(a), netip.MustParsePrefix(b)) {
			return -1
		}
		return 1
	}) {
		t.Error("prefixes are not in order")
	}
}

// TestDecideWithZonesAllocatesNothing: at once, waiting, by client and by none.
func TestDecideWithZonesAllocatesNothing(t *testing.T) {
	p, q := zonesToAsk(t)
	for name, asked := range q {
		if n := testing.AllocsPerRun(100, func() { p.Decide(asked) }); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// zonesToAsk are four zones and what to ask of them.
func zonesToAsk(t testing.TB) (*Policy, map[string]Query) {
	row := zoneRow{zones: `
		one.example CNAME .
		*.one.example CNAME .
		24.0.100.51.198.rpz-client-ip CNAME rpz-drop.
		---
		two.example A 192.0.2.1
		32.66.2.0.192.rpz-ip CNAME .
		---
		three.example CNAME rpz-passthru.
		---
		*.four.example CNAME garden.example.`, lists: "c2/a.txt: bad.example"}
	client := netip.MustParseAddr("203.0.113.1")
	q := map[string]Query{}
	for _, name := range []string{"a.one.example", "two.example", "three.example", "x.four.example", "bad.example", "www.good.example"} {
		q[name] = Query{Name: wire(t, name), Client: client}
	}
	q["a client"] = Query{Name: wire(t, "www.good.example"), Client: netip.MustParseAddr("198.51.100.7")}
	return row.policy(t), q
}

func BenchmarkDecideWithZones(b *testing.B) {
	p, q := zonesToAsk(b)
	for _, name := range []string{"www.good.example", "x.four.example", "a client"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			asked := q[name]
			for b.Loop() {
				p.Decide(asked)
			}
		})
	}
}
