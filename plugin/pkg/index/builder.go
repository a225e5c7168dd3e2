package index

import (
	"encoding/binary"
	"errors"
)

var (
	// ErrName is the refusal of what is no whole wire name.
	ErrName = errors.New("not a whole name")
	// ErrLarge is a Set whose entries would pass MaxData.
	ErrLarge = errors.New("more names than an index can hold")
	// ErrCrowded is a Set that would not spread under several keys in a row.
	// That does not happen by chance.
	ErrCrowded = errors.New("names that meet under every key")
)

const (
	// parts are what records are divided into, by hash, so that sorting them
	// takes little memory.
	parts = 256
	// partChunk is what a part holds before it goes to the spill, in octets:
	// 4 MiB for all.
	partChunk = 16 << 10
	// tries is how many keys are drawn.
	tries = 4
	// recent is how many marker nodes are remembered: lists come in groups, and
	// a marker needs to be recorded once.
	recent = 1024
)

// Options of a Builder.
type Options struct {
	// Dir is the folder for what is put aside while building and for the result;
	// "" keeps all in memory.
	Dir string
	// Merge makes one value of two where a name is added more than once, in the
	// order of adding. With nil the first stays. Build calls it, too, and after a
	// change of keys once more for what it was called for.
	Merge func(old, new uint32) uint32
	// Pause is called by Build every millisecond or two, so that who serves
	// meanwhile may let others have the processor; nil: nothing.
	Pause func()
}

// Builder collects names for a Set. It is for one goroutine.
//
// A record is { hash 8, name, value 4 } for a name and { hash 8, 0 } for a
// marker: no name but the root begins with 0, and the root has no record.
type Builder struct {
	o      Options
	key    key
	spill  *spill
	parts  [parts]part
	recent [recent]uint64 // by the lowest bits
	first  int            // see Set
	root   *uint32
	begin  [maxLabels]uint8 // of the labels of the name being added
}

type part struct {
	buf     []byte
	chunks  []chunk
	size    int // octets in chunks
	records int
}

// NewBuilder makes an empty Builder.
func NewBuilder(o Options) *Builder { return newBuilder(o, newKey()) }

func newBuilder(o Options, k key) *Builder {
	if o.Pause == nil {
		o.Pause = func() {}
	}
	b := &Builder{o: o, key: k, spill: &spill{dir: o.Dir}, first: 2}
	b.recent[0] = 1 // a hash that has another place: 0 was not met yet
	return b
}

// Add gives name a value; any octets may stand in a label. What is no whole wire
// name is ErrName; other errors come from writing to Options.Dir, and the
// Builder is then of no more use.
func (b *Builder) Add(name []byte, value uint32) error {
	_, count, _ := split(name)
	if count < 0 {
		return ErrName
	}
	if count < b.first {
		if count == 0 {
			b.addRoot(value)
			return nil
		}
		b.first = count
	}
	begin := b.begin[:0]
	for i := 0; name[i] != 0; i += 1 + int(name[i]) {
		begin = append(begin, uint8(i))
	}
	h, till := b.key.root(), len(name)-1
	for l := 1; l < count; l++ {
		from := int(begin[count-l])
		h, till = b.key.mix(h, name, from, till), from
		if l == 1 || b.recent[h%recent] == h {
			continue
		}
		b.recent[h%recent] = h
		if err := b.put(h, nil, 0); err != nil {
			return err
		}
	}
	return b.put(b.key.mix(h, name, 0, till), name, value)
}

func (b *Builder) addRoot(value uint32) {
	if b.root == nil {
		b.root = &value
	} else if b.o.Merge != nil {
		*b.root = b.o.Merge(*b.root, value)
	}
}

// put makes a record; of a marker without a name.
func (b *Builder) put(h uint64, name []byte, value uint32) (err error) {
	p := &b.parts[h>>56]
	p.records++
	p.buf = binary.LittleEndian.AppendUint64(p.buf, h)
	if name == nil {
		p.buf = append(p.buf, 0)
	} else {
		p.buf = binary.LittleEndian.AppendUint32(append(p.buf, name...), value)
	}
	if len(p.buf) < partChunk {
		return nil
	}
	p.size += len(p.buf)
	c, buf, err := b.spill.write(p.buf)
	p.chunks, p.buf = append(p.chunks, c), buf
	return err
}

// load appends the records of part i to arena.
func (b *Builder) load(arena []byte, i int) (_ []byte, err error) {
	p := &b.parts[i]
	for _, c := range p.chunks {
		if arena, err = b.spill.append(arena, c); err != nil {
			return nil, err
		}
	}
	return append(arena, p.buf...), nil
}

// Discard forgets what was added and leaves nothing behind. The Builder is as
// new. After Build there is nothing to discard.
func (b *Builder) Discard() {
	b.spill.close()
	*b = *newBuilder(b.o, newKey())
}

// Build makes the Set, with meta kept in it. The Builder is as new afterwards.
func (b *Builder) Build(meta []byte) (*Set, error) {
	defer b.Discard()
	for i := 1; ; i++ {
		s, err := b.build(meta)
		if i == tries || !errors.Is(err, ErrCrowded) {
			return s, err
		}
		if err := b.rekey(); err != nil {
			return nil, err
		}
	}
}

// rekey adds all names again under another key. Those of one name stay in order,
// for they are in one part.
func (b *Builder) rekey() error {
	n := newBuilder(b.o, newKey())
	n.first, n.root = b.first, b.root
	var arena []byte
	for i := range b.parts {
		var err error
		if arena, err = b.load(arena[:0], i); err == nil {
			err = n.addAll(arena)
		}
		if err != nil {
			n.spill.close()
			return err
		}
	}
	b.spill.close()
	*b = *n
	return nil
}

// addAll adds the names of records; their markers come with them.
func (b *Builder) addAll(arena []byte) error {
	for r := range records(arena, 0) {
		if r.marker() {
			continue
		}
		if err := b.Add(r.name(arena), r.value(arena)); err != nil {
			return err
		}
	}
	return nil
}
