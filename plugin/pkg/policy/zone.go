package policy

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/list"
	"sinkhole/plugin/pkg/rpz"
)

// Which rule of the zones decides (draft-vixie-dnsop-dns-rpz-00, section 5):
//
//  1. that of the earliest step of the chain, which is the question and the
//     targets of CNAME and DNAME that follow; only the question where ANY, CNAME
//     or DNAME was asked for
//  2. of one step that of the first zone, in the order of the Corefile
//  3. of one zone and trigger on names the exact one, then that with most labels;
//     a wildcard covers what is not there, and never its own name (RFC 4592)
//  4. of one zone client-ip, qname, response-ip, nsdname, nsip, in this order;
//     addresses of the answer belong to the last step, servers to each
//  5. of nsdname rules that of the server's name which stands last (RFC 4034,
//     section 6.1)
//  6. of rules on addresses the longest prefix, IPv4 counted 96 more
//  7. of equally long ones the smallest address, IPv4 before IPv6
//
// What a rule does plays no part in this, but that a disabled zone is passed
// over. One rule decides, passthru too.
//
// A rule on client or name decides at once, unless a zone before its own has
// rules on addresses of the answer or on servers: then it waits for the answer,
// and decides as well where none comes or the answer failed. Put zones without
// such triggers first and nothing waits.

// zone is a response policy zone in force.
type zone struct {
	ZoneFile
	rules    *rpz.Zone
	result   list.Result
	category Category // what metrics and answers call it

	disabled bool   // its rules are counted and decide nothing
	override Action // of all its rules; Pass: each has its own
	garden   string // with LocalData as override: where all its rules lead
	gardens  []byte // the same in wire form; nil where it begins with *

	byAddr, byServer bool // it has triggers that only an answer can meet, of these kinds

	protect [][]byte // names that * is not meant for
}

// readZones reads zone files, in order of precedence. What old has read is taken
// as it is where the file is the same.
func readZones(ctx context.Context, cfg Config, files []ZoneFile, o Options, old []zone) ([]zone, error) {
	if len(files) > math.MaxUint16 {
		return nil, fmt.Errorf("%s: %d zones; want at most %d", files[0].Name, len(files), math.MaxUint16)
	}
	zones := make([]zone, len(files))
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		z := zone{ZoneFile: f}
		at := slices.IndexFunc(old, func(z zone) bool { return f.SHA256 != "" && z.Name == f.Name && z.SHA256 == f.SHA256 })
		if at >= 0 {
			z.rules, z.result = old[at].rules, old[at].result
		} else if err := z.read(ctx, cfg, o); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if err := z.prepare(cfg); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		zones[i] = z
	}
	return zones, nil
}

// read reads the zone's file.
func (z *zone) read(ctx context.Context, cfg Config, o Options) (err error) {
	z.rules, z.result, err = rpz.Read(ctx, z.Name, z.Open, rpz.ReadOptions{
		Part:      z.Part,
		Protected: Guard(cfg.Protect),
		MaxSize:   cfg.MaxSize,
		Dir:       o.Dir,
		Pause:     cfg.Pause,
	})
	return err
}

// prepare works out what the Corefile makes of a zone that was read.
func (z *zone) prepare(cfg Config) error {
	if z.Override.Action == "cname" && z.Override.CNAME == "" {
		return errors.New("policy cname without a name; want one")
	}
	z.category = cfg.Default
	z.category.Name, z.category.EDEText, z.category.Record = z.rules.Name(), z.rules.Name(), false
	z.protect = cfg.Protect
	z.byAddr = z.rules.Has(rpz.IP)
	z.byServer = z.rules.Has(rpz.NSDName) || z.rules.Has(rpz.NSIP)
	z.disabled, z.override, z.garden, z.gardens = false, Pass, "", nil
	switch word := z.Override.Action; word {
	case "", "given":
	case "disabled":
		z.disabled = true
	case "cname":
		z.override, z.garden = LocalData, dns.Fqdn(z.Override.CNAME)
		name, err := dnsname.Append(nil, z.garden)
		if err != nil {
			return fmt.Errorf("policy cname %q: %w; want a name", z.Override.CNAME, err)
		}
		if !bytes.HasPrefix(name, []byte("\x01*")) {
			z.gardens = name
		}
	default:
		for _, a := range zoneActions {
			if a != LocalData && a.String() == word {
				z.override = a
			}
		}
		if z.override == Pass {
			return fmt.Errorf("policy %q: no such one; want given, disabled, passthru, nxdomain, nodata, tcp-only, drop or cname", word)
		}
	}
	return nil
}

// zoneActions are what rules of a zone do where the Corefile says nothing else.
var zoneActions = [...]Action{
	rpz.NXDOMAIN: NXDOMAIN, rpz.NODATA: NODATA, rpz.Passthru: Passthru,
	rpz.Drop: Drop, rpz.TCPOnly: TCPOnly, rpz.Data: LocalData,
}

var zoneTriggers = [...]Trigger{
	rpz.ClientIP: ClientIP, rpz.QName: QName, rpz.IP: ResponseIP, rpz.NSDName: NSDName, rpz.NSIP: NSIP,
}

// action is what the zone does with name by a rule.
func (z *zone) action(r rpz.Rule, name []byte) Action {
	a := z.override
	if a == Pass {
		return zoneActions[r.Action]
	}
	if z.gardens != nil && bytes.Equal(name, z.gardens) {
		return Passthru // as a CNAME to itself was meant before there was rpz-passthru
	}
	return a
}

// takes enters a rule into v where it decides, and the zone where it only would.
// number is the zone's, from one. A sender who has come on a stream has proven
// what a tcp-only rule wants to know; it decides all the same (section 5: the
// action plays no part in which rule does).
func (z *zone) takes(v *Verdict, number int, r rpz.Rule, q *Query, name []byte) (decides bool) {
	if z.disabled {
		if v.ShadowZone == 0 {
			v.ShadowZone = uint16(number)
		}
		return false
	}
	v.Zone, v.ZoneRule, v.Trigger, v.Action = uint16(number), r, zoneTriggers[r.Trigger], z.action(r, name)
	if r.Trigger == rpz.QName {
		v.Labels = r.Labels
	}
	if v.Action == TCPOnly && q.Stream {
		v.Action, v.Proven = Passthru, true
	}
	return true
}

// protects tells whether name is a protected one, or below one, and r would
// block it as it does all names: any other rule that covers a protected name is
// not taken at all.
func (z *zone) protects(r rpz.Rule, name []byte) bool {
	if !r.Wild || r.Labels > 0 || z.action(r, name) == Passthru {
		return false
	}
	for _, p := range z.protect {
		if dnsname.Under(name, p) {
			return true
		}
	}
	return false
}

// early is the zone's rule on who asks, else the one on the name.
func (z *zone) early(q *Query, name []byte) (r rpz.Rule, ok bool) {
	if q.Client.IsValid() {
		if r, ok = z.rules.Addr(rpz.ClientIP, q.Client); ok {
			return r, true
		}
	}
	return z.byName(name)
}

// byName is the zone's rule on a name.
func (z *zone) byName(name []byte) (r rpz.Rule, ok bool) {
	r, ok = z.rules.QName(name)
	return r, ok && !z.protects(r, name)
}

// early is the verdict of zones on who asks and on the name. waits tells whether
// a zone that stands before it could overrule it by what the answer shows.
func (p *Policy) early(q *Query, name []byte) (v Verdict, waits bool) {
	for i := range p.zones {
		z := &p.zones[i]
		if r, ok := z.early(q, name); ok && z.takes(&v, i+1, r, q, name) {
			return v, waits
		}
		waits = waits || !z.disabled && (z.byAddr || z.byServer)
	}
	return v, false
}

// byPrefix is the zone's rule on one of these addresses: that with the longest
// prefix, IPv4 counted as if it were IPv6, then with the smallest address
// (draft-vixie-dnsop-dns-rpz-00, sections 5.6 and 5.7).
func (z *zone) byPrefix(t rpz.Trigger, addrs []sighted) (best rpz.Rule, at int, ok bool) {
	for _, f := range addrs {
		if r, hit := z.rules.Addr(t, f.addr); hit && (!ok || beforePrefix(r.Prefix, best.Prefix)) {
			best, at, ok = r, f.at, true
		}
	}
	return best, at, ok
}

func beforePrefix(a, b netip.Prefix) bool {
	if d := internalBits(a) - internalBits(b); d != 0 {
		return d > 0
	}
	x, y := internalAddr(a.Addr()), internalAddr(b.Addr())
	return bytes.Compare(x[:], y[:]) < 0
}

// internalBits is the length of a prefix in the 128 bits that all addresses have
// in a zone.
func internalBits(p netip.Prefix) int { return p.Bits() + 128 - p.Addr().BitLen() }

// internalAddr is an address in 128 bits, IPv4 filled with zeros from the left,
// so that it stands before IPv6.
func internalAddr(a netip.Addr) (b [16]byte) {
	if a.Is4() {
		last := a.As4()
		copy(b[12:], last[:])
		return b
	}
	return a.As16()
}

// byServers is the zone's rule on the name of one of these servers: an exact one,
// then that with most labels, then that of the name which stands last in the
// canonical order (section 5.5; RFC 4034, section 6.1).
func (z *zone) byServers(servers [][]byte) (best rpz.Rule, ok bool) {
	var of []byte
	for _, s := range servers {
		if r, hit := z.rules.NSDName(s); hit && (!ok || beforeServer(r, s, best, of)) {
			best, of, ok = r, s, true
		}
	}
	return best, ok
}

func beforeServer(a rpz.Rule, aName []byte, b rpz.Rule, bName []byte) bool {
	if a.Wild != b.Wild {
		return b.Wild
	}
	return cmp.Or(cmp.Compare(a.Labels, b.Labels), compareNames(aName, bName)) > 0
}

// compareNames orders names in wire form and lower case canonically: by their
// labels from the right, as octets.
func compareNames(a, b []byte) int {
	x, y := labelsOf(a), labelsOf(b)
	for i := range min(len(x), len(y)) {
		if c := bytes.Compare(x[len(x)-1-i], y[len(y)-1-i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(x), len(y))
}

func labelsOf(name []byte) (labels [][]byte) {
	for ; len(name) > 1; name = dnsname.Parent(name) {
		labels = append(labels, name[1:1+name[0]])
	}
	return labels
}

// ZoneData is what a zone's verdict with action LocalData answers: records with
// owner "." and their own TTL, made for this call. One CNAME whose target begins
// with *. wants the whole name in the place of the asterisk.
func (p *Policy) ZoneData(v Verdict) []dns.RR {
	z := &p.zones[v.Zone-1]
	if z.override != LocalData {
		return z.rules.Data(v.ZoneRule)
	}
	return []dns.RR{&dns.CNAME{
		Hdr:    dns.RR_Header{Name: ".", Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: z.category.TTL},
		Target: z.garden,
	}}
}

// Redirects tells whether v is of a zone all of whose rules the Corefile leads to
// one name.
func (p *Policy) Redirects(v Verdict) bool {
	return v.Zone > 0 && p.zones[v.Zone-1].override == LocalData
}

// ZoneSOA is the SOA of the zone whose rule decided; nil where none did, and
// where it has none. It must not be written to.
func (p *Policy) ZoneSOA(v Verdict) *dns.SOA {
	if v.Zone == 0 {
		return nil
	}
	return p.zones[v.Zone-1].rules.SOA()
}

// ZoneFile is the file of a zone by its number in a verdict, "" for none.
func (p *Policy) ZoneFile(number uint16) string {
	if number == 0 {
		return ""
	}
	return p.zones[number-1].Name
}
