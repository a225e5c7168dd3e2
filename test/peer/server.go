package peer

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// server is one of the two, running.
type server struct {
	addr string
	cmd  *exec.Cmd
	said said
	end  chan struct{}
}

// said is what it wrote.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// end is the end of what it wrote.
func (s *said) end() string {
	const most = 2000
	text := s.String()
	return text[max(0, len(text)-most):]
}

// canary is a name that zone i of a test answers itself, so that a question from
// an address that no rule names tells whether the zone is in force: BIND serves
// before its zones are.
func canary(i int) string { return fmt.Sprintf("canary%d.test.", i) }

func canaryRule(i int) string { return canary(i) + zoneName(i) + " A 192.0.2.99\n" }

const startWithin = time.Minute

func start(zones int, addr, dir string, args ...string) (*server, error) {
	s := &server{addr: addr, cmd: exec.Command(args[0], args[1:]...), end: make(chan struct{})}
	s.cmd.Dir = dir
	s.cmd.Stdout, s.cmd.Stderr = &s.said, &s.said
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.cmd.Wait()
		close(s.end)
	}()
	in := 0
	for end := time.Now().Add(startWithin); ; time.Sleep(20 * time.Millisecond) {
		for in < zones && strings.HasSuffix(ask(addr, question{name: canary(in), qtype: dns.TypeA, client: "127.9.9.9"}), "a 192.0.2.99") {
			in++
		}
		if in == zones {
			return s, nil
		}
		select {
		case <-s.end:
			return nil, fmt.Errorf("%s ended: %s", args[0], &s.said)
		default:
		}
		if time.Now().After(end) {
			s.stop()
			return nil, fmt.Errorf("%s does not answer %s: %s", args[0], canary(in), s.said.end())
		}
	}
}

func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.end:
	case <-time.After(20 * time.Second):
		s.cmd.Process.Kill()
		<-s.end
	}
}

func freePort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	return port, err
}

func zoneName(i int) string { return fmt.Sprintf("z%d.", i) }

// bind starts BIND on the zones. It rewrites what is signed, asks for name
// servers whatever it takes, and looks at those of top-level domains too, as the
// draft has it.
func bind(dir, upstream string, zones []string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	var policy, stanzas strings.Builder
	for i, text := range zones {
		name := zoneName(i)
		fmt.Fprintf(&policy, "zone %q policy given; ", name)
		fmt.Fprintf(&stanzas, "zone %q { type primary; file %q; notify no; allow-query { any; }; };\n", name, name+"db")
		if err := os.WriteFile(filepath.Join(dir, name+"db"), []byte(text+canaryRule(i)), 0o644); err != nil {
			return nil, err
		}
	}
	_, upstreamPort, _ := net.SplitHostPort(upstream)
	conf := fmt.Sprintf(`options {
	directory %q;
	pid-file none;
	session-keyfile none;
	listen-on port %s { 127.0.0.1; };
	listen-on-v6 { none; };
	allow-query { any; };
	allow-recursion { any; };
	recursion yes;
	dnssec-validation no;
	empty-zones-enable no;
	forward only;
	forwarders { 127.0.0.1 port %s; };
	response-policy { %s } break-dnssec yes min-update-interval 0 min-ns-dots 0 nsip-wait-recurse yes nsdname-wait-recurse yes;
};
controls { };
%s`, dir, port, upstreamPort, &policy, &stanzas)
	path := filepath.Join(dir, "named.conf")
	if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
		return nil, err
	}
	named, err := lookUp("named")
	if err != nil {
		return nil, err
	}
	return start(len(zones), "127.0.0.1:"+port, dir, named, "-g", "-n", "1", "-c", path)
}

// sinkhole starts ours on the zones.
func sinkhole(binary, dir, upstream string, zones []string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(dir, "lists", "rpz")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	var files []string
	for i, text := range zones {
		name := zoneName(i) + "rpz"
		files = append(files, name)
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text+canaryRule(i)), 0o644); err != nil {
			return nil, err
		}
	}
	include := filepath.Join(dir, "unbound.lines")
	if err := os.WriteFile(include, []byte("    domain-insecure: \"example\"\n"), 0o644); err != nil {
		return nil, err
	}
	conf := fmt.Sprintf(`.:%s {
	bind 127.0.0.1
	subscribers {
		served 127.0.0.0/8
	}
	sinkhole {
		lists %s
		state %s
		rpz %s
	}
	cache
	recursor {
		forward %s
		include %s
	}
}
`, port, filepath.Join(dir, "lists"), filepath.Join(dir, "state"), strings.Join(files, " "), upstream, include)
	path := filepath.Join(dir, "Corefile")
	if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
		return nil, err
	}
	return start(len(zones), "127.0.0.1:"+port, dir, binary, "serve", "--conf", path)
}

// lookUp finds a daemon also where the path of an ordinary user does not lead.
func lookUp(name string) (string, error) {
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin"} {
		if err == nil {
			break
		}
		path, err = exec.LookPath(filepath.Join(dir, name))
	}
	return path, err
}
