package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticks a second of CPU times in /proc: USER_HZ, the same on every Linux we
// know of (proc(5)).
const ticks = 100

// process is a server under test, with its children.
type process struct {
	cmd     *exec.Cmd
	said    bytes.Buffer
	started time.Time
	ended   chan struct{}
}

// pinned makes a command line run on one core, where the machine has a second
// one for those who ask.
func pinned(core int, args ...string) []string {
	if cores() < 2 {
		return args
	}
	return append([]string{"taskset", "-c", strconv.Itoa(core)}, args...)
}

const (
	serverCore = 0
	clientCore = 1
)

func startProcess(dir string, args ...string) (*process, error) {
	args = pinned(serverCore, args...)
	p := &process{cmd: exec.Command(args[0], args[1:]...), ended: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// alive says whether it runs, and if not, what it said.
func (p *process) alive() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s ended: %s", filepath.Base(p.cmd.Path), p.said.Bytes())
	default:
		return nil
	}
}

const stopWithin = 30 * time.Second

func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(stopWithin):
		p.cmd.Process.Kill()
		<-p.ended
	}
}

// usage is what a process and its children have used so far.
type usage struct {
	cpu time.Duration
	rss int64 // octets, now
	own int64 // of them, without children
}

func (p *process) usage() usage {
	parents := map[int]int{}
	all := map[int]usage{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		// The command stands in parentheses and may hold anything.
		f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		parents[pid], _ = strconv.Atoi(f[1])
		var t int64
		for _, i := range []int{11, 12, 13, 14} { // utime stime cutime cstime
			n, _ := strconv.ParseInt(f[i], 10, 64)
			t += n
		}
		pages, _ := strconv.ParseInt(f[21], 10, 64)
		all[pid] = usage{cpu: time.Duration(t) * time.Second / ticks, rss: pages * int64(os.Getpagesize())}
	}
	var sum usage
	for pid, u := range all {
		for at := pid; at > 1; at = parents[at] {
			if at == p.cmd.Process.Pid {
				sum.cpu += u.cpu
				sum.rss += u.rss
				break
			}
		}
	}
	sum.own = all[p.cmd.Process.Pid].rss
	return sum
}
