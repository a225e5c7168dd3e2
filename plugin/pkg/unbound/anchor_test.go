package unbound

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func addrs(t *testing.T, texts ...string) []netip.AddrPort {
	t.Helper()
	var all []netip.AddrPort
	for _, text := range texts {
		all = append(all, netip.MustParseAddrPort(text))
	}
	return all
}

// Keys 20326 and 38696 as DS, as IANA publishes them.
const rootDS = `. IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D
. IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16
`

func TestReadAnchors(t *testing.T) {
	tracked := `; autotrust trust anchor file
;;id: . 1
;;last_queried: 1795611956 ;;Wed Nov 25 13:05:56 2026
.	172800	IN	DNSKEY	257 3 8 AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWXgnLh4+B5xQlNVz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwNR1AkUTV74bU= ;{id = 20326 (ksk), size = 2048b} ;;state=4 [ REVOKED ] ;;count=0 ;;lastchange=1795611956 ;;Wed Nov 25 13:05:56 2026
.	172800	IN	DNSKEY	257 3 8 AwEAAa96jeuknZlaeSrvyAJj6ZHv28hhOKkx3rLGXVaC6rXTsDc449/cidltpkyGwCJNnOAlFNKF2jBosZBU5eeHspaQWOmOElZsjICMQMC3aeHbGiShvZsx4wMYSjH8e7Vrhbu6irwCzVBApESjbUdpWWmEnhathWu1jo+siFUiRAAxm9qyJNg/wOZqqzL/dL/q8PkcRU5oUKEpUge71M3ej2/7CPqpdVwuMoTvoB+ZOT4YeGyxMvHmbrxlFzGOHOijtzN+u1TQNatX2XBuzZNQ1K+s2CXkPIZo7s6JgZyvaBevYtxPvYLw4z9mR7K2vaF18UYH9Z9GNUUeayffKC73PYc= ;{id = 38696 (ksk), size = 2048b} ;;state=2 [  VALID  ] ;;count=0 ;;lastchange=1795611956 ;;Wed Nov 25 13:05:56 2026
`
	for name, tt := range map[string]struct {
		text string
		want []Anchor
		err  string
	}{
		"DS":                      {text: rootDS, want: []Anchor{{".", 20326}, {".", 38696}}},
		"a key stands twice":      {text: rootDS + rootDS, want: []Anchor{{".", 20326}, {".", 38696}}},
		"a child's own file":      {text: tracked, want: []Anchor{{".", 38696}}},
		"an island":               {text: "isp.example. 3600 IN DS 7 13 2 " + strings.Repeat("ab", 32) + "\n", want: []Anchor{{"isp.example.", 7}}},
		"other records":           {text: "; nothing\n. IN NS a.root.\n", err: "holds no DS or DNSKEY record"},
		"empty":                   {text: "", err: "holds no DS or DNSKEY record"},
		"not a file of records":   {text: "<html>", err: "want DS and DNSKEY records"},
		"an include of elsewhere": {text: "$INCLUDE /etc/passwd\n", err: "want DS and DNSKEY records"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := readAnchors(writeFile(t, "root.key", tt.text))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %s", err, tt.err)
				}
				return
			}
			if got := f.anchors(); err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %v, %v; want %v", got, err, tt.want)
			}
		})
	}
}

func TestMissingAnchorsSayWhatToInstall(t *testing.T) {
	saved := distributionAnchors
	defer func() { distributionAnchors = saved }()
	distributionAnchors = filepath.Join(t.TempDir(), "root.key")
	_, err := readAnchors("")
	if err == nil || !strings.Contains(err.Error(), "apt-get install dns-root-data") || !strings.Contains(err.Error(), "trust-anchor FILE") {
		t.Errorf("got %v", err)
	}
}

func TestDistributionHasBothKeys(t *testing.T) {
	f, err := readAnchors("")
	if err != nil {
		t.Skipf("needs dns-root-data, which make test installs: %v", err)
	}
	if got, want := f.anchors(), []Anchor{{".", 20326}, {".", 38696}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSeed(t *testing.T) {
	theirs := writeFile(t, "root.key", rootDS)
	f, err := readAnchors(theirs)
	if err != nil {
		t.Fatal(err)
	}
	seed := func(dir string) string {
		t.Helper()
		path, err := f.seed(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	dir := filepath.Join(t.TempDir(), "state", "unbound")
	if got := seed(dir); strings.Count(got, "DS") != 2 {
		t.Errorf("the first start has %q", got)
	}
	path := filepath.Join(dir, trackedName)
	const learned = "; what the child has learned\n"
	write := func(age time.Duration) {
		if err := os.WriteFile(path, []byte(learned), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	write(-time.Hour)
	if got := seed(dir); got != learned {
		t.Errorf("what it has learned is gone: %q", got)
	}
	write(time.Hour)
	if got := seed(dir); got == learned {
		t.Error("the distribution's file is newer, and was passed over")
	}
	// A link in the child's folder leads us nowhere.
	target := writeFile(t, "target", "")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	seed(dir)
	if text, _ := os.ReadFile(target); len(text) != 0 {
		t.Errorf("written through a link: %q", text)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("left in the folder: %q", left)
	}
}

func TestReaches(t *testing.T) {
	base := t.TempDir()
	open := filepath.Join(base, "open")
	shut := filepath.Join(base, "shut")
	for dir, mode := range map[string]os.FileMode{open: 0o711, shut: 0o700} {
		if err := os.Mkdir(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	passable := true // the folders of the test itself may be shut
	stranger := &account{uid: 54321, gid: 54321}
	if !stranger.reaches(open) {
		passable = false
	}
	us := &account{uid: os.Getuid(), gid: os.Getgid()}
	for _, tt := range []struct {
		who  *account
		path string
		want bool
	}{
		{nil, filepath.Join(shut, "unbound"), true},
		{us, filepath.Join(shut, "unbound"), true},
		{stranger, filepath.Join(open, "unbound"), passable},
		{stranger, filepath.Join(shut, "unbound"), false},
		{stranger, filepath.Join(base, "gone", "unbound"), false},
	} {
		if got := tt.who.reaches(tt.path); got != tt.want {
			t.Errorf("%v reaches %s: got %v, want %v", tt.who, filepath.Base(filepath.Dir(tt.path)), got, tt.want)
		}
	}
	info := func(mode os.FileMode) os.FileInfo { return fakeInfo{mode} }
	if stranger.mayPass(info(0o750)) || !stranger.mayPass(info(0o755)) {
		t.Error("the bits for others decide where the owner is not known")
	}
}

type fakeInfo struct{ mode os.FileMode }

func (f fakeInfo) Name() string       { return "" }
func (f fakeInfo) Size() int64        { return 0 }
func (f fakeInfo) Mode() os.FileMode  { return f.mode }
func (f fakeInfo) ModTime() time.Time { return time.Time{} }
func (f fakeInfo) IsDir() bool        { return true }
func (f fakeInfo) Sys() any           { return nil }
