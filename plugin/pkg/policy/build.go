package policy

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/gaissmai/bart"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/index/old"
	"sinkhole/plugin/pkg/list"
	"sinkhole/plugin/pkg/rpz"
)

// Config is what the Corefile says about lists.
type Config struct {
	Categories []Category // their order is their precedence
	Default    Category   // of categories that only files name; those stand behind, by name
	Protect    [][]byte   // names that no rule may block, see Guard
	MaxSize    int64      // of an unpacked file, in octets; 0: the default of package list
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
	allow, shadow bool
	excepts       bool // it has exceptions
	category      int  // place in categories; of no meaning in an allow file
	result        list.Result
}

// checkEvery: of a file's rules the first, and every so many, are asked back.
const checkEvery = 1024

// builder is a Policy while its files are read. Until all are, nobody knows in
// which order they stand: files have the numbers in which they come.
type builder struct {
	cfg      Config
	guard    list.Guard
	files    []file
	named    []string // category of each file
	names    *index.Builder
	depths   depths
	groups   *grouper
	prefixes prefixes
	samples  []sample
}

// sample is a rule that is asked back.
type sample struct {
	name   []byte
	prefix netip.Prefix
	file   uint32
	kind   kind
}

// Build reads all files and makes a Policy of them. That what it made holds what
// it read is checked on a sample; a refusal says which file, and the Policy in
// force stays.
//
// The zones are in order of precedence.
func Build(ctx context.Context, cfg Config, files []File, zones []ZoneFile, o Options) (*Policy, error) {
	entries := 0
	for _, f := range files {
		entries += f.Entries
	}
	b := newBuilder(cfg, entries)
	for _, f := range files {
		if err := b.read(f); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	if n := b.names.Refused(); n > 0 {
		return nil, fmt.Errorf("%d names do not fit: the index holds %d octets", n, index.MaxBytes)
	}
	p := b.policy()
	var err error
	if p.zones, err = readZones(ctx, cfg, zones, o, nil); err != nil {
		return nil, err
	}
	if err := p.check(b.samples); err != nil {
		return nil, err
	}
	return p, nil
}

func newBuilder(cfg Config, entries int) *builder {
	return &builder{
		cfg:      cfg,
		guard:    Guard(cfg.Protect),
		names:    index.NewBuilder(entries),
		groups:   newGrouper(),
		prefixes: prefixes{table: new(bart.Table[uint32])},
	}
}

// read reads one file.
func (b *builder) read(f File) error {
	category, allow, _ := CategoryOf(f.Name)
	b.files = append(b.files, file{File: f, allow: allow})
	number := uint32(len(b.files))
	at := &b.files[number-1]

	rules := 0
	var err error
	at.result, err = list.Read(f.Name, f.Open, list.ReadOptions{Allow: allow, Protected: b.guard, MaxSize: b.cfg.MaxSize}, func(r list.Rule) {
		b.add(r, number)
		at.excepts = at.excepts || r.Except
		if rules%checkEvery == 0 {
			b.samples = append(b.samples, sample{bytes.Clone(r.Name), r.Prefix, number, kindOf(r)})
		}
		rules++
	})
	if own := at.result.Options.Category; own != "" {
		category = own
	}
	at.shadow = at.result.Options.Shadow && !allow
	b.named = append(b.named, category)
	return err
}

// add takes one rule.
func (b *builder) add(r list.Rule, file uint32) {
	k := kindOf(r)
	if r.Name == nil {
		rule := b.prefixes.at(r.Prefix)
		rule.group = b.groups.with(rule.group, file, k)
		return
	}
	old, dup := b.names.Add(r.Name, b.groups.with(0, file, k))
	if !dup {
		b.depths.add(dnsname.Labels(r.Name))
		return
	}
	if g := b.groups.with(old, file, k); g != old {
		b.names.Set(r.Name, g)
	}
}

// policy puts the files in order of precedence, gives them their last numbers,
// and works out what groups and prefixes come to.
func (b *builder) policy() *Policy {
	p := &Policy{
		config: b.cfg,
		guard:  b.guard,
		files:  b.files,
		names:  b.names.Build(),
		depths: b.depths,
		groups: b.groups.groups,
		table:  b.prefixes.table,
		addrs:  b.prefixes.rules,
	}
	b.order(p)
	p.faces = make([]faces, len(p.groups))
	for n := range p.faces {
		p.faces[n] = faces{own: p.face(uint32(n), true), below: p.face(uint32(n), false)}
	}
	for i := range p.addrs {
		p.addrs[i].verdict = p.rank(p.addrHits(p.addrs[i].prefix))
	}
	return p
}

// order sorts the files and renumbers them where they are named.
func (b *builder) order(p *Policy) {
	p.categories = categoriesOf(b.cfg, b.blocking())
	place := make(map[string]int)
	for i, c := range p.categories {
		place[c.Name] = i
	}
	came := make([]int, len(p.files)) // by last number, both from zero
	for i := range p.files {
		p.files[i].category = place[b.named[i]]
		came[i] = i
	}
	slices.SortFunc(came, func(i, j int) int { return before(&p.files[i], &p.files[j]) })

	last := make([]uint32, len(p.files)+1) // by the number in which they came, from one
	sorted := make([]file, len(p.files))
	for i, j := range came {
		sorted[i], last[j+1] = p.files[j], uint32(i+1)
	}
	p.files = sorted
	for i := range p.groups {
		p.groups[i].file = last[p.groups[i].file]
	}
	for i := range b.samples {
		b.samples[i].file = last[b.samples[i].file]
	}
}

// blocking are the categories of all files but those of allow.
func (b *builder) blocking() (names []string) {
	for i, f := range b.files {
		if !f.allow {
			names = append(names, b.named[i])
		}
	}
	return names
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
