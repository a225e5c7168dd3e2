package subscribers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/dropdir"
	"sinkhole/plugin/pkg/subscriber"
)

// maxSentences is how many refusals, and how many warnings, of one file are
// shown.
const maxSentences = 20

// Status is every class file, sorted by name.
func (s *Subscribers) Status() []control.List {
	f := s.folder.Load()
	if f == nil {
		return nil
	}
	return statusOf(f.files.Files(), time.Now())
}

// Warnings are what an operator should see to.
func (s *Subscribers) Warnings() []string {
	f := s.folder.Load()
	if f == nil {
		return nil
	}
	if len(f.files.Files()) == 0 && f.missing() {
		return nil // nobody ever made the folder, and nobody need
	}
	all := f.files.Warnings()
	for i, text := range all {
		if rel, _, ok := strings.Cut(text, ": "); ok {
			if _, ours := folderOf(rel); ours {
				all[i] = prefix + text
			}
		}
	}
	return all
}

// Look looks at the class files now, without waiting for them to settle, and
// returns when each is in force or refused. accept is a file that may shrink
// this once: its name in status, or its path. Where it is none of ours nothing
// is looked at, and the error is dropdir.ErrNoFile.
func (s *Subscribers) Look(ctx context.Context, accept string) ([]control.List, error) {
	f := s.folder.Load()
	if f == nil {
		if accept != "" {
			return nil, fmt.Errorf("%s: %w", accept, dropdir.ErrNoFile)
		}
		return nil, nil
	}
	files, err := f.files.Look(ctx, strings.TrimPrefix(accept, prefix))
	return statusOf(files, time.Now()), err
}

func statusOf(files []dropdir.File, now time.Time) []control.List {
	all := make([]control.List, len(files))
	for i, f := range files {
		j, _ := f.Detail.(subscriber.Result)
		l := control.List{
			File:         prefix + f.Name,
			Category:     labelOf(f),
			State:        f.State,
			Entries:      f.Entries,
			RefusedLines: j.Refused,
			SHA256:       f.SHA256,
			Reason:       f.Reason,
		}
		if !f.Time.IsZero() {
			l.AgeSeconds = max(0, int64(now.Sub(f.Time)/time.Second))
		}
		for _, n := range j.Notes {
			to := &l.Refusals
			if n.Warning {
				to = &l.Warnings
			}
			if len(*to) < maxSentences {
				*to = append(*to, n.String())
			}
		}
		all[i] = l
	}
	return all
}

// labelOf is the folder of a file, for status and metrics.
func labelOf(f dropdir.File) string {
	if name, ok := folderOf(f.Name); ok {
		return name
	}
	return "none"
}

// refusals are the labels of what refuses a file as a whole.
var refusals = []dropdir.Label{
	{Err: errFolder, Word: "folder"},
	{Err: subscriber.ErrEmpty, Word: "empty"},
	{Err: subscriber.ErrHTML, Word: "html"},
	{Err: subscriber.ErrBinary, Word: "binary"},
	{Err: subscriber.ErrUnreadable, Word: "unreadable"},
	{Err: subscriber.ErrLine, Word: "line"},
	{Err: subscriber.ErrBroken, Word: "broken"},
	{Err: subscriber.ErrSize, Word: "size"},
}

// cause is what the operating system said, without operation and path.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
