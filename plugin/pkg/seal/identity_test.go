package seal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const client = "c-0123456789"

// prefixes are one of each form that a line is shown in, and the longest.
var prefixes = []string{
	"192.0.2.7/32", "2001:db8:0:100::/56", "100.64.0.7:1024-2047",
	"2001:0db8:1111:2222:3333:4444:5555:6666/128", "255.255.255.255:65535-65535",
}

func revealKey(t testing.TB, dir string) *RevealKey {
	t.Helper()
	r, err := ReadRevealKey(filepath.Join(dir, "reveal.key"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sealIdentity(t testing.TB, k *Keys, client, prefix string) []byte {
	t.Helper()
	box, err := k.SealIdentity(client, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestIdentity(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir)
	r := revealKey(t, dir)
	length := len(sealIdentity(t, k, client, line))
	for _, prefix := range prefixes {
		box := sealIdentity(t, k, client, prefix)
		if got, err := r.Open(client, box); err != nil || got != prefix {
			t.Errorf("got %q, %v; want %q", got, err, prefix)
		}
		if len(box) != length {
			t.Errorf("%s: a box of %d octets, others have %d: its size tells what is in it", prefix, len(box), length)
		}
		if bytes.Equal(box, sealIdentity(t, k, client, prefix)) {
			t.Errorf("%s: sealed twice it is the same", prefix)
		}
	}
}

func TestIdentityRefusals(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	k := open(t, dir)
	open(t, other)
	r, stranger := revealKey(t, dir), revealKey(t, other)
	box := sealIdentity(t, k, client, line)

	if got, err := r.Open("c-9876543210", box); !errors.Is(err, ErrIdentity) || got != "" {
		t.Errorf("in another's place: got %q, %v", got, err)
	}
	if got, err := stranger.Open(client, box); !errors.Is(err, ErrIdentity) || got != "" {
		t.Errorf("under another key: got %q, %v", got, err)
	}
	for i := range box {
		broken := bytes.Clone(box)
		broken[i] ^= 0x80
		if got, err := r.Open(client, broken); err == nil && got != line || err != nil && !errors.Is(err, ErrIdentity) {
			t.Errorf("octet %d flipped: got %q, %v", i, got, err)
		}
		if got, err := r.Open(client, box[:i]); !errors.Is(err, ErrIdentity) {
			t.Errorf("cut to %d octets: got %q, %v", i, got, err)
		}
	}
	_, err := k.SealIdentity(client, strings.Repeat("x", identityLength))
	if want := "identity of c-0123456789: 94 octets; want at most 80"; err == nil || err.Error() != want {
		t.Errorf("too long: got %v, want %s", err, want)
	}
}

// TestRevealKeyMoves: the private key may go to the abuse desk's machine. The
// node then seals and cannot open, and does not make another.
func TestRevealKeyMoves(t *testing.T) {
	dir, desk := t.TempDir(), t.TempDir()
	open(t, dir)
	if err := os.Rename(filepath.Join(dir, "reveal.key"), filepath.Join(desk, "reveal.key")); err != nil {
		t.Fatal(err)
	}
	k := open(t, dir)
	box := sealIdentity(t, k, client, line)
	if _, err := os.Stat(filepath.Join(dir, "reveal.key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the node has a private key again: %v", err)
	}
	if _, err := ReadRevealKey(filepath.Join(dir, "reveal.key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
	if got, err := revealKey(t, desk).Open(client, box); err != nil || got != line {
		t.Errorf("at the desk: got %q, %v; want %q", got, err, line)
	}
}

// TestRevealPublicIsRemade: it is worth nothing by itself, the private one says
// it again.
func TestRevealPublicIsRemade(t *testing.T) {
	dir := t.TempDir()
	box := sealIdentity(t, open(t, dir), client, line)
	pub := filepath.Join(dir, "reveal.pub")
	before, err := os.ReadFile(pub)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(pub); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if after, err := os.ReadFile(pub); err != nil || !bytes.Equal(after, before) {
		t.Errorf("got %q, %v; want %q", after, err, before)
	}
	if got, err := revealKey(t, dir).Open(client, box); err != nil || got != line {
		t.Errorf("got %q, %v; want %q", got, err, line)
	}
}

func TestRevealKeyBroken(t *testing.T) {
	for _, name := range []string{"reveal.pub", "reveal.key"} {
		dir := t.TempDir()
		open(t, dir)
		os.Remove(filepath.Join(dir, "reveal.pub"))
		path := filepath.Join(dir, name)
		os.Remove(path)
		if err := os.WriteFile(path, []byte("sinkhole node 1 AAAA\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.HasPrefix(err.Error(), path+": no key of kind reveal-") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func FuzzOpenIdentity(f *testing.F) {
	dir := f.TempDir()
	k := open(f, dir)
	r := revealKey(f, dir)
	box := sealIdentity(f, k, client, line)
	f.Add(box)
	f.Add(box[:len(box)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, forged []byte) {
		got, err := r.Open(client, forged)
		if err == nil && (got != line || !bytes.Equal(forged, box)) {
			t.Errorf("%x opened to %q", forged, got)
		}
		if err != nil && (!errors.Is(err, ErrIdentity) || got != "") {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func BenchmarkSealIdentity(b *testing.B) {
	k := open(b, b.TempDir())
	for b.Loop() {
		sealIdentity(b, k, client, line)
	}
}
