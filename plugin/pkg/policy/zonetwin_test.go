package policy

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/rpz"
)

// twinZone is a zone as the twin sees it: its lines.
type twinZone struct {
	disabled bool
	rules    []twinZoneRule
}

// twinZoneRule is one line of a zone.
type twinZoneRule struct {
	trigger rpz.Trigger
	name    string // of a rule on names, less *.
	wild    bool
	prefix  netip.Prefix
	action  string
}

var twinTargets = map[string]string{"nxdomain": ".", "nodata": "*.", "passthru": "rpz-passthru.", "drop": "rpz-drop.", "tcp-only": "rpz-tcp-only.", "local-data": "garden.test."}

func (r twinZoneRule) text() string {
	owner := map[rpz.Trigger]string{rpz.ClientIP: ".rpz-client-ip", rpz.QName: "", rpz.IP: ".rpz-ip", rpz.NSDName: ".rpz-nsdname", rpz.NSIP: ".rpz-nsip"}[r.trigger]
	switch {
	case r.prefix.IsValid():
		parts := strings.Split(r.prefix.Addr().String(), ".")
		if r.prefix.Addr().Is6() { // those of the tests end in ::
			parts = append(strings.Split(strings.TrimSuffix(r.prefix.Addr().String(), "::"), ":"), "zz")
		}
		slices.Reverse(parts)
		owner = fmt.Sprintf("%d.%s%s", r.prefix.Bits(), strings.Join(parts, "."), owner)
	case r.wild:
		owner = "*." + r.name + owner
	default:
		owner = r.name + owner
	}
	return owner + " CNAME " + twinTargets[r.action]
}

// twinMatch is one rule that matches, and on what.
type twinMatch struct {
	rule twinZoneRule
	name string // that the trigger looked at
	addr netip.Addr
}

// slowName says which of the rules on names holds for one: the name itself, else
// the wildcard at the closest name above it that is there.
func slowName(rules []twinZoneRule, name string) (holds []twinZoneRule) {
	there := func(name string) bool {
		return slices.ContainsFunc(rules, func(r twinZoneRule) bool {
			return r.name == name || strings.HasSuffix(r.name, "."+name)
		})
	}
	if there(name) {
		return slices.DeleteFunc(slices.Clone(rules), func(r twinZoneRule) bool { return r.wild || r.name != name })
	}
	for above := name; above != ""; {
		_, above, _ = strings.Cut(above, ".")
		if there(above) {
			return slices.DeleteFunc(slices.Clone(rules), func(r twinZoneRule) bool { return !r.wild || r.name != above })
		}
	}
	return nil
}

// twinCase is a query with all that there is to know.
type twinCase struct {
	zones  []twinZone
	client netip.Addr
	stream bool
	qtype  uint16
	failed bool // the answer
	chain  []string
	addrs  []netip.Addr // at its end
	world  *world
}

// slowZones tries every name of the chain, every zone, every trigger and every
// rule, in the order of the seven steps.
func (c twinCase) slowZones() string {
	chain := c.chain
	if c.failed || c.qtype == dns.TypeANY {
		chain = chain[:1]
	}
	shadow := ""
	for stage, name := range chain { // step 1
		for number, z := range c.zones { // step 2
			for trigger := rpz.ClientIP; trigger <= rpz.NSIP; trigger++ { // step 4
				if c.failed && trigger > rpz.QName {
					continue
				}
				rules := slices.DeleteFunc(slices.Clone(z.rules), func(r twinZoneRule) bool { return r.trigger != trigger })
				m := c.matches(trigger, rules, name, stage == len(chain)-1)
				if len(m) == 0 {
					continue
				}
				best := slices.MinFunc(m, beforeMatch) // steps 3, 5, 6 and 7
				if z.disabled {
					if shadow == "" {
						shadow = fmt.Sprintf("; zone %d would", number+1)
					}
					break
				}
				return fmt.Sprintf("%s by %v in zone %d", best.rule.text(), trigger, number+1) + shadow
			}
		}
	}
	return "pass" + shadow
}

// matches are the rules of one trigger that match at a step.
func (c twinCase) matches(t rpz.Trigger, rules []twinZoneRule, name string, last bool) (all []twinMatch) {
	names := func(name string) {
		for _, r := range slowName(rules, name) {
			all = append(all, twinMatch{rule: r, name: name})
		}
	}
	addrs := func(addrs ...netip.Addr) {
		for _, a := range addrs {
			for _, r := range rules {
				if r.prefix.Contains(a) {
					all = append(all, twinMatch{rule: r, addr: a})
				}
			}
		}
	}
	var servers []string
	var serverAddrs []netip.Addr
	for _, l := range c.world.lines {
		if l[0] == "." || name == l[0] || strings.HasSuffix(name, "."+l[0]) {
			servers, serverAddrs = append(servers, l[1]), append(serverAddrs, netip.MustParseAddr(l[2]))
		}
	}
	switch t {
	case rpz.ClientIP:
		addrs(c.client)
	case rpz.QName:
		names(name)
	case rpz.IP:
		if last {
			addrs(c.addrs...)
		}
	case rpz.NSDName:
		for _, s := range servers {
			names(s)
		}
	case rpz.NSIP:
		addrs(serverAddrs...)
	}
	return all
}

// beforeMatch orders matches of one zone and trigger.
func beforeMatch(a, b twinMatch) int {
	exact := func(m twinMatch) int {
		if m.rule.wild {
			return 1
		}
		return 0
	}
	labels := func(m twinMatch) int { return strings.Count("."+m.rule.name, ".") }
	bits := func(m twinMatch) int {
		if m.rule.prefix.Addr().Is4() {
			return m.rule.prefix.Bits() + 96
		}
		return m.rule.prefix.Bits()
	}
	family := func(m twinMatch) int { return m.addr.BitLen() }
	if a.name != "" {
		reversed := func(m twinMatch) []string {
			l := strings.Split(m.name, ".")
			slices.Reverse(l)
			return l
		}
		return cmp.Or(exact(a)-exact(b), labels(b)-labels(a), slices.Compare(reversed(b), reversed(a)))
	}
	return cmp.Or(bits(b)-bits(a), family(a)-family(b), a.addr.Compare(b.addr))
}

// twinPick reads numbers from octets; where they end it gives zero.
type twinPick []byte

func (p *twinPick) of(n int) int {
	if len(*p) == 0 {
		return 0
	}
	v := int((*p)[0])
	*p = (*p)[1:]
	return v % n
}

func twinOf[T any](p *twinPick, all []T) T { return all[p.of(len(all))] }

// twinCaseOf makes a case of octets.
func twinCaseOf(data []byte) (c twinCase) {
	var (
		p     = twinPick(data)
		names = []string{"a.test", "b.test", "a.a.test", "b.a.test", "c.b.a.test", "a.b.test", "x.c.b.a.test", "test"}
		pres  = []string{"192.0.2.0/24", "192.0.2.1/32", "192.0.2.2/32", "192.0.2.0/31", "198.51.100.0/24", "2001:db8::/64", "2001:db8::/32", "2001:db8:1::/48"}
		addrs = []string{"192.0.2.1", "192.0.2.2", "192.0.2.200", "198.51.100.1", "203.0.113.1", "2001:db8::1", "2001:db8:1::1", "2001:db8:2::1"}
		acts  = []string{"nxdomain", "nodata", "passthru", "drop", "tcp-only", "local-data"}
		addr  = func() netip.Addr { return netip.MustParseAddr(twinOf(&p, addrs)) }
	)
	c.client, c.stream, c.failed = addr(), p.of(4) == 0, p.of(8) == 1
	c.qtype = twinOf(&p, []uint16{dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeANY})
	for range p.of(4) + 1 {
		if name := twinOf(&p, names); !slices.Contains(c.chain, name) {
			c.chain = append(c.chain, name)
		}
	}
	if len(c.chain) == 0 {
		c.chain = names[:1]
	}
	for range p.of(3) {
		c.addrs = append(c.addrs, addr())
	}
	text := ""
	for range p.of(5) {
		server := twinOf(&p, names)
		if !strings.Contains(text, " "+server+" ") { // each has one address
			text += fmt.Sprintf("%s %s %s\n", twinOf(&p, append(names, ".")), server, addr())
		}
	}
	c.world = worldOf(text)
	for range p.of(3) + 1 {
		z := twinZone{disabled: p.of(5) == 1}
		for range p.of(6) {
			r := twinZoneRule{trigger: rpz.Trigger(p.of(5)), action: twinOf(&p, acts)}
			if r.trigger == rpz.QName || r.trigger == rpz.NSDName {
				r.name, r.wild = twinOf(&p, names), p.of(2) == 1
			} else {
				r.prefix = netip.MustParsePrefix(twinOf(&p, pres))
			}
			same := func(o twinZoneRule) bool {
				return o.trigger == r.trigger && o.name == r.name && o.wild == r.wild && o.prefix == r.prefix
			}
			if !slices.ContainsFunc(z.rules, same) {
				z.rules = append(z.rules, r)
			}
		}
		c.zones = append(c.zones, z)
	}
	return c
}

// row is the case as a table has it.
func (c twinCase) row() (row zoneRow) {
	for _, z := range c.zones {
		row.zones += "---"
		if z.disabled {
			row.zones += " disabled"
		}
		row.zones += "\nfiller.invalid CNAME .\n"
		for _, r := range z.rules {
			row.zones += r.text() + "\n"
		}
	}
	row.ask = fmt.Sprintf("%s %s from %s", c.chain[0], dns.TypeToString[c.qtype], c.client)
	if c.stream {
		row.ask += " tcp"
	}
	if c.failed {
		row.ask += " SERVFAIL"
	}
	for i, name := range c.chain[1:] {
		row.up += fmt.Sprintf("%s CNAME %s.\n", c.chain[i], name)
	}
	for _, a := range c.addrs {
		kind := "A"
		if a.Is6() {
			kind = "AAAA"
		}
		row.up += fmt.Sprintf("%s %s %s\n", c.chain[len(c.chain)-1], kind, a)
	}
	for _, l := range c.world.lines {
		row.ns += strings.Join(l, " ") + "\n"
	}
	return row
}

// quickZones is what the Policy says, in the words of the twin. Decide, where it
// says something, must say the same.
func (c twinCase) quickZones(t *testing.T, p *Policy, row zoneRow) (said string, atOnce bool) {
	q, m := row.asked(t)
	v, _ := p.Review(q, m, c.world)
	if d := p.Decide(q); d.Blocks() || d.Whole() {
		if atOnce = true; d != v {
			t.Fatalf("Decide says %+v, Review %+v", d, v)
		}
	}
	said = v.Action.String()
	if v.Zone > 0 {
		z := c.zones[v.Zone-1]
		action := v.Action.String()
		if v.Proven {
			action = "tcp-only"
		}
		at := slices.IndexFunc(z.rules, func(r twinZoneRule) bool {
			o := v.ZoneRule
			return r.trigger == o.Trigger && r.action == action && r.prefix == o.Prefix &&
				(r.prefix.IsValid() || r.wild == o.Wild && strings.Count("."+r.name, ".") == int(o.Labels))
		})
		if at < 0 {
			t.Fatalf("no rule is %+v", v)
		}
		said = fmt.Sprintf("%s by %v in zone %d", z.rules[at].text(), v.Trigger, v.Zone)
	}
	if v.ShadowZone > 0 {
		said += fmt.Sprintf("; zone %d would", v.ShadowZone)
	}
	return said, atOnce
}

// compareZones asks a Policy and its twin the same.
func compareZones(t *testing.T, data []byte) (decided bool) {
	c := twinCaseOf(data)
	row := c.row()
	p, err := Build(context.Background(), Config{}, nil, zonesOf(row.zones), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, atOnce := c.quickZones(t, p, row)
	want := c.slowZones()
	if atOnce { // what a disabled zone would have said of the answer, nobody has asked
		got, _, _ = strings.Cut(got, ";")
		want, _, _ = strings.Cut(want, ";")
	}
	if short(got) != short(want) {
		t.Fatalf("%s\n%s\n%s\n%s\ngot  %s\nwant %s", row.zones, row.ask, row.up, row.ns, got, want)
	}
	return !strings.HasPrefix(want, "pass")
}

// short leaves out the name of a rule on names: two rules with the same action
// and as many labels are one to the finder above.
func short(said string) string {
	if owner, rest, ok := strings.Cut(said, " CNAME "); ok && !strings.Contains(owner, "ip") {
		return fmt.Sprint(strings.HasPrefix(owner, "*"), strings.Count(owner, "."), rest)
	}
	return said
}

func TestZoneTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 53))
	decided := 0
	for range 800 {
		data := make([]byte, 160)
		for i := range data {
			data[i] = byte(r.IntN(256))
		}
		if compareZones(t, data) {
			decided++
		}
	}
	if decided < 200 {
		t.Errorf("a zone decided in %d of 800 cases", decided)
	}
}

func FuzzZones(f *testing.F) {
	r := rand.New(rand.NewPCG(10, 53))
	for range 20 {
		data := make([]byte, 160)
		for i := range data {
			data[i] = byte(r.IntN(256))
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 400 {
			compareZones(t, data)
		}
	})
}

// FuzzReviewOfZones reads any message: nothing panics, what decides is in a record
// that is there, and can be said, and Decide says nothing else.
func FuzzReviewOfZones(f *testing.F) {
	row := zoneRow{zones: `
		bad.example CNAME .
		*.wild.example CNAME *.
		32.66.2.0.192.rpz-ip CNAME garden.example.
		ns.bad.example.rpz-nsdname CNAME rpz-drop.
		--- disabled
		*.example CNAME .
		---
		* CNAME rpz-tcp-only.
		48.zz.bad.db8.2001.rpz-ip CNAME rpz-passthru.
		32.53.2.0.192.rpz-nsip A 192.0.2.1`,
		lists: "c2/a.txt: bad.test | 192.0.2.77\nallow/a.txt: ok.example | 192.0.2.78",
		ns:    "example ns.example 192.0.2.54\ntest ns.bad.example 192.0.2.53\nlame.test ns.lame.test fails"}
	p := row.policy(f)
	for _, up := range []string{
		"www.test. CNAME x.wild.example.\nx.wild.example. A 192.0.2.66",
		"test. DNAME example.\nwww.example. AAAA 2001:db8:bad::1",
		"www.test. HTTPS 1 bad.example. ipv4hint=192.0.2.66 ipv6hint=2001:db8:bad::1",
		"www.test. CNAME ok.example.\nok.example. CNAME www.lame.test.",
		"www.test. CNAME www.test.",
	} {
		packed, err := answerOf(f, "www.test. A", up).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed, false)
		f.Add(packed, true)
	}
	f.Fuzz(func(t *testing.T, packed []byte, stream bool) {
		m := new(dns.Msg)
		if m.Unpack(packed) != nil || len(m.Question) == 0 {
			return
		}
		q := queryOf(t, m)
		q.Stream, q.Client = stream, netip.MustParseAddr("198.51.100.7")
		v, at := p.Review(q, m, worldOf(row.ns))
		if at < 0 || at > len(m.Answer) {
			t.Fatalf("%+v in record %d of %d", v, at, len(m.Answer))
		}
		if d := p.Decide(q); (d.Blocks() || d.Whole()) && (d != v || at != 0) {
			t.Fatalf("Decide says %+v, Review %+v in record %d", d, v, at)
		}
		if v.Zone > 0 && v.Action == Pass || v.Zone > 0 && !v.Rule.None() || v.ShadowZone > 2 {
			t.Fatalf("%+v", v)
		}
		if _, _, ok := Lead(m, at); !ok && v.Zone > 0 && v.Trigger == QName {
			t.Fatalf("nothing leads to %+v in record %d", v, at)
		}
		p.Listed(v, q, m, at)
	})
}
