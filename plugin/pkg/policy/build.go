package policy

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/gaissmai/bart"

	"sinkhole/plugin/pkg/index"
	"sinkhole/plugin/pkg/list"
	"sinkhole/plugin/pkg/rpz"
)

// Config is what the Corefile says about lists.
type Config struct {
	Categories []Category // their order is their precedence
	Default    Category   // of categories that only files name; those stand behind, by name
	Protect    [][]byte   // names that no rule may block, see Guard
	MaxSize    int64      // of an unpacked file, in octets; 0: the default of package list
	Pause      func()     // called now and then while names are sorted, see index.Options; nil: nothing
}

// File is one list in force.
type File struct {
	Name    string      // as in the drop folder: c2/feed.txt, allow/ours.txt
	SHA256  string      // of the octets as they lie there, in hexadecimal; "": always read
	Time    time.Time   // of its last change
	Open    list.Source // gives the accepted octets, each time
	Entries int         // about how many; 0: not known
}

// ZoneFile is one response policy zone in force.
type ZoneFile struct {
	Name   string // as in the drop folder: rpz/feed.zone
	SHA256 string // of the octets of the file and its parts; "": always read
	Time   time.Time
	Open   list.Source
	Part   func(rel string) (io.ReadCloser, error) // opens what $INCLUDE names

	Override rpz.Override // of the Corefile
}

// Options say where a Policy is built.
type Options struct {
	// Dir is the folder for the index and for what does not fit memory while
	// building; "" keeps all in memory.
	Dir string
}

// file is a File that was read.
type file struct {
	File
	id            uint32 // its number in groups, from one
	allow, shadow bool
	named         string      // its category, by its folder or its own option
	category      int         // place in categories; of no meaning in an allow file
	result        list.Result // without the notes and reasons, which may be many
}

// fileOf is a file that is to be read.
func fileOf(f File, id uint32) file {
	category, allow, _ := CategoryOf(f.Name)
	return file{File: f, id: id, allow: allow, named: category}
}

// checkEvery: of a file's rules the first, and every so many, are asked back.
const checkEvery = 1024

// Build reads all lists and zones and makes a Policy of them; the zones are in
// order of precedence. That what it made holds what it read is checked on a
// sample; a refusal says which file, and the Policy in force stays. Where o.Dir
// takes no more, the Policy is built in memory, and Warning says so.
func Build(ctx context.Context, cfg Config, lists []File, zones []ZoneFile, o Options) (*Policy, error) {
	p, err := buildIn(ctx, cfg, lists, o)
	if o.Dir != "" && diskFault(err) {
		fault := err
		if p, err = buildIn(ctx, cfg, lists, Options{}); err == nil {
			p.options = o
			p.warn(fault)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := p.readZones(ctx, zones, nil); err != nil {
		return nil, err
	}
	return p, nil
}

// readZones has the zones read, in memory where they cannot be laid down.
func (p *Policy) readZones(ctx context.Context, zones []ZoneFile, old []zone) error {
	made, fault := readZones(ctx, p.config, zones, p.options, old)
	if fault == nil || p.options.Dir == "" || ctx.Err() != nil {
		p.zones = made
		return fault
	}
	made, err := readZones(ctx, p.config, zones, Options{}, old) // the same again, where a zone was at fault
	if err != nil {
		return err
	}
	p.zones = made
	p.warn(fault)
	return nil
}

func (p *Policy) warn(fault error) {
	p.warning = fmt.Sprintf("%s: %v; want room there for what the lists come to; they are in force from memory", p.options.Dir, fault)
}

// Warning says what an operator should see to although p is in force; "" for
// nothing.
func (p *Policy) Warning() string {
	if p == nil {
		return ""
	}
	return p.warning
}

// storeError is what keeps names from being stored, not from being read.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// diskFault tells whether err is about the folder where Policies are built.
func diskFault(err error) bool {
	if errors.As(err, new(storeError)) {
		return true
	}
	for _, fault := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS} {
		if errors.Is(err, fault) {
			return true
		}
	}
	return false
}

// buildIn builds all but the zones.
func buildIn(ctx context.Context, cfg Config, lists []File, o Options) (*Policy, error) {
	if o.Dir != "" {
		if err := os.MkdirAll(o.Dir, 0o750); err != nil {
			return nil, storeError{err}
		}
	}
	b := newBuilder(ctx, cfg, o)
	defer b.names.Discard()
	for _, f := range lists {
		if err := b.read(f); err != nil {
			return nil, err
		}
	}
	p, err := b.policy()
	if err != nil {
		return nil, err
	}
	if err := p.check(b.samples); err != nil {
		return nil, err
	}
	return p, nil
}

// reader reads lists for a Policy.
type reader struct {
	ctx     context.Context
	cfg     Config
	guard   list.Guard
	clauses *clauses
	failed  error // of who takes the rules: reading ends
}

// read reads one version of a file.
func (r *reader) read(f *file, take func(list.Rule, entry)) error {
	o := list.ReadOptions{Allow: f.allow, Protected: r.guard, MaxSize: r.cfg.MaxSize}
	res, err := list.Read(f.Name, r.source(f.Open), o, func(rule list.Rule) {
		take(rule, entry{file: f.id, clause: r.clauses.of(rule), kinds: kindOf(rule)})
	})
	clear(r.clauses.seen)
	switch {
	case r.failed != nil:
		return r.failed
	case r.ctx.Err() != nil:
		return r.ctx.Err()
	case err != nil:
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	res.Notes, res.Passed = nil, nil
	f.result = res
	f.shadow = res.Options.Shadow && !f.allow
	if own := res.Options.Category; own != "" {
		f.named = own
	}
	return nil
}

// source is a file that ends when reading is to end.
func (r *reader) source(open list.Source) list.Source {
	return func() (io.ReadCloser, error) {
		f, err := open()
		if err != nil {
			return nil, err
		}
		return &stoppable{f, r}, nil
	}
}

type stoppable struct {
	io.ReadCloser
	r *reader
}

func (s *stoppable) Read(b []byte) (int, error) {
	if s.r.failed != nil {
		return 0, s.r.failed
	}
	if err := s.r.ctx.Err(); err != nil {
		return 0, err
	}
	return s.ReadCloser.Read(b)
}

// builder is a Policy while its files are read. Until all are, nobody knows in
// which order they stand: their ids are the order in which they come.
type builder struct {
	reader
	o        Options
	files    []file
	names    *index.Builder
	groups   *grouper
	unions   map[[2]uint32]uint32 // of groups that were united before
	prefixes prefixes
	samples  []sample
}

// sample is a rule that is asked back.
type sample struct {
	name   []byte
	prefix netip.Prefix
	entry
}

func newBuilder(ctx context.Context, cfg Config, o Options) *builder {
	b := &builder{
		reader:   reader{ctx: ctx, cfg: cfg, guard: Guard(cfg.Protect), clauses: newClauses(nil)},
		o:        o,
		groups:   newGrouper(nil),
		unions:   make(map[[2]uint32]uint32),
		prefixes: prefixes{table: new(bart.Table[uint32])},
	}
	b.names = index.NewBuilder(index.Options{Dir: o.Dir, Merge: b.union, Pause: cfg.Pause})
	return b
}

// union is the group of a name that was added as old and as new.
func (b *builder) union(old, new uint32) uint32 {
	pair := [2]uint32{old, new}
	n, ok := b.unions[pair]
	if !ok {
		n = b.groups.union(old, new)
		b.unions[pair] = n
	}
	return n
}

// read reads one file.
func (b *builder) read(f File) error {
	at := fileOf(f, uint32(len(b.files)+1))
	rules := 0
	err := b.reader.read(&at, func(r list.Rule, e entry) {
		if rules%checkEvery == 0 {
			b.samples = append(b.samples, sample{bytes.Clone(r.Name), r.Prefix, e})
		}
		rules++
		if r.Name == nil {
			rule := b.prefixes.at(r.Prefix)
			rule.group = b.groups.with(rule.group, e)
			return
		}
		if err := b.names.Add(r.Name, b.groups.with(0, e)); err != nil {
			b.failed = storeError{err}
		}
	})
	b.files = append(b.files, at)
	return err
}

// policy makes a Policy of what was read.
func (b *builder) policy() (*Policy, error) {
	var id [16]byte
	rand.Read(id[:])
	names, err := b.names.Build(id[:])
	if err != nil {
		return nil, storeError{err}
	}
	p := &Policy{
		config:  b.cfg,
		options: b.o,
		guard:   b.guard,
		base:    &base{names: names, id: hex.EncodeToString(id[:]), groups: len(b.groups.groups), clauses: len(b.clauses.all)},
		listed:  names.Len(),
		groups:  slices.Clip(b.groups.groups),
		clauses: slices.Clip(b.clauses.all),
		leftOut: b.groups.leftOut,
		table:   b.prefixes.table,
		addrs:   slices.Clip(b.prefixes.rules),
		texts:   new(texts),
	}
	p.arrange(b.files, len(b.files))
	return p, nil
}

// arrange puts files in order of precedence, and works out what groups come to.
// ids is the highest id that was ever given.
func (p *Policy) arrange(files []file, ids int) {
	p.place = make([]uint32, ids+1)
	var named []string
	for _, f := range files {
		if !f.allow {
			named = append(named, f.named)
		}
	}
	p.categories = categoriesOf(p.config, named)
	place := make(map[string]int)
	for i, c := range p.categories {
		place[c.Name] = i
	}
	for i := range files {
		files[i].category = place[files[i].named]
	}
	slices.SortFunc(files, func(a, b file) int { return before(&a, &b) })
	for i, f := range files {
		p.place[f.id] = uint32(i + 1)
	}
	p.files = files
	p.faces = p.facesOf(p.groups)
}

// before orders files by precedence.
func before(a, b *file) int {
	switch {
	case a.allow != b.allow && a.allow:
		return -1
	case a.allow != b.allow:
		return 1
	case !a.allow && a.category != b.category:
		return cmp.Compare(a.category, b.category)
	}
	return cmp.Compare(a.Name, b.Name)
}
