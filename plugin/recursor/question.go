package recursor

import (
	"crypto/rand"
	"encoding/binary"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/unbound"
)

// question is all that the child learns of a client's question. Equal questions
// are one question: of those under way at once a single one is sent, which also
// takes the birthday out of guessing (CVE-2023-30464). The class is IN always.
type question struct {
	name   string // wire form, lower case
	qtype  uint16
	do, cd bool
}

// ask reads a client's message; false when its name is none.
func ask(r *dns.Msg) (question, bool) {
	var buf [dnsname.MaxLen]byte
	asked := r.Question[0]
	name, err := dnsname.Append(buf[:0], asked.Name)
	if err != nil {
		return question{}, false
	}
	opt := r.IsEdns0()
	return question{
		name:  string(name),
		qtype: asked.Qtype,
		do:    opt != nil && opt.Do(),
		cd:    r.CheckingDisabled,
	}, true
}

// The header of a message (RFC 1035, section 4.1.1; RFC 4035, section 3.2).
const (
	headerLen = 12
	flagQR    = 1 << 15
	maskOp    = 0xf << 11
	flagTC    = 1 << 9
	flagRD    = 1 << 8
	flagAD    = 1 << 5
	flagCD    = 1 << 4
	flagDO    = 1 << 15 // in the OPT record
)

// maxQuery is the longest question in octets: header, name, type and class, OPT.
const maxQuery = headerLen + dnsname.MaxLen + 4 + 11

// append writes the question as a message with ID zero. It holds nothing of the
// client's but what question has: an OPT of our own, no option, and AD set, so
// that the answer says whether it was validated.
func (q *question) append(b []byte) []byte {
	flags := uint16(flagRD | flagAD)
	if q.cd {
		flags |= flagCD
	}
	var do uint32
	if q.do {
		do = flagDO
	}
	b = append(b, 0, 0, byte(flags>>8), byte(flags), 0, 1, 0, 0, 0, 0, 0, 1)
	b = q.section(b)
	b = append(b, 0, 0, byte(dns.TypeOPT))
	b = binary.BigEndian.AppendUint16(b, unbound.MaxUDP)
	b = binary.BigEndian.AppendUint32(b, do)
	return append(b, 0, 0)
}

// section is the question section: the child repeats it octet for octet.
func (q *question) section(b []byte) []byte {
	b = append(b, q.name...)
	b = binary.BigEndian.AppendUint16(b, q.qtype)
	return binary.BigEndian.AppendUint16(b, dns.ClassINET)
}

// newID gives the message an ID that nobody can guess.
func newID(query []byte) { _, _ = rand.Read(query[:2]) } // it never fails

// answers says whether wire is an answer to query, which append wrote: same ID,
// a response, the same question. Everything else that comes is somebody else's,
// or from before.
func answers(wire, query []byte) bool {
	end := len(query) - 11 // of the question section; OPT has 11 octets
	if len(wire) < end {
		return false
	}
	flags := binary.BigEndian.Uint16(wire[2:])
	return wire[0] == query[0] && wire[1] == query[1] &&
		flags&flagQR != 0 && flags&maskOp == 0 &&
		binary.BigEndian.Uint16(wire[4:]) == 1 &&
		string(wire[headerLen:end]) == string(query[headerLen:end])
}

// truncated says that an answer, which answers has seen, is to be had whole over
// TCP.
func truncated(wire []byte) bool { return binary.BigEndian.Uint16(wire[2:])&flagTC != 0 }
