package sinkhole

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/dropdir"
	"sinkhole/plugin/pkg/list"
	"sinkhole/plugin/pkg/policy"
	"sinkhole/plugin/pkg/rpz"
)

// maxSentences is how many refusals, and how many warnings, of one list a server
// shows. Without one, all that are known are shown.
const maxSentences = 20

// What status shows in the place of a category: of a file whose names are never
// blocked, and of a response policy zone.
const (
	allowCategory = "allow"
	zoneCategory  = rpzFolder
)

// Status is every list of the drop folder, sorted by name.
func (s *Sinkhole) Status() []control.List {
	return s.statusOf(s.folder.Files(), time.Now())
}

// Warnings are what an operator should see to: of the folder, of what the state
// does not take, of lists in force that hold nothing, which look like good ones,
// of zones that the Corefile names and nobody dropped, and of feeds.
func (s *Sinkhole) Warnings() []string {
	all := s.folder.Warnings()
	if err := s.after.wrong(); err != nil {
		all = append(all, err.Error())
	}
	if text := s.inForce.Load().Warning(); text != "" {
		all = append(all, text)
	}
	if n := s.inForce.Load().Stats().LeftOut; n > 0 {
		all = append(all, fmt.Sprintf("%d rules with conditions or answers of their own are left out: one file has too many of them for one name", n))
	}
	files := s.folder.Files()
	return slices.Concat(all, s.hollow(files), s.missingZones(files), s.feedWarnings())
}

// hollow are the lists in force without one entry.
func (s *Sinkhole) hollow(files []dropdir.File) (all []string) {
	told := 0
	for _, f := range files {
		res, _ := f.Detail.(list.Result)
		if f.State != dropdir.InForce || f.Entries > 0 {
			continue
		}
		if told++; told > maxSentences {
			continue
		}
		what := "refused are all its lines"
		if res.PassedOver > 0 {
			what = "passed over are " + passedOver(res)
		}
		all = append(all, fmt.Sprintf("%s: in force without one entry; %s", dropdir.Printable(f.Name), what))
	}
	if more := told - maxSentences; more > 0 {
		all = append(all, fmt.Sprintf("and %d more lists without one entry", more))
	}
	return all
}

// missingZones are the zones of rpz lines of which there is no file. What is
// fetched is said by who fetches it.
func (s *Sinkhole) missingZones(files []dropdir.File) (all []string) {
	for name, z := range s.cfg.zoneFiles {
		there := slices.ContainsFunc(files, func(f dropdir.File) bool { return f.Name == name })
		if !there && !z.Feed() {
			all = append(all, fmt.Sprintf("%s: rpz %q: there is no %s in the drop folder; its rules are not in force",
				z.place, strings.TrimPrefix(name, rpzFolder+"/"), dropdir.Printable(name)))
		}
	}
	return all
}

// Look looks at the drop folder now, without waiting for lists to settle, and
// returns when each is in force or refused. accept is a list that may shrink
// this once: its name in status, or its path.
func (s *Sinkhole) Look(ctx context.Context, accept string) ([]control.List, error) {
	files, err := s.folder.Look(ctx, accept)
	return s.statusOf(files, time.Now()), err
}

func (s *Sinkhole) statusOf(files []dropdir.File, now time.Time) []control.List {
	all := make([]control.List, len(files))
	zones := s.zones()
	for i, f := range files {
		j, _ := f.Detail.(list.Result)
		all[i] = listOf(dropdir.Told(f.Name), j, s.sentences)
		l := &all[i]
		l.Category, l.State, l.Entries, l.SHA256, l.Reason = categoryOf(f), f.State, f.Entries, f.SHA256, f.Reason
		if f.State == dropdir.InForce && j.Options.Shadow && shadows(f.Name) {
			l.State = control.StateShadow
		}
		if z, ok := zones[f.Name]; ok && f.InForce != nil {
			l.Zone = zoneOf(z)
		}
		if !f.Time.IsZero() {
			l.AgeSeconds = max(0, int64(now.Sub(f.Time)/time.Second))
		}
	}
	return all
}

// zones are the figures of the zones in force, by their files.
func (s *Sinkhole) zones() map[string]policy.ZoneStats {
	all := map[string]policy.ZoneStats{}
	for _, z := range s.inForce.Load().Stats().Zones {
		all[z.File] = z
	}
	return all
}

func zoneOf(z policy.ZoneStats) *control.Zone {
	to := &control.Zone{Name: dropdir.Told(z.Zone), Policy: z.Policy, Rules: map[string]int{}}
	if z.HasSOA {
		to.Serial = &z.Serial
	}
	for t, n := range z.Rules.Rules {
		if n > 0 {
			to.Rules[rpz.Trigger(t).String()] = n
		}
	}
	return to
}

// listOf is what reading a list says of it, in so many sentences of a kind.
func listOf(name string, res list.Result, sentences int) control.List {
	l := control.List{
		File:            name,
		Entries:         res.Entries,
		RefusedLines:    res.Refused,
		PassedOverLines: res.PassedOver,
		Passed:          passedOver(res),
	}
	for _, n := range res.Notes {
		to := &l.Refusals
		if n.Warning {
			to = &l.Warnings
		}
		if len(*to) < sentences {
			*to = append(*to, n.String())
		}
	}
	return l
}

// passedOver says what was passed over, most first; "" where nothing was.
func passedOver(res list.Result) string {
	reasons := slices.SortedFunc(maps.Keys(res.Passed), func(a, b string) int {
		return cmp.Or(cmp.Compare(res.Passed[b], res.Passed[a]), cmp.Compare(a, b))
	})
	for i, reason := range reasons {
		reasons[i] = fmt.Sprintf("%d %s", res.Passed[reason], reason)
	}
	return strings.Join(reasons, ", ")
}

// shadows: the option shadow means something in a file of that name.
func shadows(name string) bool {
	_, allow, list := policy.CategoryOf(name)
	return list && !allow
}

func categoryIn(name string, o list.Options) string {
	category, allow, _ := policy.CategoryOf(name)
	switch {
	case isZone(name):
		return zoneCategory
	case allow:
		return allowCategory
	case o.Category != "":
		return o.Category
	}
	return category
}
