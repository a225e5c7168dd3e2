//go:build !linux

package testnet

// Isolated runs the tests where they are: network namespaces are Linux's.
func Isolated(m interface{ Run() int }) int {
	lacking = "a network namespace: run on Linux"
	return m.Run()
}
