package unpack

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
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

// read is all text of a file.
func read(file io.Reader, maxSize int64) (string, error) {
	r, release, err := Reader(file, maxSize)
	if err != nil {
		return "", err
	}
	defer release()
	text, err := io.ReadAll(r)
	return string(text), err
}

// TestReader: a file is unpacked by what it holds.
func TestReader(t *testing.T) {
	const text = "192.0.2.7\n"
	gz, zst := gzipped(t, text), zstded(t, text)
	many := strings.Repeat("198.51.100.0/24\n", 10000)
	skip := []byte("\x50\x2a\x4d\x18\x04\x00\x00\x00skip")
	for name, tt := range map[string]struct {
		file []byte
		text string
		err  error
	}{
		"nothing":                     {nil, "", nil},
		"one octet":                   {[]byte("\x1f"), "\x1f", nil},
		"a text":                      {[]byte(text), text, nil},
		"gzip":                        {gz, text, nil},
		"gzip in two parts":           {slices.Concat(gz, gz), text + text, nil},
		"gzip in gzip is text":        {gzipped(t, string(gz)), string(gz), nil},
		"zstd":                        {zst, text, nil},
		"zstd in two frames":          {slices.Concat(zst, zst), text + text, nil},
		"zstd behind a frame to skip": {slices.Concat(skip, zst), text, nil},
		"gzip cut off":                {gzipped(t, many)[:80], "", ErrBroken},
		"gzip with a wrong sum":       {slices.Concat(gz[:len(gz)-8], []byte("12345678")), "", ErrBroken},
		"gzip with something behind":  {slices.Concat(gz, []byte(text)), "", ErrBroken},
		"gzip cut in its head":        {gz[:5], "", ErrBroken},
		"zstd cut off":                {zstded(t, many)[:40], "", ErrBroken},
		"zstd cut in its head":        {zst[:4], "", ErrBroken},
		"a zstd window over the bound": {
			[]byte("\x28\xb5\x2f\xfd\x00\xb0\x01\x00\x00"), "", ErrBroken,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(bytes.NewReader(tt.file), 1<<20)
			if !errors.Is(err, tt.err) || err == nil && got != tt.text {
				t.Errorf("got %q, %v; want %q, %v", got, err, tt.text, tt.err)
			}
		})
	}
}

// TestDiskFails: what the disk does is no fault of the file.
func TestDiskFails(t *testing.T) {
	gone := errors.New("the disk is gone")
	for name, before := range map[string][]byte{
		"at once":           nil,
		"in a text":         []byte("192.0.2.7\n"),
		"in the gzip head":  gzipMagic,
		"in the gzip text":  gzipped(t, "192.0.2.7\n")[:15],
		"in the zstd frame": zstded(t, strings.Repeat("192.0.2.7\n", 100))[:12],
	} {
		_, err := read(io.MultiReader(bytes.NewReader(before), iotest.ErrReader(gone)), 1<<20)
		if !errors.Is(err, gone) || errors.Is(err, ErrBroken) {
			t.Errorf("%s: got %v, want %v", name, err, gone)
		}
	}
}

// TestBombs: what unpacks to more than the limit is refused, and what is as
// large as the limit is not.
func TestBombs(t *testing.T) {
	const limit = 1 << 20
	exact, over := strings.Repeat("\n", limit), strings.Repeat("\n", 64*limit)
	for name, pack := range map[string]func(testing.TB, string) []byte{
		"a text": func(_ testing.TB, text string) []byte { return []byte(text) },
		"gzip":   gzipped,
		"zstd":   zstded,
	} {
		if got, err := read(bytes.NewReader(pack(t, exact)), limit); err != nil || len(got) != limit {
			t.Errorf("%s of the limit: %d octets, %v", name, len(got), err)
		}
		if got, err := read(bytes.NewReader(pack(t, over)), limit); !errors.Is(err, ErrSize) || len(got) > limit {
			t.Errorf("%s over the limit: %d octets, %v; want %v", name, len(got), err, ErrSize)
		}
	}
}

// FuzzReader: what was packed is had again, and no file makes it panic. The slow
// twin of unpacking is packing.
func FuzzReader(f *testing.F) {
	f.Add([]byte("192.0.2.7\n"))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("\x28\xb5\x2f\xfd\x04\x00"))
	f.Add([]byte("\x50\x2a\x4d\x18\x04\x00\x00\x00skip"))
	f.Fuzz(func(t *testing.T, data []byte) {
		read(bytes.NewReader(data), 1<<20)
		for _, packed := range [][]byte{gzipped(t, string(data)), zstded(t, string(data))} {
			if len(packed) == 0 {
				continue // zstd makes no frame of nothing
			}
			if got, err := read(bytes.NewReader(packed), int64(len(data))); err != nil || got != string(data) {
				t.Fatalf("%q came back as %q, %v", data, got, err)
			}
		}
	})
}
