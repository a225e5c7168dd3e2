package rpz

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path"
	"strings"

	"github.com/miekg/dns"

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
}

const (
	defaultMaxSize = 512 << 20 // octets

	// defaultTTL is for records of a zone that says none anywhere, in seconds:
	// that of blocked names.
	defaultTTL = 60

	// checkEvery is how many lines are read between two looks at the context.
	checkEvery = 4096
)

// Read makes a Zone of the file of that name. The Result is filled also where
// the file is refused.
func Read(ctx context.Context, file string, open list.Source, o ReadOptions) (*Zone, list.Result, error) {
	var b *builder
	r, err := read(ctx, file, open, o, func(r *reader) {
		b.discard()
		b = newBuilder(o.Dir)
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

// Entry is one rule as it stands in a file.
type Entry struct {
	Trigger Trigger
	Action  Action
	Wild    bool
	Name    []byte       // of a rule on names, wire form without *; valid during the call only
	Prefix  netip.Prefix // of a rule on addresses
	Data    string       // of local data: TTL, class, type and data
	File    string       // where it stands: the file, or one that it includes
	Line    int          // from one
	Text    []byte       // the lines of the entry, the comment too; valid during the call only
}

// Scan calls emit for every rule that the file holds, in the order of lines: each
// record of local data is one. Duplicates and what is refused are left out.
func Scan(file string, open list.Source, o ReadOptions, emit func(Entry)) error {
	o = o.filled(file)
	first := newReader(context.Background(), file, o)
	first.onlySOA = true
	first.run(first.untilDone(open)) // what is wrong comes up again

	r := newReader(context.Background(), file, o)
	if first.wanted != nil {
		r.apex, r.fixed = first.wanted, true
	}
	r.emit = func(f *found, text []byte) {
		e := Entry{
			Trigger: f.trigger, Action: f.action, Wild: f.wild, Name: f.name, Prefix: f.prefix,
			File: r.at.file, Line: r.at.line, Text: bytes.ReplaceAll(text, []byte("\n"), []byte(" ")),
		}
		if f.action == Data {
			e.Data = dataText(f.record)
		}
		emit(e)
	}
	if err := r.run(open); err != nil {
		return err
	}
	return r.judge()
}

// untilDone ends the file where nothing that follows matters.
func (r *reader) untilDone(open list.Source) list.Source {
	return func() (io.ReadCloser, error) {
		f, err := open()
		if err != nil {
			return nil, err
		}
		return &untilDone{f, r}, nil
	}
}

type untilDone struct {
	io.ReadCloser
	r *reader
}

func (u *untilDone) Read(p []byte) (int, error) {
	if u.r.done() {
		return 0, io.EOF
	}
	return u.ReadCloser.Read(p)
}

// reader is the state of one reading.
type reader struct {
	ctx     context.Context
	file    string
	o       ReadOptions
	at      *place
	res     list.Result
	emit    func(f *found, text []byte) // nil: nobody asks
	onlySOA bool                        // read no further than the SOA
	err     error                       // it ends the reading
	left    int64                       // octets that may still be read

	apex    []byte // the zone, wire form; nil: not known yet
	fixed   bool   // an SOA or an earlier reading said so
	wanted  []byte // an SOA behind rules says another one: read again
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
		apex := r.wanted
		r = newReader(ctx, file, o)
		r.apex, r.fixed = apex, true
		prepare(r)
		err = r.run(open)
	}
	if err == nil {
		err = r.judge()
	}
	return r, err
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

// nameOf is the zone of a file without SOA.
func nameOf(file string) string {
	name := path.Base(file)
	for _, packed := range []string{".gz", ".zst"} {
		name = strings.TrimSuffix(name, packed)
	}
	for _, end := range []string{".rpz", ".zone", ".db", ".txt", ".conf"} {
		if short, ok := strings.CutSuffix(name, end); ok && short != "" {
			return short
		}
	}
	return name
}

// name is that of the zone as people write it.
func (r *reader) name() string {
	if r.soa != nil {
		return dnsname.String(r.apex)
	}
	return strings.TrimSuffix(r.o.Name, ".")
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
	return r.err != nil || r.wanted != nil || r.onlySOA && r.soa != nil
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

// setApex fixes the zone where no SOA has named it: what $ORIGIN says before the
// first rule, else the name of the file.
func (r *reader) setApex(origin []byte) {
	if r.apex != nil {
		return
	}
	r.apex = bytes.Clone(origin)
	if r.origins {
		return
	}
	if own, err := dnsname.Append(nil, r.o.Name); err == nil {
		r.apex = own
	}
}

// parseSOA reads the zone's own record.
func (r *reader) parseSOA(f *found) (why string) {
	f.pass = passZone
	rr, why := r.parseRR(f, 0)
	if why != "" {
		return why
	}
	f.soa = rr.(*dns.SOA)
	return ""
}

const (
	whyOtherSOA  = "an SOA of another name than the zone's, which is %s by line %d; ignored"
	warnOtherSOA = "another SOA than that of line %d, which stays"
)

// takeSOA keeps the first SOA, which names the zone.
func (r *reader) takeSOA(f *found, warn func(string)) {
	switch {
	case r.soa != nil && string(f.owner) != string(r.apex):
		warn(fmt.Sprintf(whyOtherSOA, dnsname.String(r.apex), r.soaLine))
	case r.soa != nil:
		again := *f.soa
		again.Hdr = r.soa.Hdr
		if again != *r.soa { // a transfer as dig prints it ends in the SOA that it began with
			warn(fmt.Sprintf(warnOtherSOA, r.soaLine))
		}
	case r.apex != nil && string(f.owner) != string(r.apex) && !r.fixed:
		r.wanted = bytes.Clone(f.owner)
	case r.fixed && string(f.owner) != string(r.apex):
		warn(fmt.Sprintf(whyOtherSOA, dnsname.String(r.apex), r.soaLine))
	default:
		r.apex, r.fixed = bytes.Clone(f.owner), true
		r.soa, r.soaLine = f.soa, r.at.line
		r.soa.Hdr = dns.RR_Header{Name: dnsname.String(r.apex) + ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET}
		if r.apex[0] == 0 {
			r.soa.Hdr.Name = "."
		}
		r.soa.Hdr.Ttl = r.ttl(f)
	}
}

// ttl is how long a record lives: as it says, as $TTL says, as the record before
// (RFC 1035, section 5.1), as the SOA says (RFC 2308, section 4).
func (r *reader) ttl(f *found) uint32 {
	switch {
	case f.told:
		return f.ttl
	case r.defaultTTL >= 0:
		return uint32(r.defaultTTL)
	case r.lastTTL >= 0:
		return uint32(r.lastTTL)
	case f.soa != nil:
		return min(f.soa.Minttl, maxTTL)
	case r.soa != nil:
		return min(r.soa.Minttl, maxTTL)
	}
	return defaultTTL
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

// dataText is a packed record as people write it, less its owner.
func dataText(packed []byte) string {
	rr, _, err := dns.UnpackRR(packed, 0)
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(strings.TrimPrefix(rr.String(), ".")), " ")
}
