package dropdir

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
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
	x := index{
		Device: 7,
		Key:    "rules of today",
		Files: []kept{
			{Name: "malware/a.txt", Octets: sumA, Entries: 12, Time: 1795335240,
				As: &identity{Inode: 42, Size: 180, Time: 1, Changed: -2}, Detail: []byte(`{"Entries":12}`)},
			{Name: "odd \"\n\xff 日本", Octets: sumB, Time: -31611600000,
				Parts: []part{{"rpz/a.inc", sumA}, {"rpz/gone.inc", ""}},
				Uses:  []keptUse{{"rpz/a.inc", &identity{Inode: 1}}, {"rpz/gone.inc", nil}}},
		},
		Serials: []serial{{"malware/a.txt", 1<<64 - 1}},
	}
	text, err := x.format()
	must(t, err)
	_, body, _ := strings.Cut(string(text), "\n")
	want := `{"device":7,"key":"rules of today","files":[` +
		`{"name":"\"malware/a.txt\"","octets":"` + sumA + `","entries":12,"time":1795335240,` +
		`"as":{"inode":42,"size":180,"time":1,"changed":-2},"detail":{"Entries":12}},` +
		`{"name":"\"odd \\\"\\n\\xff \\u65e5\\u672c\"","octets":"` + sumB + `",` +
		`"parts":[{"name":"\"rpz/a.inc\"","sha256":"` + sumA + `"},{"name":"\"rpz/gone.inc\""}],` +
		`"entries":0,"time":-31611600000,"uses":[{"name":"\"rpz/a.inc\"","as":{"inode":1,"size":0,"time":0,"changed":0}},{"name":"\"rpz/gone.inc\""}]}` +
		`],"serials":[{"name":"\"malware/a.txt\"","serial":18446744073709551615}]}`
	if body != want {
		t.Errorf("the index is\n%s\nwant\n%s", body, want)
	}
	got, err := parseIndex(text)
	if err != nil || !reflect.DeepEqual(got, x) {
		t.Errorf("it reads as %+v (%v), want %+v", got, err, x)
	}
	for i := range text {
		broken := bytes.Clone(text)
		broken[i] ^= 1
		if _, err := parseIndex(broken); err == nil {
			t.Errorf("a flipped bit in octet %d is not noticed", i)
		}
		if _, err := parseIndex(text[:i]); err == nil {
			t.Errorf("an index cut off at %d is not noticed", i)
		}
	}
}

// FuzzIndex gives a body its right hash, and wants what can be read to be
// written and read as the same again, and to name no file outside the store.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"device":7,"files":[{"name":"\"malware/a.txt\"","octets":"` + sumA + `","entries":12,"time":1}]}`))
	f.Add([]byte(`{"files":[{"name":"\"a\"","octets":"../../etc/passwd"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		sum, _ := sumOf(bytes.NewReader(body))
		x, err := parseIndex(append([]byte(indexTitle+sum+"\n"), body...))
		if err != nil {
			return
		}
		for _, k := range x.Files {
			for _, sum := range contentOf(k.Octets, k.Parts).sums() {
				if len(sum) != sumLen || strings.ContainsAny(sum, "/.") {
					t.Errorf("%q is no name of a copy", sum)
				}
			}
		}
		text, err := x.format()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseIndex(text)
		text2, err2 := again.format()
		if err != nil || err2 != nil || !bytes.Equal(text, text2) {
			t.Errorf("%s is read again as %s (%v)", text, text2, err)
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
	s.sweep(map[string]bool{sumA: true}, time.Now())
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
