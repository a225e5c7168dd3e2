package rpz

import (
	"context"
	"errors"
	"fmt"
	"io"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/list"
)

// ReadOptions says whose file it is.
type ReadOptions struct {
	// Name is the zone's where the file has no SOA; "" takes it from the file's.
	Name string
	// Part opens a file of $INCLUDE, named in the form of the zone's file: a
	// common.inc beside rpz/feed.zone is rpz/common.inc. nil: there are none.
	Part func(rel string) (io.ReadCloser, error)
	// Protected names are refused, but for passthru; nil: none are.
	Protected list.Guard
	// MaxSize bounds the unpacked files together, in octets; 0: 512 MiB.
	MaxSize int64
	// Dir is the folder for what does not fit memory while names are sorted, and
	// for the names of the Zone; "" keeps all in memory.
	Dir string
	// Pause is called now and then while names are sorted, see index.Options.
	Pause func()
}

const (
	defaultMaxSize = 512 << 20 // octets

	// defaultTTL is for records of a zone that says none anywhere, in seconds:
	// that of blocked names.
	defaultTTL = 60

	// maxBefore is behind how many records an SOA may still say that the zone is
	// another one than was thought.
	maxBefore = 1024

	// checkEvery is how many lines are read between two looks at the context.
	checkEvery = 4096
)

// filled has what is not said.
func (o ReadOptions) filled(file string) ReadOptions {
	if o.MaxSize <= 0 {
		o.MaxSize = defaultMaxSize
	}
	if o.Name == "" {
		o.Name = nameOf(file)
	}
	return o
}

// Read makes a Zone of the file of that name. The Result is filled also where
// the file is refused.
func Read(ctx context.Context, file string, open list.Source, o ReadOptions) (*Zone, list.Result, error) {
	var b *builder
	r, err := read(ctx, file, open, o, func(r *reader) {
		b.discard()
		b = newBuilder(o)
		r.emit = func(f *found, _ []byte) { b.add(f) }
	})
	if err == nil {
		err = b.err
	}
	if err != nil {
		b.discard()
		return nil, r.res, err
	}
	z, err := b.zone()
	if err != nil {
		return nil, r.res, err
	}
	z.name, z.soa, z.rules = r.name(), r.soa, r.rules
	return z, r.res, nil
}

// Check reads the file and makes no Zone.
func Check(file string, open list.Source, o ReadOptions) (list.Result, error) {
	r, err := read(context.Background(), file, open, o, func(*reader) {})
	return r.res, err
}

// ErrOutside is a file that was written for a zone of another name.
var ErrOutside = errors.New("not one rule is in the zone")

// judge refuses a file that is no zone as a whole. One without rules is one.
func (r *reader) judge() error {
	res := r.res
	res.Entries = r.records // a bad one of many at one name is one of many
	if err := res.Judge(); err != nil {
		return err
	}
	if r.res.Entries == 0 && r.outside > 0 {
		return fmt.Errorf("%w %s; want an SOA or $ORIGIN in front that names it", ErrOutside, dnsname.String(r.apex))
	}
	return nil
}
