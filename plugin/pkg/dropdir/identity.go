package dropdir

import (
	"io/fs"
	"syscall"
	"time"
)

// identity tells two states of a file apart without reading either.
type identity struct {
	Device  uint64 `json:"-"`
	Inode   uint64 `json:"inode"`
	Size    int64  `json:"size"`
	Time    int64  `json:"time"`    // of the octets, in nanoseconds
	Changed int64  `json:"changed"` // of octets or inode, in nanoseconds; nobody can set it
}

// same: it is the same file, not written to. One from the index has no device,
// for the numbers of devices are dealt anew when a machine starts.
func (a identity) same(b identity) bool {
	if a.Device == 0 || b.Device == 0 {
		a.Device, b.Device = 0, 0
	}
	return a == b
}

func identityOf(info fs.FileInfo) identity {
	id := identity{Size: info.Size(), Time: info.ModTime().UnixNano(), Changed: changed(info)}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.Device, id.Inode = uint64(st.Dev), uint64(st.Ino)
	}
	return id
}

// found is one file as a walk saw it.
type found struct {
	id   identity // zero: it cannot be opened
	time time.Time
	why  string // why it cannot
}

func foundOf(info fs.FileInfo) found { return found{id: identityOf(info), time: info.ModTime()} }

func (a found) there() bool { return a.id != identity{} }

func (a found) same(b found) bool {
	if !a.there() || !b.there() {
		return !a.there() && !b.there() && a.why == b.why
	}
	return a.id.same(b.id)
}

// inPlace: b is what was made of a by writing to it.
func (a found) inPlace(b found) bool {
	return a.there() && b.there() && a.id.Inode == b.id.Inode && (a.id.Device == b.id.Device || a.id.Device == 0)
}
