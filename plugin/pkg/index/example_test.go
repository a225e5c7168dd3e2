package index

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// TestLayoutExample holds the example of the package comment.
func TestLayoutExample(t *testing.T) {
	b := newBuilder(Options{}, key{0x9e3779b97f4a7c15, 0xd1b54a32d192ed03})
	m := twin{}
	for name, value := range map[string]uint32{"bad.example": 1, "evil.example": 1, "ok.a.example": 1, "www.bad.example": 2} {
		m[string(wire(t, name))] = value
		b.Add(wire(t, name), value)
	}
	s, err := b.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, s, m, wire(t, "a.example"), wire(t, "www.good.example"))

	if len(s.lines) != lineSize {
		t.Fatalf("%d octets of lines", len(s.lines))
	}
	var begin []string
	for sub := range subs {
		start := binary.LittleEndian.Uint16(s.lines[subsAt+2*sub:])
		begin = append(begin, fmt.Sprint(start>>offsetBits, ".", start&maxOffset))
	}
	base := binary.LittleEndian.Uint32(s.lines[baseAt:]) >> 2
	for what, tt := range map[string]struct{ got, want string }{
		"tags": {fmt.Sprintf("% x", s.lines[:6]), "2a 12 fe 0f 68 00"},
		"subs": {strings.Join(begin, " "), "0.1 1.4 2.6 3.6 3.7 4.12"},
		"base": {fmt.Sprint(base), "24"},
		"data": {fmt.Sprintf("%x", s.data[base:len(s.data)-dataSlack]), "02c05f" + "02b03f" + "c4fc02d041" + "2183"},
		"ends": {fmt.Sprint(len(s.tails)-1, " ", string(s.tailName(1))), "1 \x07example\x00"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", what, tt.got, tt.want)
		}
	}
}
