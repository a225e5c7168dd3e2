package policy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// TestExplainZones: what zones say stands between allow and the lists, in the
// order in which zones decide.
func TestExplainZones(t *testing.T) {
	for _, tt := range []struct {
		name, lists, zones string
		ask                string // NAME or address, then who asks
		want               string
	}{
		{name: "a name of a zone",
			zones: "one.example CNAME .", ask: "one.example",
			want: `nxdomain by rpz/1.zone:1, zone 1, qname`},
		{name: "a zone stands before all lists, and behind allow",
			lists: `c2/a.txt: two.example
				allow/o.txt: other.example`,
			zones: "*.two.example CNAME *.", ask: "one.two.example",
			want: `nodata by rpz/1.zone:1, zone 1, qname
				not c2/a.txt:1 "two.example": zone 1 stands before all lists`},
		{name: "an allowed name",
			lists: `allow/o.txt: one.example`,
			zones: "one.example CNAME .", ask: "one.example",
			want: `allow by allow/o.txt:1
				not rpz/1.zone:1 "one.example CNAME .": allow/o.txt allows it`},
		{name: "the zone that stands first",
			zones: "*.two.example CNAME rpz-drop.\n---\none.two.example CNAME .", ask: "one.two.example",
			want: `drop by rpz/1.zone:1, zone 1, qname
				not rpz/2.zone:1 "one.two.example CNAME .": zone 1 stands before it`},
		{name: "an exact name hides the wildcard",
			zones: "*.two.example CNAME rpz-drop.\none.two.example CNAME .", ask: "one.two.example",
			want: `nxdomain by rpz/1.zone:2, zone 1, qname
				not rpz/1.zone:1 "*.two.example CNAME rpz-drop.": hidden by a longer name of its zone (RFC 4592)`},
		{name: "who asks, before what is asked",
			zones: "one.example CNAME .\n32.7.2.0.192.rpz-client-ip CNAME rpz-drop.\n24.0.2.0.192.rpz-client-ip CNAME *.", ask: "one.example 192.0.2.7",
			want: `drop by rpz/1.zone:2, zone 1, client-ip
				not rpz/1.zone:3 "24.0.2.0.192.rpz-client-ip CNAME *.": a longer prefix of its zone decides
				not rpz/1.zone:1 "one.example CNAME .": a client-ip rule of its zone comes before`},
		{name: "who asks is not known",
			zones: "one.example CNAME .\n32.7.2.0.192.rpz-client-ip CNAME rpz-drop.", ask: "one.example",
			want: `nxdomain by rpz/1.zone:1, zone 1, qname`},
		{name: "a disabled zone counts",
			lists: `c2/a.txt: one.example`,
			zones: "--- disabled\none.example CNAME .", ask: "one.example",
			want: `sinkhole by c2/a.txt:1, category c2
				not rpz/1.zone:1 "one.example CNAME .": its zone is disabled: counted, and decides nothing`},
		{name: "an override is what its rules do",
			zones: "--- nodata\none.example CNAME .", ask: "one.example",
			want: `nodata by rpz/1.zone:1, zone 1, qname`},
		{name: "records of one rule",
			zones: "one.example A 192.0.2.1\none.example A 192.0.2.2", ask: "one.example",
			want: `local-data by rpz/1.zone:1, zone 1, qname
				not rpz/1.zone:2 "one.example A 192.0.2.2": of the same rule as the line that decides`},
		{name: "an address in an answer",
			lists: `c2/a.txt: 192.0.2.7`,
			zones: "24.0.2.0.192.rpz-ip CNAME .\n32.7.2.0.192.rpz-ip CNAME *.", ask: "192.0.2.7",
			want: `nodata by rpz/1.zone:2, zone 1, response-ip
				not rpz/1.zone:1 "24.0.2.0.192.rpz-ip CNAME .": a longer prefix of its zone decides
				not c2/a.txt:1 "192.0.2.7": zone 1 stands before all lists`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Build(t.Context(), testConfig(), filesOf(tt.lists), zonesOf(tt.zones), Options{})
			if err != nil {
				t.Fatal(err)
			}
			words := strings.Fields(tt.ask)
			a := Asked{}
			a.Query, a.Addr = askedOf(t, words[0])
			if len(words) > 1 {
				a.Client = netip.MustParseAddr(words[1])
			}
			all, err := p.ExplainMany([]Asked{a})
			if err != nil {
				t.Fatal(err)
			}
			got := all[0].String()
			for _, l := range all[0].PassedOver {
				got += fmt.Sprintf("\nnot %s:%d %q: %s", l.File, l.Line, l.Text, l.Why)
			}
			if want := strings.ReplaceAll(tt.want, "\t", ""); got != want {
				t.Errorf("%s\ngot  %s\nwant %s", tt.ask, got, want)
			}
		})
	}
}

// TestExplainReadsEachFileOnce, and none that says nothing.
func TestExplainReadsEachFileOnce(t *testing.T) {
	reads := map[string]int{}
	lists := filesOf(`c2/a.txt: one.example | two.example
		c2/b.txt: two.example | 192.0.2.0/24
		c2/c.txt: three.example`)
	zones := zonesOf("one.example CNAME .\n---\nthree.example CNAME .")
	for i := range lists {
		lists[i].Open = counting(lists[i].Name, lists[i].Open, reads)
	}
	for i := range zones {
		zones[i].Open = counting(zones[i].Name, zones[i].Open, reads)
	}
	p, err := Build(t.Context(), testConfig(), lists, zones, Options{})
	if err != nil {
		t.Fatal(err)
	}
	once := map[string]int{"c2/a.txt": reads["c2/a.txt"], "c2/b.txt": reads["c2/b.txt"], "rpz/1.zone": reads["rpz/1.zone"]}
	clear(reads)
	var asked []Asked
	for _, name := range []string{"one.example", "two.example", "x.two.example", "192.0.2.1", "192.0.2.2", "nothing.example"} {
		q, a := askedOf(t, name)
		asked = append(asked, Asked{q, a})
	}
	if _, err := p.ExplainMany(asked); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(reads) != fmt.Sprint(once) {
		t.Errorf("opened %v, want %v", reads, once)
	}
}
