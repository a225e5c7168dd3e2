// Package scenario runs scripts against the whole binary: a signed internet
// behind it, subscribers and strangers in front of it, and meanwhile lists that
// change, children that die, Corefiles that are refused.
//
// A script is one of testscript (rogpeppe/go-internal: exec, cp, mv, rm, stdout,
// grep and their kin, files behind the script) with the commands below, which are
// in capitals. Each script has addresses and a state of its own, so that scripts
// run side by side; the internet is one for all, so a script asks for names that
// no other does.
//
// # Commands
//
//	SERVE [FILE] [NAME=VALUE...]  start the server on FILE (Corefile), and wait for READY
//	STOP [TERM|INT]               stop it; wants exit 0
//	SIGNAL NAME                   send it HUP, USR1, ...
//	KILL server|child             with -9; the child is its Unbound
//	CHILD down|up                 kill each child as it comes; no more
//	LOG REGEXP                    wait until it writes that, behind what LOG found before
//	NOTIFIED TEXT                 wait until it tells the service manager that
//	MARK; SAME [SLACK]            as at MARK: children, sockets, files, goroutines
//
//	DROP HOW FILE TO              into the drop folder: cp, mv, slow (over some seconds),
//	                              gz, zst
//	RELOAD [CODE] [ARG...]        sinkhole reload, which must end with CODE (0)
//	LIST FILE -> WORD...          status has it so: none, or state=refused entries=7 ...
//	EXITS CODE COMMAND...         run a program, which must end with CODE
//
//	QUERY NAME TYPE [+FLAG...] -> WORD...    ask, and hold the answer to the words
//	ASK LABEL NAME TYPE [+FLAG...]           ask, and go on;
//	GOT LABEL -> WORD...                     what the answer was
//	WIRE [+FLAG...] PART... -> WORD...       the same with octets of one's own
//	FLOOD COUNT NAME TYPE [+FLAG...]         ask so often; each must be answered
//	LOAD begin LABEL NAME TYPE               ask without pause, until
//	LOAD end LABEL -> WORD...                lost=0 wrong=0 turns=1 passed blocked asked
//	SEEN NAME; UNSEEN NAME                   whether an authoritative server was asked
//	INTERNET delay|silent|edit ARG...        what testnet's servers do
//
//	HTTP URL -> WORD...                      status=200, and each line of the body
//	METRIC NAME[{LABEL="VALUE",...}] -> WORD...      n=1, of all series that fit
//	JSON STEP... -> WORD...                  into the last standard output, by keys,
//	                                         numbers, and KEY=VALUE of an element
//	NOWHERE TEXT...                          in nothing that was written or is shown
//	PAUSE DURATION                           where only time helps
//	UNTIL COMMAND...                         again and again until it succeeds
//
// # Words
//
// An answer is words: its rcode, its flags, KEY=VALUE. All that a script names
// must be among them, and none that it names behind a `!`. KEY<=N and KEY>=N
// compare; A|B is one or the other. A value of JSON is its text, number, list, object,
// null or time, and n=7, len=2, keys=a,b.
//
//	NOERROR NXDOMAIN SERVFAIL ...  the rcode        silence          no answer at all
//	qr aa tc rd ra z ad cd         flags            case             the question's, kept
//	edns do udp=1232               the OPT record   ede=15 ede=15:c2 with its text
//	answers=1 authority=0 additional=1              octets=43
//	A=192.0.2.1  www.example./A=192.0.2.1           a record of the answer
//	ttl=60 soa=NAME soa-ttl=60 minimum=60
//	authority:TYPE additional:TYPE=NAME             other records beside the answer
//
// # Flags
//
//	+tcp +dot +doh +doq      instead of UDP          +6            over IPv6
//	+from=ADDRESS +port=N    198.51.100.1 and 2001:db8:c::1 unless said otherwise
//	+do +cd +ad +norec +noedns +size=N +version=N   +class=CH +opcode=NOTIFY
//	+to=ADDRESS[:PORT]       instead of the script's server
//	+names=N                 FLOOD: %d in the name counts to N, and again from 0
//	+crowd=N                 FLOOD: from N addresses, +from and those behind it
//
// A PART of WIRE is octets in hexadecimal, or name:www.example for a name. WIRE
// asks over UDP and TCP, IPv4 and IPv6, unless a flag says which.
package scenario

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sinkhole/test/testnet"
)

// patience is how long a script waits for what must come; on a loaded machine it
// comes late, and nothing is judged by when.
const patience = 30 * time.Second

// again is how long UNTIL waits between two tries.
const again = 50 * time.Millisecond

// Options are what scripts share.
type Options struct {
	Binary string // of sinkhole
	Net    *testnet.Net
	Dir    string // of the scripts
	Common string // a folder whose files each script finds in its own
	// Shipped is the folder of the Corefiles that come with the binary.
	Shipped string
}

// Addresses. Servers are 192.0.2.(100+n) and 2001:db8::(100+n), n being the number
// of scripts begun; the prefixes are the namespace's own.
var (
	prefixes = []string{"192.0.2.1/24", "198.51.100.1/24", "203.0.113.1/24", "100.64.0.1/10", "10.0.0.1/8",
		"2001:db8:c::1/64", "2001:db8:c:100::1/64", "2001:db8:c:1ff::1/64", "2001:db8:c:200::1/64", "3fff::5/64",
		"2001:db8::53/128", "2001:db8::54/128"}
	subscriber4 = netip.MustParseAddr("198.51.100.1")
	subscriber6 = netip.MustParseAddr("2001:db8:c::1")
)

// Run runs all scripts.
func Run(t *testing.T, o Options) {
	for _, p := range prefixes {
		if err := testnet.AddAddress(netip.MustParsePrefix(p)); err != nil {
			t.Fatal(err)
		}
	}
	var begun atomic.Int32 // scripts run side by side
	testscript.RunT(shim{t}, testscript.Params{
		Dir:                o.Dir,
		Setup:              func(env *testscript.Env) error { return setup(env, o, int(begun.Add(1))) },
		Cmds:               scripted(),
		ContinueOnError:    true,
		RequireUniqueNames: true,
	})
}

// shim is *testing.T as testscript wants it.
type shim struct{ *testing.T }

func (s shim) Run(name string, f func(testscript.T)) {
	s.T.Run(name, func(t *testing.T) { f(shim{t}) })
}

func (s shim) Verbose() bool { return testing.Verbose() }

// world is what one script acts on.
type world struct {
	Options
	dir          string
	addr4, addr6 netip.Addr
	getenv       func(string) string

	// server runs, or ran last; logs are what all of them wrote.
	server *server
	logs   []*transcript
	// broken says that a server did not start, and all behind that means nothing.
	broken bool
	marked *holdings
	loads  map[string]*load
	asked  map[string]chan outcome
	stdout func() string // of the command before
}

type worldKey struct{}

func setup(env *testscript.Env, o Options, number int) error {
	w := &world{Options: o, dir: env.WorkDir, getenv: env.Getenv, loads: map[string]*load{}, asked: map[string]chan outcome{}}
	w.addr4 = netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + number)})
	w.addr6 = netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", 0x100+number))
	if err := testnet.AddAddress(netip.PrefixFrom(w.addr6, 128)); err != nil {
		return err
	}
	if err := copyAll(env.WorkDir, o.Common); err != nil {
		return err
	}
	for _, dir := range []string{"lists", "net"} {
		if err := os.MkdirAll(filepath.Join(env.WorkDir, dir), 0o755); err != nil {
			return err
		}
	}
	anchor, err := o.Net.TrustAnchorFile(filepath.Join(env.WorkDir, "net"))
	if err != nil {
		return err
	}
	include, err := o.Net.UnboundInclude(filepath.Join(env.WorkDir, "net"))
	if err != nil {
		return err
	}
	cert, key, err := newCertificate(filepath.Join(env.WorkDir, "net"))
	if err != nil {
		return err
	}
	env.Setenv("SINKHOLE_CERT", cert)
	env.Setenv("SINKHOLE_KEY", key)
	env.Setenv("SHIPPED", o.Shipped)
	env.Setenv("ADDR4", w.addr4.String())
	env.Setenv("ADDR6", w.addr6.String())
	env.Setenv("ANCHOR", anchor)
	env.Setenv("INCLUDE", include)
	env.Setenv("SINKHOLE_LISTS", filepath.Join(env.WorkDir, "lists"))
	env.Setenv("SINKHOLE_STATE", filepath.Join(env.WorkDir, "state"))
	env.Setenv("PATH", filepath.Dir(o.Binary)+string(os.PathListSeparator)+os.Getenv("PATH"))
	env.Values[worldKey{}] = w
	t := env.T().(shim)
	env.Defer(func() { w.close(t) })
	return nil
}

// copyAll copies the files of a folder that are not there yet.
func copyAll(to, from string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		target := filepath.Join(to, e.Name())
		if _, err := os.Lstat(target); err == nil {
			continue // the script has its own
		}
		text, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(target, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// close ends what still runs, and shows what the servers wrote when the script
// has failed.
func (w *world) close(t shim) {
	for _, l := range w.loads {
		l.end()
	}
	if w.server != nil {
		w.server.end()
	}
	if t.Failed() {
		for i, l := range w.logs {
			t.Logf("server %d wrote:\n%s", i+1, l)
		}
	}
}

// command is one of the commands: what it prints, or why it failed.
type command func(w *world, args []string) (string, error)

// commands are those of the package comment, but UNTIL, which calls them.
var commands = map[string]command{
	"SERVE":    (*world).serve,
	"STOP":     (*world).stop,
	"SIGNAL":   (*world).signal,
	"KILL":     (*world).kill,
	"CHILD":    (*world).child,
	"LOG":      (*world).log,
	"NOTIFIED": (*world).notified,
	"MARK":     (*world).mark,
	"SAME":     (*world).same,
	"DROP":     (*world).drop,
	"RELOAD":   (*world).reload,
	"LIST":     (*world).list,
	"EXITS":    (*world).exits,
	"QUERY":    (*world).query,
	"ASK":      (*world).askBehind,
	"GOT":      (*world).got,
	"WIRE":     (*world).wire,
	"FLOOD":    (*world).flood,
	"LOAD":     (*world).load,
	"SEEN":     (*world).seen,
	"UNSEEN":   (*world).unseen,
	"INTERNET": (*world).internet,
	"HTTP":     (*world).http,
	"METRIC":   (*world).metric,
	"JSON":     (*world).json,
	"NOWHERE":  (*world).nowhere,
	"PAUSE":    (*world).pause,
}

// scripted gives the commands the form that testscript calls.
func scripted() map[string]func(*testscript.TestScript, bool, []string) {
	all := map[string]func(*testscript.TestScript, bool, []string){"UNTIL": command((*world).until).script}
	for name, c := range commands {
		all[name] = c.script
	}
	return all
}

func (c command) script(ts *testscript.TestScript, neg bool, args []string) {
	w := ts.Value(worldKey{}).(*world)
	w.getenv = ts.Getenv
	before := ts.ReadFile("stdout")
	w.stdout = func() string { return before }
	if w.broken {
		ts.Logf("passed over: the server did not start")
		return
	}
	out, err := c(w, args)
	fmt.Fprint(ts.Stdout(), out)
	switch {
	case err != nil && neg:
		fmt.Fprintln(ts.Stderr(), err)
	case err != nil:
		ts.Fatalf("%v", err)
	case neg:
		ts.Fatalf("it should have failed, and did not")
	}
}

// until repeats a command until it succeeds.
func (w *world) until(args []string) (string, error) {
	if len(args) == 0 || commands[args[0]] == nil {
		return "", fmt.Errorf("UNTIL %q: want one of this package's commands", args)
	}
	for end := time.Now().Add(patience); ; time.Sleep(again) {
		out, err := commands[args[0]](w, args[1:])
		if err == nil || time.Now().After(end) || errors.Is(err, errUsage) {
			return out, err
		}
	}
}

// errUsage marks a command that is written wrongly.
var errUsage = errors.New("used wrongly")

func usage(want string, args []string) error {
	return fmt.Errorf("%w: got %q, want %s", errUsage, strings.Join(args, " "), want)
}

func (w *world) pause(args []string) (string, error) {
	if len(args) != 1 {
		return "", usage("PAUSE DURATION", args)
	}
	d, err := time.ParseDuration(args[0])
	if err == nil {
		time.Sleep(d)
	}
	return "", err
}
