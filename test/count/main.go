// Command count runs steps one after the other and closes with one line that
// counts tests: "N passed, N failed, N skipped".
//
//	count NAME COMMAND [NAME COMMAND ...]
//
// A COMMAND is a line for the shell. Where it prints the events of go test -json
// its tests are counted, each once however often it ran: a test failed if it
// failed once, and was skipped if it never ran to its end. A command without
// events is one test by itself. A command that fails while no test of it did
// (a package that does not build, a time-out) is a failed test of its name, so
// that nothing goes wrong uncounted.
//
// What failed is shown with its output, what was skipped with its reason.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

func main() {
	args := os.Args[1:]
	if len(args) == 0 || len(args)%2 != 0 {
		fmt.Fprintln(os.Stderr, "count: want NAME COMMAND, once or more")
		os.Exit(2)
	}
	t := newTally(os.Stdout)
	for ; len(args) > 0; args = args[2:] {
		if err := step(t, args[0], args[1]); err != nil {
			fmt.Fprintf(os.Stderr, "count: %s: %v\n", args[0], err)
			os.Exit(2)
		}
	}
	if !t.close() {
		os.Exit(1)
	}
}

// maxLine bounds one line of a command's output, in octets.
const maxLine = 16 << 20

// step runs one command and has t read what it prints.
func step(t *tally, name, command string) error {
	start := time.Now()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := exec.Command("bash", "-c", command)
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	w.Close()
	if err != nil {
		return err
	}
	t.begin(name)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		t.line(lines.Bytes())
	}
	if lines.Err() != nil {
		io.Copy(io.Discard, r) // the command must not block; its exit code still counts
	}
	t.end(cmd.Wait() == nil && lines.Err() == nil, time.Since(start))
	return nil
}
