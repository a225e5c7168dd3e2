package testnet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideEnv tells a test binary that it runs in a namespace of its own.
const insideEnv = "TESTNET_INSIDE"

// Isolated runs the tests of m in a network namespace of their own, where port
// 53 is free and nothing else of the machine can be reached: it starts the test
// binary once more. For TestMain: os.Exit(testnet.Isolated(m)).
//
// Root needs nothing for it. Another user needs a kernel that lets users make
// namespaces; where it does not, the tests run where they are, and Need skips.
func Isolated(m interface{ Run() int }) int {
	if os.Getenv(insideEnv) != "" {
		if err := loopbackUp(); err != nil {
			fmt.Fprintf(os.Stderr, "testnet: the loopback device of the namespace: %v\n", err)
			return 1
		}
		lacking = ""
		return m.Run()
	}
	// The namespace's first process dies with us, whatever ends us: the kernel
	// sends the signal when the thread goes that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.SysProcAttr = namespace()
	if err := cmd.Start(); err != nil {
		lacking = fmt.Sprintf("a network namespace (%v): run as root", err)
		return m.Run()
	}
	passOn := make(chan os.Signal, 1)
	signal.Notify(passOn, syscall.SIGTERM, syscall.SIGQUIT)
	go func() {
		for s := range passOn {
			cmd.Process.Signal(s)
		}
	}()
	err := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
		return exit.ExitCode()
	} else if err != nil {
		fmt.Fprintf(os.Stderr, "testnet: the tests in their namespace: %v\n", err)
		return 1
	}
	return 0
}

// namespace is what the kernel is asked for: a network and, for one who is not
// root, a set of users in which he may rule over it and keeps his own number.
func namespace() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		return attr
	}
	attr.Cloneflags |= unix.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	attr.AmbientCaps = []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_BIND_SERVICE}
	return attr
}

// loopbackUp does what `ip link set lo up` does, which a machine may lack.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	ifr.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
}
