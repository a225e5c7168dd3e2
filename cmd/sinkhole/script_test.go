package main

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts run this test binary as the command sinkhole.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sinkhole": main})
}

// TestScripts runs testdata/script: a script a thing that a verb promises, named
// for the verb. In them stands, beside what testscript has:
//
//	exits CODE COMMAND...   runs it, and wants that exit code
//	ports NAME...           sets each to a port that is free on TCP and UDP
//	take NETWORK ADDRESS    holds a port until the script ends
//	until COMMAND...        runs it again and again until it succeeds
//	$TREE                   the root of the tree
func TestScripts(t *testing.T) {
	tree, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("TREE", tree)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "ports": ports, "take": take, "until": until,
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("got exit code %d, want %d", got, want)
	}
}

func ports(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		port, err := freePort()
		ts.Check(err)
		ts.Setenv(name, port)
	}
}

// freePort is a port that was free on TCP and UDP of loopback just now.
func freePort() (string, error) {
	for range 100 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		pc, err := net.ListenPacket("udp", "127.0.0.1:"+port)
		ln.Close()
		if err == nil {
			pc.Close()
			return port, nil
		}
	}
	return "", fmt.Errorf("no port is free on both TCP and UDP")
}

func take(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: take NETWORK ADDRESS")
	}
	if args[0] == "udp" {
		pc, err := net.ListenPacket("udp", args[1])
		ts.Check(err)
		ts.Defer(func() { pc.Close() })
		return
	}
	ln, err := net.Listen("tcp", args[1])
	ts.Check(err)
	ts.Defer(func() { ln.Close() })
}

// untilWithin is for a busy machine; nothing is judged by it but that the command
// succeeds at all.
const untilWithin = time.Minute

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: until COMMAND...")
	}
	for end := time.Now().Add(untilWithin); ts.Exec(args[0], args[1:]...) != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("it did not succeed within %s", untilWithin)
		}
	}
}
