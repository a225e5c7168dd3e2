package dropdir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"aead.dev/minisign"
)

const (
	// maxSignature bounds a file of a signature, in octets. minisign takes 8192 of
	// its trusted comment.
	maxSignature = 16 << 10

	// maxWhole bounds what is signed as a whole (minisign -l, and Sign of
	// aead.dev/minisign), for it must be in memory at once. What is signed by its
	// hash, as minisign does it, has no bound.
	maxWhole = 64 << 20
)

// ErrSignature: the file may not count, for want of a signature that is good.
var ErrSignature = errors.New("it counts beside a good signature only")

// ReadKey reads a public key as minisign writes it.
func ReadKey(path string) (key minisign.PublicKey, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		var inner *fs.PathError
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return key, err
	}
	return ParseKey(string(text))
}

// ParseKey reads a public key: its line of base64, with or without the comment.
func ParseKey(text string) (key minisign.PublicKey, err error) {
	if key.UnmarshalText([]byte(strings.TrimSpace(text))) != nil {
		return key, errors.New("no public key of minisign; want the file minisign.pub that minisign -G writes")
	}
	return key, nil
}

// SignedBy is an Options.Verify: a version counts where NAME.minisig is a
// signature of its octets by the key, and of a trusted comment with a serial:
//
//	trusted comment: timestamp:1795624800	file:feed.txt	hashed     as minisign writes it
//	trusted comment: serial:2026112501                                 said with -t, goes before
//	trusted comment: serial:7 file:malware/feed.txt                    for this place only
//
// A signature says nothing of the file's name, so that one list can be put in
// the place of another, or a list of bad names into allow/. Who signs can tie it
// to its place by file: with a slash in it.
func SignedBy(key minisign.PublicKey) func(Reading) (serial uint64, err error) {
	return func(r Reading) (uint64, error) {
		text, err := signatureOf(r)
		if err != nil {
			return 0, err
		}
		var s minisign.Signature
		if s.UnmarshalText(text) != nil {
			return 0, fmt.Errorf("%s is no signature of minisign: %w", signatureName(r), ErrSignature)
		}
		if s.KeyID != key.ID() {
			return 0, fmt.Errorf("%s is by the key %X, want %X: %w", signatureName(r), s.KeyID, key.ID(), ErrSignature)
		}
		good, err := signed(r, key, s.Algorithm, text)
		switch {
		case err != nil:
			return 0, err
		case !good:
			return 0, fmt.Errorf("%s is a signature of something else: %w", signatureName(r), ErrSignature)
		}
		return serialOf(r, s.TrustedComment)
	}
}

func signatureName(r Reading) string { return Printable(path.Base(r.Name) + SignatureSuffix) }

func signatureOf(r Reading) ([]byte, error) {
	in, err := r.Part(r.Name + SignatureSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no %s beside it: %w", signatureName(r), ErrSignature)
	}
	if err != nil {
		return nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxSignature+1))
	if err == nil && len(text) > maxSignature {
		err = fmt.Errorf("%s has over %d octets: %w", signatureName(r), maxSignature, ErrSignature)
	}
	return text, err
}

// signed tells whether text is a signature of r.
func signed(r Reading, key minisign.PublicKey, algorithm uint16, text []byte) (bool, error) {
	in, err := r.Open()
	if err != nil {
		return false, err
	}
	defer in.Close()
	if algorithm == minisign.HashEdDSA {
		hashed := minisign.NewReader(in)
		if _, err := io.Copy(io.Discard, hashed); err != nil {
			return false, err
		}
		return hashed.Verify(key, text), nil
	}
	whole, err := io.ReadAll(io.LimitReader(in, maxWhole+1))
	if err == nil && len(whole) > maxWhole {
		err = fmt.Errorf("over %d MiB, and signed as a whole; want it signed by its hash, as minisign does without -l: %w", maxWhole>>20, ErrSignature)
	}
	return err == nil && minisign.Verify(key, whole, text), err
}

// serialOf reads serial:N, or else timestamp:N, of a comment that is signed.
func serialOf(r Reading, comment string) (serial uint64, err error) {
	found := ""
	for _, field := range strings.Fields(comment) {
		word, value, _ := strings.Cut(field, ":")
		switch {
		case word == "serial" && !strings.HasPrefix(found, "serial:"), word == "timestamp" && found == "":
			found = field
		case word == "file" && strings.Contains(value, "/") && value != r.Name:
			return 0, fmt.Errorf("%s is for %s: %w", signatureName(r), Printable(value), ErrSignature)
		}
	}
	_, digits, _ := strings.Cut(found, ":")
	if serial, err = strconv.ParseUint(digits, 10, 64); err != nil {
		return 0, fmt.Errorf("the trusted comment of %s has no serial; want serial:N or timestamp:N: %w", signatureName(r), ErrSignature)
	}
	return serial, nil
}

// trusted is Reading.Part of a version in hand for who judges it: where files must
// be signed, a part must be, too.
func (f *Folder) trusted(v *hand) func(rel string) (io.ReadCloser, error) {
	if f.o.Verify == nil {
		return v.part
	}
	return func(rel string) (io.ReadCloser, error) {
		first, err := v.part(rel)
		if err != nil {
			return nil, err
		}
		first.Close()
		open := func() (io.ReadCloser, error) { return v.part(rel) }
		if err := f.trust(Reading{rel, open, v.part}); err != nil {
			return nil, fmt.Errorf("%s: %w", Printable(rel), err)
		}
		return v.part(rel)
	}
}

// trust is Options.Verify, and the rule that a serial does not fall.
func (f *Folder) trust(r Reading) error {
	serial, err := f.vouch(r)
	if err != nil {
		return err
	}
	if had := f.serials[r.Name]; serial < had {
		return fmt.Errorf("its serial %d is lower than %d, which came before: %w", serial, had, ErrSerial)
	}
	f.serials[r.Name] = serial
	return nil
}
