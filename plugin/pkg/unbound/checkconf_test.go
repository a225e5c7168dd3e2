package unbound

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// What unbound-checkconf 1.17.1 said to some configurations.
func TestParseComplaints(t *testing.T) {
	for name, tt := range map[string]struct {
		said string
		want []complaint
		warn []string
	}{
		"unknown words": {
			said: "/dev/stdin:10: error: unknown keyword 'iter-scrub-rrsig'\n/dev/stdin:10: error: stray ':'\nread /dev/stdin failed: 2 errors in configuration file\n",
			want: []complaint{{"/dev/stdin", 10, "unknown keyword 'iter-scrub-rrsig'"}, {"/dev/stdin", 10, "stray ':'"}},
		},
		"a file within a file": {
			said: "/etc/x.conf:1: error: number expected\n",
			want: []complaint{{"/etc/x.conf", 1, "number expected"}},
		},
		"no line": {
			said: "[1795612248] unbound-checkconf[20185:0] error: error in trust-anchor: \"nonsense\"\n[1795612248] unbound-checkconf[20185:0] fatal error: bad config for validator module\n",
			want: []complaint{{text: `error in trust-anchor: "nonsense"`}, {text: "bad config for validator module"}},
		},
		"in order, with a warning": {
			said: "unbound-checkconf: warning: stub-addr: '127.0.0.1' is not used\nunbound-checkconf: no errors in /dev/stdin\n",
			warn: []string{"stub-addr: '127.0.0.1' is not used"},
		},
		"nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			got, warn := parseComplaints([]byte(tt.said))
			if !reflect.DeepEqual(got, tt.want) || !slices.Equal(warn, tt.warn) {
				t.Errorf("got %+v, %q; want %+v, %q", got, warn, tt.want, tt.warn)
			}
		})
	}
}

// fussy is an unbound-checkconf that does not know some words, and notes that it
// was run.
func fussy(t *testing.T, words ...string) (p *Program, noted string) {
	t.Helper()
	dir := t.TempDir()
	noted = filepath.Join(dir, "noted")
	body := "echo x >> " + noted + "\nawk '"
	for _, w := range words {
		body += fmt.Sprintf(`/^ *%s:/ { printf "/dev/stdin:%%d: error: unknown keyword\n", NR; bad = 1 } `, w)
	}
	body += "END { exit bad }'\n"
	return &Program{Path: "unbound", Checkconf: script(t, dir, checkconfName, body), Version: "1.26.2", refused: map[string]bool{}}, noted
}

func someParts() parts {
	return parts{version: "1.26.2", options: options(Settings{}.complete(), checkPort, "secret")}
}

func TestSettleLeavesOutWhatIsNotKnown(t *testing.T) {
	p, noted := fussy(t, "wait-limit", "iter-scrub-rrsig", "ede")
	for i := range 3 {
		c, leftOut, _, err := p.settle(context.Background(), someParts())
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"wait-limit: 0", "iter-scrub-rrsig: 8", "ede: yes"}; !slices.Equal(leftOut, want) {
			t.Errorf("left out %q, want %q", leftOut, want)
		}
		text := c.text.String()
		if !strings.Contains(text, "\n    # not known to this version: ede: yes\n") || !strings.Contains(text, "\n    discard-timeout: 0\n") {
			t.Errorf("the configuration does not show it:\n%s", text)
		}
		// One process finds all words, one sees that the rest is in order; after
		// that one is enough.
		if n, want := calls(t, noted), 2+i; n != want {
			t.Errorf("start %d: %d processes so far, want %d", i+1, n, want)
		}
	}
}

func TestSettleRefusesWhatIsVital(t *testing.T) {
	p, _ := fussy(t, "wait-limit", "username")
	_, _, _, err := p.settle(context.Background(), someParts())
	if want := `unbound: unbound-checkconf refuses the configuration: "username: \"\"": unknown keyword`; err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// TestInstalledTakesAll runs what is installed over every option.
func TestInstalledTakesAll(t *testing.T) {
	p := needsUnbound(t)
	for name, s := range map[string]Settings{
		"the machine's":        {},
		"many threads":         {Threads: 7, Memory: 1 << 30},
		"little memory":        {Threads: 1, Memory: 16 << 20},
		"forward":              {Forward: addrs(t, "192.0.2.53:53", "[2001:db8::53]:5353")},
		"forward to loopback":  {Forward: addrs(t, "127.0.0.1:5353")},
		"anchors of our own":   {Anchors: writeFile(t, "anchors", "example. IN DS 12345 13 2 "+strings.Repeat("ab", 32)+"\n")},
		"lines of an operator": {Include: []string{writeFile(t, "include", "private-address: 10.0.0.0/8\nstub-zone:\n  name: \"isp.example\"\n  stub-addr: 192.0.2.1\n"), writeFile(t, "second", "num-threads: 3\n")}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := Check(context.Background(), s); err != nil {
				t.Error(err)
			}
		})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t.Logf("Unbound %s does not know %d of them", p.Version, len(p.refused))
	for _, always := range []string{"interface", "module-config", "harden-glue", "harden-dnssec-stripped", "wait-limit"} {
		if p.refused[always] && always != "wait-limit" {
			t.Errorf("%s was left out", always)
		}
	}
}

// value asks the installed unbound-checkconf what an option has come to.
func value(t *testing.T, conf, option string) string {
	t.Helper()
	cmd := exec.Command(needsUnbound(t).Checkconf, "-o", option, standardInput)
	cmd.Stdin = strings.NewReader(conf)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", option, err)
	}
	return string(bytes.TrimSpace(out))
}

func planned(t *testing.T, s Settings) *plan {
	t.Helper()
	p, err := prepare(context.Background(), s.complete(), false)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLastValueWins(t *testing.T) {
	needsUnbound(t)
	include := writeFile(t, "include", "  num-threads: 5\nforward-zone:\n  name: \"isp.example\"\n  forward-addr: 192.0.2.9\n")
	second := writeFile(t, "second", "edns-buffer-size: 1400\n")
	p := planned(t, Settings{Threads: 2, Include: []string{include, second}, Forward: addrs(t, "127.0.0.1:5353")})
	for option, want := range map[string]string{
		"num-threads": "5", "edns-buffer-size": "1400", "do-not-query-localhost": "no",
		"username": "", "chroot": "", "do-daemonize": "no", "hide-version": "yes", "max-udp-size": "4096",
	} {
		if got := value(t, p.text, option); got != want {
			t.Errorf("%s: got %q, want %q", option, got, want)
		}
	}
	if got := value(t, planned(t, Settings{}).text, "do-not-query-localhost"); got != "yes" {
		t.Errorf("do-not-query-localhost without forward: got %q, want yes", got)
	}
}

func TestRefusalNamesTheOperatorsLine(t *testing.T) {
	needsUnbound(t)
	for name, tt := range map[string]struct{ lines, want string }{
		"unknown word":   {"# a comment\nnum-threads: 2\nantwort: 42\n", ":3: unknown keyword 'antwort'"},
		"bad value":      {"harden-glue: perhaps\n", ":1: expected yes or no."},
		"not a file":     {"\nroot-hints: /nonexistent/hints\n", `root-hints: "/nonexistent/hints" does not exist`},
		"CRLF, bad last": {"num-threads: 2\r\nnum-queries-per-thread: many\r\n", ":2: number expected"},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, "lines.conf", tt.lines)
			_, _, err := Check(context.Background(), Settings{Include: []string{path}})
			if err == nil {
				t.Fatal("it was taken")
			}
			want := tt.want
			if strings.HasPrefix(want, ":") {
				want = path + want
			}
			if !strings.Contains(err.Error(), want) {
				t.Errorf("got %v\nwant it to hold %s", err, want)
			}
		})
	}
}

func TestIncludeThatIsNoFile(t *testing.T) {
	needsUnbound(t)
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "gone"), dir, os.DevNull} {
		_, _, err := Check(context.Background(), Settings{Include: []string{path}})
		if err == nil || !strings.Contains(err.Error(), "want a file with lines of unbound.conf") {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

// TestEveryOptionHasAReason, and the configuration shows it above the line.
func TestEveryOptionHasAReason(t *testing.T) {
	all := options(Settings{}.complete(), checkPort, "secret")
	text := parts{options: all}.write(nil).text.String()
	seen := map[string]bool{}
	for _, o := range all {
		if o.why == "" || strings.ContainsAny(o.why, "\n\r") {
			t.Errorf("%q: its reason is %q", o.line, o.why)
		}
		if !strings.Contains(text, "    # "+o.why+"\n    "+o.line+"\n") {
			t.Errorf("%q does not stand below its reason", o.line)
		}
		if seen[o.line] {
			t.Errorf("%q stands twice", o.line)
		}
		seen[o.line] = true
	}
}

func TestSecretIsNew(t *testing.T) {
	if a, b := newSecret(), newSecret(); a == b || len(a) < 20 {
		t.Errorf("got %q and %q", a, b)
	}
}
