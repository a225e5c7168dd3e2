// Package clone tries what a person with a clone is promised: make run serves,
// says what to try, stops when asked, and says in one sentence what is wrong.
//
// It copies the tree and works in a network namespace of its own, where the ports
// of the shipped Corefile are free. Everything is in its tests.
package clone
