package subscribers

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/coredns/caddy"

	"sinkhole/plugin/pkg/option"
	"sinkhole/plugin/pkg/subscriber"
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// with is the defaults after change.
func with(change func(*Config)) Config {
	cfg := Defaults()
	change(&cfg)
	return cfg
}

func TestParse(t *testing.T) {
	const wantLines = "want the bits of a line: of IPv4 from 1 to 32, then of IPv6 from 16 to 64"
	const wantPorts = "want an IPv4 prefix, how many ports a line has, from 1 to 32768, and the first port of the first block unless it is 0"
	for name, row := range map[string]struct {
		corefile string
		want     Config
		wantErr  string
	}{
		"no block":       {corefile: "subscribers", want: Defaults()},
		"an empty block": {corefile: "subscribers {\n}", want: Defaults()},
		"all options": {
			corefile: "subscribers {\nserved 192.0.2.0/24 2001:db8::/32\nserved 198.51.100.7\nlines 24 64\nports 100.64.0.0/10 1024\nports 198.51.100.0/24 2016 1024\nclasses /srv/clients\nsources trusted\nstate /srv/state\n}",
			want: with(func(c *Config) {
				c.Served = prefixes("192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32")
				c.Bits4, c.Bits6 = 24, 64
				c.Ports = []subscriber.Ports{
					{Prefix: netip.MustParsePrefix("100.64.0.0/10"), Block: 1024},
					{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Block: 2016, First: 1024},
				}
				c.Classes, c.Trusted = "/srv/clients", true
			}),
		},
		"an argument": {
			corefile: "subscribers all",
			wantErr:  `Testfile:1 - Error during parsing: subscribers takes a block, got ["all"]`,
		},
		"twice in a block": {
			corefile: "subscribers\nsubscribers",
			wantErr:  `Testfile:2 - Error during parsing: subscribers stands twice in this server block; want it once`,
		},
		"an unknown option": {
			corefile: "subscribers {\nallow 192.0.2.0/24\n}",
			wantErr:  `Testfile:2 - Error during parsing: unknown option "allow"; want one of classes, lines, ports, served, sources, state`,
		},
		"served nothing": {
			corefile: "subscribers {\nserved\n}",
			wantErr:  `Testfile:2 - Error during parsing: served: want prefixes or addresses`,
		},
		"served a name": {
			corefile: "subscribers {\nserved 192.0.2.0/24 lines.example\n}",
			wantErr:  `Testfile:2 - Error during parsing: served "lines.example": want prefixes or addresses`,
		},
		"served too many bits": {
			corefile: "subscribers {\nserved 192.0.2.0/33\n}",
			wantErr:  `Testfile:2 - Error during parsing: served "192.0.2.0/33": want prefixes or addresses`,
		},
		"lines of one family": {
			corefile: "subscribers {\nlines 32\n}",
			wantErr:  `Testfile:2 - Error during parsing: lines ["32"]: ` + wantLines,
		},
		"lines too long": {
			corefile: "subscribers {\nlines 32 128\n}",
			wantErr:  `Testfile:2 - Error during parsing: lines ["32" "128"]: ` + wantLines,
		},
		"lines with a slash": {
			corefile: "subscribers {\nlines /32 /56\n}",
			wantErr:  `Testfile:2 - Error during parsing: lines ["/32" "/56"]: ` + wantLines,
		},
		"ports without a size": {
			corefile: "subscribers {\nports 100.64.0.0/10\n}",
			wantErr:  `Testfile:2 - Error during parsing: ports ["100.64.0.0/10"]: ` + wantPorts,
		},
		"ports of no prefix": {
			corefile: "subscribers {\nports cgn 1024\n}",
			wantErr:  `Testfile:2 - Error during parsing: ports ["cgn" "1024"]: ` + wantPorts,
		},
		"ports of no size": {
			corefile: "subscribers {\nports 100.64.0.0/10 many\n}",
			wantErr:  `Testfile:2 - Error during parsing: ports ["100.64.0.0/10" "many"]: ` + wantPorts,
		},
		"ports of IPv6": {
			corefile: "subscribers {\nports 2001:db8::/32 1024\n}",
			wantErr:  `Testfile:2 - Error during parsing: ports ["2001:db8::/32" "1024"]: 2001:db8::/32: want an IPv4 prefix`,
		},
		"ports too many": {
			corefile: "subscribers {\nports 100.64.0.0/10 65536\n}",
			wantErr:  `Testfile:2 - Error during parsing: ports ["100.64.0.0/10" "65536"]: 100.64.0.0/10: a block of 65536 ports; want 1 to 32768`,
		},
		"ports twice": {
			corefile: "subscribers {\nports 100.64.0.0/10 1024\nports 100.64.0.0/10 512\n}",
			wantErr:  `Testfile:3 - Error during parsing: ports ["100.64.0.0/10" "512"]: 100.64.0.0/10: two rules, blocks of 1024 and of 512 ports; want one`,
		},
		"classes nowhere": {
			corefile: "subscribers {\nclasses\n}",
			wantErr:  `Testfile:2 - Error during parsing: classes : want a directory`,
		},
		"sources forged": {
			corefile: "subscribers {\nsources forged\n}",
			wantErr:  `Testfile:2 - Error during parsing: sources "forged": want trusted, or no such line`,
		},
		"two states": {
			corefile: "subscribers {\nstate /a\nstate /b\n}",
			wantErr:  `Testfile:3: state differs from the one at Testfile:2; all server blocks share one: make them the same (a snippet and import keep them so)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parse(caddy.NewTestController("dns", row.corefile))
			switch {
			case row.wantErr != "" && (err == nil || err.Error() != row.wantErr):
				t.Errorf("got  %v\nwant %s", err, row.wantErr)
			case row.wantErr == "" && err != nil:
				t.Error(err)
			case row.wantErr == "" && got.key() != row.want.key():
				t.Errorf("got %+v, want %+v", got, row.want)
			}
		})
	}
}

func TestStateIsShared(t *testing.T) {
	c := caddy.NewTestController("dns", "subscribers {\nstate /srv/state\n}")
	if _, err := parse(c); err != nil {
		t.Fatal(err)
	}
	if got := option.State(c); got != "/srv/state" {
		t.Errorf("got %s, want /srv/state", got)
	}
}

// TestDefaultServesNobodyElse: who says nothing runs no open resolver.
func TestDefaultServesNobodyElse(t *testing.T) {
	s, err := New(Defaults())
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "10.1.2.3": true, "172.16.0.1": true, "192.168.0.1": true,
		"100.64.0.1": true, "fd00::1": true, "fe80::1": true,
		"192.0.2.1": false, "2001:db8::1": false, "0.0.0.0": false, "::": false,
	} {
		if got := s.served.Has(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %v, want %v", addr, got, want)
		}
	}
	if got, want := fmt.Sprint(s.Shape()), "lines 32 56"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
