package policy

import "github.com/miekg/dns"

// Data is the answer that $dnsrewrite rules give: their CNAME, else their rcode,
// else their records; those of no type that was asked make NODATA.
type Data struct {
	Rcode   int
	CNAME   string   // in presentation form with the final dot, "": none
	Records []dns.RR // owner ".", TTL 0; not to be written to
}

// Data is what a verdict of a list says to answer, with Action LocalData.
func (p *Policy) Data(v Verdict) Data { return Data{} }

// said names the rewrites that decide.
type said struct {
	group uint32
	live  uint64
}
