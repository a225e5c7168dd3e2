package rpz

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// TestSave: what comes back says the same.
func TestSave(t *testing.T) {
	dir := t.TempDir()
	for seed := range uint64(20) {
		d := draw{rand.New(rand.NewPCG(seed, 3))}
		z, _, err := Read(context.Background(), "rpz/test.zone", fileOf(d.zone()), ReadOptions{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "saved")
		if err := z.Save(path); err != nil {
			t.Fatal(err)
		}
		back, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if back.Name() != z.Name() || back.SOA().String() != z.SOA().String() || back.Stats().Rules != z.Stats().Rules {
			t.Fatalf("%q, %v, %v; want %q, %v, %v", back.Name(), back.SOA(), back.Stats(), z.Name(), z.SOA(), z.Stats())
		}
		for range 200 {
			name := wire(t, d.name(5, true))
			sameRule(t, z, back, func(z *Zone) (Rule, bool) { return z.QName(name) })
			sameRule(t, z, back, func(z *Zone) (Rule, bool) { return z.NSDName(name) })
			a, trigger := d.addr(), []Trigger{ClientIP, IP, NSIP}[d.IntN(3)]
			sameRule(t, z, back, func(z *Zone) (Rule, bool) { return z.Addr(trigger, a) })
		}
	}
}

func sameRule(t *testing.T, a, b *Zone, ask func(*Zone) (Rule, bool)) {
	t.Helper()
	x, okX := ask(a)
	y, okY := ask(b)
	if say(a, x, okX) != say(b, y, okY) {
		t.Fatalf("got %s, want %s", say(b, y, okY), say(a, x, okX))
	}
}

// TestOpenRefuses: files that are broken, cut, or of two zones.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	save := func(name, text string) string {
		z := zoneOf(t, text)
		path := filepath.Join(dir, name)
		if err := z.Save(path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const text = "@ SOA a. b. 1 2 3 4 5\nbad.example A 192.0.2.1\n*.bad.example CNAME .\n24.0.2.0.192.rpz-ip CNAME .\n96.0.0.ffff.zz.rpz-nsip CNAME .\n* CNAME *."
	path := save("a", text)
	other := save("b", text)
	whole, err := os.ReadFile(path + endZone)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(why string) {
		t.Helper()
		if z, err := Open(path); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: got %v, %v", why, z, err)
		}
	}
	write := func(text []byte) {
		if err := os.WriteFile(path+endZone, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range whole {
		broken := append([]byte(nil), whole...)
		broken[i] ^= 0x10
		write(broken)
		refused("an octet is another")
		write(whole[:i])
		refused("the end is missing")
	}
	write(whole)
	if _, err := Open(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other+endNames[0], path+endNames[0]); err != nil {
		t.Fatal(err)
	}
	refused("the names are another zone's")
	os.Remove(path + endNames[0])
	if _, err := Open(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without names: got %v", err)
	}
}

// FuzzOpen: a file with a right checksum and anything in it opens or does not, and
// answers without a fault.
func FuzzOpen(f *testing.F) {
	for _, text := range []string{"bad.example A 192.0.2.1\n", "* CNAME .\n24.0.2.0.192.rpz-ip CNAME .\n32.zz.db8.2001.rpz-client-ip AAAA 2001:db8::1\n*.rpz-nsdname CNAME *."} {
		z := zoneOf(f, text)
		b := z.marshal()
		f.Add(b[len(magic) : len(b)-4])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b := append([]byte(magic), body...)
		b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
		z := new(Zone)
		if _, ok := z.unmarshal(b); !ok {
			return
		}
		z.QName(wire(t, "a.example"))
		z.NSDName(wire(t, "a.example"))
		for trigger := range Trigger(triggers) {
			z.Addr(trigger, netip.MustParseAddr("192.0.2.1"))
			z.Addr(trigger, netip.MustParseAddr("2001:db8::1"))
		}
	})
}
