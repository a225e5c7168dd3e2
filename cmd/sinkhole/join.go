package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"

	"sinkhole/plugin/census"
	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/report"
	"sinkhole/plugin/pkg/subscriber"
	"sinkhole/plugin/recursor"
	"sinkhole/plugin/sinkhole"
	"sinkhole/plugin/subscribers"
)

// Where the verbs meet the plugins: what they ask of each, and where it is found.

// blocking is plugin sinkhole, running or offline.
type blocking interface {
	Status() []control.List
	Explain(name, qtype, client string) (control.Explanation, error)
}

// liveLists are the lists of the running server.
type liveLists interface {
	blocking
	Warnings() []string
	Look(ctx context.Context, accept string) ([]control.List, error)
}

// liveClasses are the classes of clients of the running server.
type liveClasses interface {
	Line(netip.AddrPort) subscriber.Line
	LineClass(subscriber.Line) (class subscriber.Class, optedOut bool)
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
	for _, f := range c.find("sinkhole") {
		return sinkhole.ReadConfig(f.tokens)
	}
	return sinkhole.Defaults(), nil
}

// dropFolders are the drop folders a Corefile names: one of lists, and one of
// classes where that is not a part of it.
func dropFolders(c corefile) []string {
	var dirs []string
	if len(c.find("sinkhole")) > 0 {
		if cfg, err := listsConfig(c); err == nil {
			dirs = append(dirs, cfg.Folder(c.state()))
		}
	}
	return dirs
}

// dropFolder is a drop folder read without a server: its lists, and the classes
// of clients in it.
type dropFolder struct {
	*sinkhole.Sinkhole
	classes []control.List
}

// Status implements blocking.
func (f dropFolder) Status() []control.List { return append(f.Sinkhole.Status(), f.classes...) }

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
	classes, err := subscribers.ReadClasses(filepath.Join(dir, "clients"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return dropFolder{lists, classes}, nil
}

// readListFile reads one file as a list.
func readListFile(c corefile, path string) (control.List, error) {
	cfg, err := listsConfig(c)
	if err != nil {
		return control.List{}, err
	}
	return sinkhole.OfflineFile(cfg, path)
}

// checkChild checks the configuration of the child that the Corefile asks for.
func checkChild(c corefile) (warnings []string, err error) {
	for _, f := range c.find("recursor") {
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
