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
)

// maxSentences is how many refusals, and how many warnings, of one list a server
// shows. Without one, all that are known are shown.
const maxSentences = 20

// allowCategory is what status shows in the place of the category of a file
// whose names are never blocked.
const allowCategory = "allow"

// Status is every list of the drop folder, sorted by name.
func (s *Sinkhole) Status() []control.List {
	return statusOf(s.folder.Files(), s.sentences, time.Now())
}

// Warnings are what an operator should see to: of the folder, and lists in force
// that hold nothing, which look like good ones.
func (s *Sinkhole) Warnings() []string {
	all := s.folder.Warnings()
	told := 0
	for _, f := range s.folder.Files() {
		j, _ := f.Detail.(list.Result)
		if f.State != dropdir.InForce || f.Entries > 0 {
			continue
		}
		if told++; told > maxSentences {
			continue
		}
		what := "refused are all its lines"
		if j.PassedOver > 0 {
			what = "passed over are " + passedOver(j)
		}
		all = append(all, fmt.Sprintf("%s: in force without one entry; %s", dropdir.Printable(f.Name), what))
	}
	if more := told - maxSentences; more > 0 {
		all = append(all, fmt.Sprintf("and %d more lists without one entry", more))
	}
	return all
}

// Look looks at the drop folder now, without waiting for lists to settle, and
// returns when each is in force or refused. accept is a list that may shrink
// this once: its name in status, or its path.
func (s *Sinkhole) Look(ctx context.Context, accept string) ([]control.List, error) {
	files, err := s.folder.Look(ctx, accept)
	return statusOf(files, s.sentences, time.Now()), err
}

func statusOf(files []dropdir.File, sentences int, now time.Time) []control.List {
	all := make([]control.List, len(files))
	for i, f := range files {
		j, _ := f.Detail.(list.Result)
		all[i] = listOf(dropdir.Told(f.Name), j, sentences)
		l := &all[i]
		l.Category, l.State, l.Entries, l.SHA256, l.Reason = categoryOf(f), f.State, f.Entries, f.SHA256, f.Reason
		if f.State == dropdir.InForce && j.Options.Shadow && l.Category != allowCategory {
			l.State = control.StateShadow
		}
		if !f.Time.IsZero() {
			l.AgeSeconds = max(0, int64(now.Sub(f.Time)/time.Second))
		}
	}
	return all
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

func categoryIn(name string, o list.Options) string {
	category, allow, _ := policy.CategoryOf(name)
	switch {
	case allow:
		return allowCategory
	case o.Category != "":
		return o.Category
	}
	return category
}
