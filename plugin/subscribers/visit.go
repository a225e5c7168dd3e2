package subscribers

import (
	"net"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/query"
)

// visit is one message of a client: on its way in, the question and where it
// came from; on its way out, the client to those behind the gate. All that the
// gate allocates for a question is this and the context that carries the source.
//
// CoreDNS keeps the message as it was received, and adds an OPT to every reply
// by what stands in it: the client's size, its flags, some of its options. So
// what it keeps is made to say what we announce, and those behind the gate get a
// question of their own, with nothing in it but what they may need.
type visit struct {
	dns.ResponseWriter
	source query.Source
	told   query.Told
	asked  *dns.Msg // as CoreDNS keeps it

	name  dns.Question // as it came
	edns  bool         // the client has EDNS
	do    bool
	limit int // octets of a reply

	question dns.Msg // as those behind the gate see it
	names    [1]dns.Question
	opt      dns.OPT
	extra    [1]dns.RR

	reply        dns.Msg
	replyNames   [1]dns.Question
	replyOPT     dns.OPT
	replyOptions [1]dns.EDNS0 // an extended error
	replyExtra   [2]dns.RR
	written      bool
}

// turnAway writes the reply to what is not let in, or ends it in silence.
func (v *visit) turnAway(verdict query.Verdict) {
	m := verdict.Reply(v.asked)
	if m == nil {
		v.hangUp()
		return
	}
	if m.IsEdns0() != nil {
		announce(v.asked.IsEdns0())
	} else {
		v.asked.Extra = nil // or CoreDNS adds an OPT to what is to have none
	}
	v.ResponseWriter.WriteMsg(m)
	if verdict == query.Stranger {
		v.hangUp()
	}
}

// hangUp closes a connection that leads to nothing.
func (v *visit) hangUp() {
	if v.source.Stream {
		v.Close() // it may be closed already
	}
}

// announce makes the OPT that CoreDNS goes by say what we announce.
func announce(opt *dns.OPT) { query.SetOPT(opt, opt.Do()) }

// letIn makes the question for those behind the gate.
func (v *visit) letIn() {
	v.name = v.asked.Question[0]
	v.limit = query.Limit(v.asked, v.source.Stream)
	v.names[0] = v.name
	v.question = dns.Msg{
		MsgHdr: dns.MsgHdr{
			Id:                v.asked.Id,
			RecursionDesired:  v.asked.RecursionDesired,
			AuthenticatedData: v.asked.AuthenticatedData,
			CheckingDisabled:  v.asked.CheckingDisabled,
		},
		Question: v.names[:],
	}
	opt := v.asked.IsEdns0()
	if opt == nil {
		return
	}
	v.edns, v.do = true, opt.Do()
	query.SetOPT(&v.opt, v.do)
	v.opt.SetUDPSize(uint16(query.Limit(v.asked, false)))
	v.extra[0] = &v.opt
	v.question.Extra = v.extra[:]
	announce(opt)
}

// WriteMsg sends the reply m to the client. m stays as it is: it may be the
// answer to others, too. That it cannot be written is not told: the client is
// gone, and `errors` would log his address with the name.
func (v *visit) WriteMsg(m *dns.Msg) error {
	v.written = true
	v.reply = *m
	r := &v.reply
	r.Id, r.Response, r.Opcode, r.Zero = v.asked.Id, true, v.asked.Opcode, false
	r.RecursionDesired, r.RecursionAvailable, r.CheckingDisabled = v.asked.RecursionDesired, true, v.asked.CheckingDisabled
	r.AuthenticatedData = r.AuthenticatedData && (v.asked.AuthenticatedData || v.do) // RFC 6840, 5.8
	v.replyNames[0] = v.name                                                         // as it came, whoever has rewritten it
	r.Question = v.replyNames[:]
	r.Answer, r.Ns = v.spell(m.Answer), v.spell(m.Ns)
	v.setExtra(m.Extra)
	if !v.source.Stream {
		query.Fit(r, v.limit)
	}
	if v.spoilt() {
		v.writePacked()
	} else {
		v.ResponseWriter.WriteMsg(r)
	}
	return nil
}

// spell is section with the name that was asked in the client's letters: a cache
// has the letters of whoever asked first.
func (v *visit) spell(section []dns.RR) []dns.RR {
	own := false
	for i, rr := range section {
		name := rr.Header().Name
		if name == v.name.Name || len(name) != len(v.name.Name) || !strings.EqualFold(name, v.name.Name) {
			continue
		}
		if !own {
			section, own = slices.Clone(section), true
		}
		section[i] = dns.Copy(rr)
		section[i].Header().Name = v.name.Name
	}
	return section
}

// setExtra makes the additional section: extra with our OPT in place of another,
// of whose options only extended errors are for the client.
func (v *visit) setExtra(extra []dns.RR) {
	query.SetOPT(&v.replyOPT, v.do)
	v.replyOPT.Option = v.replyOptions[:0]
	v.reply.Extra = v.replyExtra[:0]
	for _, rr := range extra {
		opt, ok := rr.(*dns.OPT)
		if !ok {
			v.reply.Extra = append(v.reply.Extra, rr)
			continue
		}
		for _, option := range opt.Option {
			if option.Option() == dns.EDNS0EDE {
				v.replyOPT.Option = append(v.replyOPT.Option, option)
			}
		}
	}
	switch {
	case v.edns:
		if len(v.replyOPT.Option) == 0 { // a cache has dropped them, or there are none
			for _, e := range v.told.Errors(v.reply.Rcode) {
				v.replyOPT.Option = append(v.replyOPT.Option, e)
			}
		}
		v.reply.Extra = append(v.reply.Extra, &v.replyOPT)
	case v.reply.Rcode > 0xf: // it would need an OPT
		v.reply.Rcode = dns.RcodeServerFailure
	}
}

// spoilt: CoreDNS goes by the size that we announce. It would cut what comes by
// QUIC, which has an address of UDP; and of what fits a smaller client only when
// compressed, it would undo the compression.
func (v *visit) spoilt() bool {
	announced := query.Limit(v.asked, false)
	switch {
	case v.source.Stream:
		_, udp := unwrap(v.RemoteAddr()).(*net.UDPAddr)
		return udp && v.reply.Len() > announced
	case v.reply.Compress && v.limit < announced:
		plain := v.reply
		plain.Compress = false
		n := plain.Len()
		return v.limit < n && n <= announced
	}
	return false
}

// writePacked sends the reply past those who would spoil it.
func (v *visit) writePacked() {
	v.reply.Compress = true
	if wire, err := v.reply.Pack(); err == nil {
		v.ResponseWriter.Write(wire)
	}
	v.hangUp() // a stream of QUIC has one answer
}

// Write sends a reply that was packed already.
func (v *visit) Write(wire []byte) (int, error) {
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		return 0, err
	}
	return len(wire), v.WriteMsg(m)
}
