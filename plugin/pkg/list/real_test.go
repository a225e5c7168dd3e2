package list

import (
	"bufio"
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

	"github.com/klauspost/compress/zstd"

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
	before := map[string]string{"hosts": "0.0.0.0 ", "wildcard": "*.", "adblock": "||"}[folder]
	behind := map[string]string{"adblock": "^", "hosts": " # a note"}[folder]
	var text strings.Builder
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
	noteBehind   = regexp.MustCompile(`\s+[#;].*$`)
	blockRule    = regexp.MustCompile(`^\|\|([A-Za-z0-9_.-]+)(\^\|?)?$`)
	exceptRule   = regexp.MustCompile(`^@@\|\|([A-Za-z0-9_.-]+)\^\|?$`)
	hostsAddress = regexp.MustCompile(`^(0\.0\.0\.0|127\.0\.0\.1|::1?)$`)
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

// otherReading is what a person would write to get the names out of a file of
// that folder: a few words and no more.
var otherReading = map[string]func(line string) []string{
	"plain": func(line string) []string {
		if line = noteBehind.ReplaceAllString(line, ""); nameLike(line) {
			return []string{line}
		}
		return nil
	},
	"hosts": func(line string) (names []string) {
		fields := strings.Fields(noteBehind.ReplaceAllString(line, ""))
		if len(fields) == 0 || !hostsAddress.MatchString(fields[0]) {
			return nil
		}
		for _, f := range fields[1:] {
			if nameLike(f) && f != "localhost.localdomain" {
				names = append(names, f)
			}
		}
		return names
	},
	"wildcard": func(line string) []string {
		if name, ok := strings.CutPrefix(line, "*."); ok {
			return []string{name}
		}
		return nil
	},
	"adblock": func(line string) []string {
		for _, form := range []*regexp.Regexp{blockRule, exceptRule} {
			m := form.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			if a, err := netip.ParseAddr(m[1]); err == nil && strings.HasSuffix(line, "^") {
				return []string{netip.PrefixFrom(a, 32).String()}
			}
			if nameLike(m[1]) && !strings.HasSuffix(m[1], ".") { // ||ads. is but the beginning of a name
				return []string{m[1]}
			}
		}
		if name := strings.TrimPrefix(line, "."); nameLike(name) { // some stand there without any mark
			return []string{name}
		}
		return nil
	},
	"ip": func(line string) []string {
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if a, err := netip.ParseAddr(line); err == nil && !a.IsUnspecified() {
			return []string{netip.PrefixFrom(a, a.BitLen()).String()}
		}
		if p, err := netip.ParsePrefix(line); err == nil {
			return []string{p.Masked().String()}
		}
		return nil
	},
}

// TestRealLists compares the names of real lists with another reading of them,
// name by name. Refusals of the guard are named, for they are a choice.
func TestRealLists(t *testing.T) {
	for file, guarded := range map[string][]string{
		"plain/blp-phishing.txt.zst":                nil,
		"plain/blp-ransomware.txt":                  nil,
		"plain/blp-scam.txt":                        nil,
		"plain/hagezi-bypass.txt":                   nil,
		"plain/hagezi-fake.txt.zst":                 nil,
		"plain/maltrail-bad-history.txt.zst":        {"augustow.pl"},
		"plain/maltrail-dyndns.txt":                 nil,
		"plain/maltrail-gamaredon.txt.zst":          nil,
		"plain/scam-light.txt.zst":                  nil,
		"plain/scam-parked.txt.zst":                 nil,
		"hosts/blp-basic.txt.zst":                   nil,
		"hosts/blp-crypto.txt":                      nil,
		"hosts/hagezi-fake.txt.zst":                 nil,
		"hosts/stevenblack-2019-alternates.txt.zst": nil,
		"wildcard/hagezi-bypass.txt":                nil,
		"wildcard/hagezi-fake.txt":                  nil,
		"adblock/adguard-dns-2017.txt.zst":          nil,
		"adblock/adguard-sdn-2019.txt.zst":          nil,
		"adblock/blp-scam.txt":                      nil,
		"adblock/hagezi-allow-referral.txt":         nil,
		"adblock/hagezi-fake.txt":                   nil,
		"ip/blp-malware.ip.zst":                     {"127.0.0.2/32"},
		"ip/maltrail-mass-scanner-cidr.txt":         nil,
		"ip/maltrail-mass-scanner.txt.zst":          nil,
	} {
		t.Run(file, func(t *testing.T) {
			folder, _, _ := strings.Cut(file, "/")
			want := map[string]bool{}
			for _, line := range realLines(t, file) {
				if line == "" || strings.ContainsAny(line[:1], "#!;[") {
					continue
				}
				for _, name := range otherReading[folder](line) {
					want[strings.ToLower(strings.TrimSuffix(name, "."))] = true
				}
			}
			got := map[string]bool{}
			res, err := Read(file, realSource(file), ReadOptions{}, func(r Rule) {
				if r.Name == nil {
					got[r.Prefix.String()] = true
					return
				}
				got[dnsname.String(r.Name)] = true
			})
			if err != nil {
				t.Fatal(err)
			}
			var missing, more []string
			for name := range want {
				if !got[name] {
					missing = append(missing, name)
				}
			}
			for name := range got {
				if !want[name] && !strings.HasPrefix(name, "xn--") { // four stand there in Cyrillic
					more = append(more, name)
				}
			}
			slices.Sort(missing)
			slices.Sort(more)
			if !haveReal() {
				guarded = nil
			}
			if !slices.Equal(missing, guarded) || len(more) > 0 {
				t.Errorf("missing %q, want %q; %d that another reading has not: %q; %+v", missing, guarded, len(more), more, res.Passed)
			}
		})
	}
}

// TestRealForms: one list in four forms is one list.
func TestRealForms(t *testing.T) {
	names := func(file string, reach Reach) map[string]bool {
		all := map[string]bool{}
		res, err := Read(file, realSource(file), ReadOptions{}, func(r Rule) {
			if r.Reach != reach || r.Except {
				t.Errorf("%s: %s", file, say(r))
			}
			all[dnsname.String(r.Name)] = true
		})
		if err != nil || res.Refused+res.PassedOver > 0 {
			t.Fatalf("%s: %+v, %v", file, res, err)
		}
		return all
	}
	wildcard, adblock := names("wildcard/hagezi-fake.txt", Subtree), names("adblock/hagezi-fake.txt", Subtree)
	plain, hosts := names("plain/hagezi-fake.txt.zst", Subtree), names("hosts/hagezi-fake.txt.zst", Exact)
	trimmed, whole := 7355, 14043
	if !haveReal() {
		trimmed, whole = 1000, 2000
	}
	if len(wildcard) != trimmed || !maps.Equal(wildcard, adblock) {
		t.Errorf("%d names as wildcards, %d as rules, want the same %d", len(wildcard), len(adblock), trimmed)
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

// TestRealMillion reads a list of names and nothing else, and gets it back, less
// what are public suffixes.
func TestRealMillion(t *testing.T) {
	const file = "plain/real-million.txt.zst"
	lines := realLines(t, file)
	refused := map[string]bool{}
	if haveReal() {
		refused = map[string]bool{"co.cl": true, "judicical.mm": true}
	}
	at := 0
	res, err := Read(file, realSource(file), ReadOptions{}, func(r Rule) {
		for ; at < r.Line-1; at++ {
			if !refused[lines[at]] {
				t.Fatalf("line %d, %s, is missing", at+1, lines[at])
			}
		}
		if got := dnsname.String(r.Name); got != strings.ToLower(lines[at]) {
			t.Fatalf("line %d is %s, want %s", r.Line, got, lines[at])
		}
		at++
	})
	if err != nil || at != len(lines) || res.GuardRefused != len(refused) {
		t.Errorf("%d of %d lines read, %d refused by a guard, %v; want all, less %d", at, len(lines), res.GuardRefused, err, len(refused))
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
