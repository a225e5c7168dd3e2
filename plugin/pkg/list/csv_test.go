package list

import (
	"encoding/csv"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// slowRow: below the header "id,domain,note" the second of three columns is a
// name, by the word of encoding/csv.
func slowRow(line string) (want string, mine bool) {
	in := csv.NewReader(strings.NewReader(line))
	in.TrimLeadingSpace = true
	cells, err := in.Read()
	if err != nil || len(cells) != 3 || !utf8.ValidString(line) || strings.ContainsAny(line, "\t\v\f\u0085\u00a0#") {
		return "", false
	}
	first := strings.TrimSpace(line)
	if first == "" || strings.ContainsAny(first[:1], "|@/[^~$!;") || strings.Contains(line, "$$") || strings.Contains(line, "=") || first != line {
		return "", false
	}
	name := strings.Trim(cells[1], " ")
	if _, err := netip.ParseAddr(name); err == nil || !hostOctets.MatchString(name) || name == "" || name[0] == '.' || !strings.Contains(name, ".") {
		return "", false
	}
	if slices.Contains(machineNames, strings.TrimSuffix(strings.ToLower(name), ".")) {
		return "passed over", true
	}
	return slowBlock(name, Exact, true), true
}

// rowWords are the words for one line below a header.
func rowWords(t testing.TB, line string) string {
	said, _ := eachEntry(t, "id,domain,note\n"+line+"\n", ReadOptions{})
	word, _, _ := strings.Cut(said[1], ": ")
	return word
}

func FuzzCSV(f *testing.F) {
	for _, line := range []string{"1,bad.example,x", `"1","bad.example","a, b"`, `"1", "BAD.example.", "a ""b"""`, `1,co.uk,"x"`, `,a..b,`, `"","github.io",""`, `"a,b","1.2","c"`, `1 , bad.example , x`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\r\n") || len(line) > 1000 {
			return
		}
		if want, mine := slowRow(line); mine {
			if got := rowWords(t, line); got != want {
				t.Fatalf("%q: got %s, want %s", line, got, want)
			}
		}
	})
}

// TestCSVColumn: csv-column=N says it for every row, with a header or without.
func TestCSVColumn(t *testing.T) {
	const text = "# sinkhole: csv-column=2\nworse.example,bad.example,ok.example\n\"1\";\"a.example\"\n1\tb.example\tok.example\nc.example\n0.0.0.0 d.example\n1,192.0.2.7:80\n1,http://e.example/x\n"
	want := []string{"nothing", "exact bad.example", "exact a.example", "exact b.example", "subtree c.example", "exact d.example", "192.0.2.7/32", "passed over: URLs"}
	if said, _ := eachEntry(t, text, ReadOptions{}); !slices.Equal(said, want) {
		t.Errorf("got  %q\nwant %q", said, want)
	}
	said, _ := eachEntry(t, "# sinkhole: csv-column=4\ndomain,date,note\nbad.example,2026,x\n", ReadOptions{})
	if !strings.HasPrefix(said[2], "refused: ") {
		t.Errorf("a column that is not there: %s", said[2])
	}
}

// TestCSVByContent: without a header the column is what its values say, and a
// link to the list's own site is never it.
func TestCSVByContent(t *testing.T) {
	const site = "https://list.example/url/"
	tests := map[string]struct {
		rows []string // with %d for what differs
		want string   // of each row; "": none is taken
	}{
		"URLs and a link":            {[]string{`"%d","2026-05-27","http://n%d.bad.example/","online","` + site + `%d/"`}, "exact n%d.bad.example"},
		"a link alone":               {[]string{`"%d","online","` + site + `%d/"`}, ""},
		"names and dates":            {[]string{"n%d.bad.example,2026-05-27,phishing"}, "exact n%d.bad.example"},
		"names behind ranks":         {[]string{"%d,n%d.bad.example"}, "exact n%d.bad.example"},
		"names and addresses":        {[]string{"n%d.bad.example,192.0.2.%d,x"}, "exact n%d.bad.example"},
		"addresses and ports":        {[]string{`"2026-05-27 11:52:06","192.0.2.%d","443","x"`}, "192.0.2.%d/32"},
		"names and families":         {[]string{`"n%d.bad.example","win.vidar","x"`, `"n%d.bad.example","win.vidar","y"`}, "exact n%d.bad.example"},
		"a description and the site": {[]string{"n%d.bad.example,Domain used by X,2026-05-27 00:07,http://list.example/manual/x.txt"}, "exact n%d.bad.example"},
		"names with semicolons":      {[]string{"n%d.bad.example;2026-05-27"}, "exact n%d.bad.example"},
		"names with tabs":            {[]string{"2026-05-27\tn%d.bad.example\tx"}, "exact n%d.bad.example"},
		"two columns of names":       {[]string{"n%d.bad.example,ns%d.host.example,x"}, ""},
		"two names a line":           {[]string{"n%d.bad.example,m%d.bad.example"}, ""},
		"words":                      {[]string{"Hello %d, dear reader, of n%d.bad.example"}, ""},
		"files and versions":         {[]string{"setup%d.7z,1.2.3,x"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			var want []string
			fill := func(form string, n int) string { return strings.ReplaceAll(form, "%d", fmt.Sprint(n)) }
			for n := 1; n < 30; n++ {
				text.WriteString(fill(tt.rows[n%len(tt.rows)], n) + "\n")
				if tt.want != "" {
					want = append(want, fill(tt.want, n))
				}
			}
			if got, res, _ := read(text.String(), ReadOptions{}); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q; %+v", got, want, res.Notes)
			}
		})
	}
}

// TestCSVHeaders: what is a header, and what is not.
func TestCSVHeaders(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"prose in a comment is none":            {"# We block by domain, host, url\na.example, b.example\n", nil},
		"of the next line's length":             {"# id,domain\n1,a.example\n2,b.example\n", []string{"exact a.example", "exact b.example"}},
		"of another length":                     {"# id,domain\na.example\n1,b.example\n", []string{"subtree a.example"}},
		"until the next one":                    {"domain,date\na.example,1\nip,date\n192.0.2.7,1\n", []string{"exact a.example", "192.0.2.7/32"}},
		"BOM, CRLF and quotes":                  {"\xef\xbb\xbf\"Date\",\"Domain Name\"\r\n\"2026\",\"a.example\"\r\n", []string{"exact a.example"}},
		"no column of names":                    {"Timestamp,Source,Item\n1,site.example,x\n2,more.example,y\n", nil},
		"no column of names, in a comment":      {"# Listingdate,SHA1,Reason\n2026,abc,x.example\n2026,def,y.example\n", nil},
		"one column":                            {"domain\na.example\n", []string{"subtree a.example"}},
		"one column of URLs":                    {"url\nhttp://a.example/\n", []string{"exact a.example"}},
		"the link of a list is no URL column":   {"id,url,urlhaus_link\n1,http://a.example/,https://list.example/url/1/\n", []string{"exact a.example"}},
		"the first one of two":                  {"ip,hostname,date\n192.0.2.7,customer.example,1\n", []string{"192.0.2.7/32"}},
		"type and value":                        {"uuid,type,value,comment\n1,domain,a.example,x\n2,md5,abc,x\n3,ip-dst,192.0.2.7,x\n4,filename,b.example,x\n", []string{"exact a.example", "192.0.2.7/32"}},
		"a type that says something else":       {"domain,type\na.example,phishing\n", []string{"exact a.example"}},
		"compromised":                           {"domain,compromised\na.example,yes\nb.example,no\n", []string{"exact b.example"}},
		"lines of other forms between rows":     {"domain,date\na.example,1\nb.example\n0.0.0.0 c.example\n||d.example^\naddress=/e.example/#\nhttp://f.example/\n192.0.2.7\ng.example,2\n", []string{"exact a.example", "subtree b.example", "exact c.example", "subtree d.example", "subtree e.example", "exact f.example", "192.0.2.7/32", "exact g.example"}},
		"a quote of four lines":                 {"domain,note\n\"a.example\",\"one\ntwo, three\n\nfour\"\nb.example,x\n", []string{"exact a.example", "exact b.example"}},
		"a quote without end":                   {"domain,note\na.example,\"x\nb.example,y\nc.example,z\n", []string{"exact b.example", "exact c.example"}},
		"a quote without end, before the bound": {"domain,note\na.example,\"x\n" + strings.Repeat("b.example,y\n", 40), slices.Repeat([]string{"exact b.example"}, 40)},
		"quotes that never end":                 {"domain,note\n" + strings.Repeat("a.example,\"x\n", 3), nil},
		"more columns than can be":              {"domain,date\n" + strings.Repeat("a.example,", 70) + "\nb.example,1\n", []string{"exact b.example"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, res, _ := read(tt.text, ReadOptions{})
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q; %+v", got, tt.want, res)
			}
		})
	}
}
