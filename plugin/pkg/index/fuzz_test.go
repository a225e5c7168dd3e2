package index

import (
	"bytes"
	"testing"

	"sinkhole/plugin/pkg/dnsname"
)

// FuzzSet cuts its bytes into pieces at 0xFF. Each is brought into the form of a
// name, added, and also asked as the bytes it was.
func FuzzSet(f *testing.F) {
	f.Add([]byte("bad.example\xffbad.example\xffwww.bad.example\xff\xff."), uint32(3), true)
	f.Add([]byte("\x03bad\x00\xff\x03bad\x00\x00\xffa\xffb\xffa"), uint32(1<<31), false)
	f.Add(bytes.Repeat([]byte("a.b\xff"), 50), uint32(0), true)
	f.Fuzz(func(t *testing.T, data []byte, value uint32, join bool) {
		var merge func(old, new uint32) uint32
		if join {
			merge = func(old, new uint32) uint32 { return old*3 + new }
		}
		m, b := twin{}, NewBuilder(Options{Merge: merge})
		pieces := bytes.Split(data, []byte{0xFF})
		for i, p := range pieces {
			name := p
			if !whole(p) {
				if b.Add(p, 1) == nil {
					t.Fatalf("Add took %q", p)
				}
				n, err := dnsname.AppendBytes(nil, p)
				if err != nil {
					continue
				}
				name = n
			}
			v := value + uint32(i)*uint32(i)
			if err := b.Add(name, v); err != nil {
				t.Fatalf("Add(%q): %v", name, err)
			}
			m.add(name, v, merge)
		}
		s, err := b.Build(data)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(s.Meta(), data) {
			t.Fatal("the meta is another")
		}
		var asked [][]byte
		for _, p := range pieces {
			for _, name := range [][]byte{p, append(p[:len(p):len(p)], 0)} {
				if whole(name) {
					asked = append(asked, name)
				} else if w := s.Walk(name); w.Next() {
					t.Fatalf("%q was found", name)
				}
			}
		}
		mustEqual(t, s, m, asked...)
	})
}

// FuzzOpen changes an image, at places and to octets that the input names, and
// puts the sums right; it also takes the input as a whole file.
func FuzzOpen(f *testing.F) {
	m := twin{}
	names := synthetic(200)
	for i, n := range names {
		m[string(n)] = uint32(i % 9)
	}
	image := m.build(f, "").image
	f.Add([]byte{0, 1, 2, 1, 0, 0})
	f.Add(image[:headSize])
	f.Fuzz(func(t *testing.T, data []byte) {
		b := bytes.Clone(image)
		for d := data; len(d) >= 3; d = d[3:] {
			b[(int(d[0])|int(d[1])<<8)%len(b)] = d[2]
		}
		askHostile(t, b, names)
		askHostile(t, bytes.Clone(data), names)
	})
}
