package list

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	slowURLLine  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9_.:@/?=&%~\[\]-]+$`)
	slowHostPort = regexp.MustCompile(`^([A-Za-z0-9_.-]+):([0-9]{1,5})/?$`)
)

// slowURL is net/url's word for the host, where there is no path, query or
// fragment.
func slowURL(line string) (want string, mine bool) {
	host := ""
	switch m := slowHostPort.FindStringSubmatch(line); {
	case m != nil && len(m[2]) < 5:
		host = m[1]
	case slowURLLine.MatchString(line):
		u, err := url.Parse(line)
		if err != nil || u.Scheme == "file" || u.Host == "" || strings.Contains(u.Host, "%") || len(u.Port()) > 4 || strings.Contains(line, "[.") || strings.Contains(line, "[:") {
			return "", false
		}
		if strings.Trim(u.Path, "/") != "" || strings.Contains(u.Path, "//") || u.RawQuery != "" {
			return "passed over", true
		}
		if strings.HasPrefix(u.Host, "[") != strings.Contains(u.Hostname(), ":") {
			return "", false
		}
		host = u.Hostname()
	default:
		return "", false
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr = addr.Unmap(); addr.IsUnspecified() || addr.IsLoopback() {
			return "passed over", true
		}
		return netip.PrefixFrom(addr, addr.BitLen()).String(), true
	}
	if slices.Contains(machineNames, strings.TrimSuffix(strings.ToLower(host), ".")) {
		return "passed over", true
	}
	if host == "" || host[0] == '.' || strings.Trim(host, ".") == "" || !hostOctets.MatchString(host) {
		return "", false
	}
	return slowBlock(host, Exact, true), true
}

func FuzzURL(f *testing.F) {
	fuzzFormat(f, slowURL, "http://bad.example", "https://bad.example:8443/", "http://bad.example/x", "http://bad.example?x", "http://user:word@bad.example/", "http://192.0.2.7:8080/",
		"http://[2001:db8::7]:80/", "http://127.0.0.1/", "http://localhost/", "http://co.uk/", "http://a..b/", "http://1.2.3/", "hxxp://bad.example/", "HTTP://BAD.example./",
		"bad.example:80", "bad.example:80/", "192.0.2.7:443", "co.uk:1", "1.2.3:1")
}

// TestURLHosts: with urls=hosts the host of every URL and path is meant.
func TestURLHosts(t *testing.T) {
	for _, tt := range []struct{ line, want, hosts string }{
		{"http://bad.example/x", "passed over: URLs", "exact bad.example"},
		{"http://bad.example?x", "passed over: URLs", "exact bad.example"},
		{"http://user@192.0.2.7:80/x.sh", "passed over: URLs", "192.0.2.7/32"},
		{"http://[2001:db8::7]/x", "passed over: URLs", "2001:db8::7/128"},
		{"hxxp://bad[.]example/x", "passed over: URLs", "exact bad.example"},
		{"bad.example/x", "passed over: paths", "exact bad.example"},
		{"bad.example/", "passed over: paths", "exact bad.example"},
		{"bad.example:80/x", "passed over: paths", "exact bad.example"},
		{"192.0.2.7/x", "passed over: paths", "192.0.2.7/32"},
		{"/x/y.php", "passed over: paths", "passed over: paths"},
		{"/bad.example/", "passed over: paths", "passed over: paths"},
		{"||bad.example/x", "passed over: paths", "passed over: paths"},
		{"http://*.bad.example/x", "passed over: URLs", "passed over: patterns"},
		{"bad.example", "subtree bad.example", "subtree bad.example"},
		{"192.0.2.0/24", "192.0.2.0/24", "192.0.2.0/24"},
	} {
		said, _ := eachEntry(t, tt.line+"\n", ReadOptions{})
		if said[0] != tt.want {
			t.Errorf("%s: got %s, want %s", tt.line, said[0], tt.want)
		}
		if said, _ = eachEntry(t, tt.line+"\n# sinkhole: urls=hosts\n", ReadOptions{}); said[0] != tt.hosts {
			t.Errorf("%s with urls=hosts: got %s, want %s", tt.line, said[0], tt.hosts)
		}
	}
}
