// Package seal is the only package that sees a key.
//
// # Keys
//
// All lie in one directory (mode 0700), each a file of its own (0400), made when
// it is first needed:
//
//	node.key        AES-256: seals what this node must open again (the checkpoint)
//	epoch-N.key     HMAC-SHA-256: identifiers of lines, N = days since 1970 / 30
//	reveal.pub      X25519: seals identities, which the node then cannot open
//	reveal.key      its private half: may move to the abuse desk's machine
//
// A key file is one line, "sinkhole KIND 1 BASE64". An epoch's key is destroyed
// a day after the epoch: from then on nobody can tell which line its identifiers
// meant, nor try all lines in turn to find out.
//
// # Identifier
//
// c- and ten characters: the first 50 bits of HMAC(epoch key, "line" 0 prefix)
// in base 32 without the letters i, l, o, u. Among a million lines two share one
// with a probability of 4 in 10,000. A line's class is not part of it, so that a
// prefix moved to another class keeps its identifier.
//
// # Sealed identity
//
// HPKE (RFC 9180: X25519, HKDF-SHA-256, AES-128-GCM, base mode) over the
// identifier and the prefix, padded to one length so that the size of a box does
// not tell IPv4 from IPv6.
package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"sinkhole/plugin/pkg/statedir"
)

const (
	// EpochLength is the life of an identifier.
	EpochLength = 30 * 24 * time.Hour
	// Overlap is how long the identifiers of the last epoch can still be matched.
	Overlap = 24 * time.Hour

	keyLength = 32
)

// Keys are the keys of one state. Any number of goroutines may use them.
type Keys struct {
	dir    string
	node   cipher.AEAD
	reveal hpke.PublicKey

	mu     sync.Mutex
	epochs map[int64][]byte // epoch number to key: the running one, and the last one during Overlap
}

// Open reads the keys in dir, and makes those that are missing. A private reveal
// key that was moved away is not made again while reveal.pub is there.
func Open(dir string) (*Keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("keys %s: cannot be made: %w", dir, errors.Unwrap(err))
	}
	statedir.Sweep(dir)
	k := &Keys{dir: dir, epochs: map[int64][]byte{}}
	node, err := k.secret("node.key", "node")
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(node)
	if err != nil {
		return nil, err
	}
	if k.node, err = cipher.NewGCM(block); err != nil {
		return nil, err
	}
	if k.reveal, err = k.revealKey(); err != nil {
		return nil, err
	}
	return k, nil
}

// secret reads 32 octets from a key file of the directory, or makes them.
func (k *Keys) secret(name, kind string) ([]byte, error) {
	path := filepath.Join(k.dir, name)
	key, err := readKey(path, kind)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = make([]byte, keyLength)
	rand.Read(key) // never fails (crypto/rand, Go 1.24)
	return key, writeKey(path, kind, key, 0o400)
}

// Identify is the identifier of a line at a time. line is the line's prefix as
// text, or anything else that names it once.
func (k *Keys) Identify(line string, now time.Time) (string, error) {
	key, err := k.epoch(now)
	if err != nil {
		return "", err
	}
	return identifier(key, line), nil
}

// Matches reports whether id means line, by the running epoch or, on its first
// day, by the last one.
func (k *Keys) Matches(id, line string, now time.Time) bool {
	key, err := k.epoch(now)
	if err != nil {
		return false
	}
	if same(id, identifier(key, line)) {
		return true
	}
	k.mu.Lock()
	last := k.epochs[epochOf(now)-1]
	k.mu.Unlock()
	return last != nil && same(id, identifier(last, line))
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// alphabet is that of Crockford's base 32, in lower case.
var alphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func identifier(key []byte, line string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("line\x00"))
	mac.Write([]byte(line))
	return "c-" + alphabet.EncodeToString(mac.Sum(nil))[:10]
}

func epochOf(now time.Time) int64 { return now.Unix() / int64(EpochLength/time.Second) }

// epoch is the key of the epoch now lies in. It destroys those whose time is
// over.
func (k *Keys) epoch(now time.Time) ([]byte, error) {
	n := epochOf(now)
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.epochs[n]; key != nil && len(k.epochs) == k.due(now) {
		return key, nil
	}
	key, err := k.secret(epochFile(n), "epoch")
	if err != nil {
		return nil, err
	}
	k.epochs[n] = key
	if inOverlap(now) {
		if last, err := readKey(filepath.Join(k.dir, epochFile(n-1)), "epoch"); err == nil {
			k.epochs[n-1] = last
		}
	}
	return key, k.destroy(now)
}

// due is how many epoch keys may be in memory at now.
func (k *Keys) due(now time.Time) int {
	if _, ok := k.epochs[epochOf(now)-1]; ok && inOverlap(now) {
		return 2
	}
	return 1
}

func inOverlap(now time.Time) bool {
	return now.Unix()%int64(EpochLength/time.Second) < int64(Overlap/time.Second)
}

func epochFile(n int64) string { return "epoch-" + strconv.FormatInt(n, 10) + ".key" }

// destroy removes the keys of epochs whose time is over, in memory and on disk.
// A key of a later epoch stays: it was made under a clock that ran ahead, and
// its time will come.
func (k *Keys) destroy(now time.Time) error {
	oldest := epochOf(now)
	if inOverlap(now) {
		oldest--
	}
	for n := range k.epochs {
		if n < oldest || n > epochOf(now) {
			delete(k.epochs, n)
		}
	}
	files, err := filepath.Glob(filepath.Join(k.dir, "epoch-*.key"))
	if err != nil {
		return err
	}
	for _, f := range files {
		text := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "epoch-"), ".key")
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n >= oldest {
			continue
		}
		if err := os.Remove(f); err != nil {
			return fmt.Errorf("keys: the key of a past epoch cannot be destroyed: %w", err)
		}
	}
	return nil
}

// readKey reads a key file of a kind.
func readKey(path, kind string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fields := bytes.Fields(data)
	bad := fmt.Errorf("%s: no key of kind %s; want one line, %q", path, kind, "sinkhole "+kind+" 1 BASE64")
	if len(fields) != 4 || string(fields[0]) != "sinkhole" || string(fields[1]) != kind || string(fields[2]) != "1" {
		return nil, bad
	}
	key, err := base64.StdEncoding.DecodeString(string(fields[3]))
	if err != nil || len(key) != keyLength {
		return nil, bad
	}
	return key, nil
}

func writeKey(path, kind string, key []byte, mode fs.FileMode) error {
	text := fmt.Sprintf("sinkhole %s 1 %s\n", kind, base64.StdEncoding.EncodeToString(key))
	return statedir.WriteFile(path, []byte(text), mode)
}
