package seal

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// identityInfo binds a box to its use (RFC 9180, section 5, "info").
const identityInfo = "sinkhole identity 1"

// identityLength is the padded length of what a box holds: 12 octets of
// identifier, 2 of separators, and the longest prefix text
// ("2001:db8:…/56" in full, 42, or "255.255.255.255:65535-65535", 27) with room.
const identityLength = 80

// ErrIdentity says that a box does not open under this key, or means another
// line than the one it came with.
var ErrIdentity = errors.New("sealed identity does not open under this key")

func kem() hpke.KEM { return hpke.DHKEM(ecdh.X25519()) }

// revealKey reads reveal.pub. When it is missing it is made from reveal.key, and
// when both are, both are made.
func (k *Keys) revealKey() (hpke.PublicKey, error) {
	pub, priv := filepath.Join(k.dir, "reveal.pub"), filepath.Join(k.dir, "reveal.key")
	key, err := readKey(pub, "reveal-public")
	if err == nil {
		return kem().NewPublicKey(key)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	private, err := readRevealKey(priv)
	if errors.Is(err, fs.ErrNotExist) {
		private, err = makeRevealKey(priv)
	}
	if err != nil {
		return nil, err
	}
	public := private.PublicKey()
	return public, writeKey(pub, "reveal-public", public.Bytes(), 0o444)
}

func makeRevealKey(path string) (hpke.PrivateKey, error) {
	private, err := kem().GenerateKey()
	if err != nil {
		return nil, err
	}
	text, err := private.Bytes()
	if err != nil {
		return nil, err
	}
	return private, writeKey(path, "reveal-private", text, 0o400)
}

func readRevealKey(path string) (hpke.PrivateKey, error) {
	key, err := readKey(path, "reveal-private")
	if err != nil {
		return nil, err
	}
	return kem().NewPrivateKey(key)
}

// SealIdentity seals a line's prefix, with the identifier it is shown under, to
// the reveal key.
func (k *Keys) SealIdentity(client, prefix string) ([]byte, error) {
	text := client + "\x00" + prefix + "\x00"
	if len(text) > identityLength {
		return nil, fmt.Errorf("identity of %s: %d octets; want at most %d", client, len(text), identityLength)
	}
	plain := make([]byte, identityLength)
	copy(plain, text)
	return hpke.Seal(k.reveal, hpke.HKDFSHA256(), hpke.AES128GCM(), []byte(identityInfo), plain)
}

// RevealKey opens sealed identities.
type RevealKey struct{ private hpke.PrivateKey }

// ReadRevealKey reads the private reveal key from a file.
func ReadRevealKey(file string) (*RevealKey, error) {
	private, err := readRevealKey(file)
	if err != nil {
		return nil, err
	}
	return &RevealKey{private}, nil
}

// Open is the prefix of the line that box was sealed for under the identifier
// client. A box that came with another identifier is refused: nobody is revealed
// in another's place.
func (r *RevealKey) Open(client string, box []byte) (prefix string, err error) {
	plain, err := hpke.Open(r.private, hpke.HKDFSHA256(), hpke.AES128GCM(), []byte(identityInfo), box)
	if err != nil || len(plain) != identityLength {
		return "", ErrIdentity
	}
	got, prefix, ok := strings.Cut(string(bytes.TrimRight(plain, "\x00")), "\x00")
	if !ok || got != client {
		return "", ErrIdentity
	}
	return prefix, nil
}
