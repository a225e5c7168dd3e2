package main

import (
	"strings"
	"testing"
	"time"
)

func TestTally(t *testing.T) {
	for name, row := range map[string]struct {
		// steps are a name, what the command printed, and "fails" where it exits
		// with another code than 0.
		steps [][3]string
		want  string // the last line
		ok    bool
		says  []string
	}{
		"tests of each outcome, subtests too": {
			steps: [][3]string{{"tests", `
{"Action":"start","Package":"x"}
{"Action":"run","Package":"x","Test":"TestA"}
{"Action":"run","Package":"x","Test":"TestA/one"}
{"Action":"pass","Package":"x","Test":"TestA/one"}
{"Action":"pass","Package":"x","Test":"TestA"}
{"Action":"run","Package":"x","Test":"TestB"}
{"Action":"output","Package":"x","Test":"TestB","Output":"    b_test.go:7: needs root\n"}
{"Action":"output","Package":"x","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}
{"Action":"skip","Package":"x","Test":"TestB"}
{"Action":"output","Package":"x","Output":"ok  \tx\t0.1s\n"}
{"Action":"pass","Package":"x"}`, ""}},
			want: "2 passed, 0 failed, 1 skipped",
			ok:   true,
			says: []string{"ok  \tx\t0.1s", "skipped: x TestB: needs root"},
		},
		"a failed test is shown with its output and counted once": {
			steps: [][3]string{{"tests", `
{"Action":"run","Package":"x","Test":"TestA"}
{"Action":"output","Package":"x","Test":"TestA","Output":"got 1, want 2\n"}
{"Action":"fail","Package":"x","Test":"TestA"}
{"Action":"fail","Package":"x"}`, "fails"}},
			want: "0 passed, 1 failed, 0 skipped",
			says: []string{"FAILED x TestA\ngot 1, want 2\n", "failed: x TestA"},
		},
		"a test that ran twice counts once, and failed if it failed once": {
			steps: [][3]string{
				{"tests", `{"Action":"pass","Package":"x","Test":"TestA"}
{"Action":"skip","Package":"x","Test":"TestB"}`, ""},
				{"race", `{"Action":"fail","Package":"x","Test":"TestA"}
{"Action":"pass","Package":"x","Test":"TestB"}`, "fails"}},
			want: "1 passed, 1 failed, 0 skipped",
		},
		"a package that does not build is a failed test": {
			steps: [][3]string{{"tests", `
{"ImportPath":"x","Action":"build-output","Output":"x.go:1: undefined: y\n"}
{"ImportPath":"x","Action":"build-fail"}
{"Action":"start","Package":"x"}
{"Action":"fail","Package":"x"}
{"Action":"pass","Package":"z","Test":"TestZ"}`, "fails"}},
			want: "1 passed, 1 failed, 0 skipped",
			says: []string{"x.go:1: undefined: y"},
		},
		"a test that never ended failed": {
			steps: [][3]string{{"tests", `{"Action":"run","Package":"x","Test":"TestA"}`, "fails"}},
			want:  "0 passed, 1 failed, 0 skipped",
			says:  []string{"failed: x TestA"},
		},
		"a command without events is a test by itself": {
			steps: [][3]string{{"vet", "", ""}, {"gofmt", "x.go\n", "fails"}},
			want:  "1 passed, 1 failed, 0 skipped",
			says:  []string{"FAILED gofmt\nx.go\n"},
		},
		"a command that fails though its tests pass": {
			steps: [][3]string{{"tests", `{"Action":"pass","Package":"x","Test":"TestA"}
go: no space left`, "fails"}},
			want: "1 passed, 1 failed, 0 skipped",
			says: []string{"FAILED tests\ngo: no space left\n"},
		},
		"nothing tested is nothing proved": {
			steps: [][3]string{{"tests", `{"Action":"start","Package":"x"}
{"Action":"output","Package":"x","Output":"?   \tx\t[no test files]\n"}
{"Action":"skip","Package":"x"}`, ""}},
			want: "0 passed, 0 failed, 0 skipped",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			c := newTally(&out)
			for _, s := range row.steps {
				c.begin(s[0])
				for line := range strings.Lines(s[1]) {
					if line = strings.TrimSuffix(line, "\n"); line != "" {
						c.line([]byte(line))
					}
				}
				c.end(s[2] == "", time.Second)
			}
			ok := c.close()
			got := out.String()
			lines := strings.Split(strings.TrimSpace(got), "\n")
			if last := lines[len(lines)-1]; last != row.want || ok != row.ok {
				t.Errorf("got %q, ok %t; want %q, ok %t\n%s", last, ok, row.want, row.ok, got)
			}
			for _, s := range row.says {
				if !strings.Contains(got, s) {
					t.Errorf("got\n%s\nwant %q in it", got, s)
				}
			}
		})
	}
}

// TestStep runs a real command: both of its outputs are read, its exit code
// counts.
func TestStep(t *testing.T) {
	var out strings.Builder
	c := newTally(&out)
	if err := step(c, "shell", "echo told; echo complained >&2; exit 3"); err != nil {
		t.Fatal(err)
	}
	if c.close() {
		t.Error("a command with exit code 3 passed")
	}
	if got := out.String(); !strings.Contains(got, "FAILED shell\ntold\ncomplained\n") {
		t.Errorf("got\n%s\nwant both outputs", got)
	}
}
