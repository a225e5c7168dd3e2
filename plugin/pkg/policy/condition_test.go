package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestRulesOfOneFile is the manual of what rules of one file make of each other.
func TestRulesOfOneFile(t *testing.T) {
	for _, tt := range []struct {
		name  string
		lists string
		ask   string
		want  string
	}{
		{name: "an important rule beats the exceptions of its file",
			lists: `c2/a.txt: ||bad.example^$important | @@||www.bad.example^`, ask: "www.bad.example A",
			want: `sinkhole by c2/a.txt:1, category c2
				not c2/a.txt:2 "@@||www.bad.example^": an important rule of its file comes before it`},
		{name: "but not those that are not",
			lists: `c2/a.txt: ||bad.example^$important | ||www.bad.example^ | @@||www.bad.example^`, ask: "www.bad.example A",
			want: `sinkhole by c2/a.txt:1, category c2
				not c2/a.txt:3 "@@||www.bad.example^": an important rule of its file comes before it
				not c2/a.txt:2 "||www.bad.example^": its own file has an exception for it`},
		{name: "an important exception beats all of its file",
			lists: `c2/a.txt: ||bad.example^$important | @@||bad.example^$important`, ask: "bad.example A",
			want: `pass
				not c2/a.txt:2 "@@||bad.example^$important": exempts from all other rules of its file
				not c2/a.txt:1 "||bad.example^$important": its own file has an important exception for it`},
		{name: "and nothing of another",
			lists: `c2/a.txt: @@||bad.example^$important | other.example
				nodata/b.txt: bad.example`,
			ask: "bad.example A",
			want: `nodata by nodata/b.txt:1, category nodata
				not c2/a.txt:1 "@@||bad.example^$important": exempts from all other rules of its file`},
		{name: "important is not more than a longer name of another file",
			lists: `c2/a.txt: ||bad.example^$important
				nodata/b.txt: www.bad.example`,
			ask: "www.bad.example A",
			want: `nodata by nodata/b.txt:1, category nodata
				not c2/a.txt:1 "||bad.example^$important": what decides is longer`},

		{name: "an exception that reopens frees from shorter names",
			lists: `c2/a.txt: local=/bad.example/ | server=/www.bad.example/#`, ask: "x.www.bad.example A",
			want: `pass
				not c2/a.txt:2 "server=/www.bad.example/#": exempts from the rules of its file for shorter names
				not c2/a.txt:1 "local=/bad.example/": its own file has an exception for a longer name`},
		{name: "and not from longer ones",
			lists: `c2/a.txt: server=/bad.example/# | local=/www.bad.example/`, ask: "x.www.bad.example A",
			want: `sinkhole by c2/a.txt:2, category c2
				not c2/a.txt:1 "server=/bad.example/#": exempts from the rules of its file for shorter names`},

		{name: "a condition on the type",
			lists: `c2/a.txt: ||bad.example^$dnstype=A|AAAA`, ask: "bad.example A",
			want: `sinkhole by c2/a.txt:1, category c2`},
		{name: "does not hold for others",
			lists: `c2/a.txt: ||bad.example^$dnstype=A|AAAA`, ask: "bad.example TXT",
			want: `pass
				not c2/a.txt:1 "||bad.example^$dnstype=A|AAAA": does not hold for this question: dnstype=A|AAAA`},
		{name: "so the next best counts",
			lists: `c2/a.txt: ||www.bad.example^$dnstype=~TXT
				nodata/b.txt: bad.example`,
			ask: "www.bad.example TXT",
			want: `nodata by nodata/b.txt:1, category nodata
				not c2/a.txt:1 "||www.bad.example^$dnstype=~TXT": does not hold for this question: dnstype=~TXT`},
		{name: "an exception on a type",
			lists: `c2/a.txt: ||bad.example^ | @@||bad.example^$dnstype=AAAA`, ask: "bad.example A",
			want: `sinkhole by c2/a.txt:1, category c2
				not c2/a.txt:2 "@@||bad.example^$dnstype=AAAA": does not hold for this question: dnstype=AAAA`},
		{name: "an allowed name for a type",
			lists: `c2/a.txt: ||bad.example^
				allow/o.txt: ||bad.example^$dnstype=AAAA`,
			ask: "bad.example AAAA",
			want: `allow by allow/o.txt:1
				not c2/a.txt:1 "||bad.example^": allow/o.txt allows it`},
		{name: "denyallow exempts a name and all below",
			lists: `c2/a.txt: ||bad.example^$denyallow=ok.bad.example`, ask: "www.ok.bad.example A",
			want: `pass
				not c2/a.txt:1 "||bad.example^$denyallow=ok.bad.example": does not hold for this question: denyallow=ok.bad.example`},
		{name: "and nothing beside it",
			lists: `c2/a.txt: ||bad.example^$denyallow=ok.bad.example`, ask: "www.bad.example A",
			want: `sinkhole by c2/a.txt:1, category c2`},

		{name: "a rewrite says its own answer",
			lists: `c2/a.txt: ||bad.example^$dnsrewrite=192.0.2.9`, ask: "www.bad.example A",
			want: `local-data by c2/a.txt:1, category c2: NOERROR 192.0.2.9`},
		{name: "several of one name add up",
			lists: `c2/a.txt: ||bad.example^$dnsrewrite=192.0.2.9 | ||bad.example^$dnsrewrite=2001:db8::9 | ||bad.example^$dnsrewrite=192.0.2.8`, ask: "bad.example A",
			want: `local-data by c2/a.txt:1, category c2: NOERROR 192.0.2.8 192.0.2.9 2001:db8::9
				not c2/a.txt:2 "||bad.example^$dnsrewrite=2001:db8::9": adds to what the line that decides answers
				not c2/a.txt:3 "||bad.example^$dnsrewrite=192.0.2.8": adds to what the line that decides answers`},
		{name: "those of a longer name stand alone",
			lists: `c2/a.txt: ||bad.example^$dnsrewrite=192.0.2.9 | |www.bad.example^$dnsrewrite=NOERROR;CNAME;garden.example`, ask: "www.bad.example A",
			want: `local-data by c2/a.txt:2, category c2: NOERROR garden.example.
				not c2/a.txt:1 "||bad.example^$dnsrewrite=192.0.2.9": what decides is longer`},
		{name: "an exception removes one",
			lists: `c2/a.txt: ||bad.example^$dnsrewrite=192.0.2.9 | ||bad.example^$dnsrewrite=192.0.2.8 | @@||bad.example^$dnsrewrite=192.0.2.9`, ask: "bad.example A",
			want: `local-data by c2/a.txt:2, category c2: NOERROR 192.0.2.8
				not c2/a.txt:3 "@@||bad.example^$dnsrewrite=192.0.2.9": removes this rewrite from its file
				not c2/a.txt:1 "||bad.example^$dnsrewrite=192.0.2.9": its own file has an exception from this rewrite`},
		{name: "or all, and then the rest counts",
			lists: `c2/a.txt: ||bad.example^$dnsrewrite=192.0.2.9 | ||bad.example^ | @@||bad.example^$dnsrewrite`, ask: "bad.example A",
			want: `sinkhole by c2/a.txt:2, category c2
				not c2/a.txt:3 "@@||bad.example^$dnsrewrite": removes all rewrites of its file
				not c2/a.txt:1 "||bad.example^$dnsrewrite=192.0.2.9": its own file has an exception from all rewrites`},
		{name: "an important one stays, as in AdGuard",
			lists: `c2/a.txt: ||bad.example^$dnsrewrite=192.0.2.9,important | @@||bad.example^$dnsrewrite`, ask: "bad.example A",
			want: `local-data by c2/a.txt:1, category c2: NOERROR 192.0.2.9
				not c2/a.txt:2 "@@||bad.example^$dnsrewrite": removes all rewrites of its file`},
		{name: "unless the exception is important too",
			lists: `c2/a.txt: ||bad.example^$dnsrewrite=192.0.2.9,important | @@||bad.example^$important,dnsrewrite=192.0.2.9`, ask: "bad.example A",
			want: `pass
				not c2/a.txt:2 "@@||bad.example^$important,dnsrewrite=192.0.2.9": removes this rewrite from its file
				not c2/a.txt:1 "||bad.example^$dnsrewrite=192.0.2.9,important": its own file has an exception from this rewrite`},
		{name: "another exception removes none",
			lists: `c2/a.txt: ||bad.example^$dnsrewrite=REFUSED | @@||bad.example^`, ask: "bad.example A",
			want: `local-data by c2/a.txt:1, category c2: REFUSED
				not c2/a.txt:2 "@@||bad.example^": a rewrite of its file comes before it`},
		{name: "a rewrite comes before the other rules of its file",
			lists: `c2/a.txt: ||bad.example^$dnsrewrite=NXDOMAIN | ||www.bad.example^`, ask: "www.bad.example A",
			want: `local-data by c2/a.txt:1, category c2: NXDOMAIN
				not c2/a.txt:2 "||www.bad.example^": a rewrite of its file comes before it`},
		{name: "where it holds for the type",
			lists: `c2/a.txt: ||bad.example^$dnstype=A,dnsrewrite=192.0.2.9 | ||bad.example^`, ask: "bad.example AAAA",
			want: `sinkhole by c2/a.txt:2, category c2
				not c2/a.txt:1 "||bad.example^$dnstype=A,dnsrewrite=192.0.2.9": does not hold for this question: dnstype=A`},
		{name: "passthru stays passthru",
			lists: `passthru/a.txt: ||bad.example^$dnsrewrite=192.0.2.9`, ask: "bad.example A",
			want: `passthru by passthru/a.txt:1, category passthru`},
		{name: "a shadow file rewrites nothing",
			lists: `c2/a.txt: # sinkhole: shadow | ||bad.example^$dnsrewrite=192.0.2.9`, ask: "bad.example A",
			want: `pass; would be by c2/a.txt
				not c2/a.txt:2 "||bad.example^$dnsrewrite=192.0.2.9": its file is shadow: counted, and blocks nothing`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := strings.ReplaceAll(tt.want, "\t", "")
			if got := explained(t, build(t, tt.lists), tt.ask); got != want {
				t.Errorf("%s\ngot  %s\nwant %s", tt.ask, got, want)
			}
		})
	}
}

// TestManyClauses: of more than maxClauses for one name the first stay, and the
// others are counted; other names and files have their own.
func TestManyClauses(t *testing.T) {
	var text strings.Builder
	for i := range maxClauses + 10 {
		fmt.Fprintf(&text, "||bad.example^$dnsrewrite=192.0.2.%d\n", i)
	}
	for range 5 {
		text.WriteString("||bad.example^$dnsrewrite=192.0.2.1\n||bad.example^\n")
	}
	lists := []File{{Name: "c2/a.txt", Open: source(text.String())}, {Name: "c2/b.txt", Open: source(text.String())}}
	p, err := buildOf(testConfig(), lists)
	if err != nil {
		t.Fatal(err)
	}
	v := p.Decide(Query{Name: wire(t, "bad.example"), Type: dns.TypeA})
	if d := p.Data(v); len(d.Records) != maxClauses || p.File(v.Rule) != "c2/a.txt" {
		t.Errorf("%d records by %s, want %d", len(d.Records), p.File(v.Rule), maxClauses)
	}
	if n := p.Stats().LeftOut; n != 20 {
		t.Errorf("%d rules left out, want 20", n)
	}
}

// TestClausesAreShared: rules that mean the same have one clause.
func TestClausesAreShared(t *testing.T) {
	p := build(t, `c2/a.txt: ||a.example^$dnstype=A|AAAA | ||b.example^$dnstype=aaaa|a | ||c.example^$dnsrewrite=192.0.2.9 | ||d.example^$dnsrewrite=NOERROR;A;192.0.2.9
		malware/b.txt: ||a.example^$dnstype=A|AAAA | @@||c.example^$dnsrewrite=192.0.2.9`)
	if n := len(p.clauses) - 1; n != 2 {
		t.Errorf("%d clauses, want 2", n)
	}
}
