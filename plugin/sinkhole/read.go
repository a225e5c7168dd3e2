package sinkhole

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"sinkhole/plugin/pkg/dropdir"
	"sinkhole/plugin/pkg/list"
	"sinkhole/plugin/pkg/policy"
	"sinkhole/plugin/pkg/rpz"
)

// partSuffix ends the name of a part of a zone, which is none for itself.
const partSuffix = ".inc"

// isZone: the file is a response policy zone, or a part of one.
func isZone(rel string) bool { return strings.HasPrefix(path.Clean(rel), rpzFolder+"/") }

// want: the file is a list or a zone.
func want(rel string) bool {
	_, _, list := policy.CategoryOf(rel)
	return list || isZone(rel)
}

func part(rel string) bool { return isZone(rel) && strings.HasSuffix(rel, partSuffix) }

// read judges one version of a list or a zone, by the very rules by which
// policy.Build will read it. What it found is a list.Result.
func (s *Sinkhole) read(v dropdir.Reading) (entries int, detail any, err error) {
	var res list.Result
	if isZone(v.Name) {
		res, err = rpz.Check(v.Name, v.Open, rpz.ReadOptions{Part: v.Part, Protected: s.guard, MaxSize: s.cfg.MaxSize})
	} else {
		_, allow, _ := policy.CategoryOf(v.Name)
		res, err = list.Read(dropdir.Told(v.Name), v.Open, s.reading(allow), func(list.Rule) {})
	}
	res.Notes = firstNotes(res.Notes, s.sentences)
	return res.Entries, res, err
}

func (s *Sinkhole) reading(allow bool) list.ReadOptions {
	return list.ReadOptions{Allow: allow, Protected: s.guard, MaxSize: s.cfg.MaxSize}
}

// firstNotes are the first refusals and the first warnings, so many of each.
func firstNotes(all []list.Note, most int) (first []list.Note) {
	var refusals, warnings int
	for _, n := range all {
		count := &refusals
		if n.Warning {
			count = &warnings
		}
		if *count++; *count <= most {
			first = append(first, n)
		}
	}
	return first
}

// thaw is a list.Result that was kept in the state.
func thaw(text []byte) (any, error) {
	var res list.Result
	err := json.Unmarshal(text, &res)
	return res, err
}

// rules is the same for two ways of reading that find the same in a file: it
// names what of the Corefile counts, and the program, which may read otherwise
// than the one before it.
func (s *Sinkhole) rules() string {
	return fmt.Sprintf("%s protect %q max-size %d", program(), s.cfg.Protect, s.cfg.MaxSize)
}

// program tells one build of this program from another.
func program() string {
	id := "unknown"
	if b, ok := debug.ReadBuildInfo(); ok {
		id = b.GoVersion
		for _, set := range b.Settings {
			if set.Key == "vcs.revision" {
				id += " " + set.Value
			}
		}
	}
	if name, err := os.Executable(); err == nil {
		if info, err := os.Stat(name); err == nil {
			id += fmt.Sprintf(" %d %d", info.Size(), info.ModTime().UnixNano())
		}
	}
	return id
}

// expires is how long a list counts after its time, by its own option.
func expires(detail any) time.Duration {
	res, _ := detail.(list.Result)
	return res.Options.Expires
}

// verifier has files count beside a good signature only, where there is a key. A
// zone that is fetched is signed by TSIG if at all: what the feed writes counts
// as it is.
func verifier(cfg Config) (func(dropdir.Reading) (serial uint64, err error), error) {
	if cfg.Verify == "" {
		return nil, nil
	}
	key, err := dropdir.ParseKey(cfg.Verify)
	if err != nil {
		return nil, err
	}
	fetched := map[string]bool{}
	for _, z := range cfg.Zones {
		if z.Feed() {
			for _, name := range z.Files {
				fetched[path.Join(rpzFolder, name)] = true
			}
		}
	}
	signed := dropdir.SignedBy(key)
	return func(r dropdir.Reading) (uint64, error) {
		if fetched[r.Name] {
			return 0, nil
		}
		return signed(r)
	}, nil
}
