package feed

import (
	"errors"
	"io/fs"
)

// cause is what the operating system said, without operation and path.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
