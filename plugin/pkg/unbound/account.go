package unbound

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user that the child runs as when we are root; nil is ours.
type account struct {
	name     string
	uid, gid int
}

// accounts are tried in this order: Debian's package makes the first.
var accounts = []string{"unbound", "nobody"}

// unprivileged is whom root starts the child as.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range accounts {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err == nil && err2 == nil && uid != 0 {
			return &account{u.Username, uid, gid}, nil
		}
	}
	return nil, fmt.Errorf("unbound: we are root and the child must not be; want a user %q or %q", accounts[0], accounts[1])
}

// own gives the file at path to the account.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Lchown(path, a.uid, a.gid)
}

// reaches says whether the account may pass through all folders above path.
func (a *account) reaches(path string) bool {
	if a == nil {
		return true
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		st, err := os.Stat(dir)
		if err != nil || !a.mayPass(st) {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

func (a *account) mayPass(dir os.FileInfo) bool {
	shift := 0 // of the bits for others
	if st, ok := dir.Sys().(*syscall.Stat_t); ok {
		switch {
		case int(st.Uid) == a.uid:
			shift = 6
		case int(st.Gid) == a.gid:
			shift = 3
		}
	}
	return dir.Mode().Perm()>>shift&1 != 0
}
