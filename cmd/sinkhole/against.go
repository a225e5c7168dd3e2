package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"unicode/utf8"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/list"
	"sinkhole/plugin/sinkhole"
)

// comparing is what check is asked to compare: new files with a drop folder,
// among popular names.
type comparing struct {
	folder  string
	popular string
	limit   int
}

func (a *comparing) flags(flags *flag.FlagSet) {
	flags.StringVar(&a.folder, "against", "", "try each FILE in the drop folder `DIR`, and say what it changes")
	flags.StringVar(&a.popular, "popular", "", "`LIST` of popular names: say which of them it changes")
	flags.IntVar(&a.limit, "limit", 1000, "how `MANY` popular names to show of each change; all are counted")
}

func (a comparing) usage(args []string) error {
	switch {
	case a.folder == "" && a.popular != "":
		return errors.New("--popular stands beside --against DIR; want both, or check FILE alone")
	case a.folder != "" && len(args) == 0:
		return errors.New("--against compares files with the folder; want at least one FILE")
	case a.limit < 0:
		return fmt.Errorf("--limit %d; want 0 or more", a.limit)
	}
	return nil
}

// paths are the files that must be there.
func (a comparing) paths() (all []string) {
	for _, path := range []string{a.folder, a.popular} {
		if path != "" {
			all = append(all, path)
		}
	}
	return all
}

// comparison is what new files change in a drop folder, and its JSON.
type comparison struct {
	Folder  string      `json:"folder"`
	Files   []triedFile `json:"files"`
	Popular *popularity `json:"popular,omitempty"`
	Changes []change    `json:"changes"` // the first of each kind, by rank
}

type triedFile struct {
	File      string `json:"file"`
	Place     string `json:"place"`
	Replaces  bool   `json:"replaces"`
	Entries   int    `json:"entries"`
	New       int    `json:"new"`
	Gone      int    `json:"gone"`
	Addresses int    `json:"addresses"`
}

// popularity counts popular names: what is blocked of them now, and then.
type popularity struct {
	File            string `json:"file"`
	Names           int    `json:"names"`
	UnreadLines     int    `json:"unread_lines"`
	BlockedBefore   int    `json:"blocked_before"`
	BlockedAfter    int    `json:"blocked_after"`
	NewlyBlocked    int    `json:"newly_blocked"`
	NewlyCovered    int    `json:"newly_covered"` // of them, by a listed name above
	NoLongerBlocked int    `json:"no_longer_blocked"`
}

// change is a popular name that is decided otherwise.
type change struct {
	Change   string `json:"change"`
	Rank     int    `json:"rank"`
	Name     string `json:"name"`
	Category string `json:"category"`
	Action   string `json:"action"`
	Listed   string `json:"listed"`
	Covered  bool   `json:"covered"`
	File     string `json:"file"`
}

const (
	newlyBlocked    = "newly blocked"
	noLongerBlocked = "no longer blocked"
)

// compare tries the files in the folder.
func (f *findings) compare(c corefile, a comparing, args []string) {
	cfg, err := listsConfig(c)
	if err != nil {
		f.refuse(err)
		return
	}
	trial, err := sinkhole.Try(cfg, a.folder, args)
	if err != nil {
		f.refuse(err)
		return
	}
	defer trial.Close()
	f.Against = &comparison{Folder: a.folder, Files: []triedFile{}, Changes: []change{}}
	for _, t := range trial.Files {
		f.explainPassed(c, &t.List)
		f.Lists = append(f.Lists, t.List)
		if t.State != control.StateRefused {
			f.Against.Files = append(f.Against.Files, triedFile{
				File: t.File, Place: t.Place, Replaces: t.Replaces, Entries: t.Entries, New: t.New, Gone: t.Gone, Addresses: t.Addresses,
			})
		}
	}
	if a.popular == "" {
		return
	}
	p, err := f.Against.ask(trial, a)
	if err != nil {
		f.refuse(fmt.Errorf("%s: %w; want a name or \"rank,name\" on a line", a.popular, err))
		return
	}
	if p.NewlyBlocked > 0 {
		f.Warnings = append(f.Warnings, fmt.Sprintf("%s: warning: of %d popular names %d would newly be blocked, %d of them by a name above; want each looked at, and what must not be blocked in allow/",
			a.popular, p.Names, p.NewlyBlocked, p.NewlyCovered))
	}
}

// ask asks both policies for every popular name. Of the names only those that it
// shows are kept.
func (c *comparison) ask(trial *sinkhole.Trial, a comparing) (*popularity, error) {
	p := &popularity{File: a.popular}
	c.Popular = p
	open := func() (io.ReadCloser, error) { return os.Open(a.popular) }
	var gone []change
	var room [dnsname.MaxLen]byte
	err := list.EachLine(open, 0, func(line int, text []byte, long bool) {
		rank, name, ok := popularName(room[:0], line, text)
		switch {
		case long || !ok:
			p.UnreadLines++
			return
		case name == nil:
			return
		}
		ch, changed := p.count(trial, name)
		ch.Rank = rank
		switch {
		case !changed:
		case ch.Change == newlyBlocked && p.NewlyBlocked <= a.limit:
			c.Changes = append(c.Changes, ch)
		case ch.Change == noLongerBlocked && p.NoLongerBlocked <= a.limit:
			gone = append(gone, ch)
		}
	})
	c.Changes = append(c.Changes, gone...)
	if err == nil && p.Names == 0 {
		err = errors.New("not one name can be read")
	}
	return p, err
}

// count asks both policies for a name.
func (p *popularity) count(trial *sinkhole.Trial, name []byte) (ch change, changed bool) {
	now, before := trial.Reason(trial.Before, name)
	then, after := trial.Reason(trial.After, name)
	p.Names++
	if before {
		p.BlockedBefore++
	}
	if after {
		p.BlockedAfter++
	}
	switch {
	case after && !before:
		p.NewlyBlocked++
		if then.Covered {
			p.NewlyCovered++
		}
		return changeOf(newlyBlocked, name, then), true
	case before && !after:
		p.NoLongerBlocked++
		return changeOf(noLongerBlocked, name, now), true
	}
	return change{}, false
}

func changeOf(what string, name []byte, r sinkhole.Reason) change {
	return change{Change: what, Name: dnsname.String(name), Category: r.Category, Action: r.Action, Listed: r.Listed, Covered: r.Covered, File: r.File}
}

// popularName reads name, or rank,name as Tranco and Umbrella write it; without a
// rank the line is one. name is nil where the line says nothing: empty, a
// comment, or the header of the columns.
func popularName(room []byte, line int, text []byte) (rank int, name []byte, ok bool) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || text[0] == '#' {
		return 0, nil, true
	}
	rank = line
	if before, behind, two := bytes.Cut(text, []byte(",")); two {
		n, err := strconv.Atoi(string(bytes.Trim(before, `" `)))
		if err != nil {
			return 0, nil, line == 1
		}
		rank, text = n, behind
		text, _, _ = bytes.Cut(text, []byte(","))
	}
	text = bytes.Trim(text, `" `)
	if bytes.ContainsFunc(text, func(c rune) bool { return c >= utf8.RuneSelf }) {
		ascii, err := dnsname.ToASCII(string(text))
		if err != nil {
			return 0, nil, false
		}
		text = []byte(ascii)
	}
	name, err := dnsname.AppendBytes(room, text)
	if err != nil || len(name) < 2 || bytes.ContainsAny(text, " \t") {
		return 0, nil, false
	}
	return rank, name, true
}

// passedOverIn tells of every line of a list that is passed over.
func passedOverIn(c corefile, l control.List, tell func(list.Note)) {
	cfg, err := listsConfig(c)
	if err != nil {
		return
	}
	open := func() (io.ReadCloser, error) { return os.Open(l.File) }
	list.Read(l.File, open, list.ReadOptions{Allow: l.Category == allowFolder, MaxSize: cfg.MaxSize, PassedOver: tell}, func(list.Rule) {})
}

// allowFolder is the folder of names that are never blocked.
const allowFolder = "allow"

var (
	triedColumns  = []string{"file", "place", "entries", "new", "gone", "addresses"}
	changeColumns = []string{"change", "rank", "name", "category", "action", "listed", "file"}
)

func (c *comparison) print(w io.Writer) {
	rows := make([][]string, len(c.Files))
	for i, t := range c.Files {
		gone := "-"
		if t.Replaces {
			gone = strconv.Itoa(t.Gone)
		}
		rows[i] = []string{t.File, t.Place, strconv.Itoa(t.Entries), strconv.Itoa(t.New), gone, strconv.Itoa(t.Addresses)}
	}
	if len(rows) > 0 {
		fmt.Fprintln(w)
		writeTable(w, triedColumns, rows)
	}
	p := c.Popular
	if p == nil {
		return
	}
	fmt.Fprintf(w, "\n%s: %d names, %d blocked now, %d then: %d newly blocked (%d by a name above), %d no longer blocked; %d lines could not be read\n",
		visible(p.File), p.Names, p.BlockedBefore, p.BlockedAfter, p.NewlyBlocked, p.NewlyCovered, p.NoLongerBlocked, p.UnreadLines)
	if len(c.Changes) > 0 {
		fmt.Fprintln(w)
		writeTable(w, changeColumns, changeRows(c.Changes))
	}
	if more := p.NewlyBlocked + p.NoLongerBlocked - len(c.Changes); more > 0 {
		fmt.Fprintf(w, "and %d more; --limit shows more\n", more)
	}
}

func changeRows(changes []change) [][]string {
	rows := make([][]string, len(changes))
	for i, ch := range changes {
		rows[i] = []string{ch.Change, strconv.Itoa(ch.Rank), ch.Name, ch.Category, ch.Action, ch.Listed, cmp.Or(ch.File, "-")}
	}
	return rows
}
