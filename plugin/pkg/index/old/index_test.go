package index

import (
	"bytes"
	"fmt"
	"math/rand/v2"
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

// build makes a Set of names with the values 0, 1, 2 …
func build(names [][]byte) *Set {
	b := NewBuilder(len(names))
	for i, n := range names {
		b.Add(n, uint32(i))
	}
	return b.Build()
}

func find(s *Set, name []byte) string {
	v, ok := s.Find(Hash(name), name)
	if !ok {
		return "-"
	}
	return fmt.Sprint(v)
}

func TestFind(t *testing.T) {
	b := NewBuilder(0)
	b.Add(wire(t, "bad.example"), 7)
	b.Add(wire(t, "www.bad.example"), 1<<20)
	b.Add(wire(t, "."), 3)
	b.Add(wire(t, `a\000b.example`), 4)
	s := b.Build()

	tests := map[string]struct {
		name string
		want string
	}{
		"a listed name":                      {"\x03bad\x07example\x00", "7"},
		"one below it, with its own value":   {"\x03www\x03bad\x07example\x00", "1048576"},
		"the root":                           {"\x00", "3"},
		"a parent of listed names":           {"\x07example\x00", "-"},
		"a child":                            {"\x01a\x03bad\x07example\x00", "-"},
		"upper case is another name":         {"\x03BAD\x07example\x00", "-"},
		"NUL inside a label":                 {"\x03a\x00b\x07example\x00", "4"},
		"the beginning of a name":            {"\x03bad", "-"},
		"the beginning that ends in a NUL":   {"\x03a\x00", "-"},
		"a name and more":                    {"\x03bad\x07example\x00\x00", "-"},
		"nothing":                            {"", "-"},
		"a length octet that leads far away": {"\xff", "-"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := find(s, []byte(tt.name)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestFindComparesBytes searches with a stranger's hash: tag and slot agree, the
// bytes do not.
func TestFindComparesBytes(t *testing.T) {
	listed := wire(t, "bad.example")
	s := build([][]byte{listed})
	for _, stranger := range [][]byte{wire(t, "good.example"), wire(t, "bad.exampl"), listed[:4], {}, append(listed[:len(listed):len(listed)], 0)} {
		if v, ok := s.Find(Hash(listed), stranger); ok {
			t.Errorf("%q was found as %q, value %d", stranger, listed, v)
		}
	}
}

func TestEmpty(t *testing.T) {
	name := wire(t, "bad.example")
	for what, s := range map[string]*Set{"nil": nil, "zero": {}, "built of nothing": NewBuilder(0).Build()} {
		if got := find(s, name); got != "-" {
			t.Errorf("%s: found %s", what, got)
		}
		if s.Len() != 0 {
			t.Errorf("%s: %d names", what, s.Len())
		}
		for n := range s.All() {
			t.Errorf("%s: holds %q", what, n)
		}
	}
}

func TestAdd(t *testing.T) {
	b := NewBuilder(1)
	name := wire(t, "bad.example")
	if _, dup := b.Add(name, 5); dup {
		t.Error("the first Add finds a duplicate")
	}
	if old, dup := b.Add(name, 6); old != 5 || !dup {
		t.Errorf("the second Add: %d, %v; want 5, true", old, dup)
	}
	b.Set(name, 9)
	b.Set(wire(t, "new.example"), 10)
	if b.len != 2 {
		t.Errorf("%d names, want 2", b.len)
	}
	s := b.Build()
	if got := find(s, name) + find(s, wire(t, "new.example")); got != "910" {
		t.Errorf("values %s, want 9 and 10", got)
	}
	if b.len != 0 {
		t.Errorf("a spent Builder holds %d names", b.len)
	}
}

func TestAddRefusesWhatIsNoName(t *testing.T) {
	b := NewBuilder(0)
	bad := []string{"", "\x03bad", "\x03bad\x00\x00", "\xff", "a"}
	for _, n := range bad {
		b.Add([]byte(n), 1)
		b.Set([]byte(n), 1)
	}
	if b.len != 0 || b.Refused() != 2*len(bad) {
		t.Errorf("%d names, %d refused; want 0, %d", b.len, b.Refused(), 2*len(bad))
	}
}

// TestValueWidth holds every width of value, with its largest and the next.
func TestValueWidth(t *testing.T) {
	for largest, width := range map[uint32]int{0: 0, 1: 1, 255: 1, 256: 2, 65535: 2, 65536: 3, 1<<24 - 1: 3, 1 << 24: 4, 1<<32 - 1: 4} {
		b := NewBuilder(2)
		b.Add(wire(t, "small.example"), 0)
		b.Add(wire(t, "large.example"), largest)
		s := b.Build()
		if s.width != width {
			t.Errorf("value %d takes %d octets, want %d", largest, s.width, width)
		}
		if got := find(s, wire(t, "large.example")); got != fmt.Sprint(largest) {
			t.Errorf("value %d reads back as %s", largest, got)
		}
		if got := find(s, wire(t, "small.example")); got != "0" {
			t.Errorf("0 beside %d reads back as %s", largest, got)
		}
	}
}

func TestAllKeepsTheOrder(t *testing.T) {
	names := synthetic(1000)
	s := build(names)
	i := 0
	for n, v := range s.All() {
		if !bytes.Equal(n, names[i]) || int(v) != i {
			t.Fatalf("entry %d is %q, %d; want %q", i, n, v, names[i])
		}
		i++
	}
	if i != len(names) {
		t.Errorf("%d entries, want %d", i, len(names))
	}
	for range s.All() {
		break // must not go on
	}
}

// TestTwin builds sets of many sizes, grown and hinted, and asks a map the same.
func TestTwin(t *testing.T) {
	strangers := synthetic(4000)[3000:]
	for _, n := range []int{1, 2, 3, 4, 5, 17, 100, 1023, 1024, 1025, 3000} {
		for _, hint := range []int{0, n, 3 * n} {
			twin, b := slowSet{}, NewBuilder(hint)
			for i, name := range synthetic(n) {
				b.Add(name, uint32(i))
				twin.add(name, uint32(i))
			}
			s := b.Build()
			if s.Len() != len(twin) {
				t.Fatalf("%d names of hint %d: Len %d", n, hint, s.Len())
			}
			for _, name := range append(synthetic(n), strangers...) {
				got, ok := s.Find(Hash(name), name)
				want, listed := twin.find(name)
				if got != want || ok != listed {
					t.Fatalf("%d names of hint %d: %q is %d, %v; want %d, %v", n, hint, name, got, ok, want, listed)
				}
			}
		}
	}
}

// slowSet says what a Builder and its Set mean, in the fewest words.
type slowSet map[string]uint32

func (m slowSet) add(name []byte, value uint32) (old uint32, dup bool) {
	if old, dup = m[string(name)]; !dup {
		m[string(name)] = value
	}
	return old, dup
}

func (m slowSet) find(name []byte) (uint32, bool) {
	v, ok := m[string(name)]
	return v, ok
}

// FuzzSet cuts its bytes into pieces at 0xFF. Each is brought into the form of a
// name, added (every third overwrites), and also asked as the bytes it was.
func FuzzSet(f *testing.F) {
	f.Add([]byte("bad.example\xffbad.example\xffwww.bad.example\xff\xff."), uint32(3))
	f.Add([]byte("\x03bad\x00\xff\x03bad\x00\x00\xffa\xffb\xffa"), uint32(1<<31))
	f.Add(bytes.Repeat([]byte("a.b\xff"), 50), uint32(0))
	f.Fuzz(func(t *testing.T, data []byte, value uint32) {
		twin, b := slowSet{}, NewBuilder(0)
		pieces := bytes.Split(data, []byte{0xFF})
		for i, p := range pieces {
			name := p
			if !dnsname.Valid(p) {
				n, err := dnsname.AppendBytes(nil, p)
				if err != nil {
					b.Add(p, 1) // refused, as a name that is not whole
					continue
				}
				name = n
			}
			v := value + uint32(i)
			if i%3 == 2 {
				b.Set(name, v)
				twin[string(name)] = v
				continue
			}
			old, dup := b.Add(name, v)
			if want, listed := twin.add(name, v); old != want || dup != listed {
				t.Fatalf("Add(%q): %d, %v; want %d, %v", name, old, dup, want, listed)
			}
		}
		s := b.Build()
		for _, p := range pieces {
			for _, name := range [][]byte{p, append(p[:len(p):len(p)], 0)} {
				got, ok := s.Find(Hash(name), name)
				want, listed := twin.find(name)
				if got != want || ok != listed {
					t.Fatalf("Find(%q): %d, %v; want %d, %v", name, got, ok, want, listed)
				}
			}
		}
		n := 0
		for name, v := range s.All() {
			if want, listed := twin.find(name); v != want || !listed {
				t.Fatalf("All: %q, %d; want %d, %v", name, v, want, listed)
			}
			n++
		}
		if n != len(twin) || s.Len() != len(twin) {
			t.Fatalf("All has %d names, Len is %d, want %d", n, s.Len(), len(twin))
		}
	})
}

func TestFindAllocatesNothing(t *testing.T) {
	names := synthetic(1000)
	s := build(names[:500])
	if n := testing.AllocsPerRun(10, func() {
		for _, name := range names {
			s.Find(Hash(name), name)
		}
	}); n != 0 {
		t.Errorf("Find allocates %v times", n)
	}
}

// TestBytes holds the promise of the package comment, slack and all.
func TestBytes(t *testing.T) {
	names := synthetic(100_000)
	wireBytes := 0
	for _, n := range names {
		wireBytes += len(n)
	}
	for _, hint := range []int{0, len(names)} {
		b := NewBuilder(hint)
		for _, n := range names {
			b.Add(n, 1)
		}
		s := b.Build()
		over := float64(s.Bytes()-wireBytes) / float64(len(names))
		if over > 8.6 { // 6 octets at load 0.8, a value of 1, size classes of the allocator
			t.Errorf("hint %d: %.2f octets a name beside its own, want at most 8.6", hint, over)
		}
	}
}

// synthetic makes n different names of about 20 octets; the same ones each time.
func synthetic(n int) [][]byte {
	r := rand.New(rand.NewPCG(8, 53))
	names := make([][]byte, n)
	for i := range names {
		text := fmt.Sprintf("%s-%d.%s.example", strings.Repeat("x", r.IntN(5)), i, strings.Repeat("y", 1+r.IntN(4)))
		names[i], _ = dnsname.Append(nil, text)
	}
	return names
}
