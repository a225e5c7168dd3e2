package feed

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// real is a name server of others that serves the zone from a file in a folder of
// its own, on loopback: changes by IXFR, transfers with the key only, a NOTIFY to
// us. It is started by a test, never the distribution's service.
type real struct {
	name, program string
	algorithm     string
	config        func(dir, port, notify, algorithm string) string
	args          func(dir string) []string
}

var reals = []real{
	{"BIND", "named", "hmac-sha256", bindConfig, func(dir string) []string { return []string{"-g", "-n", "1", "-c", dir + "/conf"} }},
	{"NSD", "nsd", "hmac-sha384", nsdConfig, func(dir string) []string { return []string{"-d", "-c", dir + "/conf"} }},
	{"Knot", "knotd", "hmac-sha512", knotConfig, func(dir string) []string { return []string{"-c", dir + "/conf"} }},
}

func bindConfig(dir, port, notify, algorithm string) string {
	return `options {
	directory "` + dir + `"; pid-file "` + dir + `/pid"; session-keyfile "` + dir + `/session";
	listen-on port ` + port + ` { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; notify explicit; notify-delay 0;
};
controls { };
key "transfer.example" { algorithm ` + algorithm + `; secret "` + secret + `"; };
zone "` + zoneName + `" {
	type primary; file "zone"; ixfr-from-differences yes; max-ixfr-ratio unlimited;
	allow-transfer { key "transfer.example"; };
	also-notify { 127.0.0.1 port ` + notify + ` key "transfer.example"; };
};
`
}

func nsdConfig(dir, port, notify, algorithm string) string {
	return `server:
	ip-address: 127.0.0.1@` + port + `
	username: ""
	zonesdir: "` + dir + `"
	database: ""
	pidfile: "` + dir + `/pid"
	xfrdfile: "` + dir + `/xfrd"
	xfrdir: "` + dir + `"
	zonelistfile: "` + dir + `/zones"
	server-count: 1
remote-control:
	control-enable: no
key:
	name: "transfer.example"
	algorithm: ` + algorithm + `
	secret: "` + secret + `"
zone:
	name: "` + zoneName + `"
	zonefile: "zone"
	provide-xfr: 127.0.0.1 "transfer.example"
	store-ixfr: yes
	create-ixfr: yes
	notify: 127.0.0.1@` + notify + ` NOKEY
`
}

func knotConfig(dir, port, notify, algorithm string) string {
	return `server:
    rundir: "` + dir + `"
    listen: 127.0.0.1@` + port + `
database:
    storage: "` + dir + `"
    journal-db-max-size: 64M
key:
  - id: transfer.example
    algorithm: ` + algorithm + `
    secret: ` + secret + `
remote:
  - id: us
    address: 127.0.0.1@` + notify + `
acl:
  - id: transfer
    key: transfer.example
    action: transfer
zone:
  - domain: ` + zoneName + `
    storage: "` + dir + `"
    file: "zone"
    zonefile-load: difference
    zonefile-sync: -1
    acl: transfer
    notify: us
`
}

// running is such a server that runs.
type running struct {
	real
	dir  string
	addr netip.AddrPort
	cmd  *exec.Cmd
}

// path is where the program is; a test without it is skipped.
func (r real) path(t *testing.T) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, r.program)); err == nil {
			return path
		}
	}
	t.Skipf("%s: %s is not installed", r.name, r.program)
	return ""
}

// run starts the server and waits until it serves.
func (r real) run(t *testing.T, notify netip.AddrPort, serial uint32, lines []string) *running {
	t.Helper()
	// A copy, for a profile of AppArmor that goes by the path lets the program
	// read the distribution's folders only.
	dir, program := t.TempDir(), r.path(t)
	own := filepath.Join(dir, r.program)
	if err := copyFile(own, program); err != nil {
		t.Fatal(err)
	}
	s := &running{real: r, dir: dir, addr: freePort(t)}
	s.write(t, serial, lines)
	conf := r.config(dir, fmt.Sprint(s.addr.Port()), fmt.Sprint(notify.Port()), r.algorithm)
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := os.Create(filepath.Join(dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.Command(own, r.args(dir)...)
	s.cmd.Stdout, s.cmd.Stderr = said, said
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.cmd.Process.Signal(syscall.SIGTERM)
		ended := make(chan struct{})
		go func() { s.cmd.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
			<-ended
		}
		said.Close()
		if t.Failed() {
			text, _ := os.ReadFile(said.Name())
			t.Logf("%s said:\n%s", r.name, text)
		}
	})
	eventually(t, r.name+" serves the zone", func() bool { return s.serial() == serial })
	return s
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return netip.MustParseAddrPort(l.Addr().String())
}

func (s *running) write(t *testing.T, serial uint32, lines []string) {
	t.Helper()
	text := fmt.Sprintf("$TTL 300\n@ SOA ns.example. hostmaster.example. %d 3600 600 86400 60\n@ NS ns.example.\n%s\n", serial, strings.Join(lines, "\n"))
	if err := os.WriteFile(filepath.Join(s.dir, "next"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(s.dir, "next"), filepath.Join(s.dir, "zone")); err != nil {
		t.Fatal(err)
	}
}

// change gives the zone these records, and waits until they are served.
func (s *running) change(t *testing.T, serial uint32, lines []string) {
	t.Helper()
	now := time.Now().Add(time.Duration(serial) * time.Second) // some compare times of whole seconds
	s.write(t, serial, lines)
	if err := os.Chtimes(filepath.Join(s.dir, "zone"), now, now); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, s.name+" serves the change", func() bool { return s.serial() == serial })
}

// serial is that of the zone as it is served; 0: it is not.
func (s *running) serial() uint32 {
	q := new(dns.Msg).SetQuestion(apex, dns.TypeSOA)
	m, err := dns.Exchange(q, s.addr.String())
	if err != nil || len(m.Answer) != 1 {
		return 0
	}
	return m.Answer[0].(*dns.SOA).Serial
}

// key writes the key file as tsig-keygen would.
func (s *running) key(t *testing.T, name, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	text := fmt.Sprintf("key %q {\n\talgorithm %s;\n\tsecret %q;\n};\n", name, s.algorithm, secret)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// ears hear NOTIFY for a feed, as the server does that we are part of.
type ears struct {
	addr  netip.AddrPort
	feed  atomic.Pointer[Feed]
	heard atomic.Int64
}

// newEars listens on UDP and TCP: Knot notifies by TCP.
func newEars(t *testing.T) *ears {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		l.Close()
		return newEars(t) // the port is another's on UDP
	}
	e := &ears{addr: netip.MustParseAddrPort(l.Addr().String())}
	for _, s := range []*dns.Server{{PacketConn: pc}, {Listener: l}} {
		s.TsigSecret, s.Handler = map[string]string{"transfer.example.": secret}, dns.HandlerFunc(e.hear)
		ready, ended := make(chan struct{}), make(chan error)
		s.NotifyStartedFunc = func() { close(ready) }
		go func() { ended <- s.ActivateAndServe() }()
		<-ready
		t.Cleanup(func() { s.Shutdown(); <-ended })
	}
	return e
}

func (e *ears) hear(w dns.ResponseWriter, r *dns.Msg) {
	m := new(dns.Msg).SetReply(r)
	if s := r.IsTsig(); s != nil {
		if w.TsigStatus() != nil {
			return
		}
		m.SetTsig(s.Hdr.Name, s.Algorithm, s.Fudge, time.Now().Unix())
	}
	var told *dns.SOA
	if len(r.Answer) > 0 {
		told, _ = r.Answer[0].(*dns.SOA)
	}
	if f := e.feed.Load(); f != nil && r.Opcode == dns.OpcodeNotify && f.Notify(netip.MustParseAddrPort(w.RemoteAddr().String()).Addr(), told) {
		e.heard.Add(1)
	}
	w.WriteMsg(m)
}

// names are records of so many names, of all kinds that a policy zone has.
func names(from, to int) (lines []string) {
	for i := from; i < to; i++ {
		lines = append(lines, fmt.Sprintf("n%d CNAME .", i), fmt.Sprintf("*.n%d CNAME .", i))
		switch i % 10 {
		case 0:
			lines = append(lines, fmt.Sprintf("a%d A 192.0.2.%d", i, i%250), fmt.Sprintf("a%d TXT \"by order; of \\\"N%d\\\"\" \\000", i, i))
		case 5:
			lines = append(lines, fmt.Sprintf("32.%d.2.0.192.rpz-ip CNAME rpz-drop.", i%250), fmt.Sprintf(`w\.%d.\042x CNAME *.Garden.example.`, i))
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// TestReal follows real name servers: AXFR, IXFR after a change they tell of,
// IXFR over several changes, and keys that are wrong.
func TestReal(t *testing.T) {
	for _, r := range reals {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.path(t)
			e := newEars(t)
			p := r.run(t, e.addr, 1, names(0, 2000))
			key := p.key(t, "Transfer.Example", secret)
			primaries := []Primary{{p.addr, key}}
			file := filepath.Join(t.TempDir(), zoneName+".zone")
			state := t.TempDir()

			first, stop := run(t, Options{Primaries: primaries, File: file, State: state})
			e.feed.Store(first)
			until(t, first, 1)
			sameAs(t, file, primaries)
			p.change(t, 2, slices.Concat(names(50, 2000), names(3000, 3040)))
			until(t, first, 2) // who has told us is the primary
			if e.heard.Load() == 0 {
				t.Error("no NOTIFY came")
			}
			if st := first.Status(); st.Transfers[AXFR] != 1 || st.Transfers[IXFR] != 1 || st.LastFailure != nil {
				t.Errorf("got %+v", st)
			}
			sameAs(t, file, primaries)
			e.feed.Store(nil)
			stop()

			p.change(t, 3, slices.Concat(names(60, 2000), names(3000, 3060)))
			p.change(t, 4, slices.Concat(names(0, 2000), names(3000, 3020)))
			second, _ := run(t, Options{Primaries: primaries, File: file, State: state})
			until(t, second, 4)
			if st := second.Status(); st.Transfers[IXFR] != 1 || st.Transfers[AXFR] != 0 {
				t.Errorf("over two changes: got %+v", st)
			}
			sameAs(t, file, primaries)
		})
	}
}

// TestRealKeys: what real name servers say to a key that is not theirs.
func TestRealKeys(t *testing.T) {
	for _, r := range reals {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			r.path(t)
			p := r.run(t, newEars(t).addr, 1, names(0, 10))
			for _, row := range []struct {
				name, key string
				want      []Reason
			}{
				{"another secret", p.key(t, "transfer.example", "b3RoZXJvdGhlcm90aGVyb3RoZXI="), []Reason{Unsigned}},
				{"another name", p.key(t, "other.example", secret), []Reason{Unsigned}},
				{"none", "", []Reason{Declined}},
			} {
				f, _ := run(t, Options{Primaries: []Primary{{p.addr, row.key}}, File: filepath.Join(t.TempDir(), "z.zone"), State: t.TempDir()})
				eventually(t, row.name, func() bool { return f.Status().LastFailure != nil })
				if st := f.Status(); !slices.Contains(row.want, st.LastFailure.Reason) || st.Records != 0 {
					t.Errorf("%s: got %s: %s", row.name, st.LastFailure.Reason, st.LastFailure.Text)
				}
			}
		})
	}
}

// run has a feed of the zone run until stop, or the test's end.
func run(t *testing.T, o Options) (f *Feed, stop func()) {
	t.Helper()
	o.Zone = zoneName
	f = New(o)
	f.times.gap = time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-ended; err == nil {
			ended <- nil
		}
	}
	t.Cleanup(stop)
	return f, stop
}

func until(t *testing.T, f *Feed, serial uint32) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		st := f.Status()
		if st.State == Current && st.Serial == serial {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("serial %d never came: %+v", serial, st)
		}
	}
}

// sameAs: the file is, to the octet, what an AXFR brings.
func sameAs(t *testing.T, file string, primaries []Primary) {
	t.Helper()
	other := filepath.Join(t.TempDir(), zoneName+".zone")
	f, stop := run(t, Options{Primaries: primaries, File: other, State: t.TempDir()})
	eventually(t, "an AXFR", func() bool { return f.Status().State == Current })
	stop()
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want, err := os.ReadFile(other); err != nil || string(got) != string(want) {
		t.Errorf("%d octets, an AXFR brings %d (%v)", len(got), len(want), err)
	}
}
