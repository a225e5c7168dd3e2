package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"sinkhole/plugin/pkg/control"
)

const exitBlocked = 3

var explainVerb = verb{
	name: "explain",
	args: "NAME... | -",
	does: "says what decides a name: verdict, category, file and line, and what was passed over",
	more: `It asks the running server or, with --lists DIR, reads that drop folder (by the
categories of --conf, where given). With - names come from standard input, one a
line, and each gets one line.`,
	exits: "0 not blocked, 3 blocked (one of the names), 1 failed, 2 the arguments are wrong",
	flags: explainFlags,
}

// explainer answers for names.
type explainer func([]control.Question) ([]control.Answer, error)

func explainFlags(flags *flag.FlagSet) action {
	to := targetFlags(flags)
	dir := flags.String("lists", "", "read the drop folder `DIR`, ask no server")
	qtype := flags.String("type", "A", "the `TYPE` of the question")
	client := flags.String("client", "", "the `ADDRESS` that asks, behind CGN with its port")
	output := outputFlag(flags)
	return func(ctx context.Context, s stdio, args []string) int {
		if len(args) == 0 {
			return s.complain(exitUsage, "explain: want a name, or - for names from standard input")
		}
		ask, err := newExplainer(ctx, to, *dir)
		if err != nil {
			return s.complain(exitFound, "%v", err)
		}
		p := explanations{s: s, output: *output, lines: slices.Contains(args, "-")}
		for some, err := range batches(names(args, s.in)) {
			if err != nil {
				return s.complain(exitFound, "standard input: %v", err)
			}
			all := make([]control.Question, len(some))
			for i, name := range some {
				all[i] = control.Question{Name: name, Type: strings.ToUpper(*qtype), Client: *client}
			}
			answers, err := ask(all)
			if err != nil {
				return s.complain(exitFound, "%v", err)
			}
			for _, a := range answers {
				if a.Explanation == nil {
					p.failed = true
					s.complain(exitFound, "%s", visible(a.Message))
					continue
				}
				p.add(*a.Explanation)
			}
		}
		return p.end()
	}
}

func newExplainer(ctx context.Context, to target, dir string) (explainer, error) {
	if dir == "" {
		server, _, err := to.client()
		if err != nil {
			return nil, err
		}
		return func(all []control.Question) ([]control.Answer, error) { return server.ExplainMany(ctx, all) }, nil
	}
	var c corefile
	if *to.conf != "" {
		var err error
		if c, err = readCorefile(*to.conf); err != nil {
			return nil, err
		}
	}
	folder, err := readDropFolder(c, dir)
	if err != nil {
		return nil, err
	}
	return folder.ExplainMany, nil
}

// names gives the arguments, and in the place of - the lines of in.
func names(args []string, in io.Reader) func(yield func(string, error) bool) {
	return func(yield func(string, error) bool) {
		for _, arg := range args {
			if arg != "-" {
				if !yield(arg, nil) {
					return
				}
				continue
			}
			scan := bufio.NewScanner(in)
			for scan.Scan() {
				if name := strings.TrimSpace(scan.Text()); name != "" && !yield(name, nil) {
					return
				}
			}
			if err := scan.Err(); err != nil && !yield("", err) {
				return
			}
		}
	}
}

// lull is how long names are waited for that could be explained together with
// those that are there: whoever types them wants an answer at once.
const lull = 20 * time.Millisecond

type named struct {
	name string
	err  error
}

// batches gives names as they come, as many together as do.
func batches(names func(yield func(string, error) bool)) func(yield func([]string, error) bool) {
	return func(yield func([]string, error) bool) {
		coming := make(chan named, control.MaxQuestions)
		gone := make(chan struct{})
		defer close(gone)
		go func() {
			defer close(coming)
			names(func(name string, err error) bool {
				select {
				case coming <- named{name, err}:
					return true
				case <-gone:
					return false
				}
			})
		}()
		for next := range coming {
			some, last := []string{}, next
			for more := true; more && last.err == nil; {
				some = append(some, last.name)
				if more = len(some) < control.MaxQuestions; !more {
					break
				}
				select {
				case last, more = <-coming:
				case <-time.After(lull):
					more = false
				}
			}
			if len(some) > 0 && !yield(some, nil) || last.err != nil && !yield(nil, last.err) {
				return
			}
		}
	}
}

// explanations prints answers as they come: with names from standard input a
// line each, else in full.
type explanations struct {
	s       stdio
	output  string
	lines   bool
	blocked bool
	failed  bool
	headed  bool
}

var explainColumns = []string{"name", "type", "client", "blocked", "verdict", "category", "action", "file", "line", "text", "passed_over", "zone", "trigger"}

func (p *explanations) add(e control.Explanation) {
	p.blocked = p.blocked || e.Blocked
	switch {
	case p.output == outputJSON:
		enc := json.NewEncoder(p.s.out)
		if !p.lines {
			enc.SetIndent("", "  ")
		}
		if e.PassedOver == nil {
			e.PassedOver = []control.PassedOver{}
		}
		enc.Encode(e)
	case p.output == outputCSV:
		p.csv(e)
	case p.lines:
		fmt.Fprintf(p.s.out, "%s: %s%s\n", visible(e.Name), visible(e.Verdict), by(e.Source))
	default:
		p.full(e)
	}
}

func (p *explanations) csv(e control.Explanation) {
	row := []string{e.Name, e.Type, e.Client, strconv.FormatBool(e.Blocked), e.Verdict, e.Category, e.Action, "", "", "", strconv.Itoa(len(e.PassedOver)), e.Zone, e.Trigger}
	if src := e.Source; src != nil {
		row[7], row[8], row[9] = src.File, strconv.Itoa(src.Line), src.Text
	}
	var b strings.Builder
	writeCSV(&b, explainColumns, [][]string{row})
	text := b.String()
	if p.headed {
		_, text, _ = strings.Cut(text, "\n")
	}
	p.headed = true
	io.WriteString(p.s.out, text)
}

func (p *explanations) full(e control.Explanation) {
	w := p.s.out
	fmt.Fprintln(w, bold(w, visible(fmt.Sprintf("%s %s: %s", e.Name, e.Type, e.Verdict))))
	if e.Source != nil {
		fmt.Fprintf(w, "  decided%s\n", by(e.Source))
	}
	switch {
	case e.Zone != "":
		fmt.Fprintf(w, "  zone %s, trigger %s, action %s\n", visible(e.Zone), visible(e.Trigger), visible(e.Action))
	case e.Category != "":
		fmt.Fprintf(w, "  category %s, action %s\n", visible(e.Category), visible(e.Action))
	}
	for _, o := range e.PassedOver {
		zone := ""
		if o.Zone != "" {
			zone = fmt.Sprintf(" (zone %s, trigger %s, action %s)", visible(o.Zone), visible(o.Trigger), visible(o.Action))
		}
		fmt.Fprintf(w, "  passed over%s%s: %s\n", by(&o.Source), zone, visible(o.Why))
	}
}

// by names a line of a list.
func by(src *control.Source) string {
	if src == nil {
		return ""
	}
	return fmt.Sprintf(" by %s:%d: %q", visible(src.File), src.Line, src.Text)
}

func (p *explanations) end() int {
	switch {
	case p.failed:
		return exitFound
	case p.blocked:
		return exitBlocked
	}
	return exitFine
}
