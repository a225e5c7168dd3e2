package list

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestParseRewrite: every form of $dnsrewrite, with the answer in the full form
// or why it is none.
func TestParseRewrite(t *testing.T) {
	const refused = "refused: "
	tests := map[string]string{
		"":                                   "",
		"192.0.2.1":                          "NOERROR;A;192.0.2.1",
		"2001:db8::1":                        "NOERROR;AAAA;2001:db8::1",
		"garden.example":                     "NOERROR;CNAME;garden.example.",
		"Garden.Example.":                    "NOERROR;CNAME;garden.example.",
		"bücher.example":                     "NOERROR;CNAME;xn--bcher-kva.example.",
		"garden":                             "NOERROR;CNAME;garden.",
		"_x.garden.example":                  "NOERROR;CNAME;_x.garden.example.",
		"NOERROR":                            "NOERROR;;",
		"NXDOMAIN":                           "NXDOMAIN;;",
		"REFUSED":                            "REFUSED;;",
		"SERVFAIL":                           "SERVFAIL;;",
		"refused":                            "NOERROR;CNAME;refused.",
		"FORMERR":                            refused + whyRewrite,
		"NOTIMP":                             refused + whyRewrite,
		"LOCALHOST":                          refused + whyRewrite,
		"A:NOERROR:192.0.2.1":                refused + whyRewrite,
		"bad;syntax":                         refused + whyRewrite,
		"192.0.2":                            refused + whyRewrite,
		"a..example":                         refused + whyRewrite,
		"!!bad":                              refused + whyRewrite,
		".":                                  refused + whyRewrite,
		"192.0.2.1;":                         refused + whyRewrite,
		"NOERROR;;":                          "NOERROR;;",
		"noerror;;":                          "NOERROR;;",
		"NXDOMAIN;;":                         "NXDOMAIN;;",
		"REFUSED;;":                          "REFUSED;;",
		"refused;a;192.0.2.1":                "REFUSED;;",
		"NOTAUTH;;":                          "NOTAUTH;;",
		"BADCOOKIE;;":                        refused + whyRcode,
		"nonexisting;x;x":                    refused + whyRcode,
		";;":                                 refused + whyRcode,
		"NOERROR;A;192.0.2.1":                "NOERROR;A;192.0.2.1",
		"noerror;a;192.0.2.1":                "NOERROR;A;192.0.2.1",
		"NOERROR;A;2001:db8::1":              refused + whyIPv4,
		"NOERROR;A;bad":                      refused + whyIPv4,
		"NOERROR;A;":                         refused + whyIPv4,
		"NOERROR;AAAA;2001:db8::1":           "NOERROR;AAAA;2001:db8::1",
		"NOERROR;AAAA;192.0.2.1":             refused + whyIPv6,
		"NOERROR;AAAA;fe80::1%eth0":          refused + whyIPv6,
		"NOERROR;CNAME;garden.example":       "NOERROR;CNAME;garden.example.",
		"NOERROR;CNAME;!!bad":                refused + whyTarget,
		"NOERROR;CNAME;":                     refused + whyTarget,
		"NOERROR;PTR;host.example":           "NOERROR;PTR;host.example.",
		"NOERROR;PTR;host.example.":          "NOERROR;PTR;host.example.",
		"NOERROR;PTR;bad host":               refused + whyTarget,
		"NOERROR;MX;32 mail.example":         "NOERROR;MX;32 mail.example.",
		"NOERROR;MX;0 .":                     "NOERROR;MX;0 .",
		"NOERROR;MX;bad mail.example":        refused + whyMX,
		"NOERROR;MX;mail.example":            refused + whyMX,
		"NOERROR;MX;65536 mail.example":      refused + whyMX,
		"NOERROR;MX;10 !!bad":                refused + whyMX,
		"NOERROR;TXT;hello_world":            `NOERROR;TXT;"hello_world"`,
		"NOERROR;TXT;v=spf1 -all; x":         `NOERROR;TXT;"v=spf1 -all; x"`,
		`NOERROR;TXT;a\032b`:                 `NOERROR;TXT;"a b"`,
		"NOERROR;TXT;":                       `NOERROR;TXT;""`,
		"NOERROR;SRV;10 60 8080 a.ex.org":    "NOERROR;SRV;10 60 8080 a.ex.org.",
		"NOERROR;SRV;10 60 8080 .":           "NOERROR;SRV;10 60 8080 .",
		"NOERROR;SRV;10 60 8080":             refused + whySRV,
		"NOERROR;SRV;bad 0 0 x":              refused + whySRV,
		"NOERROR;SRV;30 bad 0 x":             refused + whySRV,
		"NOERROR;SRV;30 60 70000 x":          refused + whySRV,
		"NOERROR;SRV;30 60 80 !!bad":         refused + whySRV,
		"NOERROR;HTTPS;32 a.example alpn=h3": `NOERROR;HTTPS;32 a.example. alpn="h3"`,
		"NOERROR;HTTPS;0 a.example":          "NOERROR;HTTPS;0 a.example.",
		"NOERROR;HTTPS;1 . ipv4hint=192.0.2.1 port=8443 alpn=h2":     `NOERROR;HTTPS;1 . alpn="h2" port="8443" ipv4hint="192.0.2.1"`,
		"NOERROR;HTTPS;1 . ipv4hint=192.0.2.1,192.0.2.2":             `NOERROR;HTTPS;1 . ipv4hint="192.0.2.1,192.0.2.2"`,
		"NOERROR;HTTPS;1 . alpn=h2 alpn=h3":                          `NOERROR;HTTPS;1 . alpn="h3"`,
		"NOERROR;HTTPS;1 . ipv6hint=2001:db8::1 ech=AAEC":            `NOERROR;HTTPS;1 . ech="AAEC" ipv6hint="2001:db8::1"`,
		"NOERROR;HTTPS;1 . echconfig=AAEC":                           `NOERROR;HTTPS;1 . ech="AAEC"`,
		"NOERROR;SVCB;30 a.example alpn=h3 dohpath=/dns-query{?dns}": `NOERROR;SVCB;30 a.example. alpn="h3" dohpath="/dns-query{?dns}"`,
		"NOERROR;HTTPS;bad a.example":                                refused + whySVCB,
		"NOERROR;HTTPS;bad":                                          refused + whySVCB,
		"NOERROR;SVCB;42 !!bad alpn=h3":                              refused + whySVCB,
		"NOERROR;SVCB;42 a.example stuff":                            refused + `"stuff" is no parameter of a service; want one like alpn=h3 or ipv4hint=192.0.2.1`,
		"NOERROR;SVCB;42 a.example port=x":                           refused + `"port=x" is no parameter of a service; want one like alpn=h3 or ipv4hint=192.0.2.1`,
		"NOERROR;NS;ns.example":                                      refused + whyRRType,
		"NOERROR;nonexisting;x":                                      refused + whyRRType,
		"NOERROR;;192.0.2.1":                                         refused + whyRRType,
		"NOERROR;TXT;" + strings.Repeat("a", 256):                    `NOERROR;TXT;"` + strings.Repeat("a", 255) + `" "a"`,
		"NOERROR;TXT;" + strings.Repeat("a", 254) + `\098` + `\"`:    `NOERROR;TXT;"` + strings.Repeat("a", 254) + `b" "\""`,
		"NOERROR;TXT;" + strings.Repeat("a", maxRdata):               refused + whyTooMuch,
		strings.Repeat("a", 64) + ".example":                         refused + whyRewrite,
		strings.Repeat("a.", 126) + "b":                              "NOERROR;CNAME;" + strings.Repeat("a.", 126) + "b.",
		strings.Repeat("a.", 127) + "b":                              refused + whyRewrite,
		"NOERROR;CNAME;" + strings.Repeat("a.", 127) + "b":           refused + whyTarget,
	}
	for value, want := range tests {
		w, why := parseRewrite(value)
		got := w.Key()
		if why != "" {
			got = refused + why
		} else {
			checkRewrite(t, w)
		}
		if got != want {
			t.Errorf("%.80q:\ngot  %.200q\nwant %.200q", value, got, want)
		}
	}
}

// checkRewrite holds a rewrite to what its fields promise.
func checkRewrite(t *testing.T, w *Rewrite) {
	t.Helper()
	if (w.CNAME != "" || len(w.Records) > 0) && w.Rcode != dns.RcodeSuccess || w.CNAME != "" && len(w.Records) > 0 || w.Rcode < RcodeAny || w.Rcode > 15 {
		t.Fatalf("%+v", w)
	}
	if w.CNAME != "" {
		if _, ok := dns.IsDomainName(w.CNAME); !ok || !dns.IsFqdn(w.CNAME) {
			t.Fatalf("CNAME %q", w.CNAME)
		}
	}
	for _, rr := range w.Records {
		m := new(dns.Msg).SetQuestion(".", rr.Header().Rrtype)
		m.Answer = append(m.Answer, rr)
		wire, err := m.Pack()
		if err != nil {
			if len(rr.String()) < 60_000 { // a message with its header is full before a record is
				t.Fatalf("%s: %v", rr, err)
			}
			continue
		}
		var again dns.Msg
		if err := again.Unpack(wire); err != nil || !dns.IsDuplicate(again.Answer[0], rr) {
			t.Fatalf("%s comes back as %s, %v", rr, again.Answer[0], err)
		}
		if h := rr.Header(); h.Name != "." || h.Ttl != 0 || h.Class != dns.ClassINET {
			t.Fatalf("%s: want owner . and TTL 0", rr)
		}
	}
	// The full form says the same, but of TXT and of services, whose text is quoted.
	key := w.Key()
	if again, why := parseRewrite(key); !strings.Contains(key, `"`) && (why != "" || again.Key() != key) {
		t.Fatalf("%q reads as %q, %s", key, again.Key(), why)
	}
}

// TestCombine: what several rewrites of a name answer together.
func TestCombine(t *testing.T) {
	tests := map[string]struct {
		values []string
		want   string
	}{
		"none":                          {nil, ""},
		"one":                           {[]string{"192.0.2.1"}, "NOERROR;A;192.0.2.1"},
		"addresses add up":              {[]string{"192.0.2.1", "192.0.2.2", "2001:db8::1"}, "NOERROR;A;192.0.2.1 NOERROR;A;192.0.2.2 NOERROR;AAAA;2001:db8::1"},
		"the same one once":             {[]string{"192.0.2.1", "NOERROR;A;192.0.2.1"}, "NOERROR;A;192.0.2.1"},
		"a name stands alone":           {[]string{"192.0.2.1", "garden.example", "other.example"}, "NOERROR;CNAME;garden.example."},
		"an RCODE before all":           {[]string{"192.0.2.1", "garden.example", "REFUSED", "NXDOMAIN"}, "REFUSED;;"},
		"no data adds nothing":          {[]string{"NOERROR", "192.0.2.1"}, "NOERROR;A;192.0.2.1"},
		"no data alone is no data":      {[]string{"NOERROR", "NOERROR;;"}, "NOERROR;;"},
		"types stand beside each other": {[]string{"NOERROR;TXT;x", "NOERROR;MX;1 mail.example"}, `NOERROR;MX;1 mail.example. NOERROR;TXT;"x"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var all []*Rewrite
			for _, v := range tt.values {
				w, why := parseRewrite(v)
				if why != "" {
					t.Fatal(why)
				}
				all = append(all, w)
			}
			if got := Combine(all).Key(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
