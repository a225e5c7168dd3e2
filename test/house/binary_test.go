package house

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The bounds of these tests are for a loaded machine; nothing is judged by them
// but that it happens at all.
const (
	buildWithin = 5 * time.Minute
	readyWithin = time.Minute
	stopWithin  = 30 * time.Second
)

var built struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// binary is the path of sinkhole, built once from the tree.
func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "house"); built.err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), buildWithin)
		defer cancel()
		cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(built.dir, "sinkhole"), "./cmd/sinkhole")
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatalf("cmd/sinkhole does not build: %v", built.err)
	}
	return filepath.Join(built.dir, "sinkhole")
}

// needsUnbound skips what cannot run without the child.
func needsUnbound(t *testing.T) {
	t.Helper()
	for _, p := range []string{"/usr/sbin/unbound", "/usr/local/sbin/unbound"} {
		if _, err := os.Stat(p); err == nil {
			return
		}
	}
	if _, err := exec.LookPath("unbound"); err != nil {
		t.Skip("needs Unbound, which make test installs")
	}
}

// server is a running sinkhole.
type server struct {
	cmd    *exec.Cmd
	log    bytes.Buffer
	exited chan error
}

// serve starts the binary on a Corefile and returns once it says READY to what
// would be systemd. An error is what it said instead.
func serve(t *testing.T, dir, conf string) (*server, error) {
	t.Helper()
	name := filepath.Join(dir, "notify")
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { notify.Close() })

	s := &server{cmd: exec.Command(binary(t), "serve", "--conf", conf), exited: make(chan error, 1)}
	s.cmd.Dir = dir
	s.cmd.Env = append(environ(dir), "NOTIFY_SOCKET="+name)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.exited <- s.cmd.Wait()
		notify.Close() // ends the wait below
	}()
	t.Cleanup(func() {
		if s.exited != nil {
			s.cmd.Process.Kill()
			<-s.exited
		}
	})
	return s, s.await(notify)
}

// environ gives the Corefiles that take their paths from the environment a
// folder of their own.
func environ(dir string) []string {
	return append(os.Environ(),
		"SINKHOLE_LISTS="+filepath.Join(dir, "lists"),
		"SINKHOLE_STATE="+filepath.Join(dir, "state"))
}

func (s *server) await(notify *net.UnixConn) error {
	notify.SetReadDeadline(time.Now().Add(readyWithin))
	buf := make([]byte, 4096)
	for {
		n, err := notify.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return s.fail("ended before it was ready")
		}
		if err != nil {
			return s.fail("was not ready: " + err.Error())
		}
		if strings.Contains(string(buf[:n]), "READY=1") {
			return nil
		}
	}
}

// fail ends the server and says what it wrote.
func (s *server) fail(what string) error {
	s.cmd.Process.Kill()
	<-s.exited
	s.exited = nil
	return fmt.Errorf("the server %s:\n%s", what, &s.log)
}

// stop ends the server as systemd does and wants a clean exit.
func (s *server) stop() error {
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-s.exited:
		s.exited = nil
		if err != nil {
			return fmt.Errorf("did not stop cleanly: %w\n%s", err, &s.log)
		}
		return nil
	case <-time.After(stopWithin):
		return s.fail("did not stop")
	}
}
