package unbound

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// needsUnbound skips what cannot run without the program.
func needsUnbound(t testing.TB) *Program {
	t.Helper()
	p, err := Find(context.Background(), "")
	if err != nil {
		t.Skipf("needs Unbound, which make test installs: %v", err)
	}
	return p
}

// script writes an executable of the shell into dir.
func script(t *testing.T, dir, name, body string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// calls counts the processes that scripts have noted in a file.
func calls(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

func TestFindAsksAFileOnce(t *testing.T) {
	dir := t.TempDir()
	noted := filepath.Join(dir, "noted")
	body := fmt.Sprintf("echo x >> %s\necho 'Version 1.26.2'\n", noted)
	path := script(t, dir, programName, body)
	script(t, dir, checkconfName, "exit 0\n")
	for range 3 {
		p, err := Find(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		if p.Version != "1.26.2" || p.Path != path || p.Checkconf != filepath.Join(dir, checkconfName) {
			t.Errorf("got %s %s %s", p.Version, p.Path, p.Checkconf)
		}
	}
	if n := calls(t, noted); n != 1 {
		t.Errorf("it was asked %d times, want once", n)
	}
	// The package was updated: same path, another file.
	script(t, dir, programName, strings.Replace(body, "1.26.2", "1.27.0", 1))
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if p, err := Find(context.Background(), path); err != nil || p.Version != "1.27.0" {
		t.Errorf("after the update: %v, %v", p, err)
	}
}

func TestFindSaysWhatToDo(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	mute := script(t, dir, "mute", "exit 3\n")
	t.Setenv("PATH", dir)
	saved := searched
	defer func() { searched = saved }()
	searched = []string{filepath.Join(dir, "sbin")}
	for name, tt := range map[string]struct{ path, want string }{
		"nowhere":          {"", "apt-get install unbound dns-root-data"},
		"no such file":     {filepath.Join(dir, "gone"), `gone": no such file or directory; want the path of an Unbound`},
		"a folder":         {dir, `": no program; want the path of an Unbound`},
		"no program":       {plain, `plain": no program; want the path of an Unbound`},
		"not this program": {mute, `mute": not an Unbound that runs: exit status 3; want one whose -V says a version`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Find(context.Background(), tt.path)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	script(t, dir, programName, "echo 'Version 1.26.2'\n")
	if _, err := Find(context.Background(), ""); err == nil || !strings.Contains(err.Error(), "no unbound-checkconf beside it") {
		t.Errorf("without unbound-checkconf: got %v", err)
	}
}

func TestFindLooksWhereDaemonsAre(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // as an ordinary user's, without sbin
	dir := t.TempDir()
	saved := searched
	defer func() { searched = saved }()
	searched = []string{filepath.Join(dir, "no"), dir}
	path := script(t, dir, programName, "echo 'Version 1.26.2'\n")
	script(t, dir, checkconfName, "exit 0\n")
	if p, err := Find(context.Background(), ""); err != nil || p.Path != path {
		t.Errorf("got %v, %v; want %s", p, err, path)
	}
}

func TestOlder(t *testing.T) {
	for _, tt := range []struct {
		version string
		want    bool
	}{
		{"1.17.1", true},
		{"1.26.1", true},
		{"1.26.2", false},
		{"1.26.2rc1", false},
		{"1.26.10", false},
		{"1.27", false},
		{"1.9.0", true},
		{"2.0.0", false},
		{"of today", false},
	} {
		if got := (&Program{Version: tt.version}).Older(Floor); got != tt.want {
			t.Errorf("%s older than %s: got %v, want %v", tt.version, Floor, got, tt.want)
		}
	}
}
