package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"io"
	"net/netip"
	"path/filepath"

	"github.com/gaissmai/bart"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/list"
	"sinkhole/plugin/pkg/statedir"
)

// state is what Save writes: all of a Policy but the octets of files, the index,
// and what zones come to, which lies beside it.
type state struct {
	Key             string // of what changes the reading
	Base            string
	Groups, Clauses int // of base
	Listed, LeftOut int
	IDs             int
	Files           []stateOfFile
	Zones           []stateOfZone
	Clause          []stateOfClause
	Group           []byte // 16 octets each
	Delta           []byte // 4 octets and a name each
	Prefix          []byte // 22 octets each
}

type stateOfFile struct {
	ID           uint32
	Name, SHA256 string
	Named        string
	Result       list.Result
}

type stateOfZone struct {
	Name, SHA256 string
	Result       list.Result
}

type stateOfClause struct {
	Cond    *list.Condition
	Says    uint32
	Rewrite bool
	Rcode   int
	CNAME   string
	Records [][]byte // in wire form
}

// state is p in octets.
func (p *Policy) state() ([]byte, error) {
	s := state{
		Key:  readingKey(p.config),
		Base: p.base.id, Groups: p.base.groups, Clauses: p.base.clauses,
		Listed: p.listed, LeftOut: p.leftOut,
		IDs: len(p.place) - 1,
	}
	for _, f := range p.files {
		s.Files = append(s.Files, stateOfFile{f.id, f.Name, f.SHA256, f.named, f.result})
	}
	for _, z := range p.zones {
		if z.SHA256 != "" {
			result := z.result
			result.Notes = nil
			s.Zones = append(s.Zones, stateOfZone{z.Name, z.SHA256, result})
		}
	}
	for _, c := range p.clauses[1:] {
		out, err := stateOf(c)
		if err != nil {
			return nil, err
		}
		s.Clause = append(s.Clause, out)
	}
	le := binary.LittleEndian
	for _, g := range p.groups[1:] {
		s.Group = le.AppendUint32(le.AppendUint32(le.AppendUint32(le.AppendUint32(s.Group, g.rest), g.file), g.clause), uint32(g.kinds))
	}
	for name, group := range p.delta {
		s.Delta = append(le.AppendUint32(s.Delta, group), name...)
	}
	for _, a := range p.addrs {
		if a.group != 0 {
			to := a.prefix.Addr().As16()
			s.Prefix = append(append(le.AppendUint32(s.Prefix, a.group), to[:]...), flag(a.prefix.Addr().Is4()), byte(a.prefix.Bits()))
		}
	}
	var out bytes.Buffer
	err := gob.NewEncoder(&out).Encode(s)
	return out.Bytes(), err
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func stateOf(c clause) (s stateOfClause, err error) {
	s = stateOfClause{Cond: c.cond, Says: c.says}
	if c.rewrite == nil {
		return s, nil
	}
	s.Rewrite, s.Rcode, s.CNAME = true, c.rewrite.Rcode, c.rewrite.CNAME
	for _, rr := range c.rewrite.Records {
		room := make([]byte, dns.Len(rr)+1)
		n, err := dns.PackRR(rr, room, 0, nil, false)
		if err != nil {
			return s, err
		}
		s.Records = append(s.Records, room[:n])
	}
	return s, nil
}

func (s stateOfClause) clause() (c clause, err error) {
	c = clause{cond: s.Cond, says: s.Says}
	if !s.Rewrite {
		return c, nil
	}
	c.rewrite = &list.Rewrite{Rcode: s.Rcode, CNAME: s.CNAME}
	for _, packed := range s.Records {
		rr, _, err := dns.UnpackRR(packed, 0)
		if err != nil {
			return c, err
		}
		c.rewrite.Records = append(c.rewrite.Records, rr)
	}
	return c, nil
}

// readState reads what Save wrote.
func readState(dir string) (*state, error) {
	f, err := statedir.OpenFile(filepath.Join(dir, stateFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := io.ReadAll(io.LimitReader(f, maxState))
	if err != nil {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(all, []byte(stateMagic))
	if !ok || len(rest) < sha256.Size {
		return nil, errState
	}
	if sum := sha256.Sum256(rest[sha256.Size:]); !bytes.Equal(sum[:], rest[:sha256.Size]) {
		return nil, errState
	}
	s := new(state)
	return s, gob.NewDecoder(bytes.NewReader(rest[sha256.Size:])).Decode(s)
}

// rules fills in groups, clauses, delta and prefixes.
func (s *state) rules(p *Policy) error {
	p.clauses = make([]clause, 1, 1+len(s.Clause))
	for _, in := range s.Clause {
		c, err := in.clause()
		if err != nil {
			return err
		}
		p.clauses = append(p.clauses, c)
	}
	le := binary.LittleEndian
	p.groups = make([]group, 1, 1+len(s.Group)/16)
	for b := s.Group; len(b) >= 16; b = b[16:] {
		g := group{le.Uint32(b), entry{le.Uint32(b[4:]), le.Uint32(b[8:]), kind(le.Uint32(b[12:]))}}
		if int(g.rest) >= len(p.groups) || g.file == 0 || int(g.file) > s.IDs || int(g.clause) >= len(p.clauses) {
			return errState
		}
		p.groups = append(p.groups, g)
	}
	if len(s.Delta) > 0 {
		p.delta = make(map[string]uint32)
	}
	for b := s.Delta; len(b) > 4; {
		name := firstName(b[4:])
		group := le.Uint32(b)
		if name == nil || int(group) >= len(p.groups) {
			return errState
		}
		p.delta[string(name)] = group
		p.depths.add(dnsname.Labels(name))
		b = b[4+len(name):]
	}
	t := prefixes{table: new(bart.Table[uint32])}
	for b := s.Prefix; len(b) >= 22; b = b[22:] {
		addr := netip.AddrFrom16([16]byte(b[4:20]))
		if b[20] == 1 {
			addr = addr.Unmap()
		}
		group, prefix := le.Uint32(b), netip.PrefixFrom(addr, int(b[21]))
		if !prefix.IsValid() || int(group) >= len(p.groups) {
			return errState
		}
		t.at(prefix).group = group
	}
	p.table, p.addrs = t.table, t.rules
	return nil
}

// firstName is the whole name that b begins with; nil where there is none.
func firstName(b []byte) []byte {
	for i := 0; i < len(b); i += int(b[i]) + 1 {
		if b[i] == 0 {
			return b[:i+1]
		}
	}
	return nil
}
