// Package query is the gate that every question passes, whatever path or
// transport it comes by: it tells the recursive question of a subscriber from
// all else, and what all else is answered.
//
// # What is not let in
//
//	what it is                                  who        what it gets
//	a response                                  anybody    silence
//	what makes no sense                         stranger   silence
//	anything else                               stranger   REFUSED, EDE 18
//	an opcode other than QUERY                  subscriber NOTIMP, 12 octets
//	no question, and a cookie (RFC 7873, 5.4)   subscriber NOERROR, the OPT alone
//	no question, or two                         subscriber FORMERR, 12 octets
//	a broken OPT, a misplaced OPT or TSIG       subscriber FORMERR
//	an EDNS version other than 0                subscriber BADVERS
//	TSIG or SIG(0): no key is shared            subscriber NOTAUTH
//	a class other than IN                       subscriber REFUSED, EDE 21
//	type OPT, TSIG, TKEY, NXNAME (RFC 9824)     subscriber FORMERR, 12 octets
//	type MAILA, MAILB (RFC 1035, 3.2.3)         subscriber NOTIMP, 12 octets
//	type AXFR, IXFR                             subscriber REFUSED, EDE 21
//	RD clear: cached or not, listed or not      subscriber REFUSED, EDE 20
//
// The first line that fits decides: the opcode comes before the counts, what is
// malformed before what is not wanted. A reply carries nothing that was not
// parsed; it repeats the question where the fault lies behind it.
//
// Judge allocates nothing where it lets a question pass
// (TestJudgeAllocatesNothing).
package query

import "github.com/miekg/dns"

// UDPSize is what we announce in every OPT, and the most that we send over UDP,
// in octets: it crosses any network unfragmented (RFC 9715, 3.1).
const UDPSize = 1232

// Verdict is what Judge says of a message.
type Verdict uint8

// The verdicts, in the order in which they are looked for.
const (
	Pass       Verdict = iota
	Response           // a response is not answered
	Noise              // a stranger's message that makes no sense
	Stranger           // not from a subscriber
	Opcode             // not QUERY
	Probe              // no question, but a cookie
	Count              // not one question
	Malformed          // a broken or misplaced OPT, TSIG or SIG
	Version            // of EDNS
	Signed             // TSIG or SIG(0)
	Class              // not IN
	Meta               // a type that no name has: OPT, TSIG, TKEY, NXNAME
	MailType           // MAILA, MAILB
	Transfer           // AXFR, IXFR
	Recursion          // not desired
	numVerdict         // how many there are
)

// form is how much a reply repeats.
type form uint8

const (
	silence  form = iota
	header        // 12 octets
	options       // the header, and an OPT where the query had one
	question      // the header and the question
	whole         // the question, and an OPT where the query had one
)

const noEDE = -1

// replies say what each verdict is answered.
var replies = [numVerdict]struct {
	word  string // in metrics
	form  form
	rcode int
	ede   int
}{
	Pass:      {"pass", silence, 0, noEDE},
	Response:  {"response", silence, 0, noEDE},
	Noise:     {"noise", silence, 0, noEDE},
	Stranger:  {"stranger", whole, dns.RcodeRefused, int(dns.ExtendedErrorCodeProhibited)},
	Opcode:    {"opcode", header, dns.RcodeNotImplemented, noEDE},
	Probe:     {"probe", options, dns.RcodeSuccess, noEDE},
	Count:     {"count", header, dns.RcodeFormatError, noEDE},
	Malformed: {"malformed", question, dns.RcodeFormatError, noEDE},
	Version:   {"version", whole, dns.RcodeBadVers, noEDE},
	Signed:    {"signed", whole, dns.RcodeNotAuth, noEDE},
	Class:     {"class", whole, dns.RcodeRefused, int(dns.ExtendedErrorCodeNotSupported)},
	Meta:      {"meta", header, dns.RcodeFormatError, noEDE},
	MailType:  {"mail", header, dns.RcodeNotImplemented, noEDE},
	Transfer:  {"transfer", whole, dns.RcodeRefused, int(dns.ExtendedErrorCodeNotSupported)},
	Recursion: {"recursion", whole, dns.RcodeRefused, int(dns.ExtendedErrorCodeNotAuthoritative)},
}

// String is the verdict's word in metrics.
func (v Verdict) String() string { return replies[v].word }

// Judge says what becomes of m. served: it comes from a subscriber.
func Judge(m *dns.Msg, served bool) Verdict {
	if m.Response {
		return Response
	}
	v := parsed(m)
	if !served {
		if v == Count || v == Malformed {
			return Noise
		}
		return Stranger
	}
	if v != Pass {
		return v
	}
	switch q := &m.Question[0]; {
	case q.Qclass != dns.ClassINET:
		return Class
	case q.Qtype == dns.TypeOPT, q.Qtype == dns.TypeTSIG, q.Qtype == dns.TypeTKEY, q.Qtype == dns.TypeNXNAME:
		return Meta
	case q.Qtype == dns.TypeMAILA, q.Qtype == dns.TypeMAILB:
		return MailType
	case q.Qtype == dns.TypeAXFR, q.Qtype == dns.TypeIXFR:
		return Transfer
	case !m.RecursionDesired:
		return Recursion
	}
	return Pass
}

// parsed judges what comes before the meaning of the question.
func parsed(m *dns.Msg) Verdict {
	if m.Opcode != dns.OpcodeQuery {
		return Opcode
	}
	if len(m.Question) > 1 {
		return Count
	}
	e := examine(m)
	switch {
	case len(m.Question) == 0 && e.cookie && !e.malformed && len(m.Answer)+len(m.Ns) == 0:
		return Probe
	case len(m.Question) == 0:
		return Count
	case e.malformed:
		return Malformed
	case e.opt != nil && e.opt.Version() != 0:
		return Version
	case e.signed:
		return Signed
	}
	return Pass
}
