package index

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
)

// ErrFormat is a file that is broken, or of another version.
var ErrFormat = errors.New("not an index of this version, or broken")

// Keep gives the file of s the name path: until then it has none, and is gone
// with s. Where s was built in memory it is written.
func (s *Set) Keep(path string) error {
	out := binary.LittleEndian.AppendUint32([]byte("IDX0"), uint32(len(s.Meta())))
	out = append(out, s.Meta()...)
	for n, v := range s.All() {
		out = binary.LittleEndian.AppendUint32(append(out, n...), v)
	}
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
	if err := os.WriteFile(tmp, out, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// Open maps the file that Keep left at path.
func Open(path string) (*Set, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(b) < 8 || string(b[:4]) != "IDX0" || int(binary.LittleEndian.Uint32(b[4:])) > len(b)-8 {
		return nil, ErrFormat
	}
	n := int(binary.LittleEndian.Uint32(b[4:]))
	s := &Set{meta: b[8 : 8+n], names: map[string]uint32{}}
	for b = b[8+n:]; len(b) > 0; {
		i := 0
		for i < len(b) && b[i] != 0 {
			i += int(b[i]) + 1
		}
		if i+5 > len(b) {
			return nil, ErrFormat
		}
		s.names[string(b[:i+1])] = binary.LittleEndian.Uint32(b[i+1:])
		b = b[i+5:]
	}
	return s, nil
}
