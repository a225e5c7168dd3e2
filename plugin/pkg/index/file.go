package index

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"

	"sinkhole/plugin/pkg/statedir"
)

// ErrFormat is a file that is broken, or of another version.
var ErrFormat = errors.New("no index of this version, or a broken one")

// magic begins a file. Its last octet is the version: it goes up with any change
// of the layout, of the hash or of the code.
const magic = "sinkidx\x01"

// Sections in the order of the file. Lines begin at a multiple of their size.
const (
	sectionLines = iota
	sectionData
	sectionPages
	sectionCode
	sectionMeta
	sections
)

// The header, in octets:
//
//	 0 magic 8
//	 8 key 16
//	24 names 8
//	32 shortest 1: labels of the shortest names that have nodes
//	33 root 1: whether the root is listed
//	36 value of the root 4
//	40 sections × { size 8, checksum 4 }
//	.. checksum of all before 4, and 0 up to the lines
const (
	headKey      = 8
	headNames    = 24
	headShortest = 32
	headRoot     = 33
	headValue    = 36
	headSections = 40
	headSum      = headSections + 12*sections
	headSize     = 128

	// dataSlack is what stands before the first entry and behind the last, so
	// that octets may be read in words. It is part of the data.
	dataSlack = 24
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(crc uint32, b []byte) uint32 { return crc32.Update(crc, castagnoli, b) }

// finish puts the sections behind each other.
func (l *layout) finish(meta []byte) (*Set, error) {
	l.index = binary.LittleEndian.AppendUint32(l.index, uint32(l.lines.size/lineSize))
	if err := l.data.write(make([]byte, dataSlack)); err != nil {
		return nil, err
	}
	code := l.coder.append(nil)
	head := make([]byte, headSize)
	copy(head, magic)
	binary.LittleEndian.PutUint64(head[headKey:], l.b.key[0])
	binary.LittleEndian.PutUint64(head[headKey+8:], l.b.key[1])
	head[headShortest] = byte(l.b.first)
	if l.b.root != nil {
		l.names++
		head[headRoot] = 1
		binary.LittleEndian.PutUint32(head[headValue:], *l.b.root)
	}
	binary.LittleEndian.PutUint64(head[headNames:], uint64(l.names))
	at := headSections
	section := func(size int, crc uint32) {
		binary.LittleEndian.PutUint64(head[at:], uint64(size))
		binary.LittleEndian.PutUint32(head[at+8:], crc)
		at += 12
	}
	section(l.lines.size, l.lines.crc)
	section(l.data.size, l.data.crc)
	rest := [][]byte{l.index, code, meta}
	total := headSize + l.lines.size + l.data.size
	for _, b := range rest {
		section(len(b), sum(0, b))
		total += len(b)
	}
	binary.LittleEndian.PutUint32(head[headSum:], sum(0, head[:headSum]))
	return l.b.assemble(total, func(put func([]byte) error) error {
		if err := put(head); err != nil {
			return err
		}
		if err := l.lines.each(put); err != nil {
			return err
		}
		if err := l.data.each(put); err != nil {
			return err
		}
		for _, b := range rest {
			if err := put(b); err != nil {
				return err
			}
		}
		return nil
	})
}

// assemble makes a Set of total octets that write puts in order.
func (b *Builder) assemble(total int, write func(put func([]byte) error) error) (*Set, error) {
	s := new(Set)
	if b.o.Dir == "" {
		image := make([]byte, 0, total)
		err := write(func(part []byte) error { image = append(image, part...); return nil })
		if err != nil {
			return nil, err
		}
		return s, s.parse(image)
	}
	f, err := nameless(b.o.Dir)
	if err != nil {
		return nil, err
	}
	err = write(func(part []byte) error {
		b.o.Pause()
		_, err := f.Write(part)
		return err
	})
	if err != nil {
		f.Close()
		return nil, err
	}
	image, err := mapFile(s, f, total)
	if err != nil {
		f.Close()
		return nil, err
	}
	s.file = f
	return s, s.parse(image)
}

// parse takes an image apart. The sums of the sections are not looked at.
func (s *Set) parse(image []byte) error {
	if len(image) < headSize || string(image[:len(magic)]) != magic ||
		sum(0, image[:headSum]) != binary.LittleEndian.Uint32(image[headSum:]) {
		return ErrFormat
	}
	var part [sections][]byte
	rest := image[headSize:]
	for i := range part {
		n := binary.LittleEndian.Uint64(image[headSections+12*i:])
		if n > uint64(len(rest)) {
			return ErrFormat
		}
		part[i], rest = rest[:n:n], rest[n:]
	}
	s.image, s.lines, s.data, s.index = image, part[sectionLines], part[sectionData], part[sectionPages]
	s.coder.key = key{binary.LittleEndian.Uint64(image[headKey:]), binary.LittleEndian.Uint64(image[headKey+8:])}
	s.names = int(binary.LittleEndian.Uint64(image[headNames:]))
	s.first = image[headShortest]
	if image[headRoot] == 1 {
		v := binary.LittleEndian.Uint32(image[headValue:])
		s.root = &v
	}
	s.meta = append([]byte(nil), part[sectionMeta]...)
	s.pages = uint64(len(s.index)/4) - 1
	if len(rest) > 0 || len(s.index) < 8 || len(s.index)%4 != 0 || len(s.lines)%lineSize != 0 || s.first < 1 || s.first > 2 {
		return ErrFormat
	}
	return decodeCoder(&s.coder, part[sectionCode])
}

// sound tells whether pages and lines keep to their bounds, which look-ups rely
// on. The sums do not say so of a file that was made to harm.
func (s *Set) sound() bool {
	last := uint32(0)
	for at := 0; at < len(s.index); at += 4 {
		line := binary.LittleEndian.Uint32(s.index[at:])
		if line < last || at == 0 && line != 0 {
			return false
		}
		last = line
	}
	if uint64(last)*lineSize != uint64(len(s.lines)) {
		return false
	}
	for at := 0; at < len(s.lines); at += lineSize {
		l, node := s.lines[at:at+lineSize], 0
		for sub := range subs {
			start := int(binary.LittleEndian.Uint16(l[subsAt+2*sub:]) >> offsetBits)
			if start < node || start > maxNodes || sub == 0 && start != 0 {
				return false
			}
			node = start
		}
	}
	return true
}

// verify compares the sums of the sections, of an image that parse took.
func verify(image []byte) bool {
	at := headSize
	for i := range sections {
		n := int(binary.LittleEndian.Uint64(image[headSections+12*i:]))
		if sum(0, image[at:at+n]) != binary.LittleEndian.Uint32(image[headSections+12*i+8:]) {
			return false
		}
		at += n
	}
	return true
}

// Open maps the file that Keep left at path. A file that is broken, or of
// another version, is ErrFormat; it is read through once to know that.
func Open(path string) (*Set, error) {
	f, err := statedir.OpenFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < headSize || info.Size() > maxFile {
		return nil, ErrFormat
	}
	s := new(Set)
	image, err := mapFile(s, f, int(info.Size()))
	if err != nil {
		return nil, err
	}
	if err := s.parse(image); err != nil {
		return nil, err
	}
	if !verify(image) || !s.sound() {
		return nil, ErrFormat
	}
	runtime.KeepAlive(s)
	return s, nil
}

// maxFile is more than any Set takes: a data section, lines for the shortest
// entries, and what is small.
const maxFile = 4 * MaxData

// Keep gives s the name path, in place of what has it: after it returns the
// octets and the name are on disk. It is not for two goroutines at once.
func (s *Set) Keep(path string) error {
	dir := filepath.Dir(path)
	name, err := s.save(dir)
	if err != nil {
		return err
	}
	if err := os.Rename(name, path); err != nil {
		os.Remove(name)
		return err
	}
	return statedir.SyncDir(dir)
}

// save leaves a file with the octets of s under a new name in dir: the file that
// s is mapped from where it can be given a name, and else a copy.
func (s *Set) save(dir string) (name string, err error) {
	if s.file != nil {
		name := filepath.Join(dir, ".index-"+rand.Text()+".tmp")
		if s.file.Sync() == nil && link(s.file, name) == nil {
			s.file.Close()
			s.file = nil
			return name, nil
		}
	}
	f, err := os.CreateTemp(dir, ".index-*.tmp")
	if err != nil {
		return "", err
	}
	defer f.Close()
	_, err = f.Write(s.image)
	runtime.KeepAlive(s)
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}
