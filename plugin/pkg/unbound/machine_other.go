//go:build !linux

package unbound

func machineMemory() int64 { return unknownMemory }

func resident(int) int64 { return 0 }
