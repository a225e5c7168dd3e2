package control

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"
)

// quiet drops what net/http would log: a package of ours writes no log, and a
// verb that went away is no event.
var quiet = log.New(io.Discard, "", 0)

type peerKey struct{}

// peer is the user of the process at the other end of c.
func peer(c net.Conn) string {
	uc, ok := c.(*net.UnixConn)
	if !ok {
		return "unknown"
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return "unknown"
	}
	var cred *unix.Ucred
	if cerr := raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); cerr != nil || err != nil {
		return "unknown"
	}
	return userText(cred.Uid)
}

// userText is "uid 1000 (ops)", or without a name where there is none.
func userText(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return fmt.Sprintf("uid %s (%s)", id, u.Username)
	}
	return "uid " + id
}

func who(ctx context.Context) string {
	if s, ok := ctx.Value(peerKey{}).(string); ok {
		return s
	}
	return "unknown"
}
