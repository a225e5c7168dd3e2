package policy

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/list"
)

const (
	// maxChanged is how many names may stand beside the index: some 6 MB. It
	// also bounds what changes leave behind: groups, clauses and prefixes that
	// nothing refers to any more.
	maxChanged = 1 << 16

	// maxRead is how many rules an Update reads, of old and new versions
	// together: 0.1 to 0.2 s. For more Build is the better way.
	maxRead = 1 << 18
)

// errLarge is what is too much for an Update.
var errLarge = errors.New("too much has changed")

// Update is Build from p on, which stays as it is. Of the lists those are read
// whose SHA256 is not that of p, the old version by its File.Open and the new by
// its own; where the old one cannot be had, all listed names are gone through
// for those that it named. What is too much for that is left to Build.
func (p *Policy) Update(ctx context.Context, lists []File, zones []ZoneFile) (*Policy, error) {
	next, err := p.update(ctx, lists, zones)
	if errors.Is(err, errLarge) {
		return Build(ctx, p.config, lists, zones, p.options)
	}
	return next, err
}

func (p *Policy) update(ctx context.Context, lists []File, zones []ZoneFile) (*Policy, error) {
	u := newUpdater(ctx, p)
	if err := u.compare(lists); err != nil {
		return nil, err
	}
	if err := u.takeAway(); err != nil {
		return nil, err
	}
	for i := range u.fresh {
		if err := u.read(&u.fresh[i], u.with); err != nil {
			return nil, err
		}
	}
	next, err := u.policy()
	if err != nil {
		return nil, err
	}
	if err := next.check(u.samples); err != nil {
		return nil, err
	}
	if err := next.readZones(ctx, zones, p.zones); err != nil {
		return nil, err
	}
	return next, nil
}

// updater is the next Policy while it is made of p.
type updater struct {
	reader
	p     *Policy
	same  []file // that stay
	gone  []file // old versions
	fresh []file // new versions
	ids   int    // the highest that was given

	groups   *grouper
	names    map[string]uint32 // of names that are touched
	prefixes map[netip.Prefix]uint32
	rules    int // that were read
	added    int // of them, those of new versions
	samples  []sample
}

func newUpdater(ctx context.Context, p *Policy) *updater {
	return &updater{
		reader:   reader{ctx: ctx, cfg: p.config, guard: p.guard, clauses: newClauses(p.clauses)},
		p:        p,
		ids:      len(p.place) - 1,
		groups:   newGrouper(p.groups),
		names:    make(map[string]uint32),
		prefixes: make(map[netip.Prefix]uint32),
	}
}

// compare finds out what has changed. A file that changes keeps its id.
func (u *updater) compare(lists []File) error {
	old := make(map[string]*file, len(u.p.files))
	for i := range u.p.files {
		old[u.p.files[i].Name] = &u.p.files[i]
	}
	rules := 0
	for _, f := range lists {
		was, known := old[f.Name]
		delete(old, f.Name)
		switch {
		case known && f.SHA256 != "" && f.SHA256 == was.SHA256:
			same := *was
			same.File = f
			u.same = append(u.same, same)
			continue
		case known:
			u.fresh = append(u.fresh, fileOf(f, was.id))
			u.gone = append(u.gone, *was)
			rules += was.result.Entries
		default:
			u.ids++
			u.fresh = append(u.fresh, fileOf(f, uint32(u.ids)))
		}
		rules += f.Entries
	}
	for _, was := range old {
		u.gone = append(u.gone, *was)
		rules += was.result.Entries
	}
	if rules > maxRead {
		return errLarge
	}
	return nil
}

// takeAway takes away what old versions said.
func (u *updater) takeAway() error {
	unread := make(map[uint32]bool) // ids
	for _, f := range u.gone {
		again := fileOf(f.File, f.id)
		err := errNoVersion
		if f.Open != nil {
			err = u.read(&again, func(r list.Rule, _ entry) { u.without(r.Name, r.Prefix, f.id) })
		}
		switch {
		case u.ctx.Err() != nil || u.failed != nil:
			return err
		case err != nil || again.result.Entries != f.result.Entries:
			unread[f.id] = true
		}
	}
	if len(unread) == 0 {
		return nil
	}
	return u.search(unread)
}

var errNoVersion = errors.New("not to be had")

// search takes away what files said that cannot be read any more, by going
// through all names: 60 ns each.
func (u *updater) search(ids map[uint32]bool) error {
	of := make([]bool, len(u.p.groups)) // groups with such a file
	for n, g := range u.p.groups[1:] {
		of[n+1] = of[g.rest] || ids[g.file]
	}
	drop := func(name []byte, prefix netip.Prefix, group uint32) {
		if !of[group] {
			return
		}
		for id := range ids {
			u.without(name, prefix, id)
		}
	}
	for name, group := range u.p.base.names.All() {
		if _, changed := u.p.delta[string(name)]; !changed {
			drop(name, netip.Prefix{}, group)
		}
		if u.failed != nil || u.ctx.Err() != nil {
			break
		}
	}
	for name, group := range u.p.delta {
		drop([]byte(name), netip.Prefix{}, group)
	}
	for _, a := range u.p.addrs {
		drop(nil, a.prefix, a.group)
	}
	return cmp.Or(u.failed, u.ctx.Err())
}

// touch counts a rule, and ends the reading where there are too many.
func (u *updater) touch() {
	if u.rules++; u.rules > maxRead {
		u.failed = errLarge
	}
}

// without takes a file's entries from a name or a prefix.
func (u *updater) without(name []byte, prefix netip.Prefix, id uint32) {
	u.touch()
	if name == nil {
		u.prefixes[prefix] = u.groups.without(u.prefixGroup(prefix), id)
		return
	}
	u.names[string(name)] = u.groups.without(u.nameGroup(name), id)
}

// with adds an entry to a name or a prefix.
func (u *updater) with(r list.Rule, e entry) {
	if len(u.samples)*checkEvery <= u.added {
		u.samples = append(u.samples, sample{bytes.Clone(r.Name), r.Prefix, e})
	}
	u.added++
	u.touch()
	if r.Name == nil {
		u.prefixes[r.Prefix] = u.groups.with(u.prefixGroup(r.Prefix), e)
		return
	}
	u.names[string(r.Name)] = u.groups.with(u.nameGroup(r.Name), e)
}

func (u *updater) nameGroup(name []byte) uint32 {
	if group, ok := u.names[string(name)]; ok {
		return group
	}
	return u.p.groupOf(name)
}

func (u *updater) prefixGroup(prefix netip.Prefix) uint32 {
	if group, ok := u.prefixes[prefix]; ok {
		return group
	}
	return u.p.prefixGroup(prefix)
}

// policy is the next Policy.
func (u *updater) policy() (*Policy, error) {
	next := *u.p
	next.groups, next.clauses = slices.Clip(u.groups.groups), slices.Clip(u.clauses.all)
	next.leftOut += u.groups.leftOut
	u.changeNames(&next)
	u.changePrefixes(&next)
	next.arrange(append(u.same, u.fresh...), u.ids)
	if next.changed() > maxChanged {
		return nil, errLarge
	}
	return &next, nil
}

// changeNames enters the names whose group is another one now.
func (u *updater) changeNames(next *Policy) {
	next.delta = maps.Clone(u.p.delta)
	for name, group := range u.names {
		was := u.p.groupOf([]byte(name))
		if group == was {
			continue
		}
		if next.delta == nil {
			next.delta = make(map[string]uint32)
		}
		switch base, _ := u.p.base.names.Find([]byte(name)); {
		case group == base:
			delete(next.delta, name)
		default:
			next.delta[name] = group
			next.depths.add(dnsname.Labels([]byte(name)))
		}
		switch {
		case was == 0:
			next.listed++
		case group == 0:
			next.listed--
		}
	}
}

// fewPrefixes: so many are changed one by one in a table that shares the rest
// with the old one; for more it is copied.
const fewPrefixes = 64

// changePrefixes enters the prefixes whose group is another one now.
func (u *updater) changePrefixes(next *Policy) {
	maps.DeleteFunc(u.prefixes, func(prefix netip.Prefix, group uint32) bool { return group == u.p.prefixGroup(prefix) })
	if len(u.prefixes) == 0 {
		return
	}
	next.addrs = slices.Clone(u.p.addrs)
	many := len(u.prefixes) > fewPrefixes
	if many {
		next.table = u.p.table.Clone()
	}
	for prefix, group := range u.prefixes {
		i, listed := next.table.Get(prefix)
		if !listed {
			i = uint32(len(next.addrs))
			next.addrs = append(next.addrs, addrRule{prefix: prefix})
		}
		next.addrs[i].group = group
		switch {
		case group == 0 && many:
			next.table.Delete(prefix)
		case group == 0:
			next.table = next.table.DeletePersist(prefix)
		case !listed && many:
			next.table.Insert(prefix, i)
		case !listed:
			next.table = next.table.InsertPersist(prefix, i)
		}
	}
}
