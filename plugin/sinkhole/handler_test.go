package sinkhole

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"sinkhole/plugin/pkg/dropdir"
	"sinkhole/plugin/pkg/policy"
	"sinkhole/plugin/pkg/query"
)

// lists writes files into a drop folder and reads it.
func lists(t testing.TB, cfg Config, files map[string]string) *Sinkhole {
	t.Helper()
	dir := t.TempDir()
	drop(t, dir, files)
	s, err := Offline(cfg, dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.folder.Files() {
		if f.State != dropdir.InForce {
			t.Fatalf("%s is %s: %s", f.Name, f.State, f.Reason)
		}
	}
	return s
}

func drop(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// upstream answers with these records, and counts how often it is asked.
type upstream struct {
	records []string
	rcode   int
	asked   int
	before  func() // called before it answers
	silent  bool   // it returns the rcode and writes nothing
	packed  bool   // it writes octets
}

func (u *upstream) Name() string { return "upstream" }

func (u *upstream) ServeDNS(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
	u.asked++
	if u.before != nil {
		u.before()
	}
	if u.silent {
		return u.rcode, nil
	}
	m := new(dns.Msg)
	m.SetRcode(r, u.rcode)
	m.RecursionAvailable = true
	for _, text := range u.records {
		rr, err := dns.NewRR(text)
		if err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	if u.packed {
		b, err := m.Pack()
		if err != nil {
			return dns.RcodeServerFailure, err
		}
		_, err = w.Write(b)
		return dns.RcodeSuccess, err
	}
	return dns.RcodeSuccess, w.WriteMsg(m)
}

// recorder keeps what is written, packed or not.
type recorder struct {
	test.ResponseWriter
	msg *dns.Msg
}

func (r *recorder) WriteMsg(m *dns.Msg) error { r.msg = m; return nil }

func (r *recorder) Write(b []byte) (int, error) {
	r.msg = new(dns.Msg)
	return len(b), r.msg.Unpack(b)
}

// left is a client that has gone away.
type left struct{ test.ResponseWriter }

func (l *left) WriteMsg(*dns.Msg) error {
	return &net.OpError{Op: "write", Net: "udp", Addr: l.RemoteAddr(), Err: net.ErrClosed}
}
func (l *left) Write([]byte) (int, error) { return 0, l.WriteMsg(nil) }

// TestErrorsNameNobody: an error of ours would be logged with the name, and one of
// a connection has the client's address in it.
func TestErrorsNameNobody(t *testing.T) {
	h := &Handler{Next: &upstream{records: []string{"other.example. 300 IN A 192.0.2.1"}}, lists: lists(t, Defaults(), map[string]string{"c2/a.txt": "bad.example\n"})}
	for _, name := range []string{"bad.example.", "other.example.", "bad.example.explain.sinkhole."} {
		if _, err := h.ServeDNS(t.Context(), new(left), new(dns.Msg).SetQuestion(name, dns.TypeA)); err != nil {
			t.Errorf("%s: %v; want no error", name, err)
		}
	}
}

// ask puts one question; m is nil where nothing is written.
func ask(t testing.TB, h *Handler, name, qtype string, src *query.Source) (m *dns.Msg, code int) {
	t.Helper()
	req := new(dns.Msg)
	req.SetQuestion(dns.Fqdn(name), dns.StringToType[qtype])
	req.SetEdns0(1232, false)
	ctx := context.Background()
	if src != nil {
		ctx = query.WithSource(ctx, src)
	}
	rec := &recorder{}
	code, err := h.ServeDNS(ctx, rec, req)
	if err != nil {
		t.Fatal(err)
	}
	return rec.msg, code
}

// brief is an answer in one line: rcode, then the records.
func brief(m *dns.Msg) string {
	if m == nil {
		return "nothing"
	}
	out := []string{dns.RcodeToString[m.Rcode]}
	if m.Truncated {
		out = append(out, "TC")
	}
	for _, rr := range m.Answer {
		out = append(out, strings.Join(strings.Fields(rr.String()), " "))
	}
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			out = append(out, "SOA "+soa.Hdr.Name)
		}
	}
	return strings.Join(out, " | ")
}

var source = query.Source{Addr: netip.MustParseAddrPort("192.0.2.7:4242")}

func categories(names ...string) (all []policy.Category) {
	for _, n := range names {
		c := Defaults().Default
		c.Name, c.Record = n, n == "c2"
		if action, ok := policy.ParseAction(n); ok {
			c.Action = action
		}
		all = append(all, c)
	}
	return all
}

func TestServeDNS(t *testing.T) {
	cfg := Defaults()
	cfg.Categories = categories("c2", "malware", "nxdomain", "nodata", "refused", "drop", "truncate", "passthru")
	cfg.SelfTest = "test.example"
	s := lists(t, cfg, map[string]string{
		"c2/a.txt":           "c2.example\n",
		"malware/a.txt":      "bad.example\n192.0.2.66\n2001:db8:bad::/48\ntest.example\n",
		"malware/shadow.txt": "# sinkhole: shadow\nshadow.example\n",
		"nxdomain/a.txt":     "nx.example\n",
		"nodata/a.txt":       "nodata.example\n",
		"refused/a.txt":      "refused.example\n",
		"drop/a.txt":         "drop.example\n192.0.2.67\n",
		"truncate/a.txt":     "tc.example\n",
		"passthru/a.txt":     "watched.example\n",
		"allow/a.txt":        "ok.bad.example\ntest.example\n",
	})
	const up = "www.example. 300 IN A 192.0.2.1"
	for name, row := range map[string]struct {
		ask     string
		answers []string
		rcode   int
		src     query.Source
		want    string
		asks    bool // upstream
		hit     query.Hit
		counts  string // category, action, trigger
		shadow  bool
	}{
		"what is not listed passes":      {ask: "www.example A", answers: []string{up}, want: "NOERROR | www.example. 300 IN A 192.0.2.1", asks: true},
		"a listed name":                  {ask: "bad.example A", want: "NOERROR | bad.example. 60 IN A 0.0.0.0", counts: "malware sinkhole qname"},
		"below a listed name":            {ask: "www.BAD.example AAAA", want: "NOERROR | www.BAD.example. 60 IN AAAA ::", counts: "malware sinkhole qname"},
		"another type":                   {ask: "bad.example HTTPS", want: "NOERROR | SOA bad.example.", counts: "malware sinkhole qname"},
		"an allowed name is left alone":  {ask: "ok.bad.example A", answers: []string{"ok.bad.example. 300 IN CNAME bad.example.", "bad.example. 300 IN A 192.0.2.66"}, want: "NOERROR | ok.bad.example. 300 IN CNAME bad.example. | bad.example. 300 IN A 192.0.2.66", asks: true},
		"NXDOMAIN":                       {ask: "nx.example A", want: "NXDOMAIN | SOA nx.example.", counts: "nxdomain nxdomain qname"},
		"NODATA":                         {ask: "nodata.example A", want: "NOERROR | SOA nodata.example.", counts: "nodata nodata qname"},
		"refused is written, not coded":  {ask: "refused.example A", want: "REFUSED", counts: "refused refused qname"},
		"dropped":                        {ask: "drop.example A", want: "nothing", counts: "drop drop qname"},
		"truncated":                      {ask: "tc.example A", want: "NOERROR | TC", counts: "truncate truncate qname"},
		"truncated, on a stream":         {ask: "tc.example A", answers: []string{"tc.example. 300 IN A 192.0.2.1"}, src: query.Source{Stream: true}, want: "NOERROR | tc.example. 300 IN A 192.0.2.1", asks: true, counts: "truncate passthru qname"},
		"passthru":                       {ask: "watched.example A", answers: []string{"watched.example. 300 IN A 192.0.2.1"}, want: "NOERROR | watched.example. 300 IN A 192.0.2.1", asks: true, counts: "passthru passthru qname"},
		"passthru, and listed behind it": {ask: "watched.example A", answers: []string{"watched.example. 300 IN A 192.0.2.66"}, want: "NOERROR | watched.example. 60 IN A 0.0.0.0", asks: true, counts: "malware sinkhole response-ip"},
		"a recorded category leaves a hit": {ask: "x.c2.example A", want: "NOERROR | x.c2.example. 60 IN A 0.0.0.0", counts: "c2 sinkhole qname",
			hit: query.Hit{Category: "c2", Name: name(t, "c2.example"), Text: "c2.example"}},
		"a hit by a CNAME": {ask: "www.example A", answers: []string{"www.example. 300 IN CNAME x.c2.example.", "x.c2.example. 300 IN A 192.0.2.1"},
			want: "NOERROR | www.example. 300 IN CNAME x.c2.example. | x.c2.example. 60 IN A 0.0.0.0", asks: true, counts: "c2 sinkhole cname",
			hit: query.Hit{Category: "c2", Name: name(t, "c2.example"), Text: "c2.example"}},
		"a listed address":                 {ask: "www.example AAAA", answers: []string{"www.example. 300 IN AAAA 2001:db8:bad::1"}, want: "NOERROR | www.example. 60 IN AAAA ::", asks: true, counts: "malware sinkhole response-ip"},
		"a listed address that drops":      {ask: "www.example A", answers: []string{"www.example. 300 IN A 192.0.2.67"}, want: "nothing", asks: true, counts: "drop drop response-ip"},
		"a listed target of HTTPS":         {ask: "www.example HTTPS", answers: []string{"www.example. 300 IN HTTPS 1 bad.example."}, want: "NOERROR | SOA www.example.", asks: true, counts: "malware sinkhole svcb"},
		"SERVFAIL reveals nothing":         {ask: "www.example A", answers: []string{"www.example. 300 IN A 192.0.2.66"}, rcode: dns.RcodeServerFailure, want: "SERVFAIL | www.example. 300 IN A 192.0.2.66", asks: true},
		"shadow counts and blocks nothing": {ask: "shadow.example A", answers: []string{"shadow.example. 300 IN A 192.0.2.1"}, want: "NOERROR | shadow.example. 300 IN A 192.0.2.1", asks: true, shadow: true},
		"who opted out is not matched":     {ask: "x.c2.example A", answers: []string{up}, src: query.Source{OptedOut: true}, want: "NOERROR | www.example. 300 IN A 192.0.2.1", asks: true},
		"the self-test, though allowed":    {ask: "test.example A", want: "NOERROR | test.example. 60 IN A 0.0.0.0", counts: "self-test sinkhole qname"},
		"nothing below the self-test":      {ask: "x.test.example A", answers: []string{up}, want: "NOERROR | www.example. 300 IN A 192.0.2.1", asks: true},
	} {
		t.Run(name, func(t *testing.T) {
			qname, qtype, _ := strings.Cut(row.ask, " ")
			for _, packed := range []bool{false, true} {
				before := counts(t)
				u := &upstream{records: row.answers, rcode: row.rcode, packed: packed}
				src := row.src
				m, code := ask(t, &Handler{Next: u, lists: s}, qname, qtype, &src)
				if got := brief(m); got != row.want {
					t.Errorf("got  %s\nwant %s", got, row.want)
				}
				if m != nil && !plugin.ClientWrite(code) && row.rcode == 0 {
					t.Errorf("the code %d says that nothing was written", code)
				}
				if (u.asked > 0) != row.asks {
					t.Errorf("upstream was asked %d times, want any: %v", u.asked, row.asks)
				}
				if !reflect.DeepEqual(src.Hit, row.hit) {
					t.Errorf("the hit is %+v, want %+v", src.Hit, row.hit)
				}
				wantCounts(t, before, row.counts, row.shadow)
			}
		})
	}
}

// counts are the counters of verdicts by their labels.
func counts(t testing.TB) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for line := range strings.Lines(exposed(t, blocked) + exposed(t, shadowed)) {
		if labels, value, ok := strings.Cut(strings.TrimSpace(line), "} "); ok {
			all[labels] = float(t, value)
		}
	}
	return all
}

// wantCounts wants one more of the counter with these labels, and of no other.
func wantCounts(t testing.TB, before map[string]float64, labels string, shadow bool) {
	t.Helper()
	var want []string
	if f := strings.Fields(labels); len(f) == 3 {
		want = append(want, `coredns_sinkhole_blocked_total{action="`+f[1]+`",category="`+f[0]+`",server="",trigger="`+f[2]+`"`)
	}
	if shadow {
		want = append(want, `coredns_sinkhole_shadow_total{category="malware",server=""`)
	}
	after := counts(t)
	for _, w := range want {
		if after[w] != before[w]+1 {
			t.Errorf("%s is %v, want %v", w, after[w], before[w]+1)
		}
		delete(after, w)
	}
	for labels, n := range after {
		if n != before[labels] {
			found := false
			for _, w := range want {
				found = found || w == labels
			}
			if !found {
				t.Errorf("%s went from %v to %v", labels, before[labels], n)
			}
		}
	}
}

// What is listed while the question is on its way counts when it is answered,
// and so does what is not listed any more.
func TestListedMeanwhile(t *testing.T) {
	bad := lists(t, Defaults(), map[string]string{"malware/a.txt": "bad.example\n"})
	none := lists(t, Defaults(), nil)
	for name, row := range map[string]struct {
		u    upstream
		want string
	}{
		"answered":         {upstream{records: []string{"bad.example. 300 IN A 192.0.2.1"}}, "NOERROR | bad.example. 60 IN A 0.0.0.0"},
		"failed":           {upstream{rcode: dns.RcodeServerFailure}, "NOERROR | bad.example. 60 IN A 0.0.0.0"},
		"failed in a code": {upstream{rcode: dns.RcodeServerFailure, silent: true}, "NOERROR | bad.example. 60 IN A 0.0.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Sinkhole{cfg: Defaults()}
			s.inForce.Store(none.inForce.Load())
			row.u.before = func() { s.inForce.Store(bad.inForce.Load()) }
			m, code := ask(t, &Handler{Next: &row.u, lists: s}, "bad.example", "A", nil)
			if got := brief(m); got != row.want || code != dns.RcodeSuccess {
				t.Errorf("got  %s, code %d\nwant %s, code 0", got, code, row.want)
			}
		})
	}
}

// A code that says that nothing was written passes as it is.
func TestCodePassesOn(t *testing.T) {
	s := lists(t, Defaults(), map[string]string{"malware/a.txt": "bad.example\n"})
	u := &upstream{rcode: dns.RcodeServerFailure, silent: true}
	m, code := ask(t, &Handler{Next: u, lists: s}, "www.example", "A", nil)
	if m != nil || code != dns.RcodeServerFailure {
		t.Errorf("got %s, code %d; want nothing, code %d", brief(m), code, dns.RcodeServerFailure)
	}
}

func TestNoQuestionOfOurs(t *testing.T) {
	s := lists(t, Defaults(), map[string]string{"malware/a.txt": "bad.example\n"})
	for name, change := range map[string]func(*dns.Msg){
		"another opcode": func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify },
		"another class":  func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
		"no question":    func(m *dns.Msg) { m.Question = nil },
		"two questions":  func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) },
		"a response":     func(m *dns.Msg) { m.Response = true },
	} {
		t.Run(name, func(t *testing.T) {
			req := new(dns.Msg)
			req.SetQuestion("bad.example.", dns.TypeA)
			change(req)
			u := &upstream{rcode: dns.RcodeNotImplemented, silent: true}
			code, err := (&Handler{Next: u, lists: s}).ServeDNS(context.Background(), &test.ResponseWriter{}, req)
			if u.asked != 1 || code != dns.RcodeNotImplemented || err != nil {
				t.Errorf("the next one was asked %d times, and the code is %d (%v)", u.asked, code, err)
			}
		})
	}
}

// Without a gate the transport tells whether the answer has to fit.
func TestStreamWithoutGate(t *testing.T) {
	cfg := Defaults()
	cfg.Categories = categories("truncate")
	h := &Handler{Next: &upstream{records: []string{"tc.example. 300 IN A 192.0.2.1"}}, lists: lists(t, cfg, map[string]string{"truncate/a.txt": "tc.example\n"})}
	req := new(dns.Msg)
	req.SetQuestion("tc.example.", dns.TypeA)
	for _, tcp := range []bool{false, true} {
		rec := &recorder{ResponseWriter: test.ResponseWriter{TCP: tcp}}
		if _, err := h.ServeDNS(context.Background(), rec, req); err != nil || rec.msg.Truncated == tcp {
			t.Errorf("by TCP %v: TC is %v (%v)", tcp, rec.msg.Truncated, err)
		}
	}
}

// A fault of ours is counted, and the query passes on.
func TestFaultPassesOn(t *testing.T) {
	u := &upstream{records: []string{"bad.example. 300 IN A 192.0.2.1"}}
	before := testutil.ToFloat64(bugs)
	m, _ := ask(t, &Handler{Next: u}, "bad.example", "A", nil) // without lists every judgement falls over
	if got, want := brief(m), "NOERROR | bad.example. 300 IN A 192.0.2.1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := testutil.ToFloat64(bugs) - before; n != 2 { // the question, and the answer
		t.Errorf("%v faults are counted, want 2", n)
	}
}

// A fault of those below is not ours to hide.
func TestFaultBelowIsNotHidden(t *testing.T) {
	h := &Handler{Next: &upstream{before: func() { panic("below") }}, lists: lists(t, Defaults(), nil)}
	defer func() {
		if recover() != "below" {
			t.Error("the fault of the next plugin is hidden")
		}
	}()
	ask(t, h, "www.example", "A", nil)
}

func TestReady(t *testing.T) {
	h := &Handler{}
	if h.Ready() {
		t.Error("ready before lists are in force")
	}
	h.lists = lists(t, Defaults(), nil)
	if !h.Ready() {
		t.Error("not ready with lists in force")
	}
}

// quiet writes nothing anywhere.
type quiet struct{ dns.ResponseWriter }

func (quiet) WriteMsg(*dns.Msg) error { return nil }
func (quiet) RemoteAddr() net.Addr    { return clientAddr }

var clientAddr = &net.UDPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 4242}

// An unlisted query costs us its client, and CoreDNS's step to the next plugin
// another allocation.
func TestServeDNSAllocatesItsClient(t *testing.T) {
	req, h, ctx := unlisted(t)
	if n := testing.AllocsPerRun(1000, func() { h.ServeDNS(ctx, quiet{}, req) }); n > 2 {
		t.Errorf("%v allocations, want at most 2", n)
	}
}

func BenchmarkServeDNS(b *testing.B) {
	req, h, ctx := unlisted(b)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeDNS(ctx, quiet{}, req)
	}
}

func unlisted(t testing.TB) (*dns.Msg, *Handler, context.Context) {
	req := new(dns.Msg)
	req.SetQuestion("www.example.", dns.TypeA)
	reply := new(dns.Msg)
	reply.SetReply(req)
	rr, err := dns.NewRR("www.example. 300 IN A 192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	reply.Answer = []dns.RR{rr}
	next := plugin.HandlerFunc(func(_ context.Context, w dns.ResponseWriter, _ *dns.Msg) (int, error) {
		return dns.RcodeSuccess, w.WriteMsg(reply)
	})
	src := source
	ctx := query.WithSource(context.WithValue(context.Background(), dnsserver.Key{}, &dnsserver.Server{Addr: "dns://:53"}), &src)
	return req, &Handler{Next: next, lists: lists(t, Defaults(), map[string]string{"malware/a.txt": "bad.example\n192.0.2.66\n"})}, ctx
}
