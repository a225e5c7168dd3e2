package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const line = "192.0.2.7/32"

// start is the beginning of an epoch, and of its day of overlap.
var start = time.Unix(689*30*24*3600, 0)

func open(t testing.TB, dir string) *Keys {
	t.Helper()
	k, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func identify(t testing.TB, k *Keys, line string, now time.Time) string {
	t.Helper()
	id, err := k.Identify(line, now)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestOpenMakesKeys: each key is a file of its own that only its owner reads, and
// a half written one of an earlier process is gone.
func TestOpenMakesKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".tmp-1"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := open(t, dir)
	identify(t, k, line, start)
	if got, want := files(t, dir), []string{"epoch-689.key", "node.key", "reveal.key", "reveal.pub"}; !slices.Equal(got, want) {
		t.Fatalf("got files %q, want %q", got, want)
	}
	for name, want := range map[string]struct {
		mode os.FileMode
		text string
	}{
		"epoch-689.key": {0o400, `^sinkhole epoch 1 [A-Za-z0-9+/]{43}=\n$`},
		"node.key":      {0o400, `^sinkhole node 1 [A-Za-z0-9+/]{43}=\n$`},
		"reveal.key":    {0o400, `^sinkhole reveal-private 1 [A-Za-z0-9+/]{43}=\n$`},
		"reveal.pub":    {0o444, `^sinkhole reveal-public 1 [A-Za-z0-9+/]{43}=\n$`},
	} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != want.mode || !regexp.MustCompile(want.text).Match(text) {
			t.Errorf("%s: mode %v, want %v; text does not fit %s", name, st.Mode().Perm(), want.mode, want.text)
		}
	}
}

// TestReopen: another process with the same files has the same keys.
func TestReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	a := open(t, dir)
	id := identify(t, a, line, start)
	sealed := a.SealState("census", []byte("counts"))
	box, err := a.SealIdentity(id, line)
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, dir)
	if got := identify(t, b, line, start); got != id {
		t.Errorf("got identifier %s, want %s", got, id)
	}
	if got, err := b.OpenState("census", sealed); err != nil || string(got) != "counts" {
		t.Errorf("got state %q, %v", got, err)
	}
	r, err := ReadRevealKey(filepath.Join(dir, "reveal.key"))
	if err != nil {
		t.Fatal(err)
	}
	if prefix, err := r.Open(id, box); err != nil || prefix != line {
		t.Errorf("got identity %q, %v", prefix, err)
	}
	if st, _ := os.Stat(dir); st.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %v, want 0700", st.Mode().Perm())
	}
}

// TestBadKeys: a key file that is none is never made anew in its place, for what
// it sealed would be lost.
func TestBadKeys(t *testing.T) {
	good := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, text := range map[string]string{
		"empty":          "",
		"another kind":   "sinkhole epoch 1 " + good + "\n",
		"a later form":   "sinkhole node 2 " + good + "\n",
		"too short":      "sinkhole node 1 " + base64.StdEncoding.EncodeToString(make([]byte, 16)) + "\n",
		"no base 64":     "sinkhole node 1 !!!\n",
		"two lines":      "sinkhole node 1 " + good + "\nsinkhole node 1 " + good + "\n",
		"something else": "-----BEGIN PRIVATE KEY-----\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "node.key")
			if err := os.WriteFile(path, []byte(text), 0o400); err != nil {
				t.Fatal(err)
			}
			_, err := Open(dir)
			want := path + `: no key of kind node; want one line, "sinkhole node 1 BASE64"`
			if err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			if got, _ := os.ReadFile(path); string(got) != text {
				t.Error("the file was written over")
			}
		})
	}
	t.Run("no directory", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(file)
		if want := "keys " + file + ": cannot be made: not a directory"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

func FuzzReadKey(f *testing.F) {
	f.Add([]byte("sinkhole node 1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"))
	f.Add([]byte("sinkhole node 1\n"))
	f.Add([]byte(""))
	path := filepath.Join(f.TempDir(), "node.key")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		key, err := readKey(path, "node")
		if err != nil {
			return
		}
		// What is taken says the same as what we would have written.
		want := "sinkhole node 1 " + base64.StdEncoding.EncodeToString(key)
		if got := strings.Join(strings.Fields(string(text)), " "); len(key) != keyLength || got != want {
			t.Errorf("%q was taken for a key of %d octets, written %q", text, len(key), want)
		}
	})
}

// slowIdentifier says what an identifier is, in the fewest words: the first 50
// bits of the hash, five at a time.
func slowIdentifier(key []byte, line string) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "line\x00%s", line)
	n := new(big.Int).SetBytes(mac.Sum(nil))
	n.Rsh(n, 256-50)
	id := ""
	for range 10 {
		id = string("0123456789abcdefghjkmnpqrstvwxyz"[n.Int64()&31]) + id
		n.Rsh(n, 5)
	}
	return "c-" + id
}

func TestIdentifier(t *testing.T) {
	key := make([]byte, keyLength)
	for _, line := range []string{line, "2001:db8:0:100::/56", "100.64.0.7:1024-2047", ""} {
		if got, want := identifier(key, line), slowIdentifier(key, line); got != want {
			t.Errorf("%q: got %s, want %s", line, got, want)
		}
	}
	// A vector, so that an identifier in a ticket of today is that of tomorrow's
	// version.
	sum, _ := hex.DecodeString("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	if got, want := identifier(sum, line), "c-zf7hh52zf8"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzIdentifier(f *testing.F) {
	f.Add([]byte("key"), line)
	f.Fuzz(func(t *testing.T, key []byte, line string) {
		if got, want := identifier(key, line), slowIdentifier(key, line); got != want {
			t.Errorf("%q under %x: got %s, the twin says %s", line, key, got, want)
		}
	})
}

// TestEpochs walks a clock over the keys. A row is a time, in days since the
// start of an epoch, and which of the identifiers seen so far mean the line then.
func TestEpochs(t *testing.T) {
	day := func(d float64) time.Time { return start.Add(time.Duration(d * 24 * float64(time.Hour))) }
	dir := t.TempDir()
	k := open(t, dir)
	seen := map[string]string{} // name of an epoch to the line's identifier in it
	for _, row := range []struct {
		at      float64
		epoch   string // what the epoch's identifier is called below
		matches string
		keys    string
	}{
		{0, "A", "A", "689"},
		{29.9, "A", "A", "689"},
		{30, "B", "A B", "689 690"},   // a new epoch begins, the old one is still matched
		{30.9, "B", "A B", "689 690"}, // for a day
		{31.1, "B", "B", "690"},       // then its key is destroyed
		{59.9, "B", "B", "690"},
		{95, "C", "C", "692"},          // a whole epoch went by while we were off
		{125, "D", "D", "693"},         // and another, without its day of overlap
		{155.5, "E", "E", "694"},       //
		{96, "C'", "C'", "692 694"},    // the clock was ahead and is set back: 694's time will come
		{156, "E", "E", "694"},         // and it comes
		{180.1, "F", "E F", "694 695"}, //
	} {
		now := day(row.at)
		id := identify(t, k, line, now)
		if known, ok := seen[row.epoch]; ok && known != id {
			t.Errorf("day %v: the identifier changed within its epoch", row.at)
		}
		for name, other := range seen {
			if name != row.epoch && other == id {
				t.Errorf("day %v: the identifier of %s came back in %s", row.at, name, row.epoch)
			}
		}
		seen[row.epoch] = id
		var matches []string
		for name, id := range seen {
			if k.Matches(id, line, now) {
				matches = append(matches, name)
			}
			if k.Matches(id, "192.0.2.8/32", now) {
				t.Errorf("day %v: %s means another line", row.at, name)
			}
		}
		slices.Sort(matches)
		if got := strings.Join(matches, " "); got != row.matches {
			t.Errorf("day %v: %q match, want %q", row.at, got, row.matches)
		}
		var keys []string
		for _, name := range files(t, dir) {
			if n, ok := strings.CutPrefix(name, "epoch-"); ok {
				keys = append(keys, strings.TrimSuffix(n, ".key"))
			}
		}
		if got := strings.Join(keys, " "); got != row.keys {
			t.Errorf("day %v: the keys of %q are there, want %q", row.at, got, row.keys)
		}
	}
}

// TestEpochsAcrossRestarts: the last epoch is matched on its last day also by a
// process that started in the new one.
func TestEpochsAcrossRestarts(t *testing.T) {
	dir := t.TempDir()
	id := identify(t, open(t, dir), line, start)
	k := open(t, dir)
	if now := start.Add(EpochLength + time.Hour); !k.Matches(id, line, now) {
		t.Error("on the first day of the next epoch: no match")
	}
	if now := start.Add(EpochLength + Overlap + time.Hour); k.Matches(id, line, now) {
		t.Error("a day later it still matches")
	}
}

// TestIdentifyFails: without a key nobody is named.
func TestIdentifyFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	k := open(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if id, err := k.Identify(line, start); err == nil || id != "" {
		t.Errorf("got %q, %v; want an error", id, err)
	}
	if k.Matches("c-0000000000", line, start) {
		t.Error("matches without a key")
	}
}

func TestKeysTogether(t *testing.T) {
	k := open(t, t.TempDir())
	want := identify(t, k, line, start)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				now := start.Add(time.Duration(i*50+j) * time.Hour / 20)
				if id, err := k.Identify(line, now); err != nil || id != want {
					t.Errorf("got %s, %v; want %s", id, err, want)
				}
				k.Matches(want, line, now)
				if _, err := k.OpenState("census", k.SealState("census", []byte{1})); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkIdentify(b *testing.B) {
	k := open(b, b.TempDir())
	for b.Loop() {
		identify(b, k, line, start)
	}
}
