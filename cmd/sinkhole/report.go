package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/option"
	"sinkhole/plugin/pkg/seal"
)

var reportVerb = verb{
	name: "report",
	does: "shows the flagged clients, with their evidence",
	more: `Clients are shown by identifiers that mean nothing outside. --reveal adds their
addresses: the reason is written to the audit log first, then the sealed
identities are opened with STATE/keys/reveal.key (or --key FILE).`,
	exits: "0, also when the report is empty, 1 failed, 2 the arguments are wrong",
	flags: reportFlags,
}

// reportQuery is what the flags of report say.
type reportQuery struct {
	level, since, output, reason, key string
	limit                             int
	reveal                            bool
}

func reportFlags(flags *flag.FlagSet) action {
	to := targetFlags(flags)
	var q reportQuery
	flags.Var(choice{&q.level, []string{"watch", "suspected", "confirmed"}}, "level", "show this `LEVEL` and above: watch, suspected or confirmed")
	flags.StringVar(&q.since, "since", "24h", "look back so long (`DURATION`)")
	flags.IntVar(&q.limit, "limit", 0, "show at most `N` clients; 0 shows all")
	flags.BoolVar(&q.reveal, "reveal", false, "show addresses; wants --reason")
	flags.StringVar(&q.reason, "reason", "", "why addresses are looked at (`TEXT`), for the audit log")
	flags.StringVar(&q.key, "key", "", "the private reveal key `FILE` (default STATE/keys/reveal.key)")
	q.output = outputTable
	flags.Var(choice{&q.output, []string{outputTable, outputJSON, outputCSV}}, "output", "`FORM` of the output: table, json or csv")
	return func(ctx context.Context, s stdio, args []string) int {
		since, err := option.ParseDuration(q.since)
		switch {
		case len(args) > 0:
			return s.complain(exitUsage, "report %q: want no argument", args)
		case err != nil || since <= 0:
			return s.complain(exitUsage, "--since %q: want a duration such as 24h or 30d", q.since)
		case q.limit < 0:
			return s.complain(exitUsage, "--limit %d: want a whole number, 0 for all", q.limit)
		case q.reveal && q.reason == "":
			return s.complain(exitUsage, "--reveal: want --reason TEXT; it is written to the audit log before anything is shown")
		case q.reason != "" && !q.reveal:
			return s.complain(exitUsage, "--reason %q: want --reveal with it", q.reason)
		}
		server, state, err := to.client()
		if err != nil {
			return s.complain(exitFound, "%v", err)
		}
		raw, err := server.Report(ctx, control.ReportRequest{Level: q.level, Since: since, Limit: q.limit})
		if err != nil {
			return s.complain(exitFound, "%v", err)
		}
		if q.key == "" {
			q.key = filepath.Join(state, "keys", "reveal.key")
		}
		if err := showReport(ctx, s, server, raw, q); err != nil {
			return s.complain(exitFound, "%v", err)
		}
		return exitFine
	}
}

// openBoxes asks the server for the sealed identities of clients, which it hands
// out once its audit log is written, and opens them.
func openBoxes(ctx context.Context, server *control.Client, clients []string, q reportQuery) (map[string]string, error) {
	if len(clients) == 0 {
		return nil, nil
	}
	// Without the key nothing can be opened: find that out before the log says
	// that somebody looked.
	key, err := seal.ReadRevealKey(q.key)
	if err != nil {
		return nil, fmt.Errorf("%s: the private reveal key cannot be read: %w; want it on this machine, or --key FILE", q.key, cause(err))
	}
	boxes, err := server.Reveal(ctx, control.RevealRequest{Reason: q.reason, Clients: clients})
	if err != nil {
		return nil, err
	}
	addresses := map[string]string{}
	for client, box := range boxes.Boxes {
		if addresses[client], err = key.Open(client, box); err != nil {
			return nil, fmt.Errorf("%s: %s: %w; want the key that belongs to STATE/keys/reveal.pub", q.key, client, err)
		}
	}
	return addresses, nil
}
