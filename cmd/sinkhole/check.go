package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/list"
)

var checkVerb = verb{
	name: "check",
	args: "[FILE or DIR ...]",
	does: "reads Corefile and lists as the server would; binds nothing, changes nothing",
	more: `Without arguments it reads the Corefile, the drop folder it names, and the child's
configuration. A FILE is read as a list, a DIR as a drop folder; with --conf both
are read by the Corefile's rules, in the place of its own drop folder. Lines that
make no rule are printed as file:line: "text": reason, the first 1,000 of each
file, then what each file holds.

With --against DIR each FILE is tried in that drop folder, in the place that its
name and its folder's name give it (c2/feed.txt): how many of its entries decide
a name that is decided otherwise now, how many of the version it replaces did,
and with --popular LIST which names of that list would be blocked then, or no
longer. A list of popular names has a name or "rank,name" on a line, and may be
packed. Popular names that would be blocked are a warning.`,
	exits: "0 fine, 1 something is refused (with --strict: or warned of), 2 the arguments are wrong",
	flags: checkFlags,
}

// findings is what check found, and its JSON.
type findings struct {
	Corefile   string         `json:"corefile"`
	Refusals   []string       `json:"refusals"`
	Warnings   []string       `json:"warnings"`
	PassedOver []string       `json:"passed_over"`
	Lists      []control.List `json:"lists"`
	Against    *comparison    `json:"against,omitempty"`
}

func checkFlags(flags *flag.FlagSet) action {
	conf := confFlag(flags, "")
	strict := flags.Bool("strict", false, "exit 1 for warnings too")
	alone := flags.Bool("corefile", false, "read the Corefile alone, no lists and no child")
	var against comparing
	against.flags(flags)
	output := outputFlag(flags)
	return func(_ context.Context, s stdio, args []string) int {
		if err := against.usage(args); err != nil {
			return s.complain(exitUsage, "%v", err)
		}
		if *conf == "" && (len(args) == 0 || *alone) {
			*conf = defaultConf
		}
		f := findings{Corefile: *conf, Refusals: []string{}, Warnings: []string{}, PassedOver: []string{}, Lists: []control.List{}}
		for _, path := range slices.Concat(confOf(*conf), args, against.paths()) {
			if _, err := os.Stat(path); err != nil {
				return s.complain(exitUsage, "%s: %v; want a file or a folder", path, cause(err))
			}
		}
		f.read(*conf, *alone, args, against)
		f.print(s, *output)
		switch {
		case len(f.Refusals) > 0, f.refusedLists():
			return exitFound
		case *strict && f.warned():
			return exitFound
		}
		return exitFine
	}
}

func confOf(conf string) []string {
	if conf == "" {
		return nil
	}
	return []string{conf}
}

func (f *findings) refuse(err error) { f.Refusals = append(f.Refusals, err.Error()) }

// read reads what is asked for. A Corefile that is refused leaves the lists
// unread: it says how they are read.
func (f *findings) read(conf string, alone bool, args []string, against comparing) {
	var c corefile
	if conf != "" {
		var err error
		if c, err = f.readCorefile(conf); err != nil || alone {
			return
		}
		if len(args) == 0 {
			args = f.present(dropFolders(c))
			f.readClasses(classesFolder(c, args))
		}
	}
	if against.folder != "" {
		f.compare(c, against, args)
		return
	}
	for _, path := range args {
		lists, err := readListsAt(c, path)
		if err != nil {
			f.refuse(err)
		}
		for i := range lists {
			f.explainPassed(c, &lists[i])
		}
		f.Lists = append(f.Lists, lists...)
	}
}

// explainPassed reads a list once more for the lines that it passed over: a
// server only counts them. Of a zone its warnings name them.
func (f *findings) explainPassed(c corefile, l *control.List) {
	if l.PassedOverLines == 0 || l.Zone != nil {
		return
	}
	told := 0
	passedOverIn(c, *l, func(n list.Note) {
		if told++; told <= list.MaxNotes {
			f.PassedOver = append(f.PassedOver, n.String())
		}
	})
	if more := told - list.MaxNotes; more > 0 {
		f.PassedOver = append(f.PassedOver, fmt.Sprintf("%s: and %d more lines that are passed over", l.File, more))
	}
}

// present are the folders that are there. A server starts without its drop
// folder, and warns until somebody makes it.
func (f *findings) present(dirs []string) []string {
	return slices.DeleteFunc(dirs, func(dir string) bool {
		_, err := os.Stat(dir)
		gone := errors.Is(err, fs.ErrNotExist)
		if gone {
			f.Warnings = append(f.Warnings, fmt.Sprintf("%s: warning: the drop folder is not there; want a folder, or nothing is blocked but what the state has kept", dir))
		}
		return gone
	})
}

// readClasses reads the folder of classes of a Corefile; it need not be there.
func (f *findings) readClasses(dir string) {
	if dir == "" {
		return
	}
	lists, err := readClasses(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.refuse(err)
	}
	f.Lists = append(f.Lists, lists...)
}

func (f *findings) readCorefile(conf string) (corefile, error) {
	c, err := readCorefile(conf)
	if err == nil {
		err = c.unsafe()
	}
	if err == nil {
		watchSetups()
		err = c.verify()
	}
	if err != nil {
		f.refuse(err)
		return c, err
	}
	f.Warnings = append(f.Warnings, c.exposures()...)
	warnings, err := checkChild(c)
	f.Warnings = append(f.Warnings, warnings...)
	if err != nil {
		f.refuse(err)
	}
	return c, nil
}

// readListsAt reads a folder as a drop folder and a file as a list.
func readListsAt(c corefile, path string) ([]control.List, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; want a file or a folder", path, cause(err))
	}
	if !st.IsDir() {
		l, err := readListFile(c, path)
		if err != nil {
			return nil, err
		}
		return []control.List{l}, nil
	}
	folder, err := readDropFolder(c, path)
	if err != nil {
		return nil, err
	}
	lists := folder.Status()
	for i := range lists {
		moveTo(&lists[i], filepath.Join(path, lists[i].File))
	}
	return lists, nil
}

// moveTo names a list by its path from here, in its sentences too: who reads
// them may go to the line.
func moveTo(l *control.List, path string) {
	for _, all := range [][]string{l.Refusals, l.Warnings} {
		for i, sentence := range all {
			if rest, ok := strings.CutPrefix(sentence, l.File+":"); ok {
				all[i] = path + ":" + rest
			}
		}
	}
	l.File = path
}

func (f *findings) refusedLists() bool {
	for _, l := range f.Lists {
		if isRefused(l) || l.RefusedLines > 0 {
			return true
		}
	}
	return false
}

func (f *findings) warned() bool {
	for _, l := range f.Lists {
		if len(l.Warnings) > 0 {
			return true
		}
	}
	return len(f.Warnings) > 0
}

func (f *findings) print(s stdio, output string) {
	switch output {
	case outputJSON:
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		enc.Encode(f)
	case outputCSV: // whose columns have no room for sentences
		f.printSentences(s.err, s.err)
		if f.Against != nil {
			writeCSV(s.out, changeColumns, changeRows(f.Against.Changes))
			return
		}
		writeCSV(s.out, listColumns, listRows(f.Lists))
	default:
		f.printSentences(s.err, s.out)
		f.printTable(s)
	}
}

// printSentences prints what cannot be had as a finding to failed, what was found
// in lists and Corefile to found.
func (f *findings) printSentences(failed, found io.Writer) {
	for _, r := range f.Refusals {
		fmt.Fprintln(failed, visible(r))
	}
	for _, w := range f.Warnings {
		fmt.Fprintln(found, visible(w))
	}
	for _, p := range f.PassedOver { // first, for what is refused matters more
		fmt.Fprintln(found, visible(p))
	}
	for _, l := range f.Lists {
		for _, r := range l.Refusals {
			fmt.Fprintln(found, visible(r))
		}
		if more := l.RefusedLines - len(l.Refusals); more > 0 && len(l.Refusals) > 0 {
			fmt.Fprintf(found, "%s: and %d more refused lines\n", visible(l.File), more)
		}
		for _, w := range l.Warnings {
			fmt.Fprintln(found, visible(w))
		}
		if l.Passed != "" {
			fmt.Fprintf(found, "%s: passed over: %s\n", visible(l.File), l.Passed)
		}
	}
}

func (f *findings) printTable(s stdio) {
	if f.Corefile != "" && len(f.Refusals) == 0 {
		fmt.Fprintf(s.out, "%s: in order\n", visible(f.Corefile))
	}
	if len(f.Lists) > 0 {
		writeTable(s.out, listColumns, listRows(f.Lists))
	}
	if f.Against != nil {
		f.Against.print(s.out)
	}
}

// listColumns are the columns of check, reload and status.
var listColumns = []string{"file", "category", "state", "entries", "refused_lines", "passed_over_lines", "age", "sha256", "reason"}

func listRows(lists []control.List) [][]string {
	rows := make([][]string, len(lists))
	for i, l := range lists {
		sum := l.SHA256
		if len(sum) > shortSum {
			sum = sum[:shortSum]
		}
		rows[i] = []string{l.File, l.Category, l.State, strconv.Itoa(l.Entries), strconv.Itoa(l.RefusedLines),
			strconv.Itoa(l.PassedOverLines), ageText(l.AgeSeconds), sum, l.Reason}
	}
	return rows
}

// shortSum is as much of a SHA-256 as tells two versions of a list apart.
const shortSum = 12

func ageText(seconds int64) string {
	if seconds <= 0 {
		return "0s"
	}
	d := time.Duration(seconds) * time.Second
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= time.Hour:
		return d.Truncate(time.Minute).String()[:strings.Index(d.Truncate(time.Minute).String(), "m")+1]
	}
	return d.String()
}

// verifyWithin bounds the check of a Corefile before a reload.
const verifyWithin = 30 * time.Second

// verifyApart has a process of its own check the Corefile. Where no process can
// be had, the restart itself is the check.
func verifyApart(conf string) error {
	ctx, cancel := context.WithTimeout(context.Background(), verifyWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{os.Args[0], checkVerb.name, "--corefile", "--conf", conf}
	var said strings.Builder
	cmd.Stderr = &said
	err := cmd.Run()
	var exit *exec.ExitError
	if err == nil || !errors.As(err, &exit) {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(said.String()), "\n")
	if text := lines[len(lines)-1]; text != "" {
		return errors.New(text)
	}
	return fmt.Errorf("%s: checking it ended with %w", conf, exit)
}
