package index

import (
	"errors"

	"sinkhole/plugin/pkg/dnsname"
)

// ErrName is the refusal of what is no whole wire name.
var ErrName = errors.New("not a whole name")

// Options of a Builder.
type Options struct {
	// Dir is the folder for what does not fit memory while building and for the
	// result; "" keeps all in memory.
	Dir string
	// Merge makes one value of two where a name is added more than once, in the
	// order of adding. With nil the first stays.
	Merge func(old, new uint32) uint32
}

// Builder collects names for a Set. It is for one goroutine.
type Builder struct {
	o     Options
	names map[string]uint32
}

// NewBuilder makes an empty Builder.
func NewBuilder(o Options) *Builder { return &Builder{o: o, names: map[string]uint32{}} }

// Add gives name a value. What is no whole wire name is ErrName.
func (b *Builder) Add(name []byte, value uint32) error {
	if !whole(name) {
		return ErrName
	}
	old, dup := b.names[string(name)]
	switch {
	case !dup:
		b.names[string(name)] = value
	case b.o.Merge != nil:
		b.names[string(name)] = b.o.Merge(old, value)
	}
	return nil
}

// Build makes the Set, with meta kept beside it. The Builder is spent.
func (b *Builder) Build(meta []byte) (*Set, error) {
	s := &Set{meta: append([]byte(nil), meta...), names: b.names}
	b.Discard()
	return s, nil
}

// Discard forgets what was added and leaves no file behind. After Build it does
// nothing.
func (b *Builder) Discard() { b.names = map[string]uint32{} }

// whole tells whether the bytes are labels up to a root label at their very end.
func whole(name []byte) bool {
	if len(name) > dnsname.MaxLen {
		return false
	}
	i := 0
	for i < len(name) && name[i] != 0 {
		if name[i] > dnsname.MaxLabel {
			return false
		}
		i += int(name[i]) + 1
	}
	return i == len(name)-1
}
