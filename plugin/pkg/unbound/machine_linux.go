package unbound

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const cgroups = "/sys/fs/cgroup"

// machineMemory is the memory that this process may use at most, in bytes: the
// machine's, or less where a control group says so.
func machineMemory() int64 {
	total := int64(unknownMemory)
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err == nil {
		total = int64(uint64(info.Totalram) * uint64(info.Unit))
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return total
	}
	return min(total, groupLimit(cgroups, own, total))
}

// groupLimit reads memory.max of the group that own names (`0::/path`), and of
// those above it.
func groupLimit(root string, own []byte, limit int64) int64 {
	for line := range bytes.Lines(own) {
		path, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "0::")
		if !ok {
			continue
		}
		for dir := filepath.Join("/", path); ; dir = filepath.Dir(dir) {
			text, _ := os.ReadFile(filepath.Join(root, dir, "memory.max"))
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
				limit = min(limit, n)
			}
			if dir == "/" {
				break
			}
		}
	}
	return limit
}

// resident is the memory that a process holds, in bytes; 0 when it is gone.
func resident(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}
