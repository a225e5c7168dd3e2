package unbound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Floor is the first version with all fixes of 2026; Debian 13 ships it.
const Floor = "1.26.2"

const (
	programName   = "unbound"
	checkconfName = "unbound-checkconf"
	// askWithin bounds a program that is only asked something; it takes 5 ms.
	askWithin = 10 * time.Second
)

// searched are where distributions and `make install` put daemons; an ordinary
// user's PATH often lacks them.
var searched = []string{"/usr/sbin", "/usr/local/sbin"}

var errNone = errors.New("unbound: not found in PATH, " + strings.Join(searched, ", ") +
	"; install it (Debian, Ubuntu: apt-get install unbound dns-root-data), or name it with `unbound PATH`")

// Program is an Unbound that is installed.
type Program struct {
	Path      string
	Checkconf string
	Version   string
	stamp     stamp // of the file when it was asked

	// refused are the options that unbound-checkconf has refused. The same file
	// refuses them again: it is not asked twice.
	mu      sync.Mutex
	refused map[string]bool
}

// stamp tells whether a file is still the one that was asked.
type stamp struct {
	size  int64
	mtime time.Time
}

// programs are those that were asked so far, by path: asking costs processes.
var programs = struct {
	sync.Mutex
	byPath map[string]*Program
}{byPath: map[string]*Program{}}

// Find finds the program at path, or where programs are when path is empty.
func Find(ctx context.Context, path string) (*Program, error) {
	path, stamp, err := locate(path)
	if err != nil {
		return nil, err
	}
	programs.Lock()
	defer programs.Unlock()
	if p, ok := programs.byPath[path]; ok && p.stamp == stamp {
		return p, nil
	}
	p, err := ask(ctx, path)
	if err != nil {
		return nil, err
	}
	p.stamp = stamp
	programs.byPath[path] = p
	return p, nil
}

// locate finds the file of the program.
func locate(path string) (string, stamp, error) {
	if path == "" {
		if path = look(programName); path == "" {
			return "", stamp{}, errNone
		}
	}
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return "", stamp{}, fmt.Errorf("unbound %q: %w; want the path of an Unbound", path, cause(err))
	case !st.Mode().IsRegular() || st.Mode()&0o111 == 0:
		return "", stamp{}, fmt.Errorf("unbound %q: no program; want the path of an Unbound", path)
	}
	path, err = filepath.Abs(path)
	return path, stamp{st.Size(), st.ModTime()}, err
}

// look finds a program in PATH and where daemons are; "" when it is nowhere.
func look(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range searched {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return ""
}

// ask asks the program at path for its version, and finds what goes with it.
func ask(ctx context.Context, path string) (*Program, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-V")
	cmd.Env = []string{}
	out, err := cmd.Output()
	version := versionIn(out)
	if version == "" {
		if err == nil {
			err = errors.New("it does not say its version")
		}
		return nil, fmt.Errorf("unbound %q: not an Unbound that runs: %w; want one whose -V says a version", path, cause(err))
	}
	check := filepath.Join(filepath.Dir(path), checkconfName)
	if _, err := exec.LookPath(check); err != nil {
		if check = look(checkconfName); check == "" {
			return nil, fmt.Errorf("unbound %q: no %s beside it, nor in PATH, %s; Debian and Ubuntu have it in the package unbound",
				path, checkconfName, strings.Join(searched, ", "))
		}
	}
	return &Program{Path: path, Checkconf: check, Version: version, refused: map[string]bool{}}, nil
}

// versionIn finds "Version 1.17.1" at the beginning of a line.
func versionIn(out []byte) string {
	for line := range bytes.Lines(out) {
		if v, ok := bytes.CutPrefix(line, []byte("Version ")); ok {
			return string(bytes.TrimSpace(v))
		}
	}
	return ""
}

// Older says whether the program's version is below floor. A version that is no
// row of numbers (a build from source control) is not older than anything.
func (p *Program) Older(floor string) bool {
	have, ok := numbers(p.Version)
	want, ok2 := numbers(floor)
	return ok && ok2 && slices.Compare(have, want) < 0
}

// numbers reads "1.26.2", and "1.26.2rc1" as 1.26.2.
func numbers(version string) ([]int, bool) {
	var out []int
	for part := range strings.SplitSeq(version, ".") {
		end := 0
		for end < len(part) && '0' <= part[end] && part[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(part[:end])
		if err != nil {
			return nil, false
		}
		out = append(out, n)
		if end < len(part) {
			break
		}
	}
	return out, true
}

// cause is what the operating system said, without operation and path.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	var start *exec.Error
	if errors.As(err, &start) {
		return start.Err
	}
	return err
}
