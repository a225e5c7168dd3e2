package rpz

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"net/netip"

	"github.com/gaissmai/bart"
	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/index"
)

// A packed record begins with its owner, which is the root: 00, type, class,
// time to live, length of data, data.
const (
	packedHead = 1 + 2 + 2 + 4 + 2
	rdataAt    = packedHead - 2
)

// rdataOf is the length and the data of a packed record: what makes two records
// of a type one, and not the time to live.
func rdataOf(packed []byte) []byte { return packed[rdataAt:] }

func packedType(packed []byte) uint16 { return binary.BigEndian.Uint16(packed[1:]) }

func packedLen(packed []byte) int {
	return packedHead + int(binary.BigEndian.Uint16(packed[rdataAt:]))
}

// same tells whether two packed records are one.
func same(a, b []byte) bool {
	return packedType(a) == packedType(b) && bytes.Equal(rdataOf(a), rdataOf(b))
}

// outcome is what a rule does, apart from where. Equal ones are one.
type outcome struct {
	action Action
	data   uint32 // number of the records
}

// node is what the zone holds at a name: numbers of outcomes, 0 for none. Both
// are 0 at a name that is there because there are names below it.
type node struct{ own, wild uint32 }

// table holds outcomes, nodes and records, each once.
type table struct {
	outcomes []outcome // 0 is none
	nodes    []node    // 0 is empty
	data     []byte    // packed records, of all rules one after the other
	at       []uint32  // where those of a rule begin in data; the end of the last too
}

// records are the packed records of that number, one behind the other.
func (t *table) records(n uint32) []byte { return t.data[t.at[n]:t.at[n+1]] }

// builder makes a table and the names that point into it.
type builder struct {
	table
	err       error
	dir       string
	pause     func()
	byOutcome map[outcome]uint32
	byNode    map[node]uint32
	byData    map[uint64][]uint32 // by hash
	seed      maphash.Seed
	trees     [2]tree // of QName and NSDName
	addrs     [triggers]*bart.Table[uint32]

	now struct { // the rule at hand: records of one owner mostly stand together
		any     bool
		trigger Trigger
		wild    bool
		name    []byte
		prefix  netip.Prefix
		outcome uint32
		action  Action
		records []byte // packed, where the rule is data
		n       int
	}
}

// tree are names while they are collected.
type tree struct {
	names *index.Builder // nil: none yet
	root  node
	known [knownNames][]byte // names that were added lately
}

// knownNames is how many names are remembered so that their ancestors need not
// be added again.
const knownNames = 4096

func newBuilder(o ReadOptions) *builder {
	return &builder{
		table: table{outcomes: make([]outcome, 1), nodes: make([]node, 1), at: make([]uint32, 1)},
		dir:   o.Dir, pause: o.Pause, byOutcome: map[outcome]uint32{}, byNode: map[node]uint32{{}: 0}, byData: map[uint64][]uint32{},
		seed: maphash.MakeSeed(),
	}
}

func (b *builder) discard() {
	if b == nil {
		return
	}
	for i := range b.trees {
		if names := b.trees[i].names; names != nil {
			names.Discard()
		}
	}
}

// add takes what one record says.
func (b *builder) add(f *found) {
	n := &b.now
	if !n.any || n.trigger != f.trigger || n.wild != f.wild || n.prefix != f.prefix || !bytes.Equal(n.name, f.name) {
		b.flush()
		n.any, n.trigger, n.wild, n.prefix, n.action = true, f.trigger, f.wild, f.prefix, f.action
		n.name, n.records, n.n = append(n.name[:0], f.name...), append(n.records[:0], f.record...), 1
		return
	}
	if n.action == Data && f.action == Data {
		n.records, n.n = join(n.records, f.record), n.n+1
	}
}

// flush puts the rule at hand in its place.
func (b *builder) flush() {
	n := &b.now
	if !n.any {
		return
	}
	n.any = false
	out := outcome{action: n.action}
	if n.action == Data {
		out.data = b.dataNumber(n.records)
	}
	number := b.outcomeNumber(out)
	switch n.trigger {
	case QName:
		b.addName(&b.trees[0], n.name, n.wild, number)
	case NSDName:
		b.addName(&b.trees[1], n.name, n.wild, number)
	default:
		b.addPrefix(n.trigger, n.prefix, number)
	}
}

func (b *builder) addPrefix(t Trigger, p netip.Prefix, number uint32) {
	if b.addrs[t] == nil {
		b.addrs[t] = new(bart.Table[uint32])
	}
	b.addrs[t].Modify(p, func(old uint32, ok bool) (uint32, bool) {
		if ok {
			return b.both(old, number), false
		}
		return number, false
	})
}

// addName puts a rule at its name, and the names above it there too.
func (b *builder) addName(t *tree, name []byte, wild bool, number uint32) {
	v := node{own: number}
	if wild {
		v = node{wild: number}
	}
	if len(name) == 1 {
		t.root = b.merge(t.root, v)
		return
	}
	if t.names == nil {
		t.names = index.NewBuilder(index.Options{Dir: b.dir, Pause: b.pause, Merge: func(old, new uint32) uint32 {
			return b.nodeNumber(b.merge(b.nodes[old], b.nodes[new]))
		}})
	}
	b.put(t, name, b.nodeNumber(v))
	t.know(b.seed, name)
	for above := dnsname.Parent(name); len(above) > 1 && !t.know(b.seed, above); above = dnsname.Parent(above) {
		b.put(t, above, 0)
	}
}

func (b *builder) put(t *tree, name []byte, value uint32) {
	if err := t.names.Add(name, value); err != nil && b.err == nil {
		b.err = err
	}
}

// know tells whether a name was added lately, with all that is above it, and
// remembers it.
func (t *tree) know(seed maphash.Seed, name []byte) bool {
	k := &t.known[maphash.Bytes(seed, name)%knownNames]
	if bytes.Equal(*k, name) {
		return true
	}
	*k = append((*k)[:0], name...)
	return false
}

// merge is what stands at a name that was added twice.
func (b *builder) merge(old, new node) node {
	return node{own: b.both(old.own, new.own), wild: b.both(old.wild, new.wild)}
}

// both is the outcome where a trigger has two: records come together, else the
// first stays.
func (b *builder) both(old, new uint32) uint32 {
	switch {
	case old == 0:
		return new
	case new == 0 || old == new:
		return old
	}
	x, y := b.outcomes[old], b.outcomes[new]
	if x.action != Data || y.action != Data {
		return old
	}
	all := join(bytes.Clone(b.records(x.data)), b.records(y.data))
	return b.outcomeNumber(outcome{action: Data, data: b.dataNumber(all)})
}

// join adds records to those of a rule: none twice, none beside a CNAME, and
// none beyond the bounds.
func join(have, more []byte) []byte {
	for len(more) > 0 {
		one := more[:packedLen(more)]
		more = more[len(one):]
		n, twice := 0, false
		for rest := have; len(rest) > 0; n++ {
			it := rest[:packedLen(rest)]
			rest = rest[len(it):]
			twice = twice || same(it, one) || packedType(it) == dns.TypeCNAME || packedType(one) == dns.TypeCNAME
		}
		if !twice && n < maxRecords && len(have)+len(one) <= maxData {
			have = append(have, one...)
		}
	}
	return have
}

func (b *builder) outcomeNumber(o outcome) uint32 {
	n, ok := b.byOutcome[o]
	if !ok {
		n = uint32(len(b.outcomes))
		b.outcomes = append(b.outcomes, o)
		b.byOutcome[o] = n
	}
	return n
}

func (b *builder) nodeNumber(v node) uint32 {
	n, ok := b.byNode[v]
	if !ok {
		n = uint32(len(b.nodes))
		b.nodes = append(b.nodes, v)
		b.byNode[v] = n
	}
	return n
}

func (b *builder) dataNumber(records []byte) uint32 {
	h := maphash.Bytes(b.seed, records)
	for _, n := range b.byData[h] {
		if bytes.Equal(b.records(n), records) {
			return n
		}
	}
	n := uint32(len(b.at) - 1)
	b.data = append(b.data, records...)
	b.at = append(b.at, uint32(len(b.data)))
	b.byData[h] = append(b.byData[h], n)
	return n
}

// zone is what was built. The builder is spent.
func (b *builder) zone() (*Zone, error) {
	b.flush()
	z := &Zone{id: newID(), addrs: b.addrs}
	for i := range b.trees {
		t := &b.trees[i]
		z.trees[i].root = t.root
		if t.names == nil {
			continue
		}
		set, err := t.names.Build(z.id)
		if err != nil {
			b.discard()
			return nil, err
		}
		z.trees[i].names = set
	}
	z.table = b.table // Build has merged into it
	return z, b.err
}
