package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"

	shipped "sinkhole/corefile"
)

var helpVerb = verb{
	name: "help",
	args: "[VERB | corefile]",
	does: "says what the verbs do, or all about one",
	more: `help corefile prints the Corefile for one machine that sinkhole ships, to start
from; help corefile.isp the one for an access network.`,
	exits: "0, 2 no such verb",
}

// helpVerb shows all verbs and is one of them: its action is set here, because a
// variable must not depend on itself.
func init() { helpVerb.flags = helpFlags }

func helpFlags(*flag.FlagSet) action {
	return func(_ context.Context, s stdio, args []string) int {
		if len(args) == 0 {
			fmt.Fprint(s.out, overview())
			return exitFine
		}
		for _, name := range args {
			if text, ok := topics[strings.ToLower(name)]; ok {
				s.out.Write(text)
				continue
			}
			v, ok := verbNamed(name)
			if !ok {
				return s.complain(exitUsage, "%q is no verb; want one of %s", name, verbNames())
			}
			fmt.Fprint(s.out, manual(v))
		}
		return exitFine
	}
}

// topics are what help can show beside verbs.
var topics = map[string][]byte{"corefile": shipped.Loopback, "corefile.isp": shipped.ISP}

func overview() string {
	var b strings.Builder
	b.WriteString("sinkhole resolves, blocks what is on the dropped lists, counts clients and reports the infected.\n\nusage: sinkhole VERB [flags] [arguments]\n\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, v := range verbs() {
		fmt.Fprintf(w, "  %s\t%s\n", v.name, v.does)
	}
	w.Flush()
	b.WriteString("\nFlags stand before or after the arguments, --flag value or --flag=value.\nsinkhole help VERB says all about one.\n")
	return b.String()
}

func manual(v verb) string {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: sinkhole %s [flags] %s\n\n%s %s.\n", v.name, v.args, v.name, v.does)
	if v.more != "" {
		fmt.Fprintf(&b, "\n%s\n", v.more)
	}
	flags := flag.NewFlagSet(v.name, flag.ContinueOnError)
	v.flags(flags)
	first := true
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	flags.VisitAll(func(f *flag.Flag) {
		if first {
			fmt.Fprintln(w, "\nflags:")
			first = false
		}
		operand, usage := flag.UnquoteUsage(f)
		if operand != "" {
			operand = " " + operand
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "  --%s%s\t%s\n", f.Name, operand, usage)
	})
	w.Flush()
	fmt.Fprintf(&b, "\nexit: %s\n", v.exits)
	return b.String()
}
