// Package recursor asks an Unbound of its own, which it keeps running on
// loopback. It answers all that is left, so it stands last in a server block.
package recursor

import "sinkhole/plugin/pkg/option"

// Recursor is the child and the way to it, shared by all server blocks.
type Recursor struct{}

// Active is the recursor of the Corefile in force.
func Active() (*Recursor, bool) { return nil, false }

// Status is the recursor's part of `sinkhole status`.
func (r *Recursor) Status() map[string]any { return nil }

// Warnings are what an operator should see to.
func (r *Recursor) Warnings() []string { return nil }

// Check reads the directive that t stands before, and has unbound-checkconf
// judge the configuration that the child would get. It runs no child.
func Check(t option.Tokens) (warnings []string, err error) { return nil, nil }

// FoundVersion is the version of the Unbound that would be run, or "none".
func FoundVersion() string { return "none" }
