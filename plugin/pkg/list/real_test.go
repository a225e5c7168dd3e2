package list

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"sinkhole/plugin/pkg/dnsname"
)

// realDir holds real lists, beside the repository on some machines. Elsewhere
// the tests read made-up ones of the same forms.
var realDir = filepath.Join("..", "..", "..", "..", "shared", "lists")

func haveReal() bool {
	_, err := os.Stat(realDir)
	return err == nil
}

func realSource(name string) Source {
	if !haveReal() {
		folder, _, _ := strings.Cut(name, "/")
		return fileOf(madeList(folder))
	}
	return func() (io.ReadCloser, error) { return os.Open(filepath.Join(realDir, filepath.FromSlash(name))) }
}

// madeList is a list of the form of that folder: of a thousand names, with the
// www. twins that lists of a form for names alone have, or of addresses.
func madeList(folder string) string {
	before := map[string]string{"hosts": "0.0.0.0 ", "wildcard": "*.", "adblock": "||", "dnsmasq": "address=/", "unbound": `local-zone: "`,
		"url": "http://", "csv": `"1","2026-01-02","`}[folder]
	behind := map[string]string{"adblock": "^", "hosts": " # a note", "dnsmasq": "/#", "unbound": `" always_null`,
		"url": ":8080/", "csv": `","a note"`}[folder]
	var text strings.Builder
	text.WriteString(map[string]string{"unbound": "server:\r\n", "csv": "# id,date,url,note\r\n"}[folder])
	line := func(entry string) { text.WriteString(before + entry + behind + "\r\n") }
	for i := range 1000 {
		name := fmt.Sprintf("N%d.bad.example", i)
		switch folder {
		case "ip":
			line(fmt.Sprintf("192.0.2.%d # a note", i%256))
		case "plain", "hosts":
			line("www." + name)
			fallthrough
		default:
			line(name)
		}
	}
	return text.String()
}

// realLines are the lines of a list, read without this package.
func realLines(t testing.TB, name string) (lines []string) {
	t.Helper()
	f, err := realSource(name)()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var text io.Reader = f
	if haveReal() && strings.HasSuffix(name, ".zst") {
		z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		text = z
	}
	for s := bufio.NewScanner(text); s.Scan(); {
		lines = append(lines, strings.TrimSpace(strings.TrimPrefix(s.Text(), "\ufeff")))
	}
	return lines
}

var (
	noteBehind   = regexp.MustCompile(`(^|\s+)([#;!]|//).*$`)
	blockRule    = regexp.MustCompile(`^(@@)?(\|\|?)([A-Za-z0-9_.-]+)(\^\|?)?(?:\$dnsrewrite=NOERROR;CNAME;([a-z.]+))?$`)
	hostsAddress = regexp.MustCompile(`^(0\.0\.0\.0|127\.0\.0\.1|::1?)$`)
	urlForm      = regexp.MustCompile(`^[a-z]+://(?:[^/@]*@)?([^/:]+)(?::[0-9]+)?(/?)$`)
	otherLetters = regexp.MustCompile(`[\p{L}\p{N}.-]*[^\x00-\x7f][\p{L}\p{N}.-]*`)
	portForm     = regexp.MustCompile(`^([A-Za-z0-9_.-]+):[0-9]+$`)
)

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	octets  = letters + "0123456789-_"
)

// nameLike: two labels or more, the last one with a letter.
func nameLike(s string) bool {
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	for _, l := range labels {
		if l == "" || strings.Trim(l, octets) != "" {
			return false
		}
	}
	return len(labels) > 1 && strings.ContainsAny(labels[len(labels)-1], letters)
}

// The readings below are what a person would write to get the rules out of a
// file: a few words and no more, in the words of say.

func lower(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

func exactly(name string) []string  { return []string{"exact " + lower(name)} }
func andBelow(name string) []string { return []string{"subtree " + lower(name)} }

// plainName is a name and all below it, unless these are other people's.
func plainName(name string) []string {
	if suffix, icann := publicsuffix.PublicSuffix(lower(name)); suffix == lower(name) && !icann {
		return exactly(name)
	}
	return andBelow(name)
}

// addressLike is an address or a prefix alone, of a network or a host.
func addressLike(text string) []string {
	if a, err := netip.ParseAddr(text); err == nil && !a.IsUnspecified() && !a.IsLoopback() {
		return []string{netip.PrefixFrom(a, a.BitLen()).String()}
	}
	if p, err := netip.ParsePrefix(text); err == nil {
		return []string{p.Masked().String()}
	}
	return nil
}

// readMixed reads what maltrail and others write: names, addresses, URLs, ports
// and paths, with notes behind.
func readMixed(line string) []string {
	if nameLike(line) { // most are, and expressions are slow
		return plainName(line)
	}
	line = noteBehind.ReplaceAllString(line, "")
	if a := addressLike(line); a != nil {
		return a
	}
	host := ""
	if m := urlForm.FindStringSubmatch(line); m != nil {
		host = m[1]
	} else if m := portForm.FindStringSubmatch(line); m != nil {
		host = m[1]
	}
	switch {
	case addressLike(host) != nil:
		return addressLike(host)
	case nameLike(host):
		return exactly(host)
	case nameLike(line):
		return plainName(line)
	}
	return nil
}

var otherReading = map[string]func(line string) []string{
	"plain": readMixed,
	"mixed": readMixed,
	"ip":    readMixed,
	"hosts": func(line string) (rules []string) {
		fields := strings.Fields(noteBehind.ReplaceAllString(line, ""))
		if len(fields) == 0 || !hostsAddress.MatchString(fields[0]) {
			return nil
		}
		for _, f := range fields[1:] {
			if nameLike(f) && f != "localhost.localdomain" {
				rules = append(rules, exactly(f)...)
			}
		}
		return rules
	},
	"wildcard": func(line string) []string {
		if name, ok := strings.CutPrefix(line, "*."); ok {
			return andBelow(name)
		}
		return nil
	},
	"adblock": func(line string) (rules []string) {
		m := blockRule.FindStringSubmatch(line)
		if m == nil {
			if name := strings.TrimPrefix(line, "."); name != line && nameLike(name) {
				return andBelow(name)
			}
			return readMixed(line) // some stand there without any mark
		}
		whole := m[4] != ""
		switch {
		case whole && addressLike(m[3]) != nil:
			rules = addressLike(m[3])
		case !nameLike(m[3]) || !whole && strings.HasSuffix(m[3], "."): // ||ads. is but the beginning of a name
			return nil
		case whole && m[2] == "||":
			rules = andBelow(m[3])
		default:
			rules = exactly(m[3])
		}
		if m[1] != "" {
			rules[0] = "except " + rules[0]
		}
		if m[5] != "" {
			rules[0] += " answer NOERROR;CNAME;" + m[5] + "."
		}
		return rules
	},
}

// realFiles are the lists of these folders, less those that are no lists of
// their folder's form; beside each what a guard refuses of it, for that is a
// choice.
var realFiles = map[string][]string{
	"plain/blp-phishing.txt.zst":                nil,
	"plain/blp-ransomware.txt":                  nil,
	"plain/blp-scam.txt":                        nil,
	"plain/hagezi-bypass.txt":                   nil,
	"plain/hagezi-fake.txt.zst":                 nil,
	"plain/maltrail-bad-history.txt.zst":        {"subtree augustow.pl"},
	"plain/maltrail-dyndns.txt":                 nil,
	"plain/maltrail-gamaredon.txt.zst":          nil,
	"plain/real-million.txt.zst":                {"subtree co.cl", "subtree judicical.mm"},
	"plain/scam-light.txt.zst":                  nil,
	"plain/scam-parked.txt.zst":                 nil,
	"hosts/blp-basic.txt.zst":                   nil,
	"hosts/blp-crypto.txt":                      nil,
	"hosts/blp-ransomware.txt":                  nil,
	"hosts/hagezi-fake.txt.zst":                 nil,
	"hosts/stevenblack-2019-alternates.txt.zst": nil,
	"wildcard/hagezi-bypass.txt":                nil,
	"wildcard/hagezi-fake.txt":                  nil,
	"adblock/adguard-dns-2017.txt.zst":          nil,
	"adblock/adguard-sdn-2019.txt.zst":          nil,
	"adblock/agh-safesearch-google.txt":         nil,
	"adblock/agh-safesearch-youtube.txt":        nil,
	"adblock/blp-ransomware.txt":                nil,
	"adblock/blp-scam.txt":                      nil,
	"adblock/hagezi-allow-referral.txt":         nil,
	"adblock/hagezi-fake.txt":                   nil,
	"adblock/scam-light.txt.zst":                nil,
	"mixed/hagezi-fake-source-wli.txt":          nil,
	"mixed/maltrail-cobaltstrike.txt.zst":       nil,
	"mixed/maltrail-emotet.txt.zst":             nil,
	"mixed/maltrail-generic.txt.zst":            nil,
	"mixed/maltrail-kimsuky.txt.zst":            nil,
	"mixed/maltrail-mirai.txt.zst":              nil,
	"mixed/maltrail-njrat.txt.zst":              nil,
	"mixed/scam-phishing-detection-bom.csv":     nil,
	"mixed/scam-source-log.csv.zst":             nil,
	"ip/blp-malware.ip.zst":                     nil,
	"ip/maltrail-mass-scanner-cidr.txt":         nil,
	"ip/maltrail-mass-scanner.txt.zst":          nil,
	"ip/technitium-ip-sample.txt":               nil,
}

// TestRealLists compares the rules of real lists with another reading of them,
// line by line.
func TestRealLists(t *testing.T) {
	for file, guarded := range realFiles {
		t.Run(file, func(t *testing.T) {
			folder, _, _ := strings.Cut(file, "/")
			lines := realLines(t, file)
			var got []string // of the line at hand
			var refused []string
			at, wrong := 0, 0
			check := func(upTo int) { // the lines behind at, of which only the first has rules
				for ; at < upTo; at++ {
					var want []string
					if line := lines[at]; line != "" && !strings.ContainsAny(line[:1], "#!;[") {
						if strings.ContainsFunc(line, func(c rune) bool { return c >= utf8.RuneSelf }) {
							line = otherLetters.ReplaceAllStringFunc(line, func(name string) string {
								name, _ = idna.Lookup.ToASCII(name)
								return name
							})
						}
						want = otherReading[folder](line)
					}
					if !slices.Equal(got, want) && wrong < 10 {
						if len(got) == 0 && len(want) == 1 && slices.Contains(guarded, want[0]) {
							refused = append(refused, want[0])
						} else {
							wrong++
							t.Errorf("line %d, %q: got %q, another reading has %q", at+1, lines[at], got, want)
						}
					}
					got = got[:0]
				}
			}
			res, err := Read(file, realSource(file), ReadOptions{}, func(r Rule) {
				check(r.Line - 1)
				got = append(got, say(r))
			})
			check(len(lines))
			if err != nil && !errors.Is(err, ErrEmpty) { // one is a sample of which every line is a comment
				t.Error(err)
			}
			if haveReal() && !slices.Equal(refused, guarded) || res.GuardRefused < len(refused) {
				t.Errorf("refused are %q, want %q; %+v", refused, guarded, res.Passed)
			}
		})
	}
}

// TestRealFilesAreAll: no list of these folders is left out.
func TestRealFilesAreAll(t *testing.T) {
	if !haveReal() {
		t.Skip("no real lists here")
	}
	for folder := range otherReading {
		entries, err := os.ReadDir(filepath.Join(realDir, folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if _, ok := realFiles[folder+"/"+e.Name()]; !ok {
				t.Errorf("%s/%s is not read by a test", folder, e.Name())
			}
		}
	}
}

// TestRealForms: one list in four forms is one list.
func TestRealForms(t *testing.T) {
	names := func(file string, reach Reach, passed int) map[string]bool {
		all := map[string]bool{}
		res, err := Read(file, realSource(file), ReadOptions{}, func(r Rule) {
			if r.Reach != reach || r.Except {
				t.Errorf("%s: %s", file, say(r))
			}
			all[dnsname.String(r.Name)] = true
		})
		if err != nil || res.Refused > 0 || res.PassedOver != passed {
			t.Fatalf("%s: %+v, %v", file, res, err)
		}
		return all
	}
	wildcard, adblock := names("wildcard/hagezi-fake.txt", Subtree, 0), names("adblock/hagezi-fake.txt", Subtree, 0)
	dnsmasq, unbound := names("dnsmasq/hagezi-fake.txt", Subtree, 0), names("unbound/hagezi-fake.conf.zst", Subtree, 1) // server:
	plain, hosts := names("plain/hagezi-fake.txt.zst", Subtree, 0), names("hosts/hagezi-fake.txt.zst", Exact, 0)
	trimmed, whole := 7355, 14043
	if !haveReal() {
		trimmed, whole = 1000, 2000
	}
	if len(wildcard) != trimmed || !maps.Equal(wildcard, adblock) {
		t.Errorf("%d names as wildcards, %d as rules, want the same %d", len(wildcard), len(adblock), trimmed)
	}
	if !maps.Equal(wildcard, dnsmasq) || !maps.Equal(wildcard, unbound) {
		t.Errorf("%d names for dnsmasq, %d for Unbound, want the same %d", len(dnsmasq), len(unbound), trimmed)
	}
	if len(plain) != whole || !maps.Equal(plain, hosts) {
		t.Errorf("%d names as they are, %d as hosts, want the same %d", len(plain), len(hosts), whole)
	}
	for name := range wildcard {
		delete(plain, name)
	}
	for name := range plain { // what is left are names below
		_, above, _ := strings.Cut(name, ".")
		for above != "" && !wildcard[above] {
			_, above, _ = strings.Cut(above, ".")
		}
		if above == "" {
			t.Errorf("%s is in no form but two", name)
		}
	}
}

// BenchmarkReadReal reads a million real names; an op is all of it.
func BenchmarkReadReal(b *testing.B) {
	open := realSource("plain/real-million.txt.zst")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read("feed.txt", open, ReadOptions{}, func(Rule) {}); err != nil {
			b.Fatal(err)
		}
	}
}
