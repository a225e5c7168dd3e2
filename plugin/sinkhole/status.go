package sinkhole

import (
	"context"
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

// Warnings are what an operator should see to.
func (s *Sinkhole) Warnings() []string { return s.folder.Warnings() }

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
		j, _ := f.Detail.(judged)
		all[i] = listOf(dropdir.Told(f.Name), j.Result, sentences)
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
