package rpz

import (
	"bytes"
	"context"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/list"
)

// reader is the state of one reading.
type reader struct {
	ctx  context.Context
	file string
	o    ReadOptions
	at   *place
	res  list.Result
	emit func(f *found, text []byte) // nil: nobody asks
	err  error                       // it ends the reading
	left int64                       // octets that may still be read

	apex    []byte // the zone, wire form; nil: not known yet
	fixed   bool   // an SOA or an earlier reading said so
	wanted  []byte // an SOA behind rules says another one: read again
	guessed bool   // its name is relative to the file's
	origins bool   // an $ORIGIN was told
	soa     *dns.SOA
	soaLine int

	defaultTTL int64 // $TTL; -1: none
	lastTTL    int64 // that of the record before; -1: none

	rules    [triggers]int
	seen     *seen
	texts    map[string][]byte // records by their text
	parts    int               // files that were included
	replayed int               // lines
	outside  int               // records out of the zone
	records  int               // those that count
	made     int               // records by $GENERATE
	madeText int               // octets of them

	found                                         found
	tok                                           [][]byte
	key                                           []byte
	room, relRoom, nameRoom, targetRoom, bareRoom [2*dnsname.MaxLen + 2]byte
}

// read reads the file, twice where an SOA comes behind the first rules and names
// another zone than was thought. prepare is called before each reading.
func read(ctx context.Context, file string, open list.Source, o ReadOptions, prepare func(*reader)) (*reader, error) {
	o = o.filled(file)
	r := newReader(ctx, file, o)
	prepare(r)
	err := r.run(open)
	if r.wanted != nil {
		apex, guessed := r.wanted, r.guessed
		r = newReader(ctx, file, o)
		r.apex, r.fixed = apex, true
		if !guessed {
			r.at.origin = apex
		}
		prepare(r)
		err = r.run(open)
	}
	if err == nil {
		err = r.judge()
	}
	return r, err
}

func newReader(ctx context.Context, file string, o ReadOptions) *reader {
	origin, err := dnsname.Append(nil, o.Name)
	if err != nil {
		origin = []byte("\x03rpz\x00")
	}
	return &reader{
		ctx: ctx, file: file, o: o, left: o.MaxSize,
		at:         &place{file: file, origin: origin},
		res:        list.NewResult(),
		defaultTTL: -1, lastTTL: -1,
		seen: newSeen(), texts: map[string][]byte{},
	}
}

func (r *reader) run(open list.Source) error {
	err := r.each(open)
	if r.err != nil {
		return r.err
	}
	return err
}

// each reads one file, from the place at hand.
func (r *reader) each(open list.Source) error {
	if r.left <= 0 {
		return list.ErrSize
	}
	n := 0
	err := list.EachLine(open, r.left, func(line int, text []byte, long bool) {
		if n++; n%checkEvery == 0 && r.err == nil {
			r.err = r.ctx.Err()
		}
		r.left -= int64(len(text)) + 1
		r.takeLine(line, text, long)
	})
	if err == nil && !r.done() {
		r.abandon()
	}
	return err
}

// done: nothing that is still read matters.
func (r *reader) done() bool {
	return r.err != nil || r.wanted != nil
}

func (r *reader) refuse(text []byte, why string) {
	r.res.Note(list.Note{File: r.at.file, Line: r.at.line, Why: why}, firstLine(text))
}

func firstLine(text []byte) []byte {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return text[:i]
	}
	return text
}

// take makes what was found count.
func (r *reader) take(text []byte, f *found) {
	r.at.owner = append(r.at.owner[:0], f.owner...)
	if f.told {
		r.lastTTL = int64(f.ttl)
	}
	note := func(why string, guard, warning bool) {
		r.res.Note(list.Note{File: r.at.file, Line: r.at.line, Why: why, Guard: guard, Warning: warning}, firstLine(text))
	}
	warn := func(why string) { note(why, false, true) }
	if f.soa != nil {
		r.takeSOA(f, warn)
	}
	for _, why := range f.warn {
		warn(why)
	}
	switch {
	case f.pass != "":
		r.res.Pass(f.pass)
		return
	case f.guard != "":
		note(f.guard, true, false)
		return
	}
	fresh, again, refused := r.seen.take(f)
	switch {
	case refused != "":
		note(refused, true, false)
		return
	case again != "":
		warn(again)
		r.res.Pass(passDuplicate)
		return
	case fresh:
		r.res.Entries++
		r.rules[f.trigger]++
	}
	r.records++
	if r.emit != nil {
		r.emit(f, text)
	}
}
