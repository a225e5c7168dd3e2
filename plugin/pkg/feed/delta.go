package feed

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// delta is what an IXFR changes, all its difference sequences in one: for each
// line that is named in it, whether the zone had it before and has it after.
type delta struct {
	lines  map[string]change
	octets int
}

type change struct{ before, after bool }

const maxDelta = 64 << 20 // octets of lines, as they are kept in memory

var (
	errMismatch = errors.New("changes that do not fit the zone we have")
	errDelta    = errors.New("more changes than are kept in memory")
)

func newDelta() *delta { return &delta{lines: map[string]change{}} }

// remove takes a line out of the zone as it is at this point of the sequences;
// one that is not there makes the whole IXFR one that is not for our zone.
func (d *delta) remove(line []byte) error { return d.note(line, false) }

// insert puts one in.
func (d *delta) insert(line []byte) error { return d.note(line, true) }

func (d *delta) note(line []byte, after bool) error {
	c, known := d.lines[string(line)]
	if !known {
		c.before = !after
		if d.octets += len(line); d.octets > maxDelta {
			return errDelta
		}
	} else if c.after == after {
		return mismatch(line, after)
	}
	c.after = after
	d.lines[string(line)] = c
	return nil
}

func mismatch(line []byte, there bool) error {
	what := "removed, and is not there"
	if there {
		what = "added, and is there"
	}
	return fmt.Errorf("%w: %.80q is %s", errMismatch, line, what)
}

// apply calls emit with the lines of the zone after, sorted. next gives those of
// the zone before, sorted, and nil behind the last.
func (d *delta) apply(next func() ([]byte, error), emit func(line []byte) error) error {
	line, err := next()
	for _, text := range slices.Sorted(maps.Keys(d.lines)) {
		c, named := d.lines[text], []byte(text)
		for err == nil && line != nil && bytes.Compare(line, named) < 0 {
			if err = emit(line); err == nil {
				line, err = next()
			}
		}
		if err != nil {
			return err
		}
		there := line != nil && bytes.Equal(line, named)
		if there != c.before {
			return mismatch(named, there)
		}
		if c.after {
			if err := emit(named); err != nil {
				return err
			}
		}
		if there {
			line, err = next()
		}
	}
	for ; err == nil && line != nil; line, err = next() {
		if err := emit(line); err != nil {
			return err
		}
	}
	return err
}
