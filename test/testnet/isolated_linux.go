package testnet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

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

// AddAddress gives the namespace's loopback device an address, as `ip address
// add` does. Of IPv4 the whole prefix is then the machine's own, so that a test
// may ask from any address in it; of IPv6 the one address.
func AddAddress(p netip.Prefix) error {
	if !p.IsValid() {
		return fmt.Errorf("testnet: address %s: want one with the length of its prefix", p)
	}
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		return err
	}
	family := byte(unix.AF_INET6)
	if p.Addr().Is4() {
		family = unix.AF_INET
	}
	// struct nlmsghdr, struct ifaddrmsg, and the address as IFA_LOCAL
	// (rtnetlink(7)); lengths and order are the machine's.
	addr := p.Addr().AsSlice()
	put := binary.NativeEndian
	m := put.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+unix.SizeofIfAddrmsg+unix.SizeofRtAttr+len(addr)))
	m = put.AppendUint16(m, unix.RTM_NEWADDR)
	m = put.AppendUint16(m, unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_REPLACE)
	m = append(m, make([]byte, 8)...) // sequence and port
	m = append(m, family, byte(p.Bits()), unix.IFA_F_NODAD, unix.RT_SCOPE_UNIVERSE)
	m = put.AppendUint32(m, uint32(lo.Index))
	m = put.AppendUint16(m, uint16(unix.SizeofRtAttr+len(addr)))
	m = put.AppendUint16(m, unix.IFA_LOCAL)
	m = append(m, addr...)
	if err := netlink(m); err != nil {
		return fmt.Errorf("testnet: address %s: %w", p, err)
	}
	return arrives(p.Addr())
}

// arrives waits until a datagram to a arrives: the kernel enters an IPv6 address
// into its routes some time after it has said yes.
func arrives(a netip.Addr) error {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	if err != nil {
		return err
	}
	defer c.Close()
	for range 1000 {
		if _, err = c.WriteTo([]byte{0}, c.LocalAddr()); err == nil {
			c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			if _, err = c.Read(make([]byte, 1)); err == nil {
				return nil
			}
		}
	}
	return fmt.Errorf("testnet: address %s: %w", a, err)
}

// netlink sends one request to the kernel and returns the error it answers.
func netlink(request []byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, buf, 0)
	if err != nil {
		return err
	}
	if n < unix.SizeofNlMsghdr+4 {
		return errors.New("a reply too short for an error number")
	}
	if errno := -int32(binary.NativeEndian.Uint32(buf[unix.SizeofNlMsghdr:])); errno != 0 {
		return syscall.Errno(errno)
	}
	return nil
}
