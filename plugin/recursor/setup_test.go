package recursor

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"

	"sinkhole/plugin/pkg/option"
)

func TestParse(t *testing.T) {
	for name, tt := range map[string]struct {
		corefile string
		want     settings
		err      string
	}{
		"alone": {corefile: "recursor"},
		"all of it": {
			corefile: `recursor {
				unbound /opt/unbound/sbin/unbound
				threads 4
				memory 512MiB
				forward 192.0.2.53 2001:db8::53 192.0.2.54:5353 [2001:db8::54]:5353 127.0.0.1:5300
				trust-anchor /etc/sinkhole/root.key
				include /etc/sinkhole/private.conf
				include /etc/sinkhole/more.conf
				state /var/lib/sinkhole
			}`,
			want: settings{
				unbound: "/opt/unbound/sbin/unbound", threads: 4, memory: 512 << 20,
				forward: []netip.AddrPort{
					netip.MustParseAddrPort("192.0.2.53:53"), netip.MustParseAddrPort("[2001:db8::53]:53"),
					netip.MustParseAddrPort("192.0.2.54:5353"), netip.MustParseAddrPort("[2001:db8::54]:5353"),
					netip.MustParseAddrPort("127.0.0.1:5300"),
				},
				anchors: "/etc/sinkhole/root.key",
				include: []string{"/etc/sinkhole/private.conf", "/etc/sinkhole/more.conf"},
				state:   "/var/lib/sinkhole",
			},
		},
		"an argument":        {corefile: "recursor 192.0.2.1", err: `Testfile:1 - Error during parsing: recursor takes a block, got ["192.0.2.1"]`},
		"an unknown option":  {corefile: "recursor {\n\tantwort 1\n}", err: `Testfile:2 - Error during parsing: unknown option "antwort"; want one of forward, include, memory, state, threads, trust-anchor, unbound`},
		"no threads":         {corefile: "recursor {\n\tthreads 0\n}", err: `Testfile:2 - Error during parsing: threads "0": want a whole number from 1 to 256`},
		"too little memory":  {corefile: "recursor {\n\tmemory 1MiB\n}", err: `Testfile:2 - Error during parsing: memory "1MiB": want a size from 16MiB to 1024GiB`},
		"nowhere to forward": {corefile: "recursor {\n\tforward\n}", err: `Testfile:2 - Error during parsing: forward: want addresses, each with or without :PORT`},
		"forward to a name":  {corefile: "recursor {\n\tforward dns.example\n}", err: `Testfile:2 - Error during parsing: forward "dns.example": want addresses, each with or without :PORT`},
		"forward to port 0":  {corefile: "recursor {\n\tforward 192.0.2.1:0\n}", err: `Testfile:2 - Error during parsing: forward "192.0.2.1:0": want addresses, each with or without :PORT`},
		"a port too high":    {corefile: "recursor {\n\tforward 192.0.2.1:65536\n}", err: `Testfile:2 - Error during parsing: forward "192.0.2.1:65536": want addresses, each with or without :PORT`},
		"forward to all":     {corefile: "recursor {\n\tforward 0.0.0.0\n}", err: `Testfile:2 - Error during parsing: forward "0.0.0.0": want addresses, each with or without :PORT`},
		"forward to a zone":  {corefile: "recursor {\n\tforward fe80::1%eth0\n}", err: `Testfile:2 - Error during parsing: forward "fe80::1%eth0": want addresses, each with or without :PORT`},
		"two programs":       {corefile: "recursor {\n\tunbound /a /b\n}", err: `Testfile:2 - Error during parsing: unbound "/a" "/b": want the path of an Unbound`},
		"no anchor":          {corefile: "recursor {\n\ttrust-anchor\n}", err: `Testfile:2 - Error during parsing: trust-anchor : want a file of DS and DNSKEY records`},
		"no include":         {corefile: "recursor {\n\tinclude\n}", err: `Testfile:2 - Error during parsing: include : want a file with lines of unbound.conf`},
	} {
		t.Run(name, func(t *testing.T) {
			got, place, err := parse(caddy.NewTestController("dns", tt.corefile))
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("got  %v\nwant %s", err, tt.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, tt.want)
			}
			if place != (option.Place{File: "Testfile", Line: 1}) {
				t.Errorf("it stands at %v", place)
			}
		})
	}
}

func TestSetup(t *testing.T) {
	for name, tt := range map[string]struct{ corefile, err string }{
		"alone":           {"recursor", ""},
		"the same twice":  {"recursor\nrecursor", "Testfile:2 - Error during parsing: recursor stands twice in this server block; want it once"},
		"state elsewhere": {"recursor {\n\tstate /srv/other\n}", "state differs from the one at Other:7"},
	} {
		t.Run(name, func(t *testing.T) {
			c := caddy.NewTestController("dns", tt.corefile)
			if err := option.SetState(c, option.Place{File: "Other", Line: 7}, "/srv/state"); err != nil {
				t.Fatal(err)
			}
			err := setup(c)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if pool.Len() != 0 {
				t.Error("setup started a child")
			}
		})
	}
}

func TestPathsAreBelowRoot(t *testing.T) {
	c := caddy.NewTestController("dns", "recursor {\n\tinclude lines.conf\n\tinclude /abs/lines.conf\n\ttrust-anchor root.key\n}")
	cfg := dnsserver.GetConfig(c)
	cfg.Root = "/etc/sinkhole"
	if err := setup(c); err != nil {
		t.Fatal(err)
	}
	g, err := generationOf(c, settings{}, option.Place{})
	if err != nil {
		t.Fatal(err)
	}
	if got := g.settings; got.include[0] != "/etc/sinkhole/lines.conf" || got.include[1] != "/abs/lines.conf" || got.anchors != "/etc/sinkhole/root.key" {
		t.Errorf("got %+v", got)
	}
}
