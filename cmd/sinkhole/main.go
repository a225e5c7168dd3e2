// Command sinkhole is a resolver for an access network: it resolves with
// DNSSEC, blocks what is on the dropped lists, counts every client and reports
// the heavy and the infected.
//
// # Layout
//
// One file a verb (serve.go, check.go, explain.go, status.go, reload.go,
// report.go, version.go, help.go), and what the verbs share:
//
//	main.go        verbs, flags, exit codes
//	directives.go  the plugins and their order
//	corefile.go    the Corefile as tokens: blocks, addresses, our directives
//	stage.go       setup, start and restart of a Corefile, phase by phase
//	signals.go     what TERM, INT, HUP and USR1 do to a running server
//	selfquery.go   a question to ourselves: ready, watchdog
//	notify.go      sd_notify
//	join.go        where the verbs meet the plugins
//	output.go      table, JSON and CSV
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
)

// The exit codes. Beyond these each verb's help names its own.
const (
	exitFine  = 0
	exitFound = 1 // something was refused, failed, or found
	exitUsage = 2
)

// verb is what stands behind "sinkhole".
type verb struct {
	name  string
	args  string // what stands behind the name, flags left out
	does  string // one line, for the list of verbs
	more  string // what help VERB says beyond it
	exits string
	// flags declares the verb's flags and gives what runs once they are read.
	flags func(*flag.FlagSet) action
}

// action runs a verb on its arguments and says its exit code.
type action func(ctx context.Context, s stdio, args []string) int

// stdio is where a verb reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// complain writes one sentence to standard error and hands the exit code on.
func (s stdio) complain(code int, format string, args ...any) int {
	fmt.Fprintln(s.err, fmt.Sprintf(format, args...))
	return code
}

func verbs() []verb {
	return []verb{serveVerb, checkVerb, explainVerb, statusVerb, reloadVerb, reportVerb, versionVerb, helpVerb}
}

func main() {
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFound)
	}
	os.Exit(run(context.Background(), stdio{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:]))
}

// prepare tells CoreDNS that it is a library here: our plugins, our start
// message, our name.
func prepare() error {
	caddy.Quiet = true
	dnsserver.Quiet = true
	caddy.AppName, caddy.AppVersion = "sinkhole", buildVersion()
	return dnsserver.SetDirectives(directives)
}

func run(ctx context.Context, s stdio, args []string) int {
	if len(args) == 0 {
		fmt.Fprint(s.err, overview())
		return exitUsage
	}
	if slices.Contains([]string{"-h", "-help", "--help"}, args[0]) {
		fmt.Fprint(s.out, overview())
		return exitFine
	}
	name := args[0]
	if name == "--version" || name == "-version" {
		name = versionVerb.name
	}
	v, ok := verbNamed(name)
	if !ok {
		return s.complain(exitUsage, "%q is no verb; want one of %s (sinkhole help says more)", name, verbNames())
	}
	flags := flag.NewFlagSet(v.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	act := v.flags(flags)
	rest, err := parseFlags(flags, args[1:])
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(s.out, manual(v))
		return exitFine
	}
	if err != nil {
		return s.complain(exitUsage, "%s; sinkhole help %s says which flags there are", oneDash.ReplaceAllString(err.Error(), "$1--$2"), v.name)
	}
	return act(ctx, s, rest)
}

// oneDash is how package flag names a flag; we name it as our help does.
var oneDash = regexp.MustCompile(`(: |flag )-([a-z])`)

// parseFlags reads flags wherever they stand among the arguments, and gives the
// arguments. Behind "--" all are arguments.
func parseFlags(flags *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		left := flags.Args()
		if n := len(args) - len(left); n > 0 && args[n-1] == "--" {
			return append(rest, left...), nil
		}
		if len(left) == 0 {
			return rest, nil
		}
		rest = append(rest, left[0])
		args = left[1:]
	}
}

func verbNamed(name string) (verb, bool) {
	all := verbs()
	i := slices.IndexFunc(all, func(v verb) bool { return v.name == name })
	if i < 0 {
		return verb{}, false
	}
	return all[i], true
}

func verbNames() string {
	var names []string
	for _, v := range verbs() {
		names = append(names, v.name)
	}
	return strings.Join(names, ", ")
}
