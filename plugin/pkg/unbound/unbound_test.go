package unbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// holdEnv makes the test binary a server that keeps a child, and says its number.
const holdEnv = "UNBOUND_TEST_HOLD"

func TestMain(m *testing.M) {
	if os.Getenv(holdEnv) == "" {
		os.Exit(m.Run())
	}
	var c *Child
	c = New(Settings{Threads: 1, Memory: minMemory}, Events{
		Up:   func(Life) { fmt.Println(c.Status().PID) },
		Down: func(d Death) { fmt.Println(d) },
	})
	_ = c.Run(context.Background())
}

// kept is a child that Run keeps until the test ends.
type kept struct {
	*Child
	up   chan Life
	down chan Death
	stop func()
}

func keep(t *testing.T, s Settings, change func(*Child)) *kept {
	t.Helper()
	needsUnbound(t)
	k := &kept{up: make(chan Life, 100), down: make(chan Death, 100)}
	k.Child = New(s, Events{Up: func(l Life) { k.up <- l }, Down: func(d Death) { k.down <- d }})
	if change != nil {
		change(k.Child)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := k.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	k.stop = func() { cancel(); <-done }
	t.Cleanup(k.stop)
	return k
}

func (k *kept) awaitUp(t *testing.T) Life {
	t.Helper()
	select {
	case l := <-k.up:
		return l
	case d := <-k.down:
		t.Fatalf("it died: %v", d)
	case <-time.After(20 * time.Second):
		t.Fatal("it does not answer")
	}
	return Life{}
}

func (k *kept) awaitDown(t *testing.T) Death {
	t.Helper()
	select {
	case d := <-k.down:
		return d
	case <-time.After(20 * time.Second):
		t.Fatal("it does not die")
	}
	return Death{}
}

// gone says whether a process has ended; one that nobody has collected yet has.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func TestLife(t *testing.T) {
	k := keep(t, Settings{Threads: 1, Memory: minMemory}, nil)
	l := k.awaitUp(t)
	if !l.Addr.Addr().IsLoopback() || l.Addr.Port() < 1024 || l.Threads != 1 {
		t.Errorf("got %+v", l)
	}
	s := k.Status()
	if !s.Up || s.PID == 0 || s.Version == "" || s.Addr != l.Addr || s.Restarts != 0 || s.Last != nil || s.Since.IsZero() {
		t.Errorf("got %+v", s)
	}
	if k.Resident() < 1<<20 {
		t.Errorf("it holds %d bytes", k.Resident())
	}
	for _, network := range []string{"udp", "tcp"} {
		c := dns.Client{Net: network, Timeout: 5 * time.Second}
		r, _, err := c.Exchange(new(dns.Msg).SetQuestion("localhost.", dns.TypeA), l.Addr.String())
		if err != nil || len(r.Answer) != 1 {
			t.Errorf("%s: %v, %v", network, r, err)
		}
	}
	if os.Geteuid() == 0 {
		st, err := os.Stat(fmt.Sprintf("/proc/%d", s.PID))
		if err != nil {
			t.Fatal(err)
		}
		if uid := st.Sys().(*syscall.Stat_t).Uid; uid == 0 || s.User == "" || s.User == "root" {
			t.Errorf("we are root, and the child runs as %d (%q)", uid, s.User)
		}
	}
	k.stop()
	if !gone(s.PID) {
		t.Error("it was stopped and is still there")
	}
	if s := k.Status(); s.Up || s.PID != 0 || s.Restarts != 0 {
		t.Errorf("after the stop: %+v", s)
	}
	select {
	case d := <-k.down:
		t.Errorf("a stop is no death: %v", d)
	default:
	}
}

func TestKilledChildComesBack(t *testing.T) {
	k := keep(t, Settings{Threads: 1, Memory: minMemory}, nil)
	first := k.awaitUp(t)
	pid := k.Status().PID
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	d := k.awaitDown(t)
	if want := "unbound: child was ended by a signal (killed) after "; !strings.HasPrefix(d.Why.Error(), want) || d.Next != firstPause || d.Try != 2 {
		t.Errorf("got %v", d)
	}
	second := k.awaitUp(t)
	s := k.Status()
	if s.PID == pid || s.Restarts != 1 || s.InARow != 1 || s.Last == nil {
		t.Errorf("got %+v", s)
	}
	if first.Addr == second.Addr {
		t.Logf("the same port twice: %v", first.Addr) // possible, not wanted
	}
}

func TestDeafChildIsKilled(t *testing.T) {
	k := keep(t, Settings{Threads: 1, Memory: minMemory}, func(c *Child) {
		c.pace.reply, c.pace.look, c.pace.deaf = 200*time.Millisecond, 20*time.Millisecond, 2
	})
	k.awaitUp(t)
	if err := syscall.Kill(k.Status().PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if d := k.awaitDown(t); !strings.Contains(d.Why.Error(), "child killed: it answered nothing for 40ms") {
		t.Errorf("got %v", d)
	}
	k.awaitUp(t)
}

// TestWhoeverAnswersIsNotAsked: a child that is heard is not asked whether it
// lives, however deaf it is to that question.
func TestWhoeverAnswersIsNotAsked(t *testing.T) {
	k := keep(t, Settings{Threads: 1, Memory: minMemory}, func(c *Child) {
		c.pace = pace{c.pace.answer, 20 * time.Millisecond, 20 * time.Millisecond, 2, 50 * time.Millisecond}
	})
	l := k.awaitUp(t)
	pid := k.Status().PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		l.Heard()
		time.Sleep(2 * time.Millisecond)
	}
	if gone(pid) {
		t.Error("it was killed")
	}
}

// TestStrangerOnThePort: somebody has the port before the child, and answers.
func TestStrangerOnThePort(t *testing.T) {
	needsUnbound(t)
	p := planned(t, Settings{Threads: 1, Memory: minMemory})
	pc, err := net.ListenPacket("udp", p.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	stranger := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		rr, _ := dns.NewRR(secretZone + ` 0 TXT "a guess"`)
		m.Answer = append(m.Answer, rr)
		w.WriteMsg(m)
	})}
	go stranger.ActivateAndServe()
	defer stranger.Shutdown()
	c := New(p.settings, Events{})
	err = newLife(p, c.pace, &c.heard).Run(context.Background(), func() { t.Error("the stranger was taken for the child") })
	if err == nil || !strings.Contains(err.Error(), "child left with status 1") || !strings.Contains(err.Error(), "bind") {
		t.Errorf("got %v", err)
	}
}

// openDir is a folder that root's child may enter as the user it is.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// stubborn is a program that says it is an Unbound, and then does body.
func stubborn(t *testing.T, body string) Settings {
	t.Helper()
	dir := openDir(t)
	script(t, dir, checkconfName, "exit 0\n")
	return Settings{Binary: script(t, dir, programName, "test \"$1\" = -V && { echo 'Version 1.26.2'; exit; }\n"+body)}
}

func TestStopIsBounded(t *testing.T) {
	dir := openDir(t)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	started := filepath.Join(dir, "started")
	s := stubborn(t, "trap '' TERM\necho x > "+started+"\nwhile :; do sleep 0.01; done\n")
	k := keep(t, s, func(c *Child) { c.pace.stop = 50 * time.Millisecond })
	eventually(t, "the program runs", func() bool { return calls(t, started) == 1 })
	k.stop()
}

func TestLastWordsExplainTheDeath(t *testing.T) {
	k := keep(t, stubborn(t, "echo '[1] unbound[2:0] info: hello' >&2\necho '[1] unbound[2:0] fatal error: could not bind' >&2\nexit 3\n"), nil)
	d := k.awaitDown(t)
	if want := `child left with status 3 after 0s: "fatal error: could not bind"; next start in 100ms (try 2)`; !strings.HasSuffix(d.String(), want) {
		t.Errorf("got  %v\nwant %s", d, want)
	}
}

func TestEnvironmentIsEmpty(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "/run/nobody")
	k := keep(t, stubborn(t, "echo \"${NOTIFY_SOCKET-none} $(pwd)\" >&2\nexit 1\n"), nil)
	if d := k.awaitDown(t); !strings.Contains(d.Why.Error(), `"none /"`) {
		t.Errorf("got %v", d)
	}
}

// TestOwnAnchors: the child keeps its own anchors where it can, and goes on
// without where it cannot.
func TestOwnAnchors(t *testing.T) {
	state := openDir(t)
	k := keep(t, Settings{Threads: 1, Memory: minMemory, State: state}, nil)
	k.awaitUp(t)
	if s := k.Status(); !s.Tracked || len(s.Anchors) == 0 {
		t.Errorf("got %+v", s)
	}
	if _, err := os.Stat(filepath.Join(state, stateName, trackedName)); err != nil {
		t.Error(err)
	}
	k.stop()
	k = keep(t, Settings{Threads: 1, Memory: minMemory, State: state, Anchors: writeFile(t, "root.key", rootDS)}, nil)
	k.awaitUp(t)
	if s := k.Status(); s.Tracked {
		t.Errorf("with anchors of the operator's: got %+v", s)
	}
	k.stop()
	if os.Geteuid() == 0 {
		if err := os.Chmod(state, 0o700); err != nil {
			t.Fatal(err)
		}
		k = keep(t, Settings{Threads: 1, Memory: minMemory, State: state}, nil)
		k.awaitUp(t)
		if s := k.Status(); s.Tracked || len(s.Anchors) == 0 {
			t.Errorf("in a state that the child cannot reach: got %+v", s)
		}
	}
}

// TestAnchorsShutAway is what an AppArmor profile does: the file is there, and
// the child may not read it.
func TestAnchorsShutAway(t *testing.T) {
	body := `conf=$(cat)
case "$conf" in *auto-trust-anchor-file*)
	echo "[1] unbound[2:0] error: error reading auto-trust-anchor-file: $(echo "$conf" | sed -n 's/.*auto-trust-anchor-file: "\(.*\)"/\1/p')" >&2
	exit 1
esac
echo "without" >&2
exit 2
`
	state := openDir(t)
	s := stubborn(t, body)
	s.State = state
	k := keep(t, s, nil)
	for range 2 {
		d := k.awaitDown(t)
		if !strings.Contains(d.Why.Error(), `child left with status 2`) || !strings.Contains(d.Why.Error(), `"without"`) {
			t.Errorf("got %v", d)
		}
	}
	if k.Status().Tracked {
		t.Error("it is said to keep its own anchors")
	}
}

func TestConfigurationRefused(t *testing.T) {
	k := keep(t, Settings{Include: []string{writeFile(t, "lines.conf", "antwort: 42\n")}}, nil)
	if d := k.awaitDown(t); !strings.Contains(d.Why.Error(), "lines.conf:1: unknown keyword 'antwort'") {
		t.Errorf("got %v", d)
	}
}

// TestReplaced: a package was updated while its program runs.
func TestReplaced(t *testing.T) {
	p := needsUnbound(t)
	dir := openDir(t)
	script(t, dir, checkconfName, "exec "+p.Checkconf+" \"$@\"\n")
	path := script(t, dir, programName, "exec "+p.Path+" \"$@\"\n")
	k := keep(t, Settings{Binary: path, Threads: 1, Memory: minMemory}, nil)
	k.awaitUp(t)
	if k.Status().Replaced {
		t.Error("it is said to be replaced at once")
	}
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if !k.Status().Replaced {
		t.Error("the new one is not seen")
	}
}

// TestNoOrphan kills a server with -9 and looks for its child.
func TestNoOrphan(t *testing.T) {
	needsUnbound(t)
	users := map[string]*syscall.Credential{"as we are": nil}
	if os.Geteuid() == 0 {
		users["as an ordinary user"] = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	for name, cred := range users {
		t.Run(name, func(t *testing.T) {
			server := exec.Command("/proc/self/exe")
			server.Env = append(os.Environ(), holdEnv+"=1")
			server.Dir = "/"
			server.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
			out, err := server.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := server.Start(); err != nil {
				t.Skipf("needs to run the test binary as another user: %v", err)
			}
			var pid int
			_, err = fmt.Fscan(out, &pid)
			if err != nil || gone(pid) {
				server.Process.Kill()
				t.Fatalf("no child: %v", err)
			}
			if err := server.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = server.Wait()
			eventually(t, "the child is gone", func() bool { return gone(pid) })
		})
	}
}

// TestBackOff runs the lives of a child on an imagined clock.
func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var starts []time.Duration
		var tries []int
		lives := []time.Duration{0, 0, 0, 0, 0, 0, 0, 0, time.Second, settled, 0}
		ctx, cancel := context.WithCancel(context.Background())
		c := New(Settings{Threads: 1, Memory: minMemory}, Events{Down: func(d Death) { tries = append(tries, d.Try) }})
		c.live = func(context.Context) (time.Duration, error) {
			starts = append(starts, time.Since(begin))
			begin = time.Now()
			if len(starts) > len(lives) {
				cancel()
				return 0, nil
			}
			return lives[len(starts)-1], errors.New("died")
		}
		if err := c.Run(ctx); err != nil {
			t.Fatal(err)
		}
		ms := time.Millisecond
		want := []time.Duration{0, 100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms, 5000 * ms, 100 * ms, 200 * ms}
		if fmt.Sprint(starts) != fmt.Sprint(want) {
			t.Errorf("pauses %v, want %v", starts, want)
		}
		if got := fmt.Sprint(tries); got != "[2 3 4 5 6 7 8 9 10 2 3]" {
			t.Errorf("tries %s", got)
		}
		if s := c.Status(); s.Restarts != len(lives) {
			t.Errorf("%d restarts, want %d", s.Restarts, len(lives))
		}
	})
}

func TestStopWhileItRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		c := New(Settings{Threads: 1, Memory: minMemory}, Events{})
		c.live = func(context.Context) (time.Duration, error) { return 0, errors.New("died") }
		done := make(chan struct{})
		go func() { c.Run(ctx); close(done) }()
		time.Sleep(10 * time.Second)
		cancel()
		synctest.Wait()
		select {
		case <-done:
		default:
			t.Error("it rests on")
		}
	})
}

func TestFingerprint(t *testing.T) {
	needsUnbound(t)
	include := writeFile(t, "lines.conf", "num-threads: 2\n")
	print := func(s Settings) string {
		t.Helper()
		f, err := s.Fingerprint()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	base := Settings{Include: []string{include}}
	first := print(base)
	if print(base) != first {
		t.Error("the same settings want another child")
	}
	for name, s := range map[string]Settings{
		"threads": {Include: base.Include, Threads: 99},
		"memory":  {Include: base.Include, Memory: 99 << 20},
		"forward": {Include: base.Include, Forward: addrs(t, "192.0.2.1:53")},
		"include": {},
		"anchors": {Include: base.Include, Anchors: writeFile(t, "root.key", rootDS)},
	} {
		if print(s) == first {
			t.Errorf("%s: another setting wants the same child", name)
		}
	}
	if err := os.WriteFile(include, []byte("num-threads: 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if print(base) == first {
		t.Error("the file behind include has changed, and the same child is wanted")
	}
	if _, err := (Settings{Binary: "/nonexistent"}).Fingerprint(); err == nil {
		t.Error("a program that is not there has a fingerprint")
	}
}
