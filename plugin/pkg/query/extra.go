package query

import "github.com/miekg/dns"

// extra is what the records behind the question say about the message.
type extra struct {
	opt       *dns.OPT
	cookie    bool // a COOKIE option of a length that cookies have
	signed    bool // TSIG or SIG(0) at the end
	malformed bool
}

// examine looks at all records of m.
func examine(m *dns.Msg) (e extra) {
	for _, section := range [][]dns.RR{m.Answer, m.Ns} {
		for _, rr := range section {
			if t := rr.Header().Rrtype; t == dns.TypeOPT || t == dns.TypeTSIG {
				e.malformed = true
			}
		}
	}
	for i, rr := range m.Extra {
		switch rr := rr.(type) {
		case *dns.OPT:
			e.takeOPT(rr)
		case *dns.TSIG: // last, and so only one (RFC 8945, 5.1)
			e.takeSignature(i == len(m.Extra)-1)
		case *dns.SIG:
			if rr.TypeCovered == 0 { // SIG(0), last (RFC 2931, 3.1)
				e.takeSignature(i == len(m.Extra)-1)
			}
		}
	}
	return e
}

func (e *extra) takeSignature(last bool) {
	e.signed = true
	e.malformed = e.malformed || !last
}

// takeOPT: one, owned by the root (RFC 6891, 6.1.1 and 6.1.2). Options that we
// do not know are ignored; of those that we know only a cookie can be wrong by
// its length, the others have been read.
func (e *extra) takeOPT(o *dns.OPT) {
	if e.opt != nil || o.Hdr.Name != "." {
		e.malformed = true
		return
	}
	e.opt = o
	for _, option := range o.Option {
		if c, ok := option.(*dns.EDNS0_COOKIE); ok {
			// RFC 7873, 5.2.2; the first of several counts (5.2).
			e.cookie = cookieLength(len(c.Cookie) / 2)
			e.malformed = e.malformed || !e.cookie
			return
		}
	}
}

// cookieLength: a client cookie of 8 octets, alone or with a server cookie of 8
// to 32 (RFC 7873, section 4).
func cookieLength(octets int) bool {
	return octets == 8 || octets >= 16 && octets <= 40
}
