package sinkhole

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sinkhole/plugin/pkg/query"
)

// below answers as the chain behind us would: each line is a record, or "NAME
// TYPE RCODE", or "NAME TYPE silence". A name with other records has none of the
// type; any other name does not exist.
type below struct {
	t     *testing.T
	lines []string

	mu    sync.Mutex
	asked []string
	told  []*query.Source
}

func belowOf(t *testing.T, text string) *below {
	b := &below{t: t}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			b.lines = append(b.lines, line)
		}
	}
	return b
}

func (b *below) Name() string { return "below" }

func (b *below) ServeDNS(ctx context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	q := r.Question[0]
	qtype := dns.TypeToString[q.Qtype]
	b.mu.Lock()
	b.asked = append(b.asked, q.Name+" "+qtype)
	b.told = append(b.told, query.SourceOf(ctx))
	b.mu.Unlock()
	m := new(dns.Msg).SetReply(r)
	name, there := strings.ToLower(q.Name), false
	for range 8 {
		next := ""
		for _, line := range b.lines {
			f := strings.Fields(line)
			if f[0] != name {
				continue
			}
			there = true
			if rcode, ok := dns.StringToRcode[f[len(f)-1]]; ok && len(f) == 3 {
				if f[1] == qtype {
					m.Rcode = rcode
					return dns.RcodeSuccess, w.WriteMsg(m)
				}
				continue
			}
			if f[len(f)-1] == "silence" {
				if f[1] == qtype {
					return dns.RcodeServerFailure, nil
				}
				continue
			}
			rr, err := dns.NewRR(strings.Replace(line, " ", " 300 IN ", 1))
			if err != nil {
				b.t.Error(err)
			}
			if rr.Header().Rrtype == q.Qtype || rr.Header().Rrtype == dns.TypeCNAME {
				m.Answer = append(m.Answer, rr)
			}
			if c, ok := rr.(*dns.CNAME); ok && q.Qtype != dns.TypeCNAME {
				next = c.Target
			}
		}
		if next == "" {
			break
		}
		name, there = next, false
	}
	if !there {
		m.Rcode = dns.RcodeNameError
	}
	if len(m.Answer) == 0 { // all that there is lies in zones of two labels
		labels := dns.SplitDomainName(name)
		apex := dns.Fqdn(strings.Join(labels[max(0, len(labels)-2):], "."))
		soa, _ := dns.NewRR(apex + " 60 IN SOA a. b. 1 2 3 4 5")
		m.Ns = []dns.RR{soa}
	}
	return dns.RcodeSuccess, w.WriteMsg(m)
}

// askOf puts a question "NAME TYPE [tcp]" from an address.
func askOf(t *testing.T, h *Handler, text string) (*dns.Msg, *query.Source) {
	t.Helper()
	f := strings.Fields(text)
	src := &query.Source{Addr: netip.MustParseAddrPort("198.51.100.7:4242"), Line: 53, Stream: len(f) > 2, Told: new(query.Told)}
	m, _ := ask(t, h, f[0], f[1], src)
	return m, src
}

// TestZones: zones, from question to answer, and what the chain is asked for it.
func TestZones(t *testing.T) {
	const world = `
		www.example. A 192.0.2.1
		lead.example. A 192.0.2.2
		listed.example. A 192.0.2.66
		to.example. CNAME lead.example.
		garden.test. CNAME hole.test.
		hole.test. A 192.0.2.9
		hole.test. TXT hole
		broken.test. A SERVFAIL
		silent.test. A silence
		example. NS ns1.example.
		example. NS ns2.example.
		ns1.example. A 192.0.2.53
		ns2.example. A 192.0.2.54
		ns2.example. AAAA 2001:db8::54
		. NS a.root.
		a.root. A 192.0.2.55
		lame.test. NS ns.lame.test.
		www.lame.test. A 192.0.2.1
		ns.lame.test. A SERVFAIL
		deaf.test. NS SERVFAIL
		www.deaf.test. A 192.0.2.1`
	for _, row := range []struct {
		name  string
		zone  string
		lists string // of malware/a.txt
		ask   string
		want  string
		asks  string // of the chain, in order but for those after "also"
		count string // category, action, trigger
	}{
		{name: "nothing is asked for a name that is on no zone", zone: "bad.example CNAME .", ask: "www.example A",
			want: "NOERROR | www.example. 300 IN A 192.0.2.1", asks: "www.example. A"},
		{name: "nor for one that is", zone: "bad.example CNAME .", ask: "bad.example A",
			want: "NXDOMAIN | SOA bad.example.", count: "zone nxdomain qname"},
		{name: "passthru leaves alone", zone: "listed.example CNAME rpz-passthru.", lists: "192.0.2.66", ask: "listed.example A",
			want: "NOERROR | listed.example. 300 IN A 192.0.2.66", asks: "listed.example. A", count: "zone passthru qname"},
		{name: "a garden is asked for below us", zone: "lead.example CNAME garden.test.", ask: "lead.example A",
			want: "NOERROR | lead.example. 5 IN CNAME garden.test. | garden.test. 300 IN CNAME hole.test. | hole.test. 300 IN A 192.0.2.9",
			asks: "garden.test. A", count: "zone local-data qname"},
		{name: "and is not judged itself: one rule at most", zone: "lead.example CNAME garden.test.\n*.test CNAME .\n32.9.2.0.192.rpz-ip CNAME .", lists: "hole.test\n192.0.2.9", ask: "lead.example A",
			want: "NOERROR | lead.example. 5 IN CNAME garden.test. | garden.test. 300 IN CNAME hole.test. | hole.test. 300 IN A 192.0.2.9",
			asks: "garden.test. A", count: "zone local-data qname"},
		{name: "of the type asked", zone: "lead.example CNAME garden.test.", ask: "lead.example TXT",
			want: `NOERROR | lead.example. 5 IN CNAME garden.test. | garden.test. 300 IN CNAME hole.test. | hole.test. 300 IN TXT "hole"`,
			asks: "garden.test. TXT", count: "zone local-data qname"},
		{name: "who asks for the CNAME needs no garden", zone: "lead.example CNAME garden.test.", ask: "lead.example CNAME",
			want: "NOERROR | lead.example. 5 IN CNAME garden.test.", count: "zone local-data qname"},
		{name: "a garden that does not answer", zone: "lead.example CNAME silent.test.", ask: "lead.example A",
			want: "SERVFAIL | lead.example. 5 IN CNAME silent.test.", asks: "silent.test. A", count: "zone local-data qname"},
		{name: "or says that it cannot", zone: "lead.example CNAME broken.test.", ask: "lead.example A",
			want: "SERVFAIL | lead.example. 5 IN CNAME broken.test.", asks: "broken.test. A", count: "zone local-data qname"},
		{name: "one that does not exist", zone: "lead.example CNAME gone.test.", ask: "lead.example A",
			want: "NXDOMAIN | lead.example. 5 IN CNAME gone.test. | SOA gone.test.", asks: "gone.test. A", count: "zone local-data qname"},
		{name: "behind a CNAME of the answer", zone: "lead.example CNAME garden.test.", ask: "to.example A",
			want: "NOERROR | to.example. 300 IN CNAME lead.example. | lead.example. 5 IN CNAME garden.test. | garden.test. 300 IN CNAME hole.test. | hole.test. 300 IN A 192.0.2.9",
			asks: "to.example. A, garden.test. A", count: "zone local-data qname"},
		{name: "a name that a wildcard leads to itself passes, as in BIND", zone: "*.example CNAME lead.example.", ask: "lead.example A",
			want: "NOERROR | lead.example. 300 IN A 192.0.2.2", asks: "lead.example. A"},
		{name: "a rule that waits", zone: "32.66.2.0.192.rpz-ip CNAME rpz-passthru.", ask: "listed.example A",
			want: "NOERROR | listed.example. 300 IN A 192.0.2.66", asks: "listed.example. A", count: "zone passthru response-ip"},
		{name: "tcp-only", zone: "www.example CNAME rpz-tcp-only.", ask: "www.example A",
			want: "NOERROR | TC", count: "zone tcp-only qname"},
		{name: "tcp-only by TCP", zone: "www.example CNAME rpz-tcp-only.", ask: "www.example A tcp",
			want: "NOERROR | www.example. 300 IN A 192.0.2.1", asks: "www.example. A", count: "zone passthru qname"},
		{name: "a client", zone: "24.0.100.51.198.rpz-client-ip CNAME rpz-drop.", ask: "www.example A",
			want: "nothing", count: "zone drop client-ip"},
		{name: "servers, by name: from the name to the root, and no further", zone: "ns2.example.rpz-nsdname CNAME .", ask: "www.example A",
			want: "NXDOMAIN | SOA www.example.", asks: "www.example. A, www.example. NS, example. NS, . NS", count: "zone nxdomain nsdname"},
		{name: "the root's too", zone: "a.root.rpz-nsdname CNAME *.", ask: "www.example A",
			want: "NOERROR | SOA www.example.", asks: "www.example. A, www.example. NS, example. NS, . NS", count: "zone nodata nsdname"},
		{name: "a zone's SOA spares what lies between", zone: "ns.bad.rpz-nsdname CNAME .", ask: "a.b.c.d.www.example A",
			want: "NXDOMAIN | SOA www.example.", asks: "a.b.c.d.www.example. A, a.b.c.d.www.example. NS, www.example. NS, example. NS, . NS"},
		{name: "servers, by address", zone: "128.54.zz.db8.2001.rpz-nsip CNAME .", ask: "www.example A",
			want:  "NXDOMAIN | SOA www.example.",
			asks:  "www.example. A, www.example. NS, example. NS, . NS, also a.root. A, a.root. AAAA, ns1.example. A, ns1.example. AAAA, ns2.example. A, ns2.example. AAAA",
			count: "zone nxdomain nsip"},
		{name: "an address that is not to be had is no answer", zone: "32.1.1.1.1.rpz-nsip CNAME .", ask: "www.lame.test A",
			want: "SERVFAIL", asks: "www.lame.test. A, www.lame.test. NS, lame.test. NS, test. NS, . NS, also a.root. A, a.root. AAAA, ns.lame.test. A, ns.lame.test. AAAA", count: "zone servfail nsip"},
		{name: "servers that are not to be had are none", zone: "32.1.1.1.1.rpz-nsip CNAME .", ask: "www.deaf.test A",
			want: "NOERROR | www.deaf.test. 300 IN A 192.0.2.1", asks: "www.deaf.test. A, www.deaf.test. NS, deaf.test. NS, test. NS, . NS, also a.root. A, a.root. AAAA"},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg := Defaults()
			cfg.Categories = categories("malware")
			cfg.Default.TTL = 60
			files := map[string]string{"rpz/zone.rpz": "$TTL 5\n" + row.zone + "\n"}
			if row.lists != "" {
				files["malware/a.txt"] = row.lists + "\n"
			}
			b := belowOf(t, world)
			before := counts(t)
			m, src := askOf(t, &Handler{Next: b, lists: lists(t, cfg, files)}, row.ask)
			if got := brief(m); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
			wantAsked(t, b.asked, row.asks)
			wantCounts(t, before, row.count, false)
			for i, s := range b.told {
				if s.Line != src.Line {
					t.Errorf("%s is asked from %+v", b.asked[i], s)
				}
			}
		})
	}
}

// wantAsked compares questions; those after "also" may come in any order.
func wantAsked(t *testing.T, got []string, want string) {
	t.Helper()
	first, rest, _ := strings.Cut(want, "also ")
	in := len(strings.Split(strings.Trim(first, ", "), ", "))
	if strings.Trim(first, ", ") == "" {
		in = 0
	}
	sorted := slices.Clone(got)
	slices.Sort(sorted[min(in, len(sorted)):])
	if said := strings.Join(sorted, ", "); said != strings.TrimSuffix(strings.TrimSpace(first+rest), ",") {
		t.Errorf("asked for %s\nwant      %s", said, first+rest)
	}
}

// TestOwnQuestionsAreBounded: a name with many servers.
func TestOwnQuestionsAreBounded(t *testing.T) {
	var world strings.Builder
	world.WriteString("www.example. A 192.0.2.1\n")
	for i := range 2 * maxOwnQuestions {
		fmt.Fprintf(&world, "example. NS ns%d.example.\nns%d.example. A 192.0.2.53\n", i, i)
	}
	b := belowOf(t, world.String())
	before := testutil.ToFloat64(outOfBounds)
	m, _ := askOf(t, &Handler{Next: b, lists: lists(t, Defaults(), map[string]string{"rpz/zone.rpz": "32.1.1.1.1.rpz-nsip CNAME .\n"})}, "www.example A")
	if got := brief(m); got != "SERVFAIL" {
		t.Errorf("got %s", got)
	}
	why, ok := m.IsEdns0().Option[0].(*dns.EDNS0_EDE)
	if !ok || why.InfoCode != dns.ExtendedErrorCodeNoReachableAuthority || why.ExtraText != "zone" {
		t.Errorf("got %v, want the extended error 22 with the zone's name", m.IsEdns0())
	}
	if n := len(b.asked); n > maxOwnQuestions+1 || n < maxOwnQuestions/2 {
		t.Errorf("%d questions, want at most %d", n, maxOwnQuestions)
	}
	if testutil.ToFloat64(outOfBounds) == before {
		t.Error("it is not counted")
	}
}

// TestOwnQuestionsTellNobody: how they went is not how the client's went.
func TestOwnQuestionsTellNobody(t *testing.T) {
	b := belowOf(t, "garden.test. A 192.0.2.9")
	_, src := askOf(t, &Handler{Next: b, lists: lists(t, Defaults(), map[string]string{"rpz/zone.rpz": "lead.example CNAME garden.test.\n"})}, "lead.example A")
	if len(b.told) != 1 || b.told[0] == src || b.told[0].Told != nil || !b.told[0].Stream || b.told[0].Addr != src.Addr {
		t.Errorf("asked from %+v", b.told)
	}
}

// TestZoneWithoutGate: the transport tells who asks.
func TestZoneWithoutGate(t *testing.T) {
	h := &Handler{Next: belowOf(t, ""), lists: lists(t, Defaults(), map[string]string{"rpz/zone.rpz": "32.1.0.240.10.rpz-client-ip CNAME .\n"})}
	if m, _ := ask(t, h, "www.example", "A", nil); brief(m) != "NXDOMAIN | SOA www.example." || m.Ns[0].Header().Ttl != Defaults().Default.TTL {
		t.Errorf("got %s", brief(m))
	}
}

// TestOptedOutMeetsNoZone: who opted out is not matched, not by his address either.
func TestOptedOutMeetsNoZone(t *testing.T) {
	h := &Handler{Next: belowOf(t, "bad.example. A 192.0.2.1"), lists: lists(t, Defaults(), map[string]string{"rpz/zone.rpz": "bad.example CNAME .\n1.0.0.0.128.rpz-client-ip CNAME .\n"})}
	if m, _ := ask(t, h, "bad.example", "A", &query.Source{Addr: source.Addr, OptedOut: true}); brief(m) != "NOERROR | bad.example. 300 IN A 192.0.2.1" {
		t.Errorf("got %s", brief(m))
	}
}
