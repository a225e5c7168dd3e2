package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"sinkhole/plugin/pkg/control"
)

var reloadVerb = verb{
	name: "reload",
	does: "has the server look at its lists now, and returns when they are in force or refused",
	more: `It does not wait for settle. --accept takes a file that only the shrink guard holds
back. The Corefile is another matter: USR1 has the server read that.`,
	exits: "0, 1 some file is refused, 2 the arguments are wrong",
	flags: reloadFlags,
}

func reloadFlags(flags *flag.FlagSet) action {
	to := targetFlags(flags)
	accept := flags.String("accept", "", "take this `FILE` although it shrank; as status names it, or its path")
	output := outputFlag(flags)
	return func(ctx context.Context, s stdio, args []string) int {
		if len(args) > 0 {
			return s.complain(exitUsage, "reload %q: want no argument; a file is accepted by --accept FILE", args)
		}
		server, _, err := to.client()
		if err != nil {
			return s.complain(exitFound, "%v", err)
		}
		path := absolute(*accept)
		lists, err := server.Reload(ctx, control.ReloadRequest{Accept: path})
		if err != nil && path != *accept { // what is here of that name is another file
			lists, err = server.Reload(ctx, control.ReloadRequest{Accept: *accept})
		}
		if err != nil {
			return s.complain(exitFound, "%v", err)
		}
		return printReload(s, *output, lists)
	}
}

// absolute is the path of a file that is there, for the server has another
// working directory; a name that status shows stays as it is.
func absolute(name string) string {
	if _, err := os.Lstat(name); name == "" || err != nil {
		return name
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return name
	}
	return abs
}

func printReload(s stdio, output string, lists control.Lists) int {
	switch output {
	case outputJSON:
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		enc.Encode(lists)
	case outputCSV:
		writeCSV(s.out, listColumns, listRows(lists.Lists))
	default:
		for _, l := range lists.Lists {
			for _, r := range l.Refusals {
				fmt.Fprintln(s.out, visible(r))
			}
		}
		writeTable(s.out, listColumns, listRows(lists.Lists))
	}
	code := exitFine
	for _, l := range lists.Lists {
		if isRefused(l) {
			s.complain(exitFound, "%s: %s", visible(l.File), visible(l.Reason))
			code = exitFound
		}
	}
	return code
}
