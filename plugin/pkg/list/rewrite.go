package list

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// RcodeAny is the Rcode of an exception that removes all rewrites.
const RcodeAny = -1

// Rewrite is the answer that a rule gives ($dnsrewrite). It is immutable, and
// rules of one file that say the same may share one. In an exception it says
// which rewrites are removed: the equal one, or with RcodeAny all.
type Rewrite struct {
	Rcode   int      // dns.RcodeSuccess where there is a CNAME or a record
	CNAME   string   // presentation form with the final dot; "": none
	Records []dns.RR // owner ".", TTL 0; the answer to other types of question is NODATA
}

// Key is w in a few words, equal for rewrites that mean the same:
// "NOERROR;CNAME;garden.example.", "NOERROR;A;192.0.2.1", "REFUSED;;", "" for
// an exception that removes all.
func (w *Rewrite) Key() string {
	switch {
	case w == nil || w.Rcode == RcodeAny:
		return ""
	case w.CNAME != "":
		return "NOERROR;CNAME;" + strings.ToLower(w.CNAME)
	case len(w.Records) == 0:
		return dns.RcodeToString[w.Rcode] + ";;"
	}
	var records []string
	for _, rr := range w.Records {
		h := rr.Header()
		records = append(records, "NOERROR;"+dns.TypeToString[h.Rrtype]+";"+strings.TrimPrefix(rr.String(), h.String()))
	}
	slices.Sort(records)
	return strings.Join(slices.Compact(records), " ")
}
