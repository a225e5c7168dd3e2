package sinkhole

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/dropdir"
	"sinkhole/plugin/pkg/list"
	"sinkhole/plugin/pkg/policy"
	"sinkhole/plugin/pkg/rpz"
)

// Trial is a drop folder as it is and as it would be with other files in it.
type Trial struct {
	Before, After *policy.Policy
	Files         []Tried

	s     *Sinkhole
	index string // a folder for what is built
}

// Tried is a file of a Trial.
type Tried struct {
	control.List        // as OfflineFile has it
	Place        string // in the folder
	Replaces     bool   // another version of it is in force
	Addresses    int    // entries that are addresses; they are not among the next two
	New          int    // entries whose name is decided otherwise with the file
	Gone         int    // entries of the version it replaces, the same

	fresh, old dropdir.Reading // old where it replaces one
}

// Try reads the drop folder dir, and has the files at paths in their places. What
// is refused is left out. The Trial must be closed.
func Try(cfg Config, dir string, paths []string) (t *Trial, err error) {
	if _, err := os.ReadDir(dir); err != nil {
		return nil, fmt.Errorf("%s: %w; want a folder", dir, cause(err))
	}
	t = &Trial{s: newSinkhole(cfg, dir, list.MaxNotes)}
	defer func() {
		if err != nil {
			t.Close()
		}
	}()
	if t.index, err = os.MkdirTemp("", "sinkhole-check-"); err != nil {
		return nil, err
	}
	t.s.index = t.index
	if err := t.s.load("", nil); err != nil {
		return nil, err
	}
	t.s.after.end()
	t.Before = t.s.inForce.Load()
	var had []dropdir.Version
	for _, f := range t.s.folder.Files() {
		if f.InForce != nil {
			had = append(had, *f.InForce)
		}
	}
	return t, t.put(had, paths)
}

// Close gives back what the trial took.
func (t *Trial) Close() {
	t.s.Close()
	if t.index != "" {
		os.RemoveAll(t.index)
	}
}

// put builds the policy with the files in their places, and counts what they
// change.
func (t *Trial) put(had []dropdir.Version, paths []string) error {
	set := slices.Clone(had)
	for i, path := range paths {
		f, err := t.judge(path, set)
		if err != nil {
			return err
		}
		t.Files = append(t.Files, f)
		if f.State == control.StateRefused {
			continue
		}
		v := dropdir.Version{Name: f.Place, Open: f.fresh.Open, Part: f.fresh.Part, Time: time.Now(), Entries: f.Entries}
		v.SHA256 = fmt.Sprintf("%s %d", f.SHA256, i) // with other parts a zone is another, too
		set = slices.DeleteFunc(set, func(v dropdir.Version) bool { return v.Name == f.Place })
		set = append(set, v)
	}
	slices.SortFunc(set, func(a, b dropdir.Version) int { return strings.Compare(a.Name, b.Name) }) // as the folder has them
	all := t.s.filesOf(set)
	var err error
	if t.After, err = t.Before.Update(context.Background(), all.lists, all.zones); err != nil {
		return err
	}
	for i := range t.Files {
		if err := t.count(&t.Files[i]); err != nil {
			return err
		}
	}
	return nil
}

// judge reads a file as the folder would, in its place among the versions there.
func (t *Trial) judge(path string, set []dropdir.Version) (f Tried, err error) {
	f.Place = t.placeOf(path)
	if slices.ContainsFunc(t.Files, func(g Tried) bool { return g.Place == f.Place }) {
		return f, fmt.Errorf("%s: another file of the arguments has its place, %s; want one", path, f.Place)
	}
	if f.List, err = listAt(t.s.cfg, path, f.Place); err != nil {
		return f, err
	}
	f.fresh = readingAt(path, f.Place)
	if at := slices.IndexFunc(set, func(v dropdir.Version) bool { return v.Name == f.Place }); at >= 0 {
		f.Replaces = true
		f.old = dropdir.Reading{Name: f.Place, Open: set[at].Open, Part: set[at].Part}
		f.warnShrunk(t.s.cfg.Shrink, set[at])
	}
	return f, nil
}

// count counts what a file changes.
func (t *Trial) count(f *Tried) (err error) {
	if f.State == control.StateRefused {
		return nil
	}
	if f.New, f.Addresses, err = t.changes(f.fresh); err != nil || !f.Replaces {
		return err
	}
	f.Gone, _, err = t.changes(f.old)
	return err
}

// placeOf is placeOf, also for a category that only a folder of this drop folder
// makes.
func (t *Trial) placeOf(path string) string {
	rel := placeOf(t.s.cfg, path)
	if strings.Contains(rel, "/") {
		return rel
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return rel
	}
	folder := filepath.Base(filepath.Dir(abs))
	if info, err := os.Stat(filepath.Join(t.s.dir, folder)); err != nil || !info.IsDir() || !want(folder+"/"+rel) {
		return rel
	}
	return folder + "/" + rel
}

// warnShrunk says that the shrink guard would keep the old version.
func (f *Tried) warnShrunk(percent int, old dropdir.Version) {
	if f.State != control.StateRefused && percent > 0 && f.Entries*100 < old.Entries*(100-percent) {
		f.Warnings = append(f.Warnings, fmt.Sprintf("%s: warning: %d entries in place of %d: the shrink guard would keep the version in force; want more, or reload --accept %s",
			f.File, f.Entries, old.Entries, f.Place))
	}
}

// changes counts the entries of a version whose name the two policies decide
// otherwise, and those that are addresses.
func (t *Trial) changes(v dropdir.Reading) (names, addresses int, err error) {
	differs := func(name []byte, qtype uint16) {
		if t.Blocks(t.Before, name, qtype) != t.Blocks(t.After, name, qtype) {
			names++
		}
	}
	if isZone(v.Name) {
		err = rpz.Scan(v.Name, v.Open, rpz.ReadOptions{Part: v.Part, Protected: t.s.guard, MaxSize: t.s.cfg.MaxSize}, func(e rpz.Entry) {
			switch {
			case e.Trigger != rpz.QName:
				addresses++
			case e.Wild:
				differs(slices.Concat([]byte("\x01*"), e.Name), dns.TypeA)
			default:
				differs(e.Name, dns.TypeA)
			}
		})
		return names, addresses, err
	}
	_, allow, _ := policy.CategoryOf(v.Name)
	_, err = list.Read(v.Name, v.Open, t.s.reading(allow), func(r list.Rule) {
		switch {
		case r.Name == nil:
			addresses++
		case r.Cond != nil && len(r.Cond.Types) > 0:
			differs(r.Name, r.Cond.Types[0])
		case r.Cond != nil && slices.Contains(r.Cond.NotTypes, dns.TypeA):
			differs(r.Name, dns.TypeAAAA)
		default:
			differs(r.Name, dns.TypeA)
		}
	})
	return names, addresses, err
}

// Blocks tells whether p answers a question itself, as far as its name says: no
// upstream is asked.
func (t *Trial) Blocks(p *policy.Policy, name []byte, qtype uint16) bool {
	v, _ := p.Review(policy.Query{Name: name, Type: qtype}, nil, nil)
	return v.Blocks()
}

// Reason is why p answers a question for the address of a name itself; ok is
// false where it does not.
func (t *Trial) Reason(p *policy.Policy, name []byte) (r Reason, ok bool) {
	q := policy.Query{Name: name, Type: dns.TypeA}
	v, _ := p.Review(q, nil, nil)
	if !v.Blocks() {
		return Reason{}, false
	}
	listed, text := p.Listed(v, q, nil, 0)
	r = Reason{Action: v.Action.String(), Listed: text, Covered: !bytes.Equal(listed, name), File: p.File(v.Rule)}
	if c := p.Category(v); c != nil {
		r.Category = c.Name
	}
	if v.Zone > 0 {
		r.File = p.ZoneFile(v.Zone)
	}
	return r, true
}

// Reason is what decides a name.
type Reason struct {
	Category, Action string
	Listed           string // the name that is listed
	Covered          bool   // it is one above the name asked for
	File             string // its place in the folder
}
