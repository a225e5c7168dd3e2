package scenario

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// question is what a command asks, and how.
type question struct {
	name, rrtype string
	network      string // udp, tcp, dot, doh, doq
	from         netip.Addr
	port         uint16 // of the client; 0 is any
	to           netip.AddrPort

	do, cd, ad, norec, noedns bool
	size                      uint16
	version                   uint8
	class, opcode             string

	names, crowd int // of FLOOD
}

// ports are those of the transports.
var ports = map[string]uint16{"udp": 53, "tcp": 53, "dot": 853, "doh": 443, "doq": 853}

// ask reads NAME TYPE [+FLAG...]; a name's %d stands for a number.
func (w *world) ask(args []string) (question, error) {
	q := question{network: "udp", size: 1232}
	six := false
	var plain []string
	for _, a := range args {
		key, value, _ := strings.Cut(a, "=")
		var err error
		switch key {
		case "+tcp", "+dot", "+doh", "+doq", "+udp":
			q.network = key[1:]
		case "+6":
			six = true
		case "+from":
			q.from, err = netip.ParseAddr(value)
		case "+port":
			q.port, err = number[uint16](value, 16)
		case "+to":
			if q.to, err = netip.ParseAddrPort(value); err != nil {
				var addr netip.Addr
				addr, err = netip.ParseAddr(value)
				q.to = netip.AddrPortFrom(addr, 0)
			}
		case "+do":
			q.do = true
		case "+cd":
			q.cd = true
		case "+ad":
			q.ad = true
		case "+norec":
			q.norec = true
		case "+noedns":
			q.noedns = true
		case "+size":
			q.size, err = number[uint16](value, 16)
		case "+version":
			q.version, err = number[uint8](value, 8)
		case "+names":
			q.names, err = strconv.Atoi(value)
		case "+crowd":
			q.crowd, err = strconv.Atoi(value)
		case "+class":
			q.class = value
		case "+opcode":
			q.opcode = value
		default:
			plain = append(plain, a)
		}
		if err != nil {
			return q, fmt.Errorf("%w: %s: %w", errUsage, a, err)
		}
	}
	w.direct(&q, six)
	if len(plain) != 2 {
		return q, usage("NAME TYPE [+FLAG...]", args)
	}
	q.name, q.rrtype = plain[0], plain[1]
	return q, nil
}

func number[T uint8 | uint16](text string, bits int) (T, error) {
	n, err := strconv.ParseUint(text, 10, bits)
	return T(n), err
}

// direct fills in whom to ask, and as whom.
func (w *world) direct(q *question, six bool) {
	six = six || q.from.Is6() || q.to.Addr().Is6()
	if !q.to.Addr().IsValid() {
		q.to = netip.AddrPortFrom(w.addr4, 0)
		if six {
			q.to = netip.AddrPortFrom(w.addr6, 0)
		}
	}
	if q.to.Port() == 0 {
		q.to = netip.AddrPortFrom(q.to.Addr(), ports[q.network])
	}
	if !q.from.IsValid() {
		q.from = subscriber4
		if six {
			q.from = subscriber6
		}
	}
}

// message is the question as DNS, for the n-th time.
func (q question) message(n int) (*dns.Msg, error) {
	rrtype, known := dns.StringToType[q.rrtype]
	if num, ok := strings.CutPrefix(q.rrtype, "TYPE"); ok && !known {
		t, err := number[uint16](num, 16)
		if err != nil {
			return nil, fmt.Errorf("%w: type %q", errUsage, q.rrtype)
		}
		rrtype, known = t, true
	}
	if !known {
		return nil, fmt.Errorf("%w: type %q", errUsage, q.rrtype)
	}
	m := new(dns.Msg).SetQuestion(dns.Fqdn(strings.ReplaceAll(q.name, "%d", strconv.Itoa(n))), rrtype)
	m.RecursionDesired = !q.norec
	m.CheckingDisabled = q.cd
	m.AuthenticatedData = q.ad
	if q.class != "" {
		m.Question[0].Qclass = dns.StringToClass[q.class]
	}
	if q.opcode != "" {
		m.Opcode = dns.StringToOpcode[q.opcode]
	}
	if !q.noedns {
		m.SetEdns0(q.size, q.do)
		m.IsEdns0().SetVersion(q.version)
	}
	return m, nil
}

// answerWords are what the package comment says of an answer. sent is the
// question's name as it went out, in wire form.
func answerWords(raw []byte, sent *dns.Msg) ([]string, error) {
	if raw == nil {
		return []string{"silence"}, nil
	}
	words := []string{fmt.Sprintf("octets=%d", len(raw))}
	r := new(dns.Msg)
	if err := r.Unpack(raw); err != nil {
		return nil, fmt.Errorf("the answer cannot be parsed: %w: %x", err, raw)
	}
	words = append(words, rcodeText(r))
	for _, f := range []struct {
		name string
		set  bool
	}{{"qr", r.Response}, {"aa", r.Authoritative}, {"tc", r.Truncated}, {"rd", r.RecursionDesired},
		{"ra", r.RecursionAvailable}, {"z", r.Zero}, {"ad", r.AuthenticatedData}, {"cd", r.CheckingDisabled}} {
		if f.set {
			words = append(words, f.name)
		}
	}
	if sent != nil {
		if r.Id != sent.Id {
			words = append(words, "foreign-id")
		}
		if slices.Equal(r.Question, sent.Question) {
			words = append(words, "case")
		}
	}
	words = append(words, fmt.Sprintf("questions=%d", len(r.Question)), fmt.Sprintf("answers=%d", len(r.Answer)),
		fmt.Sprintf("authority=%d", len(r.Ns)))
	words = append(words, ednsWords(r)...)
	return append(words, recordWords(r)...), nil
}

func rcodeText(r *dns.Msg) string {
	if r.Rcode == dns.RcodeBadVers {
		return "BADVERS" // 16 is BADSIG too, in TSIG
	}
	return dns.RcodeToString[r.Rcode]
}

func ednsWords(r *dns.Msg) (words []string) {
	opt := r.IsEdns0()
	additional := len(r.Extra)
	if opt != nil {
		additional--
		words = append(words, "edns", fmt.Sprintf("udp=%d", opt.UDPSize()), fmt.Sprintf("version=%d", opt.Version()))
		if opt.Do() {
			words = append(words, "do")
		}
		for _, o := range opt.Option {
			if ede, ok := o.(*dns.EDNS0_EDE); ok {
				words = append(words, "ede", fmt.Sprintf("ede=%d", ede.InfoCode), fmt.Sprintf("ede=%d:%s", ede.InfoCode, ede.ExtraText))
			} else {
				words = append(words, fmt.Sprintf("option=%d", o.Option()))
			}
		}
	}
	return append(words, fmt.Sprintf("additional=%d", additional))
}

func recordWords(r *dns.Msg) (words []string) {
	for _, rr := range r.Answer {
		h := rr.Header()
		// A record in words: owner, TTL, class, type, then the data.
		data := strings.Join(strings.Fields(rr.String())[4:], " ")
		is := dns.TypeToString[h.Rrtype] + "=" + data
		words = append(words, is, h.Name+"/"+is, dns.TypeToString[h.Rrtype], fmt.Sprintf("ttl=%d", h.Ttl))
	}
	for _, rr := range r.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			words = append(words, "soa="+soa.Hdr.Name, fmt.Sprintf("soa-ttl=%d", soa.Hdr.Ttl), fmt.Sprintf("minimum=%d", soa.Minttl))
		} else {
			words = append(words, "authority:"+dns.TypeToString[rr.Header().Rrtype])
		}
	}
	for _, rr := range r.Extra {
		if h := rr.Header(); h.Rrtype != dns.TypeOPT {
			words = append(words, "additional:"+dns.TypeToString[h.Rrtype]+"="+h.Name)
		}
	}
	return words
}
