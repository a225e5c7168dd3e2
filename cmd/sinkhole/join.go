package main

import (
	"context"
	"encoding/json"
	"fmt"

	"sinkhole/plugin/pkg/control"
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

func activeLists() (liveLists, bool)         { return nil, false }
func activeSubscribers() (liveClasses, bool) { return nil, false }
func activeRecursor() (resolving, bool)      { return nil, false }
func activeCensus() (counting, bool)         { return nil, false }

// unboundFound is the version of the Unbound that would be run.
func unboundFound() string { return "none" }

// dropFolders are the drop folders a Corefile names.
func dropFolders(corefile) []string { return nil }

// readDropFolder reads a drop folder as a server with this Corefile would; an
// empty Corefile means the defaults.
func readDropFolder(_ corefile, dir string) (blocking, error) {
	return nil, fmt.Errorf("%s: this build has no lists", dir)
}

// readListFile reads one file as a list.
func readListFile(_ corefile, path string) (control.List, error) {
	return control.List{}, fmt.Errorf("%s: this build has no lists", path)
}

// checkChild checks the configuration of the child that the Corefile asks for.
func checkChild(corefile) (warnings []string, err error) { return nil, nil }

// showReport writes a report that the server made.
func showReport(_ context.Context, s stdio, _ *control.Client, raw json.RawMessage, _ reportQuery) error {
	_, err := fmt.Fprintf(s.out, "%s\n", raw)
	return err
}
