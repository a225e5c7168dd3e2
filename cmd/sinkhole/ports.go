package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/coredns/coredns/plugin/pkg/reuseport"
)

// openable asks for each endpoint, before anything is started, whether it can be
// opened. CoreDNS opens its sockets with SO_REUSEPORT and would share a port
// with another server of the same user, each getting half of the queries.
func openable(all []endpoint) error {
	for _, e := range all {
		if err := e.try(net.Listen, net.ListenPacket); err != nil {
			return e.refused(err)
		}
	}
	return nil
}

// openableBeside is openable while a server of ours runs on the endpoints in
// force: those are not touched, the others are asked as CoreDNS will open them.
func openableBeside(all, inForce []endpoint) error {
	for _, e := range all {
		if slices.Contains(inForce, e) {
			continue
		}
		if err := e.try(reuseport.Listen, reuseport.ListenPacket); err != nil {
			return e.refused(err)
		}
	}
	return nil
}

func (e endpoint) try(stream func(network, addr string) (net.Listener, error), packet func(network, addr string) (net.PacketConn, error)) error {
	if e.network == "udp" {
		c, err := packet(e.network, e.address)
		if err != nil {
			return err
		}
		return c.Close()
	}
	ln, err := stream(e.network, e.address)
	if err != nil {
		return err
	}
	return ln.Close()
}

// refused says why an endpoint cannot be opened, and what to do.
func (e endpoint) refused(err error) error {
	switch {
	case is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s (%s): the port is taken by another process; stop it (ss -lnp shows it), or serve on another address or port", e.address, e.network)
	case is(err, syscall.EACCES):
		return fmt.Errorf("%s (%s): this user may not open the port; want root, CAP_NET_BIND_SERVICE, or a port above 1023", e.address, e.network)
	case is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s (%s): this machine has no such address; want one of its own behind bind", e.address, e.network)
	}
	return fmt.Errorf("%s (%s): cannot be opened: %w", e.address, e.network, err)
}

// is asks for a system error also where Caddy has kept only its text.
func is(err error, errno syscall.Errno) bool {
	return errors.Is(err, errno) || strings.HasSuffix(err.Error(), errno.Error())
}
