package sinkhole

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aead.dev/minisign"
	"github.com/coredns/caddy"

	"sinkhole/plugin/pkg/dropdir"
	"sinkhole/plugin/pkg/feed"
)

// TestVerify: with a key, files count beside a good signature only, zones and
// what they include too; a zone that is fetched needs none.
func TestVerify(t *testing.T) {
	public, private, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(text, comment string) string {
		r := minisign.NewReader(strings.NewReader(text))
		io.Copy(io.Discard, r)
		return string(r.SignWithComments(private, comment, "x"))
	}
	const list, zone, part = "a.example\n", "$INCLUDE part.inc\n", "b.example CNAME .\n"
	dir, state := t.TempDir(), t.TempDir()
	drop(t, dir, map[string]string{
		"malware/signed.txt":         list,
		"malware/signed.txt.minisig": sign(list, "serial:2"),
		"malware/unsigned.txt":       "u.example\n",
		"allow/signed.txt":           list,
		"allow/signed.txt.minisig":   sign(list, "serial:2 file:malware/signed.txt"),
		"rpz/signed.zone":            zone,
		"rpz/signed.zone.minisig":    sign(zone, "timestamp:1795624800"),
		"rpz/part.inc":               part,
		"rpz/feed.example.zone":      "f.example CNAME .\n",
	})
	cfg := Defaults()
	cfg.Verify = public.String()
	cfg.Zones = []Zone{{Files: []string{"feed.example.zone"}, Policy: "given", Name: "feed.example", Primaries: []feed.Primary{{}}}}
	s := newSinkhole(cfg, dir, maxSentences)
	t.Cleanup(func() { s.Close() })
	if err := s.load(state, func(dropdir.File) {}); err != nil {
		t.Fatal(err)
	}
	want := func(names map[string]string) {
		t.Helper()
		for name, want := range names {
			if got := verdict(t, s, name); got != want {
				t.Errorf("%s: got %s, want %s", name, got, want)
			}
		}
	}
	want(map[string]string{"a.example": "sinkhole by malware/signed.txt:1", "u.example": "pass", "b.example": "pass", "f.example": "nxdomain by rpz/feed.example.zone:1"})

	drop(t, dir, map[string]string{"rpz/part.inc.minisig": sign(part, "serial:1"), "malware/unsigned.txt.minisig": sign("u.example\n", "serial:1")})
	look(t, s)
	want(map[string]string{"b.example": "nxdomain by rpz/part.inc:1", "u.example": "sinkhole by malware/unsigned.txt:1"})

	old := "old.example\n"
	drop(t, dir, map[string]string{"malware/signed.txt": old, "malware/signed.txt.minisig": sign(old, "serial:1")})
	if _, err := s.Look(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	want(map[string]string{"a.example": "sinkhole by malware/signed.txt:1", "old.example": "pass"})
}

// TestParseVerify: the key is read with the Corefile.
func TestParseVerify(t *testing.T) {
	public, _, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := public.MarshalText()
	path := filepath.Join(t.TempDir(), "minisign.pub")
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := parse(caddy.NewTestController("dns", "sinkhole {\nverify "+path+"\n}"))
	if err != nil || cfg.Verify != public.String() {
		t.Errorf("got %q, %v", cfg.Verify, err)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"no file": {"", "no such file or directory"},
		"no key":  {"bad.example\n", "no public key of minisign; want the file minisign.pub that minisign -G writes"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if tt.text != "" {
				if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := parse(caddy.NewTestController("dns", "sinkhole {\nverify "+path+"\n}"))
			if err == nil || !strings.HasSuffix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
