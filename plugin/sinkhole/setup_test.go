package sinkhole

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy"
	"github.com/coredns/caddy/caddyfile"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/option"
	"sinkhole/plugin/pkg/policy"
)

func name(t testing.TB, text string) []byte {
	t.Helper()
	n, err := dnsname.Append(nil, text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// with is the defaults after change.
func with(change func(*Config)) Config {
	cfg := Defaults()
	change(&cfg)
	return cfg
}

// named is a category of the defaults.
func named(name string, change func(*policy.Category)) policy.Category {
	c := Defaults().Default
	c.Name = name
	if change != nil {
		change(&c)
	}
	return c
}

func TestParse(t *testing.T) {
	protected := filepath.Join(t.TempDir(), "ours")
	if err := os.WriteFile(protected, []byte("isp.example # us\n\n# others\n Partner.Example. \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name_, row := range map[string]struct {
		corefile string
		want     Config
	}{
		"no block":       {"sinkhole", Defaults()},
		"an empty block": {"sinkhole {\n}", Defaults()},
		"plain options": {
			"sinkhole {\nlists /srv/lists\nstate /srv/state\nsettle 500ms\nmax-size 1GiB\nttl 300\n}",
			with(func(c *Config) {
				c.Lists, c.Settle, c.MaxSize, c.Default.TTL = "/srv/lists", 500*time.Millisecond, 1<<30, 300
			}),
		},
		"shrink in per cent": {"sinkhole {\nshrink 30%\n}", with(func(c *Config) { c.Shrink = 30 })},
		"shrink as a number": {"sinkhole {\nshrink 30\n}", with(func(c *Config) { c.Shrink = 30 })},
		"shrink off":         {"sinkhole {\nshrink off\n}", with(func(c *Config) { c.Shrink = 0 })},
		"an address of one family": {"sinkhole {\naddress 192.0.2.7\n}", with(func(c *Config) {
			c.Default.Addr4, c.Default.Addr6 = netip.MustParseAddr("192.0.2.7"), netip.Addr{}
		})},
		"addresses in any order": {"sinkhole {\naddress 2001:db8::7 192.0.2.7\n}", with(func(c *Config) {
			c.Default.Addr4, c.Default.Addr6 = netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")
		})},
		"an IPv4 address written as IPv6": {"sinkhole {\naddress ::ffff:192.0.2.7\n}", with(func(c *Config) {
			c.Default.Addr4, c.Default.Addr6 = netip.MustParseAddr("192.0.2.7"), netip.Addr{}
		})},
		"categories share a block": {"sinkhole {\ncategory c2 malware {\nrecord\n}\ncategory phishing\n}", with(func(c *Config) {
			record := func(c *policy.Category) { c.Record = true }
			c.Categories = []policy.Category{named("c2", record), named("malware", record), named("phishing", nil)}
		})},
		"a category with all options": {
			"sinkhole {\ncategory court {\naction nxdomain\naddress 2001:db8::7\nttl 0\nede 16 \"by order\"\nede-text off\nrecord\n}\n}",
			with(func(c *Config) {
				c.Categories = []policy.Category{{Name: "court", Action: policy.NXDOMAIN, Addr6: netip.MustParseAddr("2001:db8::7"),
					EDE: 16, EDEText: "by order", CodeOnly: true, Record: true}}
			}),
		},
		"what the block says below a category holds for it": {
			"sinkhole {\ncategory ads {\naction nodata\n}\nttl 120\naddress 192.0.2.7 2001:db8::7\n}",
			with(func(c *Config) {
				c.Default.TTL, c.Default.Addr4, c.Default.Addr6 = 120, netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")
				ads := c.Default
				ads.Name, ads.Action = "ads", policy.NODATA
				c.Categories = []policy.Category{ads}
			}),
		},
		"an empty category": {"sinkhole {\ncategory ads {\n}\nttl 120\n}", with(func(c *Config) {
			c.Default.TTL = 120
			c.Categories = []policy.Category{named("ads", func(c *policy.Category) { c.TTL = 120 })}
		})},
		"protected names and a file of such": {fmt.Sprintf("sinkhole {\nprotect bücher.example %s\nprotect x.example\n}", protected), with(func(c *Config) {
			c.Protect = [][]byte{name(t, "xn--bcher-kva.example"), name(t, "isp.example"), name(t, "partner.example"), name(t, "x.example")}
		})},
		"a self-test": {"sinkhole {\n\nself-test Test.Example\n}", with(func(c *Config) {
			c.SelfTest, c.selfTestAt = "test.example", option.Place{File: "Testfile", Line: 3}
		})},
	} {
		t.Run(name_, func(t *testing.T) {
			got, err := parse(caddy.NewTestController("dns", row.corefile))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, row.want) {
				t.Errorf("got  %+v\nwant %+v", got, row.want)
			}
			// And as the verbs read it, without a controller.
			tokens := caddyfile.NewDispenser("Testfile", strings.NewReader(row.corefile))
			if alone, err := ReadConfig(&tokens); err != nil || !reflect.DeepEqual(alone, row.want) {
				t.Errorf("read alone %+v (%v)\nwant %+v", alone, err, row.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	const (
		options    = "address, category, lists, max-size, protect, rpz, self-test, settle, shrink, state, ttl, verify"
		ofCategory = "action, address, ede, ede-text, record, ttl"
		addresses  = "an IPv4 address, an IPv6 address, or one of each"
		actions    = "sinkhole, nxdomain, nodata, refused, drop, truncate or passthru"
		folders    = "the name of a folder: letters, digits, - _ . and none of allow, clients, rpz"
		code       = "an extended error code from 0 to 65535 (RFC 8914), and a text if it is not to be the category's name"
	)
	noFile := filepath.Join(t.TempDir(), "none")
	for name, row := range map[string]struct{ corefile, want string }{
		"an unknown option":         {"sinkhole {\nantwort 192.0.2.1\n}", `Testfile:2 - Error during parsing: unknown option "antwort"; want one of ` + options},
		"arguments":                 {"sinkhole example.org", `Testfile:1 - Error during parsing: sinkhole takes a block, got ["example.org"]`},
		"twice":                     {"sinkhole\nsinkhole", `Testfile:2 - Error during parsing: sinkhole stands twice in this server block; want it once`},
		"lists without a directory": {"sinkhole {\nlists\n}", `Testfile:2 - Error during parsing: lists : want a directory`},
		"settle too long":           {"sinkhole {\nsettle 2h\n}", `Testfile:2 - Error during parsing: settle "2h": want a duration from 0s to 1h0m0s`},
		"ttl with a unit":           {"sinkhole {\nttl 60s\n}", `Testfile:2 - Error during parsing: ttl "60s": want a whole number from 0 to 86400`},
		"a ttl of two days":         {"sinkhole {\nttl 172800\n}", `Testfile:2 - Error during parsing: ttl "172800": want a whole number from 0 to 86400`},
		"shrink of everything":      {"sinkhole {\nshrink 100%\n}", `Testfile:2 - Error during parsing: shrink "100%": want a percentage from 1% to 99%, or off`},
		"a tiny max-size":           {"sinkhole {\nmax-size 10\n}", `Testfile:2 - Error during parsing: max-size "10": want a size from 1KiB to 64GiB`},
		"no address":                {"sinkhole {\naddress\n}", `Testfile:2 - Error during parsing: address: want ` + addresses},
		"a name for an address":     {"sinkhole {\naddress sink.example\n}", `Testfile:2 - Error during parsing: address "sink.example": want ` + addresses},
		"an address with a zone":    {"sinkhole {\naddress fe80::1%eth0\n}", `Testfile:2 - Error during parsing: address "fe80::1%eth0": want ` + addresses},
		"two of one family":         {"sinkhole {\naddress 192.0.2.1 192.0.2.2\n}", `Testfile:2 - Error during parsing: address "192.0.2.2": a second one of its family; want ` + addresses},
		"a category without a name": {"sinkhole {\ncategory {\n}\n}", `Testfile:2 - Error during parsing: category: want names of categories`},
		"allow is no category":      {"sinkhole {\ncategory allow\n}", `Testfile:2 - Error during parsing: category "allow": want ` + folders},
		"a path is no category":     {"sinkhole {\ncategory a/b\n}", `Testfile:2 - Error during parsing: category "a/b": want ` + folders},
		"a category twice":          {"sinkhole {\ncategory c2 ads\ncategory ads\n}", `Testfile:3 - Error during parsing: category "ads": stands already at Testfile:2; want each category once`},
		"an unknown option inside":  {"sinkhole {\ncategory c2 {\nadress 192.0.2.1\n}\n}", `Testfile:3 - Error during parsing: unknown option "adress" of category; want one of ` + ofCategory},
		"an unknown action":         {"sinkhole {\ncategory c2 {\naction block\n}\n}", `Testfile:3 - Error during parsing: action "block": want ` + actions},
		"the action pass":           {"sinkhole {\ncategory c2 {\naction pass\n}\n}", `Testfile:3 - Error during parsing: action "pass": want ` + actions},
		"record has no argument":    {"sinkhole {\ncategory c2 {\nrecord all\n}\n}", `Testfile:3 - Error during parsing: record "all": want no argument`},
		"a code out of range":       {"sinkhole {\ncategory c2 {\nede 65536\n}\n}", `Testfile:3 - Error during parsing: ede "65536": want ` + code},
		"no code":                   {"sinkhole {\ncategory c2 {\nede\n}\n}", `Testfile:3 - Error during parsing: ede []: want ` + code},
		"a text without quotes":     {"sinkhole {\ncategory c2 {\nede 15 by order\n}\n}", `Testfile:3 - Error during parsing: ede ["15" "by" "order"]: want ` + code},
		"ede-text with a text":      {"sinkhole {\ncategory c2 {\nede-text hello\n}\n}", `Testfile:3 - Error during parsing: ede-text "hello": want on or off`},
		"the root protected":        {"sinkhole {\nprotect .\n}", `Testfile:2 - Error during parsing: protect ".": ".": the root is above every name; want a name`},
		"a file that is not there":  {"sinkhole {\nprotect " + noFile + "\n}", `Testfile:2 - Error during parsing: protect "` + noFile + `": no such file or directory; want a file of names, one a line`},
		"no name to protect":        {"sinkhole {\nprotect a..example\n}", `Testfile:2 - Error during parsing: protect "a..example": "a..example": empty label; want a name`},
		"a suffix for a self-test":  {"sinkhole {\nself-test com\n}", `Testfile:2 - Error during parsing: self-test "com": is no name that can be listed; want a name`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(caddy.NewTestController("dns", row.corefile))
			if err == nil || err.Error() != row.want {
				t.Errorf("got  %v\nwant %s", err, row.want)
			}
		})
	}
}

// All server blocks share one set of lists, so they must say the same of it.
func TestServerBlocksAgree(t *testing.T) {
	c := caddy.NewTestController("dns", "sinkhole {\nttl 90\nself-test a.example\n}")
	if _, err := parse(c); err != nil {
		t.Fatal(err)
	}
	c.Dispenser = caddyfile.NewDispenser("Testfile", strings.NewReader("\n\nsinkhole {\nself-test a.example\nttl 90\n}"))
	if _, err := parse(c); err != nil {
		t.Errorf("the same settings at another place are refused: %v", err)
	}
	c.Dispenser = caddyfile.NewDispenser("Testfile", strings.NewReader("\n\nsinkhole {\nttl 91\n}"))
	_, err := parse(c)
	want := "Testfile:3: sinkhole differs from the one at Testfile:1; all server blocks share one: make them the same (a snippet and import keep them so)"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestFolder(t *testing.T) {
	if got, want := (Config{}).Folder("/srv/state"), "/srv/state/lists"; got != want {
		t.Errorf("without lists DIR: %s, want %s", got, want)
	}
	if got, want := (Config{Lists: "x"}).Folder("/srv/state"), "x"; got != want {
		t.Errorf("lists x: %s, want %s", got, want)
	}
}
