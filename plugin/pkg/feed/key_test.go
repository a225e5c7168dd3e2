package feed

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadKey(t *testing.T) {
	const secret = "c2Vrcml0c2Vrcml0"
	for name, row := range map[string]struct {
		text, want string // the key, or what the refusal holds
	}{
		"as tsig-keygen writes it": {"key \"Transfer.Example\" {\n\talgorithm hmac-sha256;\n\tsecret \"" + secret + "\";\n};\n",
			"transfer.example. hmac-sha256. " + secret},
		"without quotes, on a line":          {"key a{algorithm HMAC-SHA512;secret " + secret + ";};", "a. hmac-sha512. " + secret},
		"the secret first, comments":         {"# ours\nkey a { // theirs\nsecret " + secret + "; /* and\nso on */ algorithm hmac-sha1; }", "a. hmac-sha1. " + secret},
		"an algorithm with its final dot":    {"key a { algorithm hmac-sha384.; secret " + secret + "; };", "a. hmac-sha384. " + secret},
		"empty":                              {"", "no key in it"},
		"another statement":                  {"zone a { type primary; };", "no key in it"},
		"MD5":                                {"key a { algorithm hmac-md5; secret " + secret + "; };", `algorithm "hmac-md5" is not taken; want hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384 or hmac-sha512`},
		"a secret that is none":              {"key a { algorithm hmac-sha1; secret \"!!\"; };", "a secret that is no base64"},
		"no secret":                          {"key a { algorithm hmac-sha1; };", "a key without secret"},
		"no algorithm":                       {"key a { secret " + secret + "; };", "a key without algorithm"},
		"two keys":                           {"key a { algorithm hmac-sha1; secret " + secret + "; };\nkey b { algorithm hmac-sha1; secret " + secret + "; };", "more or less than one key in it"},
		"half a key":                         {"key a { algorithm hmac-sha1; secret " + secret + ";", "more or less than one key in it"},
		"an option that a key does not have": {"key a { algorithm hmac-sha1; mode 7; };", "an option that is neither algorithm nor secret"},
		"a quote that does not end":          {"key \"a", "a quote that does not end"},
		"a name that is none":                {"key a..b { algorithm hmac-sha1; secret " + secret + "; };", `key "a..b": empty label`},
		"a semicolon that is missing":        {"key a { algorithm hmac-sha1 secret " + secret + "; };", "no ; behind algorithm and its value"},
		"a semicolon too many":               {"key a { secret; " + secret + "; algorithm hmac-sha1; };", "no ; behind secret and its value"},
		"a secret without its word":          {"key a { algorithm hmac-sha1; " + secret + "; };", "an option that is neither algorithm nor secret"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if err := os.WriteFile(path, []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			k, open, err := ReadKey(path)
			got := k.Name + " " + k.Algorithm + " " + k.Secret
			if err != nil {
				got = err.Error()
			}
			if open || !strings.Contains(got, row.want) || err == nil && got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
			if err != nil && strings.Contains(got, secret) {
				t.Errorf("the secret is in %s", got)
			}
		})
	}
}

// A key that everybody may read is told.
func TestReadKeyMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("key a { algorithm hmac-sha1; secret c2Vrcml0; };"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[os.FileMode]bool{0o400: false, 0o640: false, 0o644: true, 0o604: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, open, err := ReadKey(path); open != want || err != nil {
			t.Errorf("mode %o: got %v, %v; want %v", mode, open, err, want)
		}
	}
	if _, _, err := ReadKey(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a folder: got %v", err)
	}
}

// FuzzKey: what is taken is a whole key, and means the same when it is written as
// tsig-keygen writes it.
func FuzzKey(f *testing.F) {
	for _, text := range []string{
		"key \"transfer.example\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2Vrcml0c2Vrcml0\";\n};\n",
		"/* ours */ key a{secret c2Vr; algorithm hmac-sha512.;}", "key a { # no end", "key \"", "}};",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := parseKey(text)
		if err != nil {
			return
		}
		again, err := parseKey(fmt.Sprintf("key %q {\n\talgorithm %s;\n\tsecret %q;\n};\n", k.Name, k.Algorithm, k.Secret))
		if strings.ContainsAny(k.Name, "\"\\") { // %q is not how named.conf quotes these
			return
		}
		if err != nil || again != k {
			t.Errorf("got %+v, %v; want %+v", again, err, k)
		}
	})
}
