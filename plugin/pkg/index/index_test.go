package index

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sinkhole/plugin/pkg/dnsname"
)

// wire makes a name for a test.
func wire(t testing.TB, text string) []byte {
	t.Helper()
	name, err := dnsname.Append(nil, text)
	if err != nil {
		t.Fatalf("Append(%q): %v", text, err)
	}
	return name
}

// twin says what a Builder and its Set mean, in the fewest words.
type twin map[string]uint32

func (m twin) add(name []byte, value uint32, merge func(old, new uint32) uint32) {
	old, dup := m[string(name)]
	switch {
	case !dup:
		m[string(name)] = value
	case merge != nil:
		m[string(name)] = merge(old, value)
	}
}

// walk is what a walk through name meets: labels and value of each.
func (m twin) walk(name []byte) (met []string) {
	for suffix := name; suffix != nil; suffix = dnsname.Parent(suffix) {
		if v, ok := m[string(suffix)]; ok {
			met = append(met, fmt.Sprint(dnsname.Labels(suffix), "=", v))
		}
	}
	slices.Reverse(met)
	return met
}

func walk(s *Set, name []byte) (met []string) {
	for w := s.Walk(name); w.Next(); {
		met = append(met, fmt.Sprint(w.Labels, "=", w.Value))
	}
	return met
}

func find(s *Set, name []byte) string {
	if v, ok := s.Find(name); ok {
		return fmt.Sprint(v)
	}
	return "-"
}

// build makes a Set of what m holds.
func (m twin) build(t testing.TB, dir string) *Set {
	t.Helper()
	b := NewBuilder(Options{Dir: dir})
	for _, n := range slices.Sorted(maps.Keys(m)) {
		if err := b.Add([]byte(n), m[n]); err != nil {
			t.Fatalf("Add(%q): %v", n, err)
		}
	}
	s, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mustEqual compares s with m: what it holds, and each of the names asked.
func mustEqual(t testing.TB, s *Set, m twin, asked ...[]byte) {
	t.Helper()
	if s.Len() != len(m) {
		t.Fatalf("Len %d, want %d", s.Len(), len(m))
	}
	all := twin{}
	for n, v := range s.All() {
		if _, dup := all[string(n)]; dup {
			t.Fatalf("All yields %q twice", n)
		}
		all[string(n)] = v
	}
	if !maps.Equal(all, m) {
		t.Fatalf("All yields %v, want %v", all, m)
	}
	for n := range m {
		asked = append(asked, []byte(n))
	}
	for _, n := range asked {
		got, ok := s.Find(n)
		if want, listed := m[string(n)]; got != want || ok != listed {
			t.Fatalf("Find(%q): %d, %v; want %d, %v", n, got, ok, want, listed)
		}
		if got, want := walk(s, n), m.walk(n); !slices.Equal(got, want) {
			t.Fatalf("Walk(%q): %v, want %v", n, got, want)
		}
	}
}

func TestFind(t *testing.T) {
	s := twin{
		"\x03bad\x07example\x00":        7,
		"\x03www\x03bad\x07example\x00": 1 << 20,
		"\x00":                          3,
		"\x03a\x00b\x07example\x00":     4,
		"\x01a\x01b\x01c\x01d\x01e\x00": 5,
		"\x04zone\x00":                  6,
		"\x0blisted-name\x04zone\x00":   8,
	}.build(t, "")

	tests := map[string]struct {
		name string
		want string
		walk string
	}{
		"a listed name":                      {"\x03bad\x07example\x00", "7", "[0=3 2=7]"},
		"one below it, with its own value":   {"\x03www\x03bad\x07example\x00", "1048576", "[0=3 2=7 3=1048576]"},
		"far below both":                     {"\x01x\x01y\x03www\x03bad\x07example\x00", "-", "[0=3 2=7 3=1048576]"},
		"the root":                           {"\x00", "3", "[0=3]"},
		"a parent of listed names":           {"\x07example\x00", "-", "[0=3]"},
		"a child":                            {"\x01a\x03bad\x07example\x00", "-", "[0=3 2=7]"},
		"upper case is another name":         {"\x03BAD\x07example\x00", "-", "[0=3]"},
		"NUL inside a label":                 {"\x03a\x00b\x07example\x00", "4", "[0=3 2=4]"},
		"a name of one label":                {"\x04zone\x00", "6", "[0=3 1=6]"},
		"a name below one of one label":      {"\x0blisted-name\x04zone\x00", "8", "[0=3 1=6 2=8]"},
		"single letters":                     {"\x01a\x01b\x01c\x01d\x01e\x00", "5", "[0=3 5=5]"},
		"between root and single letters":    {"\x01b\x01c\x01d\x01e\x00", "-", "[0=3]"},
		"the beginning of a name":            {"\x03bad", "-", "[]"},
		"the beginning that ends in a NUL":   {"\x03a\x00", "-", "[]"},
		"a name and more":                    {"\x03bad\x07example\x00\x00", "-", "[]"},
		"nothing":                            {"", "-", "[]"},
		"a length octet that leads far away": {"\xff", "-", "[]"},
		"a pointer in the place of a label":  {"\x03bad\xc0\x00", "-", "[]"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := find(s, []byte(tt.name)); got != tt.want {
				t.Errorf("Find: got %s, want %s", got, tt.want)
			}
			if got := fmt.Sprint(walk(s, []byte(tt.name))); got != tt.walk {
				t.Errorf("Walk: got %s, want %s", got, tt.walk)
			}
		})
	}
}

func TestEmpty(t *testing.T) {
	name := wire(t, "bad.example")
	built, err := NewBuilder(Options{}).Build([]byte("meta"))
	if err != nil {
		t.Fatal(err)
	}
	mapped, err := NewBuilder(Options{Dir: t.TempDir()}).Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	for what, s := range map[string]*Set{"nil": nil, "built of nothing": built, "mapped": mapped} {
		if got := find(s, name) + fmt.Sprint(walk(s, name)); got != "-[]" {
			t.Errorf("%s: found %s", what, got)
		}
		if got := find(s, []byte{0}); got != "-" {
			t.Errorf("%s: the root is %s", what, got)
		}
		if s.Len() != 0 {
			t.Errorf("%s: %d names", what, s.Len())
		}
		for n := range s.All() {
			t.Errorf("%s: holds %q", what, n)
		}
	}
	if got := string(built.Meta()); got != "meta" {
		t.Errorf("meta %q", got)
	}
	if (*Set)(nil).Meta() != nil || (*Set)(nil).Bytes() != 0 {
		t.Error("a nil Set has something")
	}
	if w := (Walk{}); w.Next() {
		t.Error("the zero Walk finds something")
	}
}

func TestAddRefusesWhatIsNoName(t *testing.T) {
	b := NewBuilder(Options{})
	for _, n := range []string{"", "\x03bad", "\x03bad\x00\x00", "\xff", "a", "\x40" + strings.Repeat("a", 64) + "\x00", strings.Repeat("\x01a", 127) + "\x01a\x00"} {
		if err := b.Add([]byte(n), 1); !errors.Is(err, ErrName) {
			t.Errorf("Add(%q): %v, want %v", n, err, ErrName)
		}
	}
	if s, err := b.Build(nil); err != nil || s.Len() != 0 {
		t.Errorf("%d names, %v", s.Len(), err)
	}
}

func TestMerge(t *testing.T) {
	concat := func(old, new uint32) uint32 { return old*10 + new }
	for what, merge := range map[string]func(old, new uint32) uint32{"the first stays": nil, "merged in order": concat} {
		t.Run(what, func(t *testing.T) {
			b, m := NewBuilder(Options{Merge: merge}), twin{}
			for i := range uint32(3) {
				for _, n := range []string{".", "example", "bad.example", "www.bad.example", `\000.example`} {
					if err := b.Add(wire(t, n), i+1); err != nil {
						t.Fatal(err)
					}
					m.add(wire(t, n), i+1, merge)
				}
			}
			s, err := b.Build(nil)
			if err != nil {
				t.Fatal(err)
			}
			mustEqual(t, s, m)
		})
	}
}

// TestManyOfTwoNames adds two names in turn until a bin of sorting is full of
// them.
func TestManyOfTwoNames(t *testing.T) {
	b := NewBuilder(Options{Merge: func(old, new uint32) uint32 { return old + new }})
	a, c := wire(t, "a.example"), wire(t, "b.example")
	for range 100_000 {
		b.Add(a, 1)
		b.Add(c, 2)
	}
	s, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, s, twin{string(a): 100_000, string(c): 200_000})
}

// TestValues holds every size of value, with its largest and the next, alone and
// among values that have a place of their own.
func TestValues(t *testing.T) {
	m := twin{}
	for i, v := range []uint32{0, 1, 255, 256, 65535, 65536, 1<<24 - 1, 1 << 24, 1<<32 - 1} {
		m[string(wire(t, fmt.Sprintf("once-%d.example", i)))] = v
		mustEqual(t, twin{string(wire(t, "one.example")): v}.build(t, ""), twin{string(wire(t, "one.example")): v})
	}
	for i := range 3000 {
		m[string(wire(t, fmt.Sprintf("often-%d.example", i)))] = uint32(i % 300)
	}
	mustEqual(t, m.build(t, ""), m)
}

// TestTwin builds sets of many sizes and asks a map the same.
func TestTwin(t *testing.T) {
	names := synthetic(6000)
	for _, n := range []int{1, 2, 3, 47, 48, 49, 50, 100, 1023, 1024, 1025, 5000} {
		for where, dir := range map[string]string{"memory": "", "file": t.TempDir()} {
			t.Run(fmt.Sprint(n, " in ", where), func(t *testing.T) {
				m := twin{}
				for i, name := range names[:n] {
					m[string(name)] = uint32(i % 5)
				}
				mustEqual(t, m.build(t, dir), m, names[5000:]...)
			})
		}
	}
}

// synthetic makes n different names of about 20 octets; the same ones each time.
// One in eight is below another.
func synthetic(n int) [][]byte {
	r := rand.New(rand.NewPCG(8, 53))
	names := make([][]byte, n)
	for i := range names {
		text := fmt.Sprintf("%s-%d.%s.example", strings.Repeat("x", r.IntN(5)), i, strings.Repeat("y", 1+r.IntN(4)))
		names[i], _ = dnsname.Append(nil, text)
		if i%8 == 7 {
			names[i] = append([]byte("\x02ab"), names[r.IntN(i)]...)
			names[i][1] = byte(i)
			names[i][2] = byte(i >> 8)
		}
	}
	return names
}

// TestLongNames holds the longest labels, the longest names and the most labels,
// of octets that have a word and of others, and all that is above them.
func TestLongNames(t *testing.T) {
	most := []byte(strings.Repeat("\x01a", 127) + "\x00")
	label := func(n int, o byte) string { return string(byte(n)) + strings.Repeat(string([]byte{o}), n) }
	full := func(o byte) string {
		return label(63, o) + label(63, o) + label(63, o) + label(61, o) + "\x00"
	}
	m := twin{
		string(most): 1, full('a'): 2, full(0xff): 3, full('-'): 4, full(1): 5,
		label(44, 'a') + label(45, 'b') + "\x03com\x00": 6,
		label(45, 'a') + label(44, 'b') + "\x03com\x00": 7,
		label(1, '-') + label(45, 'c') + "\x03com\x00":  8,
		"\x01\x01\x01\x01\x01\x01\x03com\x00":           9,
		"\x03\x01\x01\x01\x03com\x00":                   10,
		"\x05a\x01b\x01c\x03com\x00":                    11,
		"\x01a\x01b\x01c\x03com\x00":                    12,
	}
	for i := range 200 {
		m[string(wire(t, fmt.Sprintf("fill-%d.com", i)))] = 1
	}
	var asked [][]byte
	for n := range m {
		for p := []byte(n); p != nil; p = dnsname.Parent(p) {
			asked = append(asked, p)
		}
	}
	mustEqual(t, m.build(t, ""), m, asked...)
}

// TestEveryDepth lists all suffixes of the name with the most labels.
func TestEveryDepth(t *testing.T) {
	m := twin{}
	name := []byte(strings.Repeat("\x01a", 127) + "\x00")
	for p := name; p != nil; p = dnsname.Parent(p) {
		m[string(p)] = uint32(len(p))
	}
	mustEqual(t, m.build(t, ""), m, append([]byte("\x01b"), name[2:]...))
}

func TestAnyOctets(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	m := twin{}
	var asked [][]byte
	for range 4000 {
		var name []byte
		for range 1 + r.IntN(4) {
			n := 1 + r.IntN(1+r.IntN(63))
			if len(name)+n+2 > dnsname.MaxLen {
				break
			}
			name = append(name, byte(n))
			for range n {
				name = append(name, byte(r.IntN(256)))
			}
		}
		name = append(name, 0)
		m[string(name)] = r.Uint32() >> r.IntN(32)
		near := bytes.Clone(name)
		near[len(near)-2]++
		asked = append(asked, near)
	}
	mustEqual(t, m.build(t, ""), m, asked...)
}

// TestAllStops holds that All ends when its caller does.
func TestAllStops(t *testing.T) {
	m := twin{"\x00": 1}
	for _, n := range synthetic(100) {
		m[string(n)] = 1
	}
	s := m.build(t, "")
	for _, at := range []int{1, 2, 50} {
		n := 0
		for range s.All() {
			if n++; n == at {
				break
			}
		}
		if n != at {
			t.Errorf("%d names after a break at %d", n, at)
		}
	}
}

func TestBuilderIsAsNewAfterwards(t *testing.T) {
	b := NewBuilder(Options{})
	for what, end := range map[string]func(){
		"Build":   func() { b.Build(nil) },
		"Discard": func() { b.Discard() },
	} {
		b.Add(wire(t, "first.example"), 1)
		b.Add([]byte{0}, 1)
		end()
		b.Add(wire(t, "second.example"), 2)
		s, err := b.Build(nil)
		if err != nil {
			t.Fatal(what, err)
		}
		mustEqual(t, s, twin{string(wire(t, "second.example")): 2}, wire(t, "first.example"))
	}
}

func TestLookUpsAllocateNothing(t *testing.T) {
	m := twin{}
	names := synthetic(1000)
	for _, n := range names[:500] {
		m[string(n)] = 1
	}
	long := []byte(strings.Repeat("\x01a", 127) + "\x00")
	m[string(long)] = 2
	s := m.build(t, "")
	names = append(names, long)
	if n := testing.AllocsPerRun(10, func() {
		for _, name := range names {
			s.Find(name)
			for w := s.Walk(name); w.Next(); {
			}
		}
	}); n != 0 {
		t.Errorf("look-ups allocate %v times", n)
	}
}

// raced tells whether the race detector watches, which takes ten times as long.
var raced bool
