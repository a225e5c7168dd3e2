package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sinkhole/plugin/pkg/control"
)

var statusVerb = verb{
	name:  "status",
	does:  "says how the running server is: warnings first",
	exits: "0 serving (with --strict: and no warning), 1 not, 2 the arguments are wrong",
	flags: statusFlags,
}

func statusFlags(flags *flag.FlagSet) action {
	to := targetFlags(flags)
	strict := flags.Bool("strict", false, "exit 1 for warnings too")
	output := outputFlag(flags)
	return func(ctx context.Context, s stdio, args []string) int {
		if len(args) > 0 {
			return s.complain(exitUsage, "status %q: want no argument", args)
		}
		server, _, err := to.client()
		if err != nil {
			return s.complain(exitFound, "%v", err)
		}
		status, err := server.Status(ctx)
		if err != nil {
			return s.complain(exitFound, "%v", err)
		}
		printStatus(s.out, *output, status)
		if *strict && len(status.Warnings) > 0 {
			return exitFound
		}
		return exitFine
	}
}

func printStatus(w io.Writer, output string, status control.Status) {
	switch output {
	case outputJSON:
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.Encode(status)
		return
	case outputCSV:
		writeCSV(w, listColumns, listRows(status.Lists))
		return
	}
	for _, warning := range status.Warnings {
		fmt.Fprintf(w, "%s %s\n", bold(w, "warning:"), visible(warning))
	}
	up := time.Duration(status.UptimeSeconds) * time.Second
	fmt.Fprintf(w, "sinkhole %s, up %s\n", visible(status.Version), up)
	for _, part := range []struct {
		name string
		keys map[string]any
	}{{"recursor", status.Recursor}, {"express", status.Express}, {"census", status.Census}} {
		printPart(w, part.name, part.keys)
	}
	if len(status.Lists) > 0 {
		fmt.Fprintln(w)
		writeTable(w, listColumns, listRows(status.Lists))
	}
	if zones := zoneRows(status.Lists); len(zones) > 0 {
		fmt.Fprintln(w)
		writeTable(w, []string{"zone", "file", "serial", "policy", "rules"}, zones)
	}
	if len(status.Feeds) > 0 {
		fmt.Fprintln(w)
		writeTable(w, []string{"feed", "state", "serial", "records", "primary", "refreshed", "reason"}, feedRows(status.Feeds, time.Now()))
	}
}

// zoneRows are the response policy zones among lists, with their rules by trigger.
func zoneRows(lists []control.List) (rows [][]string) {
	for _, l := range lists {
		z := l.Zone
		if z == nil {
			continue
		}
		serial := ""
		if z.Serial != nil {
			serial = strconv.FormatUint(uint64(*z.Serial), 10)
		}
		var rules []string
		for _, trigger := range slices.Sorted(maps.Keys(z.Rules)) {
			rules = append(rules, fmt.Sprintf("%s %d", trigger, z.Rules[trigger]))
		}
		rows = append(rows, []string{z.Name, l.File, serial, z.Policy, strings.Join(rules, ", ")})
	}
	return rows
}

func feedRows(feeds []control.Feed, now time.Time) (rows [][]string) {
	for _, f := range feeds {
		refreshed := "never"
		if f.LastSuccess != nil {
			refreshed = ageText(int64(now.Sub(*f.LastSuccess)/time.Second)) + " ago"
		}
		rows = append(rows, []string{f.Zone, f.State, strconv.FormatUint(uint64(f.Serial), 10), strconv.Itoa(f.Records), f.Primary, refreshed, f.Reason})
	}
	return rows
}

// printPart prints one part of a status in a line a key.
func printPart(w io.Writer, name string, keys map[string]any) {
	if keys == nil {
		return
	}
	fmt.Fprintf(w, "\n%s\n", bold(w, name))
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		text, ok := keys[key].(string)
		if !ok {
			b, _ := json.Marshal(keys[key])
			text = string(b)
		}
		fmt.Fprintf(w, "  %s  %s\n", visible(key), visible(text))
	}
}
