package dropdir

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	sumA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	sumB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func TestIndex(t *testing.T) {
	all := []kept{
		{"malware/a.txt", sumA, 12, time.Unix(1795335240, 0)},
		{"odd \"\n\xff 日本", sumB, 0, time.Unix(-31611600000, 0)},
	}
	text := formatIndex(7, all)
	_, body, _ := strings.Cut(string(text), "\n")
	want := "device 7\n" +
		sumA + " 12 1795335240 \"malware/a.txt\"\n" +
		sumB + " 0 -31611600000 \"odd \\\"\\n\\xff 日本\"\n"
	if body != want {
		t.Errorf("the index is\n%swant\n%s", body, want)
	}
	device, got, err := parseIndex(text)
	if err != nil || device != 7 || !slices.Equal(got, all) {
		t.Errorf("it reads as %d %v (%v), want 7 %v", device, got, err, all)
	}
	for i := range text {
		broken := bytes.Clone(text)
		broken[i] ^= 1
		if _, _, err := parseIndex(broken); err == nil {
			t.Errorf("a flipped bit in octet %d is not noticed", i)
		}
		if _, _, err := parseIndex(text[:i]); err == nil {
			t.Errorf("an index cut off at %d is not noticed", i)
		}
	}
}

// FuzzIndex gives a body its right hash, and wants what can be read to be
// written and read as the same again.
func FuzzIndex(f *testing.F) {
	f.Add([]byte("device 7\n" + sumA + " 12 1795335240 \"malware/a.txt\"\n"))
	f.Add([]byte(sumB + " 1 -1 `a`\n\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		sum, _ := sumOf(bytes.NewReader(body))
		device, all, err := parseIndex(append([]byte(indexTitle+sum+"\n"), body...))
		if err != nil {
			return
		}
		device2, again, err := parseIndex(formatIndex(device, all))
		same := func(a, b kept) bool {
			return a.name == b.name && a.sum == b.sum && a.entries == b.entries && a.time.Equal(b.time)
		}
		if err != nil || device2 != device || !slices.EqualFunc(all, again, same) {
			t.Errorf("%d %v is read again as %d %v (%v)", device, all, device2, again, err)
		}
	})
}

func TestStoreKeepsOnlyTheRightOctets(t *testing.T) {
	s := store{filepath.Join(t.TempDir(), "kept")}
	if err := s.put(strings.NewReader("one\n"), sumA); err != errChanged {
		t.Errorf("other octets are kept: %v, want %v", err, errChanged)
	}
	sum, _ := sumOf(strings.NewReader("one\n"))
	must(t, s.put(strings.NewReader("one\n"), sum))
	if !s.sound(sum) || s.sound(sumA) || s.has(sumA) {
		t.Error("the store does not hold what was put, or more")
	}
	if info, err := os.Stat(s.path(sum)); err != nil || info.Mode().Perm() != copyMode {
		t.Errorf("the copy has the mode %v (%v), want %v", info.Mode(), err, copyMode)
	}
}

func TestSweep(t *testing.T) {
	s := store{t.TempDir()}
	for _, name := range []string{sumA, sumB, ".tmp-1", ".tmp-2", indexName} {
		must(t, os.WriteFile(s.path(name), nil, 0o600))
	}
	for _, name := range []string{sumA, sumB, ".tmp-1", indexName} {
		old := time.Now().Add(-2 * strayAfter)
		must(t, os.Chtimes(s.path(name), old, old))
	}
	s.sweep([]kept{{name: "a", sum: sumA}}, time.Now())
	var left []string
	entries, _ := os.ReadDir(s.dir)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{".tmp-2", sumA, indexName}; !slices.Equal(left, want) {
		t.Errorf("left is %q, want %q", left, want)
	}
}

func TestShrunk(t *testing.T) {
	for _, row := range []struct {
		entries, had, percent int
		want                  bool
	}{
		{5, 10, 50, false}, {4, 10, 50, true}, {1, 3, 50, true}, {2, 3, 50, false}, {0, 1, 50, true},
		{0, 10, 0, false}, {1, 100, 99, false}, {0, 100, 99, true}, {0, 1, 100, false},
		{70, 100, 30, false}, {69, 100, 30, true}, {200, 100, 50, false},
	} {
		if got := shrunk(row.entries, row.had, row.percent); got != row.want {
			t.Errorf("%d of %d, %d%% allowed: %v, want %v", row.entries, row.had, row.percent, got, row.want)
		}
	}
}
