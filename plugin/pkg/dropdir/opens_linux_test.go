package dropdir

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// opens counts how often the file at path is opened, until it is asked.
func opens(t *testing.T, path string) (opened func() int) {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	must(t, err)
	_, err = unix.InotifyAddWatch(fd, path, unix.IN_OPEN)
	must(t, err)
	return func() (n int) {
		defer unix.Close(fd)
		room := make([]byte, 64<<10)
		for {
			got, err := unix.Read(fd, room)
			if err != nil {
				return n
			}
			for at := 0; at < got; n++ {
				e := (*unix.InotifyEvent)(unsafe.Pointer(&room[at]))
				at += unix.SizeofInotifyEvent + int(e.Len)
			}
		}
	}
}
