package list

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstded(t testing.TB, text string) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return z.EncodeAll([]byte(text), nil)
}

func packedSource(b []byte) Source {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

// TestUnpack: a file is unpacked by what it holds, not by its name.
func TestUnpack(t *testing.T) {
	text := "a.example\nb.example\n"
	gz, zst := gzipped(t, text), zstded(t, text)
	many := strings.Repeat("some-name.bad.example\n", 10000)
	skip := []byte("\x50\x2a\x4d\x18\x04\x00\x00\x00skip")
	tests := map[string]struct {
		file []byte
		want error
		n    int
	}{
		"a text":                        {[]byte(text), nil, 2},
		"gzip":                          {gz, nil, 2},
		"gzip in two parts":             {append(slices.Clone(gz), gz...), nil, 4},
		"zstd":                          {zst, nil, 2},
		"zstd in two frames":            {append(slices.Clone(zst), zst...), nil, 4},
		"zstd behind a frame to skip":   {append(skip, zst...), nil, 2},
		"gzip cut off":                  {gzipped(t, many)[:80], ErrBroken, -1},
		"gzip without its sum":          {gz[:len(gz)-8], ErrBroken, -1},
		"gzip with a wrong sum":         {append(slices.Clone(gz[:len(gz)-8]), "12345678"...), ErrBroken, -1},
		"gzip with something behind":    {append(slices.Clone(gz), text...), ErrBroken, -1},
		"gzip cut in its head":          {gz[:5], ErrBroken, 0},
		"gzip of nothing":               {gzipped(t, ""), ErrEmpty, 0},
		"gzip of a page":                {gzipped(t, "<html>"), ErrHTML, 0},
		"gzip in gzip":                  {gzipped(t, string(gz)), ErrBinary, 0},
		"zstd cut off":                  {zstded(t, many)[:40], ErrBroken, -1},
		"zstd with something behind":    {append(slices.Clone(zst), text...), ErrBroken, -1},
		"zstd cut in its head":          {zst[:4], ErrBroken, 0},
		"two octets that gzip has":      {[]byte("\x1f\x8b"), ErrBroken, 0},
		"one of them":                   {[]byte("\x1f"), ErrBinary, 0},
		"a zstd window over the bound":  {[]byte("\x28\xb5\x2f\xfd\x00\xb0\x01\x00\x00"), ErrBroken, 0},
		"an archive of another program": {[]byte("\xfd7zXZ\x00\x00\x04"), ErrBinary, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			res, err := Read("feed.txt", packedSource(tt.file), ReadOptions{}, func(Rule) {})
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if tt.n >= 0 && res.Entries != tt.n {
				t.Errorf("%d entries, want %d", res.Entries, tt.n)
			}
			if tt.want == ErrBroken && res.Entries > 0 {
				t.Errorf("%d entries were emitted of what is broken", res.Entries)
			}
		})
	}
}

// TestBombs: a small file of much more than the limit is refused before a rule of
// it is taken, and in a memory that has nothing to do with what it unpacks to.
func TestBombs(t *testing.T) {
	const limit = 1 << 20
	text := strings.Repeat("some-name.bad.example\n", 2*limit/22)
	zeros := strings.Repeat("\n", 64*limit)
	for name, file := range map[string][]byte{
		"a text":         []byte(text),
		"gzip":           gzipped(t, text),
		"zstd":           zstded(t, text),
		"gzip, a bomb":   gzipped(t, zeros),
		"zstd, a bomb":   zstded(t, zeros),
		"gzip, one line": gzipped(t, strings.Repeat("a", 64*limit)),
	} {
		t.Run(name, func(t *testing.T) {
			emitted := 0
			_, err := Read("feed.txt", packedSource(file), ReadOptions{MaxSize: limit}, func(Rule) { emitted++ })
			if !errors.Is(err, ErrSize) || emitted > 0 {
				t.Errorf("%d octets: %v, %d rules; want %v", len(file), err, emitted, ErrSize)
			}
		})
	}
	// What is as large as the limit is taken.
	exact := text[:limit-limit%22]
	if res, err := Read("feed.txt", packedSource(gzipped(t, exact)), ReadOptions{MaxSize: int64(len(exact))}, func(Rule) {}); err != nil || res.Entries != limit/22 {
		t.Errorf("at the limit: %d entries, %v", res.Entries, err)
	}
}

// looksPacked: by its first octets it is gzip or zstd, or zstd's frame without data.
func looksPacked(data []byte) bool {
	return bytes.HasPrefix(data, []byte("\x1f\x8b")) || bytes.HasPrefix(data, []byte("\x28\xb5\x2f\xfd")) ||
		len(data) >= 4 && data[0]&0xf0 == 0x50 && string(data[1:4]) == "\x2a\x4d\x18"
}

// FuzzUnpack: packed text is the text.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("a.example\nb.example"))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("\x28\xb5\x2f\xfd\x04\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		Read("feed.txt", packedSource(data), ReadOptions{MaxSize: 1 << 20}, func(Rule) {}) // must not panic
		if looksPacked(data) {
			return
		}
		rules, res, err := read(string(data), ReadOptions{})
		for what, packed := range map[string][]byte{"gzip": gzipped(t, string(data)), "zstd": zstded(t, string(data))} {
			var again []string
			resAgain, errAgain := Read("feed.txt", packedSource(packed), ReadOptions{}, func(r Rule) { again = append(again, say(r)) })
			if !slices.Equal(again, rules) || res.Entries != resAgain.Entries || res.Refused != resAgain.Refused || (err == nil) != (errAgain == nil) {
				t.Fatalf("%s: %q, %v; the text has %q, %v", what, again, errAgain, rules, err)
			}
		}
	})
}
