package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the build: git describe.
var version string

var versionVerb = verb{
	name:  "version",
	does:  "says version, commit, Go, CoreDNS, and the Unbound found",
	exits: "0",
	flags: versionFlags,
}

// release is what the version verb shows.
type release struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	CoreDNS string `json:"coredns"`
	Unbound string `json:"unbound"`
}

func versionFlags(flags *flag.FlagSet) action {
	output := outputFlag(flags)
	return func(_ context.Context, s stdio, args []string) int {
		if len(args) > 0 {
			return s.complain(exitUsage, "version %q: want no argument", args)
		}
		r := release{buildVersion(), buildCommit(), runtime.Version(), moduleVersion("github.com/coredns/coredns"), unboundFound()}
		switch *output {
		case outputJSON:
			enc := json.NewEncoder(s.out)
			enc.SetIndent("", "  ")
			enc.Encode(r)
		case outputCSV:
			writeCSV(s.out, []string{"version", "commit", "go", "coredns", "unbound"},
				[][]string{{r.Version, r.Commit, r.Go, r.CoreDNS, r.Unbound}})
		default:
			fmt.Fprintf(s.out, "sinkhole %s\ncommit   %s\ngo       %s\ncoredns  %s\nunbound  %s\n", r.Version, r.Commit, r.Go, r.CoreDNS, r.Unbound)
		}
		return exitFine
	}
}

func buildVersion() string {
	if version != "" {
		return version
	}
	return "devel"
}

// buildCommit is what the Go tool stamped into the binary.
func buildCommit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	commit, changed := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " (with local changes)"
		}
	}
	return commit + changed
}

func moduleVersion(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return "unknown"
}
