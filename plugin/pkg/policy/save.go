package policy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/publicsuffix"

	"sinkhole/plugin/pkg/index"
	"sinkhole/plugin/pkg/rpz"
	"sinkhole/plugin/pkg/statedir"
)

const (
	// stateFile is what Save writes beside the index. Its first octets say what
	// it is and of which form.
	stateFile  = "policy.state"
	stateMagic = "sinkhole policy 1\n"

	// indexFile is the name of an index, with the id of its base.
	indexFile, indexEnd = "names-", ".index"

	// zoneFile is how the names of a zone's files begin. What follows stands for
	// the version of the zone and for how it was read; the last file to be
	// written ends in zoneEnd.
	zoneFile, zoneEnd = "zone-", ".zone"

	// maxState bounds what Resume reads, in octets. Ten thousand files with a
	// full delta come to 8 MB.
	maxState = 1 << 30

	// readerVersion is to be raised with every change of what package list makes
	// of a line, so that nothing is resumed that would be read otherwise today.
	// Builds with a commit in them notice it themselves.
	readerVersion = 1
)

// saving is held by whoever saves or resumes: two generations of a Corefile have
// one folder, and one would sweep away what the other has just written.
var saving sync.Mutex

// Save writes p into the folder dir, so that Resume has it back at once. What
// was saved before stays valid until the new is whole; then its index goes. Where
// there is no room, an error says so and nothing else changes. It may be called at
// any time, of any Policy.
func (p *Policy) Save(dir string) error {
	if p == nil {
		return nil
	}
	saving.Lock()
	defer saving.Unlock()
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("index %s: %w", dir, err)
	}
	keep := indexFile + p.base.id + indexEnd
	if _, err := os.Stat(filepath.Join(dir, keep)); err != nil {
		if err := p.base.names.Keep(filepath.Join(dir, keep)); err != nil {
			return fmt.Errorf("index %s: %w", filepath.Join(dir, keep), err)
		}
	}
	for i := range p.zones {
		if err := p.zones[i].save(dir, p.config); err != nil {
			return fmt.Errorf("index %s: zone %s: %w", dir, p.zones[i].Name, err)
		}
	}
	s, err := p.state()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(s)
	all := slices.Concat([]byte(stateMagic), sum[:], s)
	if err := statedir.WriteFile(filepath.Join(dir, stateFile), all, 0o640); err != nil {
		return fmt.Errorf("index %s: %w", filepath.Join(dir, stateFile), err)
	}
	p.sweep(dir)
	return nil
}

// sweep removes what an earlier Policy left in dir and this one does not use, and
// what a process that was killed had not finished.
func (p *Policy) sweep(dir string) {
	used := map[string]bool{indexFile + p.base.id: true}
	for i := range p.zones {
		used[filepath.Base(p.zones[i].path(dir, p.config))] = true
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		stem, _, _ := strings.Cut(e.Name(), ".")
		ours := strings.HasPrefix(stem, indexFile) || strings.HasPrefix(stem, zoneFile)
		half := strings.HasPrefix(e.Name(), ".") && (strings.HasSuffix(e.Name(), ".tmp") || strings.HasPrefix(e.Name(), ".tmp-"))
		if half || ours && !used[stem] {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// path is how the paths of a zone's files in dir begin.
func (z *zone) path(dir string, cfg Config) string {
	sum := sha256.Sum256([]byte(readingKey(cfg) + z.Name + "\x00" + z.SHA256))
	return filepath.Join(dir, zoneFile+hex.EncodeToString(sum[:16]))
}

// save writes a zone, unless that version of it lies there.
func (z *zone) save(dir string, cfg Config) error {
	path := z.path(dir, cfg)
	if _, err := os.Stat(path + zoneEnd); err == nil || z.SHA256 == "" {
		return nil
	}
	return z.rules.Save(path)
}

// resumeZones are the zones that lie in dir, of those that were saved. What
// cannot be taken makes room for another.
func (s *state) resumeZones(dir string, cfg Config) (zones []zone) {
	for _, saved := range s.Zones {
		z := zone{ZoneFile: ZoneFile{Name: saved.Name, SHA256: saved.SHA256}, result: saved.Result}
		path := z.path(dir, cfg)
		var err error
		if z.rules, err = rpz.Open(path); err != nil {
			os.Remove(path + zoneEnd)
			continue
		}
		zones = append(zones, z)
	}
	return zones
}

// Resume is the Policy that Save left in dir. It is true only where it stands
// for these very files now, and was read as cfg has them read: where few files
// have changed since, it is brought up to date.
// Whatever is broken, foreign or too far behind is as if it were not there.
func Resume(cfg Config, lists []File, zones []ZoneFile, dir string) (*Policy, bool) {
	ctx := context.Background()
	p, err := resume(cfg, dir)
	if err != nil {
		return nil, false
	}
	if p, err = p.update(ctx, lists, zones); err != nil {
		return nil, false
	}
	return p, true
}

// errState is a state that is not to be taken.
var errState = errors.New("not a state of this program and this configuration")

// resume is the Policy that was saved, whose files cannot be opened.
func resume(cfg Config, dir string) (*Policy, error) {
	saving.Lock()
	defer saving.Unlock()
	s, err := readState(dir)
	if err != nil {
		return nil, err
	}
	if s.Key != readingKey(cfg) {
		return nil, errState
	}
	names, err := index.Open(filepath.Join(dir, indexFile+s.Base+indexEnd))
	if err != nil {
		return nil, err
	}
	if hex.EncodeToString(names.Meta()) != s.Base {
		return nil, errState
	}
	p := &Policy{
		config:  cfg,
		options: Options{Dir: dir},
		guard:   Guard(cfg.Protect),
		base:    &base{names: names, id: s.Base, groups: s.Groups, clauses: s.Clauses},
		listed:  s.Listed,
		leftOut: s.LeftOut,
		texts:   new(texts),
	}
	if err := s.rules(p); err != nil {
		return nil, err
	}
	if s.IDs > len(s.Files)+maxChanged || s.Groups > len(p.groups) {
		return nil, errState
	}
	files := make([]file, len(s.Files))
	for i, f := range s.Files {
		if f.ID == 0 || int(f.ID) > s.IDs {
			return nil, errState
		}
		files[i] = fileOf(File{Name: f.Name, SHA256: f.SHA256}, f.ID)
		files[i].named, files[i].result = f.Named, f.Result
		files[i].shadow = f.Result.Options.Shadow && !files[i].allow
	}
	p.arrange(files, s.IDs)
	p.zones = s.resumeZones(dir, cfg)
	return p, nil
}

// readingKey is equal where lists are read alike.
func readingKey(cfg Config) string {
	h := sha256.New()
	fmt.Fprintln(h, stateMagic, readerVersion, revision(), cfg.MaxSize, publicsuffix.List.String())
	protect := make([]string, len(cfg.Protect))
	for i, name := range cfg.Protect {
		protect[i] = string(name)
	}
	slices.Sort(protect)
	for _, name := range slices.Compact(protect) {
		fmt.Fprintf(h, "%q\n", name)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// revision is the commit that this program was built of; "" where it is not known.
func revision() (s string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, set := range info.Settings {
		if strings.HasPrefix(set.Key, "vcs.") {
			s += set.Value + " "
		}
	}
	return s
}
