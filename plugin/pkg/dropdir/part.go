package dropdir

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// content is what a version consists of.
type content struct {
	sum    string // of all of it; where there are no parts, the same as octets
	octets string // SHA-256 of the file
	parts  []part // that reading it asked for and found, by name
}

// part is a part as it was read.
type part struct {
	Name quoted `json:"name"`
	Sum  string `json:"sha256,omitempty"` // "": it was not there
}

// use is a part that was asked for, found or not: when it is another, the file
// is read again.
type use struct {
	name  string
	found found
}

func contentOf(octets string, parts []part) content {
	c := content{sum: octets, octets: octets, parts: parts}
	there := c.found()
	if len(there) == 0 {
		return c
	}
	h := sha256.New()
	fmt.Fprintln(h, octets)
	for _, p := range there {
		fmt.Fprintf(h, "%s %q\n", p.Sum, string(p.Name))
	}
	c.sum = hex.EncodeToString(h.Sum(nil))
	return c
}

// found are the parts that were there.
func (c content) found() (all []part) {
	for _, p := range c.parts {
		if p.Sum != "" {
			all = append(all, p)
		}
	}
	return all
}

// sums are the copies that hold the content: of the file, and of what was found.
func (c content) sums() []string {
	all := []string{c.octets}
	for _, p := range c.found() {
		all = append(all, p.Sum)
	}
	return all
}

// isPart: a file of this name is a part of others.
func (f *Folder) isPart(rel string) bool {
	if strings.HasSuffix(rel, SignatureSuffix) {
		return true
	}
	return f.o.Part != nil && f.o.Part(rel)
}

// partSeen is a part as the last walk saw it.
func (f *Folder) partSeen(name string) found {
	if p := f.parts[name]; p != nil && !p.gone {
		return p.seen
	}
	return found{}
}

// hand is a version in hand: the file, and the parts that were asked for, held
// open until it is judged. Whatever takes their places meanwhile does not matter.
type hand struct {
	f     *Folder
	ctx   context.Context
	dir   folder
	file  opened
	found found // the file
	parts map[string]opened
	sums  map[string]string // of parts
	uses  []use
}

func (f *Folder) take(ctx context.Context, dir folder, name string) (*hand, error) {
	file, info, err := dir.open(name)
	if err != nil {
		return nil, err
	}
	return &hand{
		f: f, ctx: ctx, dir: dir, file: opened{file, info, f.o.Pause}, found: foundOf(info),
		parts: map[string]opened{}, sums: map[string]string{},
	}, nil
}

func (h *hand) close() {
	h.file.file.Close()
	for _, p := range h.parts {
		p.file.Close()
	}
}

func (h *hand) open() (io.ReadCloser, error) { return io.NopCloser(h.file.reader(h.ctx)), nil }

// part is Reading.Part.
func (h *hand) part(rel string) (io.ReadCloser, error) {
	p, ok := h.parts[rel]
	if !ok {
		var err error
		if p, err = h.openPart(rel); err != nil {
			return nil, err
		}
	}
	return io.NopCloser(p.reader(h.ctx)), nil
}

func (h *hand) openPart(rel string) (p opened, err error) {
	if !h.f.isPart(rel) || hidden(strings.TrimSuffix(rel, SignatureSuffix)) {
		return p, &fs.PathError{Op: "open", Path: rel, Err: fs.ErrNotExist}
	}
	file, info, err := h.dir.open(rel)
	if err != nil {
		h.used(rel, found{})
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return p, &fs.PathError{Op: "open", Path: rel, Err: err}
	}
	h.used(rel, foundOf(info))
	if info.Size() > h.f.o.MaxSize {
		file.Close()
		return p, fmt.Errorf("%s: %w", Printable(rel), sizeError(info.Size(), h.f.o.MaxSize))
	}
	p = opened{file, info, h.f.o.Pause}
	h.parts[rel] = p
	return p, nil
}

func (h *hand) used(rel string, what found) {
	if !slices.ContainsFunc(h.uses, func(u use) bool { return u.name == rel }) {
		h.uses = append(h.uses, use{rel, what})
	}
}

// content is what was read of it: the file, and all that was asked for beside it
// but a signature.
func (h *hand) content(octets string) (content, error) {
	var parts []part
	for _, u := range h.uses {
		if strings.HasSuffix(u.name, SignatureSuffix) {
			continue
		}
		sum, err := h.partSum(u.name)
		if err != nil {
			return content{}, err
		}
		parts = append(parts, part{quoted(u.name), sum})
	}
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return contentOf(octets, parts), nil
}

// partSum is the hash of a part, "" where it cannot be opened.
func (h *hand) partSum(rel string) (sum string, err error) {
	if sum, ok := h.sums[rel]; ok {
		return sum, nil
	}
	if r, err := h.part(rel); err == nil {
		if sum, err = sumOf(r); err != nil {
			return "", err
		}
	}
	h.sums[rel] = sum
	return sum, nil
}

// is: the file and the parts of c are as they were then.
func (h *hand) is(c content, octets string) bool {
	if c.octets != octets {
		return false
	}
	for _, p := range c.parts {
		if sum, err := h.partSum(string(p.Name)); err != nil || sum != p.Sum {
			return false
		}
	}
	return true
}

// time is when the file, or a part of it, was last changed.
func (h *hand) time() time.Time {
	t := h.found.time
	for rel, p := range h.parts {
		if !strings.HasSuffix(rel, SignatureSuffix) {
			t = later(t, p.info.ModTime())
		}
	}
	return t
}

// unchanged: nobody has written to what is in hand.
func (h *hand) unchanged() error {
	err := h.file.unchanged()
	for _, p := range h.parts {
		if err == nil {
			err = p.unchanged()
		}
	}
	return err
}

func sizeError(size, most int64) error {
	return fmt.Errorf("%d octets, %w of %d", size, ErrSize, most)
}
