//go:build race

package tally

// Floods are counted by one goroutine: the race detector has nothing to see, and
// takes two minutes to say so.
func init() { floods = false }
