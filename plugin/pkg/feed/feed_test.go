package feed

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const (
	zoneName = "rpz.example"
	apex     = zoneName + "."
)

// rr is a record of the zone, as it comes by the wire.
func rr(t testing.TB, text string) dns.RR {
	t.Helper()
	z := dns.NewZoneParser(strings.NewReader(text), apex, "")
	z.SetDefaultTTL(300)
	r, ok := z.Next()
	if !ok {
		t.Fatalf("%q: %v", text, z.Err())
	}
	wire := make([]byte, dns.MaxMsgSize)
	n, err := dns.PackRR(r, wire, 0, nil, false)
	if err == nil {
		r, _, err = dns.UnpackRR(wire[:n], 0)
	}
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return r
}

func soa(t testing.TB, serial uint32) *dns.SOA {
	t.Helper()
	s := rr(t, "@ SOA ns.example. hostmaster.example. 0 3600 600 86400 60").(*dns.SOA)
	s.Serial = serial
	return s
}

// records are those of lines; a line that is a number is the SOA of that serial.
func records(t testing.TB, lines ...string) (all []dns.RR) {
	t.Helper()
	for _, l := range lines {
		var serial uint32
		if strings.Trim(l, "0123456789") == "" {
			for _, d := range l {
				serial = 10*serial + uint32(d-'0')
			}
			all = append(all, soa(t, serial))
			continue
		}
		all = append(all, rr(t, l))
	}
	return all
}

// zoneFile writes a zone as a feed would have, and reads it back.
func zoneFile(t testing.TB, dir string, serial uint32, lines ...string) (path string, b *base) {
	t.Helper()
	path = filepath.Join(dir, zoneName+".zone")
	to := newTransfer(apex, nil, 1<<30, dir)
	defer to.close()
	s := soa(t, serial)
	for _, r := range slices.Concat([]dns.RR{s}, records(t, lines...), []dns.RR{dns.Copy(s)}) {
		if err := to.add(r); err != nil {
			t.Fatal(err)
		}
	}
	f := New(Options{Zone: zoneName, File: path, State: dir})
	if _, err := f.write(to, Primary{}, nil); err != nil {
		t.Fatal(err)
	}
	b, err := readBase(path, apex)
	if err != nil {
		t.Fatal(err)
	}
	return path, b
}

// owners are the owners in a zone's file, relative to the zone, but for the SOA.
func owners(t testing.TB, path string) (names []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if name, _, _ := strings.Cut(line, "."+apex); name != line {
			names = append(names, name)
		}
	}
	return names
}

// eventually waits for ok, on a machine as busy as it may be.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}
