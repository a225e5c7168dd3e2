package scenario

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// server is one run of the binary.
type server struct {
	cmd     *exec.Cmd
	said    *transcript
	manager *manager
	exited  chan struct{} // closed once err is set
	err     error

	down chan struct{} // closed to end CHILD down; nil when it is up
	wg   sync.WaitGroup
}

// transcript gathers what a server writes; LOG reads it from where it was.
type transcript struct {
	mu   sync.Mutex
	text []byte
	read int
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// find looks for re in what LOG has not passed yet, and passes it.
func (l *transcript) find(re *regexp.Regexp) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := re.FindIndex(l.text[l.read:])
	if at == nil {
		return false
	}
	l.read += at[1]
	return true
}

// manager stands in for systemd: it hears what the server notifies.
type manager struct {
	conn  *net.UnixConn
	mu    sync.Mutex
	heard []string
}

func newManager(name string) (*manager, error) {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	return &manager{conn: conn}, err
}

func (m *manager) listen() {
	buf := make([]byte, 4096)
	for {
		n, err := m.conn.Read(buf)
		if err != nil {
			return
		}
		m.mu.Lock()
		m.heard = append(m.heard, string(buf[:n]))
		m.mu.Unlock()
	}
}

// count is how many messages hold text.
func (m *manager) count(text string) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range m.heard {
		if strings.Contains(h, text) {
			n++
		}
	}
	return n
}

func (w *world) serve(args []string) (string, error) {
	conf, extra := "Corefile", []string{}
	for _, a := range args {
		if strings.Contains(a, "=") {
			extra = append(extra, a)
		} else {
			conf = a
		}
	}
	if w.server != nil && w.server.running() {
		return "", errors.New("the server runs already")
	}
	// A name that begins with @ is the namespace's and no file, so never too long.
	name := fmt.Sprintf("@%s-%d", w.addr4, len(w.logs))
	m, err := newManager(name)
	if err != nil {
		return "", err
	}
	s := &server{
		cmd:     exec.Command(w.Binary, "serve", "--conf", conf),
		said:    &transcript{},
		manager: m,
		exited:  make(chan struct{}),
	}
	s.cmd.Dir = w.dir
	s.cmd.Env = append(w.environ(), append(extra, "NOTIFY_SOCKET="+name)...)
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	if err := s.cmd.Start(); err != nil {
		return "", err
	}
	w.server = s
	w.logs = append(w.logs, s.said)
	s.wg.Go(m.listen)
	s.wg.Go(func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	})
	err = s.await(func() bool { return m.count("READY=1") > 0 }, "say that it is ready")
	w.broken = err != nil
	return "", err
}

// environ is the script's environment.
func (w *world) environ() []string {
	var all []string
	for _, name := range []string{"PATH", "TMPDIR", "ADDR4", "ADDR6", "ANCHOR", "INCLUDE", "SINKHOLE_LISTS",
		"SINKHOLE_STATE", "SINKHOLE_CERT", "SINKHOLE_KEY"} {
		if v := w.getenv(name); v != "" {
			all = append(all, name+"="+v)
		}
	}
	return all
}

func (s *server) running() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// await waits until the server does something, by ok.
func (s *server) await(ok func() bool, what string) error {
	for end := time.Now().Add(patience); !ok(); time.Sleep(again) {
		if !s.running() {
			if ok() {
				return nil
			}
			return fmt.Errorf("the server ended (%v) and did not %s:\n%s", s.err, what, s.said)
		}
		if time.Now().After(end) {
			return fmt.Errorf("the server did not %s", what)
		}
	}
	return nil
}

// wait waits for its end.
func (s *server) wait() error {
	select {
	case <-s.exited:
		s.up()
		s.manager.conn.Close()
		s.wg.Wait()
		return nil
	case <-time.After(patience):
		return errors.New("the server did not end")
	}
}

// end ends it whatever it does.
func (s *server) end() {
	s.cmd.Process.Kill()
	<-s.exited
	s.wait()
}

var errNoServer = errors.New("no server runs")

// live is the server that runs.
func (w *world) live() (*server, error) {
	if w.server == nil || !w.server.running() {
		return nil, errNoServer
	}
	return w.server, nil
}

var signals = map[string]syscall.Signal{
	"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP,
	"USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2, "PIPE": syscall.SIGPIPE,
}

func (w *world) signal(args []string) (string, error) {
	s, err := w.live()
	if err != nil {
		return "", err
	}
	if len(args) != 1 || signals[args[0]] == 0 {
		return "", usage("SIGNAL NAME", args)
	}
	return "", s.cmd.Process.Signal(signals[args[0]])
}

func (w *world) stop(args []string) (string, error) {
	s, err := w.live()
	if err != nil {
		return "", err
	}
	if len(args) == 0 {
		args = []string{"TERM"}
	}
	s.up()
	kids := s.children()
	if _, err := w.signal(args); err != nil {
		return "", err
	}
	if err := s.wait(); err != nil {
		return "", err
	}
	if s.err != nil {
		return "", fmt.Errorf("the server stopped badly: %w", s.err)
	}
	return "", gone(kids)
}

func (w *world) kill(args []string) (string, error) {
	s, err := w.live()
	if err != nil {
		return "", err
	}
	kids := s.children()
	switch {
	case len(args) != 1:
		return "", usage("KILL server|child", args)
	case args[0] == "child" && len(kids) == 0:
		return "", errors.New("the server has no child")
	case args[0] == "child":
		for _, pid := range kids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		return "", gone(kids)
	case args[0] == "server":
		s.cmd.Process.Kill()
		if err := s.wait(); err != nil {
			return "", err
		}
		return "", gone(kids) // no orphan
	}
	return "", usage("KILL server|child", args)
}

// child keeps the server without a child, or lets it have one again.
func (w *world) child(args []string) (string, error) {
	s, err := w.live()
	switch {
	case err != nil:
		return "", err
	case len(args) == 1 && args[0] == "up":
		s.up()
		return "", nil
	case len(args) != 1 || args[0] != "down" || s.down != nil:
		return "", usage("CHILD down, then CHILD up", args)
	}
	down := make(chan struct{})
	s.down = down
	s.wg.Go(func() {
		for {
			for _, pid := range s.children() {
				syscall.Kill(pid, syscall.SIGKILL)
			}
			select {
			case <-down:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	return "", nil
}

func (s *server) up() {
	if s.down != nil {
		close(s.down)
		s.down = nil
	}
}

// children are the Unbounds that the server runs.
func (s *server) children() (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range all {
		// PID (COMM) STATE PPID; a zombie is gone already.
		text, _ := os.ReadFile(path)
		before, after, ok := strings.Cut(string(text), ") ")
		f := strings.Fields(after)
		if !ok || len(f) < 2 || f[0] == "Z" || f[1] != strconv.Itoa(s.cmd.Process.Pid) || !strings.HasSuffix(before, "(unbound") {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		pids = append(pids, pid)
	}
	return pids
}

// gone waits until the processes are.
func gone(pids []int) error {
	for end := time.Now().Add(patience); ; time.Sleep(again) {
		left := 0
		for _, pid := range pids {
			if st, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !strings.Contains(string(st), ") Z ") {
				left++
			}
		}
		if left == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d children live on", left)
		}
	}
}

func (w *world) log(args []string) (string, error) {
	if len(args) != 1 || w.server == nil {
		return "", usage("LOG REGEXP, after SERVE", args)
	}
	re, err := regexp.Compile("(?m)" + args[0])
	if err != nil {
		return "", fmt.Errorf("%w: %w", errUsage, err)
	}
	return "", w.server.await(func() bool { return w.server.said.find(re) }, fmt.Sprintf("write %q", args[0]))
}

func (w *world) notified(args []string) (string, error) {
	if len(args) != 1 || w.server == nil {
		return "", usage("NOTIFIED TEXT, after SERVE", args)
	}
	m := w.server.manager
	return "", w.server.await(func() bool { return m.count(args[0]) > 0 }, fmt.Sprintf("notify %q", args[0]))
}
