package clone

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"sinkhole/test/testnet"
)

func TestMain(m *testing.M) {
	code := testnet.Isolated(m)
	if copied != "" {
		os.RemoveAll(copied)
	}
	os.Exit(code)
}

// Bounds for a busy machine that compiles; nothing is judged by them but that it
// happens at all.
const (
	serveWithin = 5 * time.Minute
	stopWithin  = 30 * time.Second
)

// copied is where the copy of the tree lies, once there is one.
var copied string

// notCloned are what a tree has beside what is in it.
var notCloned = []string{".git", ".state", ".tools", "bin"}

// tree makes a copy of what a clone holds, once for all tests: they share what
// the Go tool compiled.
var tree = sync.OnceValues(func() (dir string, err error) {
	if copied, err = os.MkdirTemp("", "clone"); err != nil {
		return "", err
	}
	root := filepath.Join("..", "..")
	return copied, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(notCloned, rel):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(copied, rel), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(copied, rel), text, info.Mode().Perm())
	})
})

// run is a make run.
type run struct {
	cmd   *exec.Cmd
	in    io.Writer // what stands for the keyboard, where there is a terminal
	lines chan string
	said  bytes.Buffer // of what was read from lines
}

// start starts make run in a clone without a state; on a terminal where one is
// asked for.
func start(t *testing.T, terminal bool) *run {
	t.Helper()
	testnet.Need(t)
	dir, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, ".state")); err != nil {
		t.Fatal(err)
	}
	r := &run{cmd: exec.Command("make", "run"), lines: make(chan string)}
	r.cmd.Dir = dir
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out io.Reader
	if terminal {
		keyboard, screen := openTerminal(t)
		r.in, out = keyboard, keyboard
		r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = screen, screen, screen
		r.cmd.SysProcAttr.Setsid, r.cmd.SysProcAttr.Setctty = true, true
		defer screen.Close()
	} else {
		pr, pw, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer pw.Close()
		t.Cleanup(func() { pr.Close() })
		r.cmd.Stdout, r.cmd.Stderr, out = pw, pw, pr
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.cmd.Process.Kill() })
	go func() {
		defer close(r.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			r.lines <- scan.Text()
		}
	}()
	return r
}

// await reads until a line that fits want, or to the end where want is "".
func (r *run) await(t *testing.T, want string, within time.Duration) {
	t.Helper()
	re := regexp.MustCompile(want)
	end := time.After(within)
	for {
		select {
		case line, more := <-r.lines:
			if !more {
				if want != "" {
					t.Fatalf("it ended without %q:\n%s", want, &r.said)
				}
				return
			}
			r.said.WriteString(line + "\n")
			if want != "" && re.MatchString(line) {
				return
			}
		case <-end:
			t.Fatalf("no %q within %s:\n%s", want, within, &r.said)
		}
	}
}

// exit reads to the end and gives make's exit code.
func (r *run) exit(t *testing.T, within time.Duration) int {
	t.Helper()
	r.await(t, "", within)
	err := r.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode() // -1: by a signal
	} else if err != nil {
		t.Fatal(err)
	}
	return 0
}

func ask(t *testing.T, network, server, name string) *dns.Msg {
	t.Helper()
	client := dns.Client{Net: network, Timeout: 5 * time.Second}
	m, _, err := client.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), server)
	if err != nil {
		t.Fatalf("%s by %s at %s: %v", name, network, server, err)
	}
	return m
}

func blocked(m *dns.Msg) bool {
	if len(m.Answer) != 1 {
		return false
	}
	a, ok := m.Answer[0].(*dns.A)
	return ok && a.A.Equal(net.IPv4zero)
}

// TestRun does the three things that make run says to try.
func TestRun(t *testing.T) {
	r := start(t, false)
	r.await(t, `^Ctrl-C stops\.$`, serveWithin)
	for _, said := range []string{"evil.example", "echo bad.example >blocklists/phishing/mine.txt", "bin/sinkhole report --state .state"} {
		if !strings.Contains(r.said.String(), said) {
			t.Errorf("it does not say %q:\n%s", said, &r.said)
		}
	}

	for _, server := range []string{"127.0.0.1:1053", "[::1]:1053"} {
		for _, network := range []string{"udp", "tcp"} {
			if m := ask(t, network, server, "evil.example."); !blocked(m) {
				t.Errorf("%s %s: not blocked: %v", network, server, m)
			}
		}
	}

	dropped := filepath.Join(r.cmd.Dir, "blocklists", "phishing", "mine.txt")
	if err := os.WriteFile(dropped, []byte("dropped.example\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(dropped) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !blocked(ask(t, "udp", "127.0.0.1:1053", "dropped.example.")) {
		if ctx.Err() != nil {
			t.Fatal("a dropped list is not in force after a minute")
		}
		time.Sleep(100 * time.Millisecond)
	}

	report := exec.Command("bin/sinkhole", "report", "--state", ".state")
	report.Dir = r.cmd.Dir
	if out, err := report.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "client ") {
		t.Errorf("report: %v:\n%s", err, out)
	}

	r.cmd.Process.Signal(syscall.SIGTERM)
	r.exit(t, stopWithin)
	if !strings.Contains(r.said.String(), "sinkhole: stopped\n") {
		t.Errorf("it did not stop cleanly:\n%s", &r.said)
	}
}

// TestInterrupt: on a terminal Ctrl-C stops the server, and make is content.
func TestInterrupt(t *testing.T) {
	r := start(t, true)
	r.await(t, `^Ctrl-C stops\.`, serveWithin)
	if _, err := r.in.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	if code := r.exit(t, stopWithin); code != 0 {
		t.Errorf("got exit code %d, want 0:\n%s", code, &r.said)
	}
}

// TestPortTaken: what cannot be had is said in a sentence.
func TestPortTaken(t *testing.T) {
	testnet.Need(t)
	ln, err := net.Listen("tcp", "127.0.0.1:1053")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	r := start(t, false)
	if code := r.exit(t, serveWithin); code == 0 {
		t.Error("got exit code 0")
	}
	if want := "127.0.0.1:1053 (tcp): the port is taken by another process"; !strings.Contains(r.said.String(), want) {
		t.Errorf("got\n%s\nwant %q in it", &r.said, want)
	}
	if strings.Contains(r.said.String(), "things to try") {
		t.Errorf("it says what to try and does not serve:\n%s", &r.said)
	}
}

// TestWithoutIPv6: in a container there may be no ::1.
func TestWithoutIPv6(t *testing.T) {
	testnet.Need(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root, to take ::1 from the namespace")
	}
	const off = "/proc/sys/net/ipv6/conf/all/disable_ipv6"
	if err := os.WriteFile(off, []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	defer os.WriteFile(off, []byte("0"), 0o644)
	r := start(t, false)
	r.await(t, `^Ctrl-C stops\.$`, serveWithin)
	if want := "make run: this machine has no ::1; serving on 127.0.0.1 alone\n"; !strings.Contains(r.said.String(), want) {
		t.Errorf("got\n%s\nwant %q in it", &r.said, want)
	}
	if m := ask(t, "udp", "127.0.0.1:1053", "evil.example."); !blocked(m) {
		t.Errorf("not blocked: %v", m)
	}
	r.cmd.Process.Signal(syscall.SIGTERM)
	r.exit(t, stopWithin)
}
