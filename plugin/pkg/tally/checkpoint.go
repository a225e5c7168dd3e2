package tally

import (
	"errors"
	"io"
)

// Save writes everything that is known.
func (t *Tally) Save(w io.Writer, p Pane) error { return errors.New("not yet") }

// Load reads what Save wrote.
func (t *Tally) Load(r io.Reader, now Pane) error { return errors.New("not yet") }
