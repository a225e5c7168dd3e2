package sinkhole

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/coredns/caddy"

	"sinkhole/plugin/pkg/feed"
	"sinkhole/plugin/pkg/option"
)

// keyFile holds a key as tsig-keygen writes it.
func keyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "transfer.key")
	text := "key \"transfer.example\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2Vrcml0c2Vrcml0c2Vrcml0c2Vrcml0c2Vrcml0MTI=\";\n};\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestParseZones(t *testing.T) {
	key := keyFile(t)
	at := func(line int) option.Place { return option.Place{File: "Testfile", Line: line} }
	from := func(addr, key string) feed.Primary {
		return feed.Primary{Addr: netip.MustParseAddrPort(addr), KeyFile: key}
	}
	for name, row := range map[string]struct {
		block string
		want  []Zone
	}{
		"files in order": {"rpz b.zone a.zone\nrpz sub/c.rpz", []Zone{
			{Files: []string{"b.zone", "a.zone"}, Policy: "given", place: at(2)},
			{Files: []string{"sub/c.rpz"}, Policy: "given", place: at(3)},
		}},
		"an override": {"rpz a.zone {\npolicy tcp-only\n}", []Zone{
			{Files: []string{"a.zone"}, Policy: "tcp-only", place: at(2)},
		}},
		"a garden": {"rpz a.zone {\npolicy cname Garden.Example\n}", []Zone{
			{Files: []string{"a.zone"}, Policy: "cname", CNAME: "garden.example.", place: at(2)},
		}},
		"a garden for each name": {"rpz a.zone {\npolicy cname *.garden.example.\n}", []Zone{
			{Files: []string{"a.zone"}, Policy: "cname", CNAME: "*.garden.example.", place: at(2)},
		}},
		"a feed": {"rpz RPZ.Example. {\nprimary 192.0.2.1\n}", []Zone{
			{Files: []string{"rpz.example.zone"}, Policy: "given", Name: "rpz.example", Primaries: []feed.Primary{from("192.0.2.1:53", "")}, place: at(2)},
		}},
		"a feed from several primaries": {"rpz rpz.example {\nprimary 192.0.2.1:5353 " + key + "\npolicy drop\nprimary 2001:db8::1\nprimary [2001:db8::1]:5353\n}", []Zone{
			{Files: []string{"rpz.example.zone"}, Policy: "drop", Name: "rpz.example", place: at(2), Primaries: []feed.Primary{
				from("192.0.2.1:5353", key), from("[2001:db8::1]:53", ""), from("[2001:db8::1]:5353", ""),
			}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parse(caddy.NewTestController("dns", "sinkhole {\n"+row.block+"\n}"))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.Zones, row.want) {
				t.Errorf("got  %+v\nwant %+v", got.Zones, row.want)
			}
		})
	}
}

func TestParseZonesRefuses(t *testing.T) {
	const (
		primary  = "an address, its port unless it is 53, and a key file if transfers are signed"
		policies = "given, disabled, passthru, nxdomain, nodata, tcp-only, drop, cname NAME"
	)
	noFile := filepath.Join(t.TempDir(), "none")
	for name, row := range map[string]struct{ block, want string }{
		"no file":                    {"rpz", `2: rpz: want files of the folder rpz, or a zone and its primaries in a block`},
		"an unknown option":          {"rpz a.zone {\nmaster 192.0.2.1\n}", `3: unknown option "master" of rpz; want one of policy, primary`},
		"an unknown policy":          {"rpz a.zone {\npolicy block\n}", `3: policy ["block"]: want one of ` + policies},
		"a garden without a name":    {"rpz a.zone {\npolicy cname\n}", `3: policy ["cname"]: want one of ` + policies},
		"a name for no garden":       {"rpz a.zone {\npolicy drop a.example\n}", `3: policy ["drop" "a.example"]: want one of ` + policies},
		"a garden that is no name":   {"rpz a.zone {\npolicy cname a..example\n}", `3: policy cname "a..example": empty label; want a name`},
		"a zone twice":               {"rpz a.zone\nrpz b.zone a.zone", `3: rpz "a.zone": stands already at Testfile:2; want each zone once`},
		"a zone twice in a line":     {"rpz a.zone a.zone", `2: rpz "a.zone": stands twice in this line; want each zone once`},
		"a file elsewhere":           {"rpz ../a.zone", `2: rpz "../a.zone": want a file by its path below the folder rpz`},
		"a feed that is a file, too": {"rpz a.example.zone\nrpz a.example {\nprimary 192.0.2.1\n}", `5: rpz "a.example.zone": stands already at Testfile:2; want each zone once`},
		"two zones with a primary":   {"rpz a.example b.example {\nprimary 192.0.2.1\n}", `4: rpz a.example b.example: primaries give one zone; want a line for each zone`},
		"the root with a primary":    {"rpz . {\nprimary 192.0.2.1\n}", `4: rpz ".": the root is above every name`},
		"a zone that is no file":     {"rpz a\\047b.example {\nprimary 192.0.2.1\n}", `4: rpz "a\\047b.example": no name of a zone; want letters, digits, hyphens, underscores and dots`},
		"a primary by name":          {"rpz a.example {\nprimary ns.example\n}", `3: primary "ns.example": want ` + primary},
		"a primary without a port":   {"rpz a.example {\nprimary 192.0.2.1:0\n}", `3: primary "192.0.2.1:0": want ` + primary},
		"a primary that is nobody":   {"rpz a.example {\nprimary 0.0.0.0\n}", `3: primary "0.0.0.0": want ` + primary},
		"a primary twice":            {"rpz a.example {\nprimary 192.0.2.1\nprimary ::ffff:192.0.2.1\n}", `4: primary 192.0.2.1:53: stands twice; want each primary once`},
		"a key file that is not there": {"rpz a.example {\nprimary 192.0.2.1 " + noFile + "\n}",
			`3: primary 192.0.2.1: key file ` + noFile + `: no such file or directory; want a key as tsig-keygen writes it: key "NAME" { algorithm hmac-sha256; secret "BASE64"; };`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(caddy.NewTestController("dns", "sinkhole {\n"+row.block+"\n}"))
			want := strings.Replace("Testfile:"+row.want, ": ", " - Error during parsing: ", 1)
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

// A Corefile whose rpz lines stand elsewhere says the same.
func TestZonesHaveNoPlaceInTheKey(t *testing.T) {
	a := Config{Zones: []Zone{{Files: []string{"a.zone"}, place: option.Place{File: "A", Line: 1}}}}
	b := Config{Zones: []Zone{{Files: []string{"a.zone"}, place: option.Place{File: "B", Line: 2}}}}
	if a.key() != b.key() {
		t.Errorf("got %s and %s", a.key(), b.key())
	}
	if a.Zones[0].place.Line == 0 {
		t.Error("the place is forgotten")
	}
}
