package rpz

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net/netip"
	"os"
	"slices"

	"github.com/gaissmai/bart"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/index"
	"sinkhole/plugin/pkg/statedir"
)

// ErrFormat is a file that is broken, or of another version.
var ErrFormat = errors.New("not a zone of this version, or broken")

// magic begins a saved zone; its last octet is the version.
const magic = "sinkrpz\x01"

// idLen is how long the mark is that a zone and its names share, in octets.
const idLen = 16

// Ends of the names of the files of one saved zone.
const endZone = ".zone"

var endNames = [2]string{".qname", ".nsdname"}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func newID() []byte {
	id := make([]byte, idLen)
	rand.Read(id)
	return id
}

// Save writes z to files whose names begin with path, so that Open has it back
// without reading its rules again. Each is written aside and renamed; the last of
// them makes them count.
func (z *Zone) Save(path string) error {
	for i := range z.trees {
		if z.trees[i].names == nil {
			os.Remove(path + endNames[i])
			continue
		}
		if err := z.trees[i].names.Keep(path + endNames[i]); err != nil {
			return err
		}
	}
	return statedir.WriteFile(path+endZone, z.marshal(), 0o600)
}

// Open is the zone that Save wrote.
func Open(path string) (*Zone, error) {
	f, err := statedir.OpenFile(path + endZone)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	z := new(Zone)
	has, ok := z.unmarshal(text)
	if !ok {
		return nil, ErrFormat
	}
	for i := range z.trees {
		if !has[i] {
			continue
		}
		set, err := index.Open(path + endNames[i])
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(set.Meta(), z.id) {
			return nil, ErrFormat
		}
		z.trees[i].names = set
	}
	return z, nil
}

// marshal puts everything but the names into octets: numbers little-endian, what
// has no fixed length behind its length.
func (z *Zone) marshal() []byte {
	e := binary.LittleEndian
	b := append([]byte(magic), z.id...)
	b = appendBytes(b, []byte(z.name))
	var soa []byte
	if z.soa != nil {
		soa = []byte(z.soa.String())
	}
	b = appendBytes(b, soa)
	for _, n := range z.rules {
		b = e.AppendUint64(b, uint64(n))
	}
	b = e.AppendUint32(b, uint32(len(z.outcomes)))
	for _, o := range z.outcomes {
		b = e.AppendUint32(append(b, byte(o.action)), o.data)
	}
	b = e.AppendUint32(b, uint32(len(z.nodes)))
	for _, n := range z.nodes {
		b = e.AppendUint32(e.AppendUint32(b, n.own), n.wild)
	}
	b = e.AppendUint32(b, uint32(len(z.at)))
	for _, at := range z.at {
		b = e.AppendUint32(b, at)
	}
	b = appendBytes(b, z.data)
	for _, t := range z.trees {
		has := byte(0)
		if t.names != nil {
			has = 1
		}
		b = e.AppendUint32(e.AppendUint32(append(b, has), t.root.own), t.root.wild)
	}
	for _, t := range z.addrs {
		n := 0
		if t != nil {
			n = t.Size()
		}
		if b = e.AppendUint32(b, uint32(n)); n == 0 {
			continue
		}
		for p, number := range t.All() {
			a := p.Addr().As16()
			b = e.AppendUint32(append(append(b, a[:]...), byte(longest(p))), number)
		}
	}
	return e.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func appendBytes(b, v []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(v))), v...)
}

// cursor reads what marshal wrote. Behind the end it reads zeros, and bad is set.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.rest) {
		c.bad = true
		return make([]byte, min(n, idLen))
	}
	v := c.rest[:n]
	c.rest = c.rest[n:]
	return v
}

func (c *cursor) octet() byte    { return c.take(1)[0] }
func (c *cursor) number() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }

// count reads how many things of that many octets follow.
func (c *cursor) count(size int) int {
	n := int(c.number())
	if n > len(c.rest)/size {
		c.bad = true
		return 0
	}
	return n
}

func (c *cursor) octets() []byte { return bytes.Clone(c.take(c.count(1))) }

// unmarshal tells which trees have names, and whether b is a whole zone: its
// checksum, and every number in it is in bounds.
func (z *Zone) unmarshal(b []byte) (has [2]bool, ok bool) {
	if len(b) < len(magic)+4 || string(b[:len(magic)]) != magic {
		return has, false
	}
	end := len(b) - 4
	if crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
		return has, false
	}
	c := &cursor{rest: b[len(magic):end]}
	z.id = bytes.Clone(c.take(idLen))
	z.name = string(c.octets())
	if soa := c.octets(); len(soa) > 0 {
		rr, err := dns.NewRR(string(soa))
		if z.soa, ok = rr.(*dns.SOA); !ok || err != nil {
			return has, false
		}
	}
	for i := range z.rules {
		z.rules[i] = int(binary.LittleEndian.Uint64(c.take(8)))
	}
	z.outcomes = make([]outcome, c.count(5))
	for i := range z.outcomes {
		z.outcomes[i] = outcome{action: Action(c.octet()), data: c.number()}
	}
	z.nodes = make([]node, c.count(8))
	for i := range z.nodes {
		z.nodes[i] = node{own: c.number(), wild: c.number()}
	}
	z.at = make([]uint32, c.count(4))
	for i := range z.at {
		z.at[i] = c.number()
	}
	z.data = c.octets()
	for i := range z.trees {
		has[i] = c.octet() == 1
		z.trees[i].root = node{own: c.number(), wild: c.number()}
	}
	for i := range z.addrs {
		z.addrs[i] = z.prefixes(c)
	}
	return has, !c.bad && len(c.rest) == 0 && z.sound()
}

func (z *Zone) prefixes(c *cursor) *bart.Table[uint32] {
	n := c.count(21)
	if n == 0 {
		return nil
	}
	t := new(bart.Table[uint32])
	for range n {
		a := netip.AddrFrom16([16]byte(c.take(16)))
		bits := int(c.octet())
		if a.Is4In6() && bits >= 96 {
			a, bits = a.Unmap(), bits-96
		}
		p, err := a.Prefix(bits)
		number := c.number()
		if err != nil || int(number) >= len(z.outcomes) {
			c.bad = true
			return t
		}
		t.Insert(p, number)
	}
	return t
}

// sound tells whether every number points at something.
func (z *Zone) sound() bool {
	if len(z.outcomes) == 0 || len(z.nodes) == 0 || len(z.at) == 0 || z.at[0] != 0 || int(z.at[len(z.at)-1]) != len(z.data) {
		return false
	}
	for i := 1; i < len(z.at); i++ {
		if z.at[i] < z.at[i-1] {
			return false
		}
	}
	for _, o := range z.outcomes {
		if o.action >= actions || o.action == Data && int(o.data) >= len(z.at)-1 {
			return false
		}
	}
	roots := []node{z.trees[0].root, z.trees[1].root}
	return !slices.ContainsFunc(z.nodes, z.astray) && !slices.ContainsFunc(roots, z.astray)
}

func (z *Zone) astray(n node) bool {
	return int(n.own) >= len(z.outcomes) || int(n.wild) >= len(z.outcomes)
}
