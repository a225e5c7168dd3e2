package feed

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

// Key is a TSIG key (RFC 8945).
type Key struct {
	Name      string // in lower case, with its final dot
	Algorithm string // as it stands in a TSIG: hmac-sha256.
	Secret    string // base64
}

// algorithms are those of RFC 8945, section 6, but for those of MD5 and GSS.
var algorithms = []string{dns.HmacSHA1, dns.HmacSHA224, dns.HmacSHA256, dns.HmacSHA384, dns.HmacSHA512}

const (
	maxKeyFile = 64 << 10 // octets

	wantKey       = `want a key as tsig-keygen writes it: key "NAME" { algorithm hmac-sha256; secret "BASE64"; };`
	wantAlgorithm = "want hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384 or hmac-sha512"
)

// ReadKey reads a key file, which holds one key as tsig-keygen writes it and
// named.conf holds it. open: everybody on this machine may read the file.
func ReadKey(path string) (k Key, open bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return k, false, fmt.Errorf("key file %s: %w; %s", path, cause(err), wantKey)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("no regular file")
	}
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(f, maxKeyFile))
	}
	if err == nil {
		k, err = parseKey(string(text))
	}
	if err != nil {
		return Key{}, false, fmt.Errorf("key file %s: %w; %s", path, cause(err), wantKey)
	}
	return k, info.Mode().Perm()&0o004 != 0, nil
}

// parseKey reads the statement key of named.conf.
func parseKey(text string) (k Key, err error) {
	words, err := keyWords(text)
	if err != nil {
		return k, err
	}
	if len(words) < 4 || words[0] != "key" || words[2] != "{" {
		return k, errors.New("no key in it")
	}
	if k.Name, err = keyName(words[1]); err != nil {
		return k, err
	}
	words = words[3:]
	for ; len(words) > 2 && words[0] != "}"; words = words[3:] {
		switch option := words[0]; { // what stands elsewhere may be the secret, and is not shown
		case option != "algorithm" && option != "secret":
			err = errors.New("an option that is neither algorithm nor secret")
		case words[2] != ";":
			err = fmt.Errorf("no ; behind %s and its value", option)
		case option == "algorithm":
			k.Algorithm, err = keyAlgorithm(words[1])
		default:
			k.Secret, err = keySecret(words[1])
		}
		if err != nil {
			return k, err
		}
	}
	switch rest := strings.Join(words, ""); {
	case rest != "}" && rest != "};":
		return k, errors.New("more or less than one key in it")
	case k.Algorithm == "":
		return k, errors.New("a key without algorithm")
	case k.Secret == "":
		return k, errors.New("a key without secret")
	}
	return k, nil
}

// keyWords cuts text into words, quotes and comments being those of named.conf.
func keyWords(text string) (words []string, err error) {
	for text != "" {
		end := 1
		switch c := text[0]; {
		case strings.ContainsRune(" \t\r\n", rune(c)):
			text = text[1:]
			continue
		case c == '#' || strings.HasPrefix(text, "//"):
			_, text, _ = strings.Cut(text, "\n")
			continue
		case strings.HasPrefix(text, "/*"):
			_, text, _ = strings.Cut(text, "*/")
			continue
		case strings.ContainsRune("{};", rune(c)):
		case c == '"':
			if end = strings.IndexByte(text[1:], '"') + 2; end == 1 {
				return nil, errors.New("a quote that does not end")
			}
		default:
			if end = strings.IndexAny(text, " \t\r\n{};\"#"); end < 0 {
				end = len(text)
			}
		}
		words = append(words, strings.Trim(text[:end], `"`))
		text = text[end:]
	}
	return words, nil
}

func keyName(text string) (string, error) {
	wire, err := dnsname.Append(nil, text)
	if err != nil {
		return "", fmt.Errorf("key %q: %w", text, err)
	}
	return dns.Fqdn(dnsname.String(wire)), nil
}

func keyAlgorithm(text string) (string, error) {
	for _, a := range algorithms {
		if dns.CanonicalName(text) == a {
			return a, nil
		}
	}
	return "", fmt.Errorf("algorithm %q is not taken; %s", text, wantAlgorithm)
}

func keySecret(text string) (string, error) {
	secret, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(secret) == 0 {
		return "", errors.New("a secret that is no base64") // which does not show it
	}
	return text, nil
}
