package testnet

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestMain(m *testing.M) { os.Exit(Isolated(m)) }

// The bounds of these tests are for a loaded machine; nothing is judged by them
// but that it happens at all.
const (
	readyWithin  = time.Minute
	answerWithin = 20 * time.Second
	retryAfter   = 2 * time.Second
)

// start runs a test internet for one test.
func start(t *testing.T, o Options) *Net {
	t.Helper()
	Need(t)
	n, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// resolverAddr is where Unbound answers.
const resolverAddr = "127.0.0.1:5300"

// resolver starts Unbound, as distributions configure it, over n and under the
// trust anchor of a test internet: n's own, or another's.
func resolver(t *testing.T, n, anchor *Net) {
	t.Helper()
	path := "/usr/sbin/unbound"
	if _, err := os.Stat(path); err != nil {
		t.Skip("lacks Unbound, which make test installs")
	}
	cmd := exec.Command(path, "-d", "-c", "/dev/stdin")
	cmd.Stdin = strings.NewReader(configuration(t, n, anchor))
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-exited
		if t.Failed() {
			t.Logf("Unbound said:\n%s", &said)
		}
	})
	late := time.After(readyWithin)
	for {
		c := dns.Client{Timeout: retryAfter}
		if _, _, err := c.Exchange(question("localhost.", dns.TypeA), resolverAddr); err == nil {
			return
		}
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("Unbound ended: %v", err)
		case <-late:
			t.Fatal("Unbound does not answer")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func configuration(t *testing.T, n, anchor *Net) string {
	t.Helper()
	dir := t.TempDir()
	ds := read(t, anchor.TrustAnchorFile, dir)
	include := read(t, n.UnboundInclude, dir)
	return fmt.Sprintf(`server:
username: ""
chroot: ""
directory: ""
pidfile: ""
use-syslog: no
logfile: ""
interface: 127.0.0.1@5300
module-config: "validator iterator"
ede: yes
val-log-level: 2
qname-minimisation: yes
aggressive-nsec: yes
edns-buffer-size: 1232
max-udp-size: 4096
trust-anchor: %q
server:
%s`, strings.TrimSpace(ds), include)
}

// read writes a file as one of n's methods does, and reads it again.
func read(t *testing.T, write func(dir string) (string, error), dir string) string {
	t.Helper()
	path, err := write(dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// exchange asks "NAME TYPE [do] [cd]" of the resolver.
func exchange(question string) (*dns.Msg, error) {
	f := strings.Fields(question)
	m := new(dns.Msg).SetQuestion(dns.Fqdn(f[0]), dns.StringToType[f[1]])
	m.SetEdns0(4096, strings.HasSuffix(question, " do"))
	m.CheckingDisabled = strings.HasSuffix(question, " cd")
	m.AuthenticatedData = true
	c := dns.Client{Timeout: retryAfter}
	r, _, err := c.Exchange(m, resolverAddr)
	// Unbound drops an answer that comes late; the one to the next question is in
	// its cache by then.
	for end := time.Now().Add(answerWithin); err != nil && time.Now().Before(end); {
		r, _, err = c.Exchange(m, resolverAddr)
	}
	if err == nil && r.Truncated {
		c.Net = "tcp"
		r, _, err = c.Exchange(m, resolverAddr)
	}
	return r, err
}

// ask is exchange in words: rcode, AD, EDE, the answer's data, and the SOA that
// a denial hangs on.
func ask(t *testing.T, question string) string {
	t.Helper()
	r, err := exchange(question)
	if err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	words := []string{dns.RcodeToString[r.Rcode]}
	if r.AuthenticatedData {
		words = append(words, "ad")
	}
	if opt := r.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if ede, ok := o.(*dns.EDNS0_EDE); ok {
				words = append(words, fmt.Sprintf("ede %d", ede.InfoCode))
			}
		}
	}
	for _, rr := range r.Answer {
		words = append(words, data(rr))
	}
	for _, rr := range r.Ns {
		if rr.Header().Rrtype == dns.TypeSOA {
			words = append(words, "soa "+rr.Header().Name)
		}
	}
	return strings.Join(words, ", ")
}

// data is a record without owner, TTL and class; a text by its length.
func data(rr dns.RR) string {
	if txt, ok := rr.(*dns.TXT); ok {
		return fmt.Sprintf("TXT of %d", len(strings.Join(txt.Txt, "")))
	}
	if sig, ok := rr.(*dns.RRSIG); ok {
		return "RRSIG of " + dns.TypeToString[sig.TypeCovered]
	}
	return strings.Join(strings.Fields(rr.String())[3:], " ") // owner, TTL and class come first
}
