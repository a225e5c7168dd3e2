package list

import (
	"bufio"
	"encoding/csv"
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
	noteBehind   = regexp.MustCompile(`\s+[#;].*$`)
	blockRule    = regexp.MustCompile(`^\|\|([A-Za-z0-9_.-]+)(\^\|?)?$`)
	exceptRule   = regexp.MustCompile(`^@@\|\|([A-Za-z0-9_.-]+)\^\|?$`)
	dnsmasqBlock = regexp.MustCompile(`^(?:address|server|local)=/([^#*]+)/(?:#|[0-9.:]*)$`)
	unboundBlock = regexp.MustCompile(`^local-zone: "([^"]+)" always_null$`)
	urlOfHost    = regexp.MustCompile(`^([a-z]+://)?([A-Za-z0-9_.-]+)(:[0-9]+)?/?$`)
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
		return hostOf(line)
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
		return hostOf(line)
	},
	"dnsmasq": func(line string) []string {
		if m := dnsmasqBlock.FindStringSubmatch(line); m != nil {
			return strings.Split(m[1], "/")
		}
		return nil
	},
	"unbound": func(line string) []string {
		if m := unboundBlock.FindStringSubmatch(line); m != nil {
			return []string{m[1]}
		}
		return nil
	},
	"url": hostOf,
	"mixed": func(line string) []string {
		line = noteBehind.ReplaceAllString(line, "")
		if name := strings.TrimPrefix(line, "."); nameLike(name) {
			return []string{name}
		}
		if a, err := netip.ParseAddr(line); err == nil && !a.IsLoopback() && !a.IsUnspecified() {
			return []string{netip.PrefixFrom(a, a.BitLen()).String()}
		}
		return hostOf(line)
	},
	"csv": func(line string) []string {
		cells, err := csv.NewReader(strings.NewReader(strings.ReplaceAll(line, `", "`, `","`))).Read()
		if err != nil || len(cells) < 3 || slices.Contains(cells, "True") {
			return nil
		}
		if nameLike(cells[2]) {
			return []string{cells[2]}
		}
		return hostOf(cells[2])
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

// hostOf is the host of a URL without a path, or of host:port.
func hostOf(line string) []string {
	m := urlOfHost.FindStringSubmatch(line)
	if m == nil {
		return nil
	}
	if a, err := netip.ParseAddr(m[2]); err == nil && !a.IsLoopback() {
		return []string{netip.PrefixFrom(a, a.BitLen()).String()}
	}
	if nameLike(m[2]) && (m[1] != "" || m[3] != "") {
		return []string{m[2]}
	}
	return nil
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
		"dnsmasq/blp-ransomware.txt":                nil,
		"dnsmasq/blp-scam.txt.zst":                  nil,
		"dnsmasq/hagezi-bypass.txt":                 nil,
		"dnsmasq/hagezi-fake.txt":                   nil,
		"unbound/hagezi-bypass.conf":                nil,
		"unbound/hagezi-fake.conf.zst":              nil,
		"url/maltrail-emotet-urls.txt":              nil,
		"url/maltrail-generic-urls.txt":             nil,
		"csv/threatfox-2026.csv":                    nil,
		"csv/urlhaus-recent-8col-2019.csv":          nil,
		"csv/urlhaus-recent-9col.csv":               nil,
		"mixed/hagezi-fake-source-wli.txt":          nil,
		"mixed/maltrail-cobaltstrike.txt.zst":       nil,
		"mixed/maltrail-emotet.txt.zst":             nil,
		"mixed/maltrail-generic.txt.zst":            nil,
		"mixed/maltrail-kimsuky.txt.zst":            nil,
		"mixed/maltrail-mirai.txt.zst":              nil,
		"mixed/maltrail-njrat.txt.zst":              nil,
		"mixed/scam-phishing-detection-bom.csv":     nil,
		"mixed/scam-source-log.csv.zst":             nil,
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
