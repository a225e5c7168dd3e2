package unbound

import "runtime"

const (
	// A core in two for the child: the other answers from lists and cache, which
	// is most of the traffic. More threads than this share locks, not work.
	coresPerThread = 2
	maxThreads     = 32

	// One part in eight of the machine's memory, in these bounds, in bytes.
	memoryPart = 8
	minMemory  = 64 << 20
	maxMemory  = 4 << 30
	// unknownMemory is assumed where the machine does not say.
	unknownMemory = 2 << 30
)

// complete gives what was left open by the size of the machine.
func (s Settings) complete() Settings {
	if s.Threads == 0 {
		s.Threads = min(max(1, runtime.GOMAXPROCS(0)/coresPerThread), maxThreads)
	}
	if s.Memory == 0 {
		s.Memory = min(max(minMemory, machineMemory()/memoryPart), maxMemory)
	}
	return s
}
