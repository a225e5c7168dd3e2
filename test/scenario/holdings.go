package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// holdings are what a server holds of the machine.
type holdings struct {
	children   []int
	sockets    int
	files      int
	goroutines int
}

// goroutineSlack is by how many two counts of an idle server may differ.
const goroutineSlack = 3

func (w *world) holdings() (h holdings, err error) {
	s, err := w.live()
	if err != nil {
		return h, err
	}
	h.children = s.children()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", s.cmd.Process.Pid))
	if err != nil {
		return h, err
	}
	for _, fd := range fds {
		switch target, err := os.Readlink(fd); {
		case err != nil: // closed meanwhile
		case strings.HasPrefix(target, "socket:"):
			h.sockets++
		default:
			h.files++
		}
	}
	_, text, err := get(w.metricsURL())
	if err != nil {
		return h, err
	}
	n, series := sum(text, "go_goroutines")
	if series != 1 {
		return h, fmt.Errorf("%d series of go_goroutines", series)
	}
	h.goroutines = int(n)
	return h, nil
}

func (h holdings) String() string {
	return fmt.Sprintf("children %v, %d sockets, %d other files, %d goroutines", h.children, h.sockets, h.files, h.goroutines)
}

// mark notes what the idle server holds: the same twice in a row.
func (w *world) mark(args []string) (string, error) {
	var last holdings
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		h, err := w.holdings()
		if err != nil {
			return "", err
		}
		if h.String() == last.String() {
			w.marked = &h
			return h.String() + "\n", nil
		}
		last = h
	}
	return "", fmt.Errorf("the server does not come to rest: %s", last)
}

// same waits until the server holds what it held at MARK. What it holds less, as
// connections that have ended, is no leak.
func (w *world) same(args []string) (string, error) {
	slack := goroutineSlack
	if len(args) == 1 {
		var err error
		if slack, err = strconv.Atoi(args[0]); err != nil {
			return "", usage("SAME [SLACK]", args)
		}
	}
	if w.marked == nil {
		return "", usage("SAME behind MARK", args)
	}
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		h, err := w.holdings()
		if err != nil {
			return "", err
		}
		if slices.Equal(h.children, w.marked.children) && h.sockets <= w.marked.sockets &&
			h.files <= w.marked.files && h.goroutines <= w.marked.goroutines+slack {
			return h.String() + "\n", nil
		}
		if time.Now().After(end) {
			return "", fmt.Errorf("before: %s\nnow:    %s", w.marked, h)
		}
	}
}
