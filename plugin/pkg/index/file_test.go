package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

func kept(t testing.TB, s *Set) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "names.idx")
	if err := s.Keep(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustOpen(t testing.TB, path string) *Set {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestKeepAndOpen(t *testing.T) {
	m := twin{"\x00": 9, string(wire(t, "zone")): 8}
	for i, n := range synthetic(3000) {
		m[string(n)] = uint32(i % 400)
	}
	for where, dir := range map[string]string{"memory": "", "file": t.TempDir()} {
		t.Run(where, func(t *testing.T) {
			b := NewBuilder(Options{Dir: dir})
			for n, v := range m {
				b.Add([]byte(n), v)
			}
			s, err := b.Build([]byte("meta \x00"))
			if err != nil {
				t.Fatal(err)
			}
			path := kept(t, s)
			again := mustOpen(t, path)
			mustEqual(t, again, m, synthetic(3100)[3000:]...)
			if got := string(again.Meta()); got != "meta \x00" {
				t.Errorf("meta %q", got)
			}
			if again.Bytes() != s.Bytes() {
				t.Errorf("%d octets, want %d", again.Bytes(), s.Bytes())
			}
			// Once more, over the file that others have mapped.
			for _, keep := range []*Set{s, again} {
				if err := keep.Keep(path); err != nil {
					t.Fatal(err)
				}
				mustEqual(t, mustOpen(t, path), m)
			}
			mustEqual(t, again, m)
			mustHold(t, filepath.Dir(path), "names.idx")
		})
	}
}

// mustHold holds a folder to the files it should have.
func mustHold(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s holds %v, want %v", dir, got, want)
	}
}

// TestNothingIsLeftOnDisk holds for all that is not kept, also while it is used.
func TestNothingIsLeftOnDisk(t *testing.T) {
	dir := t.TempDir()
	b := NewBuilder(Options{Dir: dir})
	spilled := synthetic(2000)
	for i := range 100 {
		for _, n := range spilled {
			if err := b.Add(n, uint32(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if b.spill.size == 0 {
		t.Error("nothing was put aside; the test means to")
	}
	mustHold(t, dir)
	s, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Len() != len(spilled) {
		t.Errorf("%d names, want %d", s.Len(), len(spilled))
	}
	mustHold(t, dir)
	b.Add(spilled[0], 1)
	b.Discard()
	mustHold(t, dir)
}

func TestFolderIsMissing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nosuch")
	b := NewBuilder(Options{Dir: dir})
	if err := b.Add(wire(t, "bad.example"), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Build(nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Build: %v, want %v", err, fs.ErrNotExist)
	}
	var err error
	for i := 0; i < 1_000_000 && err == nil; i++ {
		err = b.Add(wire(t, fmt.Sprint(i, ".example")), 1)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Add: %v, want %v", err, fs.ErrNotExist)
	}
	s := twin{"\x00": 1}.build(t, "")
	if err := s.Keep(filepath.Join(dir, "names.idx")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Keep: %v, want %v", err, fs.ErrNotExist)
	}
	if _, err := Open(filepath.Join(dir, "names.idx")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open: %v, want %v", err, fs.ErrNotExist)
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("a folder is no index")
	}
}

// TestOpenRefuses holds that no octet of a file may change, be lost or be added.
func TestOpenRefuses(t *testing.T) {
	m := twin{"\x00": 1}
	for i, n := range synthetic(40) {
		m[string(n)] = uint32(i % 7)
	}
	path := kept(t, m.build(t, ""))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "broken.idx")
	refused := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(broken, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(broken); !errors.Is(err, ErrFormat) {
			t.Fatalf("%s: %v, want %v", what, err, ErrFormat)
		}
	}
	step := 1
	if testing.Short() {
		step = 17
	}
	for i := 0; i < len(whole); i += step {
		if i >= headSum+4 && i < headSize {
			continue // nothing stands there
		}
		b := append([]byte(nil), whole...)
		b[i] ^= 1 << (i % 8)
		refused(fmt.Sprint("octet ", i), b)
	}
	for _, n := range []int{0, 1, headSize - 1, headSize, headSize + 1, len(whole) / 2, len(whole) - 1} {
		refused(fmt.Sprint("first ", n), whole[:n])
	}
	refused("one more octet", append(append([]byte(nil), whole...), 0))
	refused("other text", []byte("<html>"))
	mustEqual(t, mustOpen(t, path), m)
}

// TestHostileFile changes files and puts the sums right. Such a file may be
// refused, or hold what it likes; no look-up may panic or go on for ever.
func TestHostileFile(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 66))
	m := twin{}
	names := synthetic(400)
	for i, n := range names {
		m[string(n)] = uint32(i)
	}
	m[string(wire(t, "a-name-that-is-so-long-that-it-takes-many-octets.and-has-others.\001\002\003.example"))] = 5
	whole := m.build(t, "").image
	opened, files := 0, 3000
	if raced {
		files = 500
	}
	for range files {
		b := append([]byte(nil), whole...)
		for range 1 + r.IntN(4) {
			at := r.IntN(len(b))
			if r.IntN(2) == 0 { // what is not the lines or the data is small
				at = len(b) - 1 - r.IntN(2500)
			}
			b[at] = byte(r.IntN(256))
		}
		opened += askHostile(t, b, names)
	}
	if opened < 100 {
		t.Errorf("only %d of the files were opened", opened)
	}
}

// askHostile puts the sums of an image right, and asks it if it is taken.
func askHostile(t testing.TB, b []byte, names [][]byte) (opened int) {
	correct(b)
	s := new(Set)
	if s.parse(b) != nil || !verify(b) || !s.sound() {
		return 0
	}
	for _, n := range names {
		s.Find(n)
		for w := s.Walk(n); w.Next(); {
		}
	}
	for n := range s.All() {
		if !whole(n) {
			t.Fatalf("All yields %q, which is no name", n)
		}
	}
	return 1
}

func whole(name []byte) bool {
	_, n, _ := split(name)
	return n >= 0
}

// correct puts the sums of an image right where its sizes are.
func correct(b []byte) {
	if len(b) < headSize {
		return
	}
	at := headSize
	for i := range sections {
		n := binary.LittleEndian.Uint64(b[headSections+12*i:])
		if n > uint64(len(b)-at) {
			break
		}
		binary.LittleEndian.PutUint32(b[headSections+12*i+8:], sum(0, b[at:at+int(n)]))
		at += int(n)
	}
	binary.LittleEndian.PutUint32(b[headSum:], sum(0, b[:headSum]))
}

// TestUnmap asks sets that nobody else holds while they are collected, and while
// new ones take their place.
func TestUnmap(t *testing.T) {
	dir := t.TempDir()
	names := synthetic(2000)
	m := twin{}
	for _, n := range names {
		m[string(n)] = 1
	}
	path := kept(t, m.build(t, dir))
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 30 {
				s, err := Open(path)
				if err != nil {
					t.Error(err)
					return
				}
				if i%4 == g {
					s = m.build(t, dir)
				}
				for j, n := range names {
					w := s.Walk(n)
					if j == len(names)-1 {
						s = nil // the walk alone holds it
						runtime.GC()
					}
					for w.Next() {
					}
					if w.Value != 1 {
						t.Errorf("%q was lost", n)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}
