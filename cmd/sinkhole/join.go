package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"strings"

	"sinkhole/plugin/census"
	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/report"
	"sinkhole/plugin/recursor"
	"sinkhole/plugin/sinkhole"
	"sinkhole/plugin/subscribers"
)

// Where the verbs meet the plugins: what they ask of each, and where it is found.

// blocking is plugin sinkhole, running or offline.
type blocking interface {
	explaining
	Status() []control.List
}

// liveLists are the lists of the running server.
type liveLists interface {
	blocking
	FeedStatus() []control.Feed
	Warnings() []string
	Look(ctx context.Context, accept string) ([]control.List, error)
}

// liveClasses are the classes of clients of the running server.
type liveClasses interface {
	OptedOut(netip.AddrPort) bool
	Drain()
	Status() []control.List
	Warnings() []string
	Look(ctx context.Context, accept string) ([]control.List, error)
}

// resolving is the running recursor.
type resolving interface {
	Status() map[string]any
	Warnings() []string
}

// counting is the running census.
type counting interface {
	Status() map[string]any
	Warnings() []string
	Report(control.ReportRequest) (json.RawMessage, error)
	Reveal(who, reason string, clients []string) (map[string][]byte, error)
}

func activeLists() (liveLists, bool)         { return sinkhole.Active() }
func activeSubscribers() (liveClasses, bool) { return subscribers.Active() }
func activeRecursor() (resolving, bool)      { return recursor.Active() }
func activeCensus() (counting, bool)         { return census.Active() }

// unboundFound is the version of the Unbound that would be run.
func unboundFound() string { return recursor.FoundVersion() }

// listsConfig is how the Corefile's first `sinkhole` has lists read; without one
// the defaults.
func listsConfig(c corefile) (sinkhole.Config, error) {
	if f, ok := c.first("sinkhole"); ok {
		return sinkhole.ReadConfig(f.tokens)
	}
	return sinkhole.Defaults(), nil
}

// dropFolders are the drop folders that a Corefile names.
func dropFolders(c corefile) []string {
	var dirs []string
	if _, ok := c.first("sinkhole"); ok {
		if cfg, err := listsConfig(c); err == nil {
			dirs = append(dirs, cfg.Folder(c.state()))
		}
	}
	return dirs
}

// clientsFolder holds the classes of clients in a drop folder.
const clientsFolder = "clients"

// classesFolder is the folder of classes that a Corefile names, "" where it is a
// part of a drop folder or there is none.
func classesFolder(c corefile, dirs []string) string {
	for _, f := range c.find("subscribers") {
		args := f.option("classes")
		if len(args) != 1 {
			continue
		}
		for _, dir := range dirs {
			if filepath.Clean(args[0]) == filepath.Join(dir, clientsFolder) {
				return ""
			}
		}
		return args[0]
	}
	return ""
}

// dropFolder is a drop folder read without a server: its lists, and the classes
// of clients in it.
type dropFolder struct {
	lists   *sinkhole.Sinkhole
	classes *subscribers.Offline // nil: there are none
}

// Status implements blocking.
func (f dropFolder) Status() []control.List {
	all := f.lists.Status()
	if f.classes != nil {
		all = append(all, f.classes.Status()...)
	}
	return all
}

// ExplainMany implements blocking, for clients too.
func (f dropFolder) ExplainMany(all []control.Question) ([]control.Answer, error) {
	var classes optOuts
	if f.classes != nil {
		classes = f.classes
	}
	return explainTo(f.lists, classes, all)
}

// readDropFolder reads a drop folder as a server with this Corefile would; an
// empty Corefile means the defaults.
func readDropFolder(c corefile, dir string) (blocking, error) {
	cfg, err := listsConfig(c)
	if err != nil {
		return nil, err
	}
	lists, err := sinkhole.Offline(cfg, dir)
	if err != nil {
		return nil, err
	}
	classes, err := subscribers.ReadClasses(filepath.Join(dir, clientsFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return dropFolder{lists, classes}, nil
}

// readClasses reads a folder of classes that stands for itself.
func readClasses(dir string) ([]control.List, error) {
	classes, err := subscribers.ReadClasses(dir)
	if err != nil {
		return nil, err
	}
	all := classes.Status()
	for i := range all {
		moveTo(&all[i], filepath.Join(dir, strings.TrimPrefix(all[i].File, clientsFolder+"/")))
	}
	return all, nil
}

// readListFile reads one file as a list, or as a class of clients where it lies
// in a folder of those.
func readListFile(c corefile, path string) (control.List, error) {
	if l, ok := readClassFile(path); ok {
		return l, nil
	}
	cfg, err := listsConfig(c)
	if err != nil {
		return control.List{}, err
	}
	return sinkhole.OfflineFile(cfg, path)
}

// readClassFile reads a file of clients/opt-out and its like.
func readClassFile(path string) (control.List, bool) {
	abs, err := filepath.Abs(path)
	dir := filepath.Dir(filepath.Dir(abs))
	if err != nil || filepath.Base(dir) != clientsFolder {
		return control.List{}, false
	}
	all, err := readClasses(dir)
	if err != nil {
		return control.List{}, false
	}
	for _, l := range all {
		if l.File == abs {
			moveTo(&l, path)
			return l, true
		}
	}
	return control.List{}, false
}

// checkChild checks the configuration of the child that the Corefile asks for.
func checkChild(c corefile) (warnings []string, err error) {
	if f, ok := c.first("recursor"); ok {
		return recursor.Check(f.tokens)
	}
	return nil, nil
}

// showReport writes a report that the server made, with addresses where they are
// asked for: the audit log is written before any box leaves the server.
func showReport(ctx context.Context, s stdio, server *control.Client, raw json.RawMessage, q reportQuery) error {
	var r report.Report
	if err := json.Unmarshal(raw, &r); err != nil {
		return fmt.Errorf("the server's report is no report of this version: %w", err)
	}
	if q.reveal {
		addresses, err := openBoxes(ctx, server, r.Identifiers(), q)
		if err != nil {
			return err
		}
		r.Reveal(addresses)
	}
	switch q.output {
	case outputJSON:
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	case outputCSV:
		writeCSV(s.out, report.Columns(q.reveal), r.Rows(q.reveal))
	default:
		writeTable(s.out, report.Columns(q.reveal), r.Rows(q.reveal))
	}
	return nil
}
