package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is what the figures depend on.
type machine struct {
	cpu, kernel, system, sinkhole, unbound string
	cores                                  int
}

func cores() int { return runtime.NumCPU() } // when this process began

// moveAside leaves the first core to the server under test: authority, generators
// and what else runs in this process take the other one.
func moveAside() error {
	if cores() < 2 {
		return nil
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	var aside unix.CPUSet
	aside.Set(clientCore)
	for _, t := range threads { // those to come inherit it from these
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, &aside); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}

func thisMachine(p plan) machine {
	m := machine{cores: cores(), cpu: "unknown", kernel: "unknown", system: "unknown"}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(text); found != nil {
			m.cpu = string(found[1])
		}
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.kernel = unix.ByteSliceToString(u.Release[:])
	}
	if text, err := os.ReadFile("/etc/os-release"); err == nil {
		if found := regexp.MustCompile(`(?m)^PRETTY_NAME="(.*)"$`).FindSubmatch(text); found != nil {
			m.system = string(found[1])
		}
	}
	m.sinkhole = says(p.binary, "version")
	m.unbound = says(p.unbound, "-V")
	return m
}

// says is the first line of what a program prints.
func says(args ...string) string {
	out, err := exec.Command(args[0], args[1:]...).Output()
	if err != nil {
		return "unknown"
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return strings.TrimSpace(string(line))
}

// lookUp finds a program also where daemons are installed, which the path of an
// ordinary user leaves out.
func lookUp(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", err
}
