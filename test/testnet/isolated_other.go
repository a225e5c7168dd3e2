//go:build !linux

package testnet

import (
	"errors"
	"net/netip"
)

// Isolated runs the tests where they are: network namespaces are Linux's.
func Isolated(m interface{ Run() int }) int {
	lacking = "a network namespace: run on Linux"
	return m.Run()
}

// AddAddress has no namespace to add to.
func AddAddress(netip.Prefix) error { return errors.ErrUnsupported }
