//go:build !linux

package unbound

import "syscall"

// attributes are how the child is started. Only Linux can promise that it does
// not outlive us.
func attributes(a *account) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a != nil {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attr
}

func withoutPrivileges() {}
