package unbound

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes are how the child is started: a signal to our terminal's group is
// not for it, and the kernel kills it when the thread that started it ends.
func attributes(a *account) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if a != nil {
		attr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attr
}

// withoutPrivileges gives up, for this thread, what a child would inherit: the
// ambient capability by which our service may bind port 53 is not for Unbound.
func withoutPrivileges() {
	// A kernel that does not know ambient capabilities gives none on either.
	_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
}
