package scenario

import (
	"errors"
	"testing"

	"github.com/miekg/dns"
)

// TestHolds shows that each form of word can fail.
func TestHolds(t *testing.T) {
	found := []string{"NOERROR", "ra", "ttl=60", "ttl=30", "A=192.0.2.1", "ede=15:c2"}
	for word, want := range map[string]bool{
		"NOERROR":          true,
		"NXDOMAIN":         false,
		"!NXDOMAIN":        true,
		"!NOERROR":         false,
		"A=192.0.2.1":      true,
		"A=192.0.2.10":     false,
		"ttl<=60":          true,
		"ttl<=59":          false,
		"ttl>=30":          true,
		"ttl>=31":          false,
		"octets<=512":      false, // nothing was found to compare
		"!octets<=512":     true,
		"ttl<=many":        false,
		"NXDOMAIN|NOERROR": true,
		"NXDOMAIN|REFUSED": false,
		"ede=15:c2":        true,
		"ede=15":           false,
	} {
		if got := holds(found, word); got != want {
			t.Errorf("%s: got %t, want %t", word, got, want)
		}
	}
	err := hold(found, []string{"ra", "ad", "!ra"})
	if err == nil || err.Error() != "want ad !ra; got NOERROR ra ttl=60 ttl=30 A=192.0.2.1 ede=15:c2" {
		t.Errorf("got %v", err)
	}
}

// TestAnswerWords reads a message that has a little of everything.
func TestAnswerWords(t *testing.T) {
	q := new(dns.Msg).SetQuestion("wWw.example.", dns.TypeA)
	q.CheckingDisabled = true
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable, m.AuthenticatedData = true, true
	for _, text := range []string{"www.example. 30 IN CNAME a.example.", "a.example. 60 IN A 192.0.2.1"} {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	soa, err := dns.NewRR("example. 60 IN SOA . . 1 2 3 4 61")
	if err != nil {
		t.Fatal(err)
	}
	m.Ns = []dns.RR{soa}
	m.SetEdns0(1232, true)
	m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: 15, ExtraText: "c2"}}
	raw, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	found, err := answerWords(raw, q)
	if err != nil {
		t.Fatal(err)
	}
	if err := hold(found, []string{"NOERROR", "qr", "rd", "ra", "ad", "cd", "!aa", "!tc", "case", "edns", "do", "udp=1232",
		"ede", "ede=15", "ede=15:c2", "answers=2", "authority=1", "additional=0", "ttl=30", "ttl=60", "CNAME=a.example.",
		"a.example./A=192.0.2.1", "soa=example.", "soa-ttl=60", "minimum=61", "!foreign-id"}); err != nil {
		t.Error(err)
	}
	q.Question[0].Name = "www.example."
	q.Id++
	found, _ = answerWords(raw, q)
	if err := hold(found, []string{"!case", "foreign-id"}); err != nil {
		t.Error(err)
	}
	if found, _ = answerWords(nil, q); hold(found, []string{"silence"}) != nil {
		t.Errorf("no answer is %v", found)
	}
	if _, err := answerWords(raw[:20], q); err == nil {
		t.Error("took an answer that breaks off")
	}
}

// TestKinds sorts answers as a load does.
func TestKinds(t *testing.T) {
	for _, row := range []struct {
		found []string
		err   error
		want  string
	}{
		{found: []string{"NOERROR", "answers=1"}, want: "passed"},
		{found: []string{"NOERROR", "answers=1", "ede", "ede=4"}, want: "blocked"},
		{found: []string{"NXDOMAIN", "answers=0", "ede", "ede=15"}, want: "blocked"},
		{found: []string{"NOERROR", "answers=1", "ede", "ede=3"}, want: "wrong"}, // stale
		{found: []string{"NXDOMAIN", "answers=0"}, want: "wrong"},
		{found: []string{"SERVFAIL", "answers=0"}, want: "wrong"},
		{found: []string{"silence"}, want: "lost"},
		{err: errors.New("refused"), want: "lost"},
	} {
		if got := kindOf(row.found, row.err); got != row.want {
			t.Errorf("%v %v: got %s, want %s", row.found, row.err, got, row.want)
		}
	}
	// A loader sees the list come, go, and come.
	l := &load{count: map[string]int{}, stop: make(chan struct{})}
	last := ""
	for _, kind := range []string{"passed", "passed", "blocked", "lost", "blocked", "passed", "blocked"} {
		last = l.note(last, kind, "")
	}
	if err := hold(l.end(), []string{"asked=7", "passed=3", "blocked=3", "lost=1", "wrong=0", "turns=1"}); err != nil {
		t.Error(err) // three turns of one loader are one of three
	}
}

// TestOctets writes what WIRE sends.
func TestOctets(t *testing.T) {
	got, err := octets([]string{"abcd", "0100", "name:a.example"})
	if want := "\xab\xcd\x01\x00\x01a\x07example\x00"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for _, bad := range []string{"abc", "xyz", "name:a..b"} {
		if _, err := octets([]string{bad}); !errors.Is(err, errUsage) {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

// TestContains finds a name and an address in each form they are written in.
func TestContains(t *testing.T) {
	for _, row := range []struct{ name, held, text, want string }{
		{"a name", "asked for Canary.Example by nobody", "canary.example", "as text"},
		{"a name in wire form", "\x00\x06canary\x07example\x00", "canary.example", "in wire form"},
		{"part of a name", "canary-7f3a-12", "canary-7f3a", "as text"},
		{"an address", `client="198.51.100.7"`, "198.51.100.7", "as text"},
		{"a prefix of IPv6 in octets", "\x20\x01\x0d\xb8\x00\x0c\x02\x00\x00", "2001:db8:c:200::1", "as octets"},
		{"nothing", "a list of example.com", "canary.example", ""},
	} {
		if got := contains(place{"x", []byte(row.held)}, row.text); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

// TestSum reads a scrape.
func TestSum(t *testing.T) {
	const scrape = `# TYPE coredns_x_total counter
coredns_x_total{action="drop",category="c2"} 2
coredns_x_total{action="drop",category="phishing"} 3
coredns_x_total_more 100
coredns_y 7
`
	for pattern, want := range map[string][2]float64{
		"coredns_x_total":                              {5, 2},
		`coredns_x_total{category="c2"}`:               {2, 1},
		`coredns_x_total{category="c2",action="drop"}`: {2, 1},
		`coredns_x_total{category="no"}`:               {0, 0},
		"coredns_y":                                    {7, 1},
		"coredns_z":                                    {0, 0},
	} {
		n, series := sum(scrape, pattern)
		if n != want[0] || float64(series) != want[1] {
			t.Errorf("%s: got %v of %d, want %v", pattern, n, series, want)
		}
	}
}

// TestJSON walks.
func TestJSON(t *testing.T) {
	w := &world{stdout: func() string {
		return `{"lists":[{"file":"a/b.txt","state":"in force","entries":7}],"none":null,"at":"2026-01-02T03:04:05Z"}`
	}}
	for _, row := range [][]string{
		{".", "->", "keys=at,lists,none"},
		{"lists", "->", "list", "len=1"},
		{"lists", "0", "entries", "->", "n=7", "n<=7", "number"},
		{"lists", "file=a/b.txt", "state", "->", "in force"},
		{"none", "->", "null"},
		{"at", "->", "time"},
	} {
		if _, err := w.json(row); err != nil {
			t.Errorf("%v: %v", row, err)
		}
	}
	for _, row := range [][]string{
		{"lists", "->", "len=2"},
		{"lists", "1", "->"},
		{"lists", "file=c", "state", "->"},
		{"nosuch", "->"},
		{"at", "deeper", "->"},
	} {
		if _, err := w.json(row); err == nil {
			t.Errorf("%v: did not fail", row)
		}
	}
}
