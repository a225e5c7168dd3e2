package policy

import (
	"strings"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

// maxLinks bounds how far a chain of CNAME and DNAME is followed. Unbound gives
// up after 11, glibc after 35; and a chain may be a loop.
const maxLinks = 64

// walk follows a chain through an answer, whose records may stand in any order.
type walk struct {
	answer []dns.RR
	name   string // where it has come to
	owner  string // of the last link
	at     int    // place in answer of the last link, from one
	links  int
}

// next goes on to the target of name's CNAME, or of a DNAME above it.
func (w *walk) next() bool {
	if w.links == maxLinks {
		return false
	}
	dname, target := 0, ""
	for i, rr := range w.answer {
		switch rr := rr.(type) {
		case *dns.CNAME:
			if sameName(rr.Hdr.Name, w.name) {
				w.step(rr.Target, i+1)
				return true
			}
		case *dns.DNAME:
			if dname == 0 {
				if t, ok := redirected(w.name, rr); ok {
					dname, target = i+1, t
				}
			}
		}
	}
	if dname > 0 {
		w.step(target, dname)
	}
	return dname > 0
}

func (w *walk) step(target string, at int) {
	w.owner, w.name, w.at = w.name, target, at
	w.links++
}

// redirected is what a DNAME makes of a name below its owner (RFC 6672, section
// 2.2).
func redirected(name string, rr *dns.DNAME) (target string, ok bool) {
	above := dns.CountLabel(name) - dns.CountLabel(rr.Hdr.Name)
	if above <= 0 {
		return "", false
	}
	cut := 0
	for range above {
		cut, _ = dns.NextLabel(name, cut)
	}
	if !sameName(name[cut:], rr.Hdr.Name) && rr.Hdr.Name != "." {
		return "", false
	}
	return name[:cut] + strings.TrimPrefix(rr.Target, "."), true
}

// isName tells whether text in presentation form is a name: what a DNAME makes
// may be too long for one.
func isName(text string) bool {
	var room [dnsname.MaxLen]byte
	_, err := dnsname.Append(room[:0], text)
	return err == nil
}

// question is the name in question, as m has it.
func question(m *dns.Msg) string {
	if len(m.Question) == 0 {
		return "."
	}
	return m.Question[0].Name
}

// sameName compares names in presentation form, whatever their case and escapes.
func sameName(a, b string) bool {
	if strings.IndexByte(a, '\\') < 0 && strings.IndexByte(b, '\\') < 0 {
		return equalFold(a, b)
	}
	var x, y [dnsname.MaxLen]byte
	wa, err := dnsname.Append(x[:0], a)
	if err != nil {
		return false
	}
	wb, err := dnsname.Append(y[:0], b)
	return err == nil && string(wa) == string(wb)
}

// equalFold compares in ASCII alone (RFC 4343): strings.EqualFold would take
// U+212A for a k.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// Lead finds the CNAMEs that lead from the question of m to what a Review met in
// record at of its answer, in their order, and the name that they lead to: the
// question's where there are none. A CNAME that only a DNAME implies is made.
// ok is false where record at does not belong to the question.
func Lead(m *dns.Msg, at int) (links []*dns.CNAME, name string, ok bool) {
	w := walk{answer: m.Answer, name: question(m)}
	if at == 0 {
		return nil, w.name, true
	}
	rr := m.Answer[at-1]
	for {
		if w.at == at || !isLink(rr) && sameName(rr.Header().Name, w.name) {
			return links, w.name, true
		}
		if !w.next() {
			return nil, question(m), false
		}
		links = append(links, w.link())
	}
}

func isLink(rr dns.RR) bool {
	switch rr.(type) {
	case *dns.CNAME, *dns.DNAME:
		return true
	}
	return false
}

// link is the last step as a CNAME.
func (w *walk) link() *dns.CNAME {
	hdr := *w.answer[w.at-1].Header()
	hdr.Name, hdr.Rrtype = w.owner, dns.TypeCNAME
	return &dns.CNAME{Hdr: hdr, Target: w.name}
}
