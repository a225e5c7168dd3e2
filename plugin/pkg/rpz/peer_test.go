package rpz

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// hard makes zone files that are right and hard to read.
type hard struct {
	draw
	b      strings.Builder
	origin string
	owners int
}

func (h *hard) owner() string {
	h.owners++
	label := []string{"x%d", "X%d", `\120%d`, `a\.b%d`, `a\;%d`, `\"%d`, `a\ %d`, `*.x%d`, `\@%d`, `\$%d`, `a\(%d`, "_x%d", `\000\255%d`, "x%d.rpz-nsdname"}[h.IntN(14)]
	name := fmt.Sprintf(label, h.owners)
	switch h.IntN(4) {
	case 0:
		return name + "." + h.origin
	case 1:
		return name + "." + h.name(2, false)
	}
	return name
}

func (h *hard) data() string {
	return []string{
		"A 192.0.2.1", "AAAA 2001:DB8::0:1", `TXT "a;b (c" d\;e`, `TXT ( "one" "two\"" )`, "TXT \"\" x", "MX 10 @", "MX 10 mail",
		"SRV 1 2 3 host.test.", `TYPE65280 \# 3 abcd01`, `A \# 4 c0000201`, "PTR a\\.b.example.", "HTTPS 1 . alpn=h2,h3 port=53", "CAA 0 issue \"x;y\"",
		"CNAME .", "CNAME *.", "CNAME rpz-passthru.", "CNAME garden.example.", "CNAME *.garden.example.",
	}[h.IntN(18)]
}

// entry is one record, with parentheses, comments and blanks where they may be.
func (h *hard) entry() {
	head := []string{"", "300", "IN", "1h30m IN", "in 5M", "CLASS1 7"}[h.IntN(6)]
	fields := strings.Fields(h.owner0() + " " + head)
	fields = append(fields, h.data())
	open := false
	for i, f := range fields {
		if i > 0 {
			h.b.WriteString([]string{" ", "\t", "  \t"}[h.IntN(3)])
			if !open && h.IntN(6) == 0 {
				h.b.WriteString("( ")
				open = true
			}
		}
		h.b.WriteString(f)
		if open && h.IntN(2) == 0 {
			h.b.WriteString([]string{"\n", " ; why ( \"\n\t", "\n\n ; more\n"}[h.IntN(3)])
		}
	}
	if open {
		h.b.WriteString(" )")
	}
	h.b.WriteString([]string{"\n", " ; a note\n", "\n\n", "\t\n;\n", ";)\n"}[h.IntN(5)])
}

// owner0 escapes the blank of an owner so that Fields leaves it whole.
func (h *hard) owner0() string { return strings.ReplaceAll(h.owner(), `\ `, `\032`) }

func (h *hard) directive(dir string) {
	switch h.IntN(5) {
	case 0:
		h.origin = "rpz.example."
		h.b.WriteString("$ORIGIN rpz.example.\n")
	case 1:
		h.origin = "sub." + h.origin
		h.b.WriteString("$ORIGIN sub ; below\n")
	case 2:
		fmt.Fprintf(&h.b, "$TTL %dm\n", 1+h.IntN(9))
	case 3:
		h.owners++
		fmt.Fprintf(&h.b, "$GENERATE %s %s\n", []string{"1-3", "0-20/7", "8-9"}[h.IntN(3)], []string{
			fmt.Sprintf("g$-%d A 192.0.2.$", h.owners), fmt.Sprintf("${-1,4,d}.g%d CNAME .", h.owners), fmt.Sprintf("${7,2,x}-%d 60 IN TXT ${0,0,o}", h.owners),
			fmt.Sprintf("${0,5,n}.g%d CNAME .", h.owners),
		}[h.IntN(4)])
	case 4:
		h.owners++
		name := fmt.Sprintf("part%d.inc", h.owners)
		text := fmt.Sprintf("p%d A 192.0.2.9\n\tTXT p\n$ORIGIN deep\np%d CNAME .\n", h.owners, h.owners)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			panic(err)
		}
		fmt.Fprintf(&h.b, "$INCLUDE %s%s\n", name, []string{"", " inc", " inc.rpz.example."}[h.IntN(3)])
	}
}

// TestCompilezone compares records with what BIND's own reader makes of the same
// file.
func TestCompilezone(t *testing.T) {
	const compilezone = "named-compilezone"
	if _, err := exec.LookPath(compilezone); err != nil {
		t.Skipf("no %s here: %v", compilezone, err)
	}
	for seed := range uint64(30) {
		dir := t.TempDir()
		h := &hard{draw: draw{rand.New(rand.NewPCG(seed, 4))}, origin: "rpz.example."}
		h.b.WriteString("$ORIGIN rpz.example.\n$TTL 60\n@ SOA a. b. (1 2 3\n\t4 5) ; the zone\n NS a.\n")
		for range 60 {
			if h.IntN(8) == 0 {
				h.directive(dir)
				continue
			}
			h.entry()
		}
		file := filepath.Join(dir, "test.zone")
		if err := os.WriteFile(file, []byte(h.b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(compilezone, "-q", "-k", "ignore", "-n", "ignore", "-m", "ignore", "-i", "none", "-o", "-", "rpz.example", "test.zone")
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			cmd := exec.Command("named-checkzone", "-k", "ignore", "-i", "none", "rpz.example", "test.zone")
			cmd.Dir = dir
			why, _ := cmd.CombinedOutput()
			t.Fatalf("%v: %s\n%s", err, why, h.b.String())
		}
		var want, got []string
		for _, s := range otherReading(t, string(out), "rpz.example.") {
			owner, data, _ := strings.Cut(s, " ")
			ttl, data, _ := strings.Cut(data, " ")
			if actionOf(data) != Data {
				ttl = "any"
			}
			want = append(want, owner+" "+ttl+" "+unknownType(data))
		}
		open := fileOf(h.b.String())
		o := partsIn(dir)
		err = Scan("test.zone", open, o, func(e Entry) {
			data := "any IN CNAME " + actionTargets[e.Action]
			if e.Action == Data {
				ttl, rest, _ := strings.Cut(e.Data, " ")
				data = ttl + " " + unknownType(rest)
			}
			got = append(got, ownerText(e)+" "+data)
		})
		res, _ := Check("test.zone", open, o)
		if err != nil || res.Refused > 0 {
			t.Fatalf("%v, %v", err, res.Notes)
		}
		slices.Sort(want)
		slices.Sort(got)
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("%s\nof %d and %d records:\ngot  %q\nwant %q", h.b.String(), len(got), len(want), got[min(i, len(got)-1)], want[min(i, len(want)-1)])
			}
		}
	}
}

// unknownType spells a record of RFC 3597 in one way.
func unknownType(data string) string {
	if !strings.HasPrefix(data, "CLASS1 ") {
		return data
	}
	return strings.ToLower(data)
}

// partsIn opens parts from a folder.
func partsIn(dir string) ReadOptions {
	return ReadOptions{Part: func(rel string) (io.ReadCloser, error) { return os.Open(filepath.Join(dir, rel)) }}
}

// TestNamed asks a zone of wildcards and names here and in BIND the same, of
// names drawn at random.
func TestNamed(t *testing.T) {
	if _, err := exec.LookPath("named"); err != nil {
		t.Skipf("no named here: %v", err)
	}
	d := draw{rand.New(rand.NewPCG(1, 5))}
	drawn := map[string]bool{}
	var b strings.Builder
	b.WriteString("$TTL 60\n@ SOA a. b. 1 2 3 4 5\n NS a.\nloaded.test CNAME .\n")
	for range 200 {
		owner := d.name(4, false)
		if d.IntN(3) == 0 {
			owner = "*." + d.name(3, false)
		}
		if !drawn[owner] { // BIND takes no second CNAME
			drawn[owner] = true
			fmt.Fprintf(&b, "%s %s\n", owner, []string{"CNAME .", "CNAME *.", "CNAME rpz-passthru.", "A 192.0.2.1", "CNAME rpz-tcp-only.", "A 192.0.2.2"}[d.IntN(6)])
		}
	}
	z, addr := zoneOf(t, b.String()), startNamed(t, b.String())
	for range 1000 {
		name := d.name(5, false)
		rule, ok := z.QName(wire(t, name))
		want := rule.Action.String()
		switch {
		case !ok || rule.Action == Passthru:
			want = "A 203.0.113.1"
		case rule.Action == Data:
			want = "A " + z.Data(rule)[0].(*dns.A).A.String()
		}
		if got := askNamed(t, addr, name); got != want {
			t.Errorf("%s: BIND says %s, this package %s", name, got, want)
		}
	}
}

// askNamed puts an answer into the words of actions.
func askNamed(t *testing.T, addr, name string) string {
	t.Helper()
	m, err := dns.Exchange(new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA), addr)
	switch {
	case err != nil:
		return err.Error()
	case m.Rcode == dns.RcodeNameError:
		return NXDOMAIN.String()
	case m.Truncated:
		return TCPOnly.String()
	case len(m.Answer) == 0:
		return NODATA.String()
	}
	return "A " + m.Answer[0].(*dns.A).A.String()
}

// startNamed starts BIND with that policy zone over a root that answers every
// name.
func startNamed(t *testing.T, zone string) (addr string) {
	t.Helper()
	dir := t.TempDir()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = socket.LocalAddr().String()
	socket.Close()
	_, port, _ := net.SplitHostPort(addr)
	for name, text := range map[string]string{
		"zone": zone,
		"root": "$TTL 60\n. SOA a. b. 1 2 3 4 5\n. NS ns.\nns A 127.0.0.1\n* A 203.0.113.1\n",
		"conf": `options { listen-on port ` + port + ` { 127.0.0.1; }; listen-on-v6 { none; };
			pid-file none; session-keyfile none; managed-keys-directory "."; dnssec-validation no; notify no;
			response-policy { zone "rpz.example"; } recursive-only no qname-wait-recurse no; };
			controls { }; zone "." { type primary; file "root"; };
			zone "rpz.example" { type primary; file "zone"; check-names ignore; };`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	cmd := exec.Command("named", "-g", "-c", "conf")
	cmd.Dir, cmd.Stderr = dir, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if askNamed(t, addr, "loaded.test") == NXDOMAIN.String() { // before, it answers without policy
			return addr
		}
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			cmd.Wait()
			t.Fatalf("BIND does not answer: %s", log.String())
		}
	}
}
