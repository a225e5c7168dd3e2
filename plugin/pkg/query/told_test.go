package query

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

// TestErrors: what the resolver said belongs to its own answer; another answer
// than its failure is an old one.
func TestErrors(t *testing.T) {
	bogus := []*dns.EDNS0_EDE{{InfoCode: dns.ExtendedErrorCodeDNSBogus, ExtraText: "no signature"}}
	for name, tt := range map[string]struct {
		told  *Outcome
		rcode int
		want  string
	}{
		"nothing was resolved: a cache or a list answered": {nil, dns.RcodeSuccess, "[]"},
		"the failure itself":                      {&Outcome{dns.RcodeServerFailure, bogus}, dns.RcodeServerFailure, "[6]"},
		"an answer with a remark":                 {&Outcome{dns.RcodeSuccess, bogus}, dns.RcodeSuccess, "[6]"},
		"an answer without":                       {&Outcome{Rcode: dns.RcodeSuccess}, dns.RcodeSuccess, "[]"},
		"an old answer in the place of a failure": {&Outcome{dns.RcodeServerFailure, bogus}, dns.RcodeSuccess, "[3]"},
		"an old denial in the place of a failure": {&Outcome{dns.RcodeServerFailure, bogus}, dns.RcodeNameError, "[19]"},
		"refused by somebody between":             {&Outcome{dns.RcodeSuccess, bogus}, dns.RcodeRefused, "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			var told Told
			s := Source{Told: &told}
			if tt.told != nil {
				s.Resolved(tt.told)
			}
			got := []uint16{}
			for _, e := range told.Errors(tt.rcode) {
				got = append(got, e.InfoCode)
			}
			if fmt.Sprint(got) != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
	new(Source).Resolved(&Outcome{}) // nobody listens
}
