package dropdir

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"
)

// signer has a key pair, and signs as minisign does, by the hash.
type signer struct {
	public  minisign.PublicKey
	private minisign.PrivateKey
}

func newSigner(t testing.TB) signer {
	t.Helper()
	public, private, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return signer{public, private}
}

func (s signer) sign(text, trusted string) string {
	r := minisign.NewReader(strings.NewReader(text))
	io.Copy(io.Discard, r)
	return string(r.SignWithComments(s.private, trusted, "x"))
}

// whole is minisign -l.
func (s signer) whole(text, trusted string) string {
	return string(minisign.SignWithComments(s.private, []byte(text), trusted, "x"))
}

// readingOf is malware/a.txt with that text and that signature; "": none.
func readingOf(text, signature string) Reading {
	return Reading{
		Name: "malware/a.txt",
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
		Part: func(rel string) (io.ReadCloser, error) {
			if rel != "malware/a.txt.minisig" || signature == "" {
				return nil, fs.ErrNotExist
			}
			return io.NopCloser(strings.NewReader(signature)), nil
		},
	}
}

func TestSignedBy(t *testing.T) {
	const text = "bad.example\n"
	key, other := newSigner(t), newSigner(t)
	good := key.sign(text, "serial:7")
	suffix := ": " + ErrSignature.Error()
	for name, tt := range map[string]struct {
		signature string
		serial    uint64
		want      string
	}{
		"by the hash":                 {good, 7, ""},
		"as a whole":                  {key.whole(text, "serial:7"), 7, ""},
		"as minisign writes it":       {key.sign(text, "timestamp:1795624800\tfile:a.txt\thashed"), 1795624800, ""},
		"as the library signs":        {key.whole(text, "timestamp:1795624800"), 1795624800, ""},
		"a serial goes before":        {key.sign(text, "timestamp:1795624800\tserial:8"), 8, ""},
		"the other way round":         {key.sign(text, "serial:8 timestamp:1795624800"), 8, ""},
		"the first serial":            {key.sign(text, "serial:8 serial:9"), 8, ""},
		"CRLF":                        {strings.ReplaceAll(good, "\n", "\r\n"), 7, ""},
		"for its place":               {key.sign(text, "serial:7 file:malware/a.txt"), 7, ""},
		"for another place":           {key.sign(text, "serial:7 file:allow/a.txt"), 0, "a.txt.minisig is for allow/a.txt" + suffix},
		"none":                        {"", 0, "no a.txt.minisig beside it" + suffix},
		"no signature":                {"Not Found\n", 0, "a.txt.minisig is no signature of minisign" + suffix},
		"half of one":                 {good[:len(good)/2], 0, "a.txt.minisig is no signature of minisign" + suffix},
		"by another key":              {other.sign(text, "serial:7"), 0, fmt.Sprintf("a.txt.minisig is by the key %X, want %X%s", other.public.ID(), key.public.ID(), suffix)},
		"of another text":             {key.sign(text+"x", "serial:7"), 0, "a.txt.minisig is a signature of something else" + suffix},
		"of another text, as a whole": {key.whole(text+"x", "serial:7"), 0, "a.txt.minisig is a signature of something else" + suffix},
		"its comment forged":          {strings.Replace(good, "serial:7", "serial:9", 1), 0, "a.txt.minisig is a signature of something else" + suffix},
		"without a serial":            {key.sign(text, "today's list"), 0, "the trusted comment of a.txt.minisig has no serial; want serial:N or timestamp:N" + suffix},
		"a serial that is none":       {key.sign(text, "serial:-7"), 0, "the trusted comment of a.txt.minisig has no serial; want serial:N or timestamp:N" + suffix},
		"far too long":                {good + strings.Repeat("x", maxSignature), 0, fmt.Sprintf("a.txt.minisig has over %d octets%s", maxSignature, suffix)},
	} {
		t.Run(name, func(t *testing.T) {
			serial, err := SignedBy(key.public)(readingOf(text, tt.signature))
			said := ""
			if err != nil {
				said = err.Error()
			}
			if serial != tt.serial || said != tt.want {
				t.Errorf("got %d, %q, want %d, %q", serial, said, tt.serial, tt.want)
			}
		})
	}
}

// A text that is too long to be held is signed by its hash.
func TestSignedByLong(t *testing.T) {
	key := newSigner(t)
	long := strings.Repeat("x", maxWhole+1)
	if _, err := SignedBy(key.public)(readingOf(long, key.sign(long, "serial:1"))); err != nil {
		t.Error(err)
	}
	if _, err := SignedBy(key.public)(readingOf(long, key.whole(long, "serial:1"))); err == nil || !strings.HasPrefix(err.Error(), "over 64 MiB") {
		t.Errorf("got %v", err)
	}
}

func TestReadKey(t *testing.T) {
	key := newSigner(t)
	text, err := key.public.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "minisign.pub")
	for name, tt := range map[string]struct {
		text []byte
		good bool
	}{
		"as minisign writes it": {append(text, '\n'), true},
		"CRLF":                  {bytes.ReplaceAll(append(text, '\n'), []byte("\n"), []byte("\r\n")), true},
		"the key alone":         {[]byte(key.public.String()), true},
		"nothing":               {nil, false},
		"something else":        {[]byte("bad.example\n"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, tt.text, 0o600); err != nil {
				t.Fatal(err)
			}
			if got, err := ReadKey(path); (err == nil) != tt.good || tt.good && !got.Equal(key.public) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	if _, err := ReadKey(path + "x"); err == nil || err.Error() != "no such file or directory" {
		t.Errorf("a key that is not there: %v", err)
	}
}

// TestSigned follows a folder of signed files: the signature may come behind its
// file, an older version never comes back, a part must be signed too, and another
// key begins anew.
func TestSigned(t *testing.T) {
	const a, sig = "malware/a.txt", "malware/a.txt" + SignatureSuffix
	key := newSigner(t)
	s := newStage(t).thaws()
	s.o.Verify, s.o.Signer = SignedBy(key.public), key.public.String()

	s.move(a, "one\n")
	s.start()
	s.want(map[string]string{})
	s.wantFile(a, Refused, "no a.txt.minisig beside it: "+ErrSignature.Error())
	if label := s.f.Files()[0].Refusal(nil); label != "signature" {
		t.Errorf("its label is %q, want signature", label)
	}
	s.move(sig, key.sign("one\n", "serial:1"))
	s.look("")
	s.want(map[string]string{a: "one\n"})
	if n := len(s.f.Files()); n != 1 {
		t.Errorf("%d files, want one: a signature is none", n)
	}

	// The file first: the old signature is not its, and the old version stays.
	s.move(a, "two\n")
	s.look("")
	s.want(map[string]string{a: "one\n"})
	s.wantFile(a, LastGood, "a.txt.minisig is a signature of something else: "+ErrSignature.Error())
	s.move(sig, key.sign("two\n", "serial:2"))
	s.look("")
	s.want(map[string]string{a: "two\n"})

	// Its signature first.
	s.move(sig, key.sign("three\n", "serial:3"))
	s.look("")
	s.want(map[string]string{a: "two\n"})
	s.move(a, "three\n")
	s.look("")
	s.want(map[string]string{a: "three\n"})
	s.wantFile(a, InForce, "")

	// An older version, with its signature, also after a start.
	s.move(a, "two\n")
	s.move(sig, key.sign("two\n", "serial:2"))
	lower := "its serial 2 is lower than 3, which came before: " + ErrSerial.Error()
	s.look("")
	s.want(map[string]string{a: "three\n"})
	s.wantFile(a, LastGood, lower)
	s.start()
	s.want(map[string]string{a: "three\n"})
	s.wantFile(a, LastGood, lower)

	// What it includes.
	s.move(a, "include malware/p.inc\n")
	s.move(sig, key.sign("include malware/p.inc\n", "serial:4"))
	s.move("malware/p.inc", "four\n")
	s.look("")
	s.want(map[string]string{a: "three\n"})
	s.move("malware/p.inc"+SignatureSuffix, key.sign("four\n", "serial:1"))
	s.look("")
	s.want(map[string]string{a: "four\n"})
	s.move("malware/p.inc", "forged\n")
	s.look("")
	s.want(map[string]string{a: "four\n"})

	// Another key.
	next := newSigner(t)
	s.o.Verify, s.o.Signer = SignedBy(next.public), next.public.String()
	s.start()
	s.want(map[string]string{})
	s.move(a, "five\n")
	s.move(sig, next.sign("five\n", "serial:1"))
	s.look("")
	s.want(map[string]string{a: "five\n"})
}

// FuzzSignature: no text of a signature is good but the one that was made, or one
// that says the same.
func FuzzSignature(f *testing.F) {
	const text = "bad.example\n"
	key := newSigner(f)
	good := key.sign(text, "serial:7")
	f.Add(good)
	f.Add(key.whole(text, "timestamp:1"))
	f.Add(strings.ReplaceAll(good, "\n", "\r\n"))
	f.Add("untrusted comment: x\n\ntrusted comment: serial:9\n\n")
	f.Fuzz(func(t *testing.T, signature string) {
		serial, err := SignedBy(key.public)(readingOf(text, signature))
		if err == nil && serial != 7 && serial != 1 {
			t.Fatalf("%q is taken, with the serial %d", signature, serial)
		}
	})
}
