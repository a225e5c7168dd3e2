package rpz

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

// twin is a zone as slow as it is plain: a list of rules, all of which are tried.
type twin []Entry

func twinOf(t testing.TB, text string) (w twin) {
	t.Helper()
	err := Scan("rpz/test.zone", fileOf(text), ReadOptions{}, func(e Entry) {
		e.Name = slices.Clone(e.Name)
		w = append(w, e)
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// owner is a rule's name with its asterisk.
func (e Entry) owner() string {
	if e.Wild {
		return "\x01*" + string(e.Name)
	}
	return string(e.Name)
}

// exists: a rule has that name, or one below it has.
func (w twin) exists(t Trigger, name string) bool {
	for _, e := range w {
		if e.Trigger == t && dnsname.Under([]byte(e.owner()), []byte(name)) {
			return true
		}
	}
	return false
}

// at is the rule with that owner.
func (w twin) at(t Trigger, owner string) (found []Entry) {
	for _, e := range w {
		if e.Trigger == t && e.Name != nil && e.owner() == owner {
			found = append(found, e)
		}
	}
	return found
}

// name is RFC 4592, section 3.3.1, word by word.
func (w twin) name(t Trigger, name string) []Entry {
	if w.exists(t, name) {
		return w.at(t, name)
	}
	for encloser := dnsname.Parent([]byte(name)); encloser != nil; encloser = dnsname.Parent(encloser) {
		if len(encloser) == 1 || w.exists(t, string(encloser)) {
			return w.at(t, "\x01*"+string(encloser))
		}
	}
	return nil
}

func (w twin) addr(t Trigger, a netip.Addr) (found []Entry) {
	best := -1
	for _, e := range w {
		if e.Trigger != t || e.Name != nil || !e.Prefix.Contains(a.Unmap()) {
			continue
		}
		if e.Prefix.Bits() > best {
			best, found = e.Prefix.Bits(), nil
		}
		if e.Prefix.Bits() == best {
			found = append(found, e)
		}
	}
	return found
}

// sayTwin puts what the twin found into the words of say.
func sayTwin(found []Entry) string {
	if len(found) == 0 {
		return "nothing"
	}
	e := found[0]
	what := fmt.Sprintf("%s %s", e.Trigger, e.Action)
	labels := dnsname.Labels(e.Name)
	switch {
	case e.Name == nil:
		what += " " + e.Prefix.String()
	case e.Wild:
		what += fmt.Sprintf(" * below %d labels", labels)
	default:
		what += fmt.Sprintf(" of %d labels", labels)
	}
	for _, e := range found {
		if e.Data != "" {
			what += "; " + e.Data
		}
	}
	return what
}

// draw makes zones and questions of few labels, so that they meet.
type draw struct{ *rand.Rand }

func (d draw) name(most int, stars bool) string {
	labels := []string{"a", "b", "c", "dd"}
	if stars {
		labels = append(labels, "*", "*")
	}
	n := 1 + d.IntN(most)
	parts := make([]string, n)
	for i := range parts {
		parts[i] = labels[d.IntN(len(labels))]
	}
	return strings.Join(parts, ".")
}

func (d draw) addr() netip.Addr {
	if d.IntN(2) == 0 {
		return netip.AddrFrom4([4]byte{byte(d.IntN(3)) << 6, byte(d.IntN(2)), 0, byte(d.IntN(4))})
	}
	a := [16]byte{0: byte(d.IntN(2)) << 7, 7: byte(d.IntN(2)), 15: byte(d.IntN(4))}
	return netip.AddrFrom16(a)
}

func (d draw) owner() string {
	switch d.IntN(6) {
	case 0:
		a := d.addr()
		p := netip.PrefixFrom(a, 1+d.IntN(a.BitLen())).Masked()
		return encode(p) + []string{".rpz-ip", ".rpz-client-ip", ".rpz-nsip"}[d.IntN(3)]
	case 1:
		return d.name(3, true) + ".rpz-nsdname"
	}
	return d.name(4, true)
}

func (d draw) data() string {
	return []string{
		"CNAME .", "CNAME *.", "CNAME rpz-passthru.", "CNAME rpz-drop.", "CNAME rpz-tcp-only.", "CNAME garden.example.",
		"A 192.0.2.1", "A 192.0.2.2", "AAAA 2001:db8::1", "A 192.0.2.1", "10 TXT x", "A 192.0.2.3",
	}[d.IntN(12)]
}

func (d draw) zone() string {
	var b strings.Builder
	b.WriteString("$TTL 60\n@ SOA a. b. 1 2 3 4 5\n")
	for range d.IntN(30) {
		fmt.Fprintf(&b, "%s %s\n", d.owner(), d.data())
	}
	return b.String()
}

func compareTwin(t *testing.T, d draw, text string) {
	t.Helper()
	w := twinOf(t, text)
	z, _, err := Read(context.Background(), "rpz/test.zone", fileOf(text), ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 60 {
		name := wire(t, d.name(5, true))
		r, ok := z.QName(name)
		if got, want := say(z, r, ok), sayTwin(w.name(QName, string(name))); got != want {
			t.Fatalf("%s\nname %s: got %s, want %s", text, dnsname.String(name), got, want)
		}
		r, ok = z.NSDName(name)
		if got, want := say(z, r, ok), sayTwin(w.name(NSDName, string(name))); got != want {
			t.Fatalf("%s\nserver %s: got %s, want %s", text, dnsname.String(name), got, want)
		}
		a, trigger := d.addr(), []Trigger{ClientIP, IP, NSIP}[d.IntN(3)]
		r, ok = z.Addr(trigger, a)
		if got, want := say(z, r, ok), sayTwin(w.addr(trigger, a)); got != want {
			t.Fatalf("%s\n%s %s: got %s, want %s", text, trigger, a, got, want)
		}
	}
}

// TestTwin asks zones of all kinds of rules, and a list of rules, the same.
func TestTwin(t *testing.T) {
	for seed := range uint64(300) {
		d := draw{rand.New(rand.NewPCG(seed, 1))}
		compareTwin(t, d, d.zone())
	}
}

// FuzzNames looks for zones and questions that TestTwin does not find.
func FuzzNames(f *testing.F) {
	f.Add(uint64(1), uint64(1))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		d := draw{rand.New(rand.NewPCG(a, b))}
		compareTwin(t, d, d.zone())
	})
}

// otherReading is miekg/dns's own reading of a whole zone, where all is well in
// it: records by owner.
func otherReading(t testing.TB, text, origin string) (all []string) {
	t.Helper()
	zp := dns.NewZoneParser(strings.NewReader(text), origin, "")
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		switch rr.Header().Rrtype {
		case dns.TypeSOA, dns.TypeNS:
			continue
		}
		owner := strings.TrimSuffix(dnsname.String(wire(t, rr.Header().Name))+".", "."+origin)
		_, data, _ := strings.Cut(rr.String(), "\t")
		all = append(all, owner+" "+strings.Join(strings.Fields(data), " "))
	}
	if err := zp.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// spelling is a record in one of the ways in which zone files write it.
func (d draw) spelling(last *string, origin string) string {
	owner, data := d.name(3, false)+".example", "A 192.0.2.1"
	if *last != "" && d.IntN(4) == 0 {
		owner = ""
	} else {
		*last = owner
		switch d.IntN(4) {
		case 0:
			owner += "." + origin
		case 1:
			owner = strings.ToUpper(owner)
		case 2:
			owner = strings.ReplaceAll(owner, "a", `\097`)
		}
	}
	data = []string{"A 192.0.2.1", "TXT \"a;b (c\" d", "AAAA 2001:db8::1", "MX 10 mail", "SRV 1 2 3 host.test.", "TYPE65280 \\# 2 abcd"}[d.IntN(6)]
	head := []string{"", "300 ", "IN ", "1h IN ", "IN 5m ", "\t"}[d.IntN(6)]
	switch d.IntN(5) {
	case 0:
		data = strings.Replace(data, " ", " (\n\t", 1) + " ; why\n )"
	case 1:
		data += " ; a note (not open"
	case 2:
		data += "\n\n; between"
	}
	return owner + " " + head + data + "\n"
}

// TestOtherReading compares records, one by one, with what miekg/dns makes of the
// whole file.
func TestOtherReading(t *testing.T) {
	const origin = "rpz.example."
	for seed := range uint64(200) {
		d := draw{rand.New(rand.NewPCG(seed, 2))}
		var b strings.Builder
		b.WriteString("$ORIGIN " + origin + "\n$TTL 60\n@ SOA a. b. (1 2 3\n\t4 5) ; the zone\n NS a.\n")
		last := ""
		for range 40 {
			b.WriteString(d.spelling(&last, origin))
		}
		var want, got []string
		seen := map[string]bool{}
		for _, s := range otherReading(t, b.String(), origin) {
			owner, rest, _ := strings.Cut(s, " ")
			_, data, _ := strings.Cut(rest, " ") // less TTL
			if key := owner + data; !seen[key] {
				seen[key] = true
				want = append(want, s)
			}
		}
		err := Scan("rpz/test.zone", fileOf(b.String()), ReadOptions{}, func(e Entry) {
			got = append(got, dnsname.String(e.Name)+" "+e.Data)
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("%s\nrecord %d of %d and %d: got %q, want %q", b.String(), i, len(got), len(want), got[min(i, len(got)-1)], want[min(i, len(want)-1)])
			}
		}
	}
}

// FuzzRead reads any bytes: what must hold of every file, whatever is in it.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"$TTL 60\n@ SOA a. b. ( 1\n2 3 4 5 )\n NS a.\nbad.example CNAME . ; why\n*.bad.example CNAME *.\n",
		"$ORIGIN x.\na A 192.0.2.1\n A 192.0.2.2\n TXT \"a;\\\"b\" c\na CNAME .\n24.0.2.0.192.rpz-ip CNAME rpz-drop.\n",
		"$GENERATE 1-3 a$ CNAME .\n$INCLUDE a.inc\n$INCLUDE b.inc x\n$TTL 1w2d\n128.1.zz.rpz-nsip CNAME rpz-passthru\n",
		"a (\nb CNAME .\nc ) CNAME .\n( d CNAME . )\n\"e\" CNAME .\ne\\.f CNAME .\n\\\n",
		"a.rpz-nsdname CNAME .\n*.rpz-nsdname CNAME .\n* CNAME .\n@ CNAME .\nrpz-ip CNAME .\n\xef\xbb\xbfx CNAME .\r\n",
		"0 CNAME 0\n0 SOA 0 0 0", "late. CNAME .\nx.late. CNAME .\nlate. SOA a. b. 1 2 3 4 5\n", "$", "(", ")", "\"", ";", "@", " ", "\\", "$ORIGIN", "$ORIGIN .\n", ". CNAME .\n",
	} {
		f.Add([]byte(text))
	}
	parts := map[string]string{
		"rpz/a.inc": "part CNAME .\n$INCLUDE b.inc\n$INCLUDE a.inc\n CNAME rpz-drop.\n(",
		"rpz/b.inc": "$ORIGIN sub\nother A 192.0.2.1\n",
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Count(bytes.ToUpper(data), []byte("GENERATE")) > 1 { // a million records take a second
			return
		}
		o := partsOf(parts)
		z, res, err := Read(context.Background(), "rpz/test.zone", fileOf(string(data)), o)
		checked, checkErr := Check("rpz/test.zone", fileOf(string(data)), o)
		if fmt.Sprint(res, err) != fmt.Sprint(checked, checkErr) {
			t.Fatalf("Check says %+v, %v; Read %+v, %v", checked, checkErr, res, err)
		}
		lines := bytes.Count(data, []byte("\n")) + 1
		for _, n := range res.Notes {
			if n.Line < 1 || n.File == "rpz/test.zone" && n.Line > lines || n.Why == "" || len(n.Text) > 80 {
				t.Fatalf("note %+v", n)
			}
		}
		passed := 0
		for _, n := range res.Passed {
			passed += n
		}
		if passed != res.PassedOver || res.GuardRefused > res.Refused || len(res.Notes) != min(res.Refused+res.Warnings, 1000) {
			t.Fatalf("%+v", res)
		}
		owners := map[string]bool{}
		Scan("rpz/test.zone", fileOf(string(data)), o, func(e Entry) {
			owners[fmt.Sprint(e.Trigger, e.Prefix, e.owner())] = true
			if e.Name != nil && !dnsname.Valid(e.Name) || e.Name == nil && e.Prefix != e.Prefix.Masked() {
				t.Fatalf("%+v", e)
			}
			if err != nil {
				return
			}
			heldBy(t, z, e)
		})
		if len(owners) != res.Entries {
			t.Fatalf("%d triggers, %d entries", len(owners), res.Entries)
		}
	})
}

// heldBy: the zone says of a rule's own trigger what the rule says.
func heldBy(t *testing.T, z *Zone, e Entry) {
	t.Helper()
	var r Rule
	var ok bool
	switch ask := []byte(e.owner()); {
	case e.Name == nil:
		r, ok = z.Addr(e.Trigger, e.Prefix.Addr())
		if r.Prefix.Bits() > e.Prefix.Bits() { // a longer one begins there
			return
		}
	case len(ask) > dnsname.MaxLen: // *. before a name of 254 octets
		return
	case e.Trigger == NSDName:
		r, ok = z.NSDName(ask)
	default:
		r, ok = z.QName(ask)
	}
	if !ok || r.Action != e.Action || r.Trigger != e.Trigger {
		t.Fatalf("%s: got %s", sayEntry(e), say(z, r, ok))
	}
	if e.Action != Data {
		return
	}
	for _, rr := range z.Data(r) {
		if dataOf(rr) == e.Data {
			return
		}
	}
	t.Fatalf("%s: got %s", sayEntry(e), say(z, r, ok))
}
