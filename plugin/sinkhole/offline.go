package sinkhole

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/dropdir"
	"sinkhole/plugin/pkg/list"
	"sinkhole/plugin/pkg/policy"
)

// Offline reads the drop folder dir as a server with this block would at its
// first start. It keeps nothing and follows nothing; Status and Explain may be
// asked.
func Offline(cfg Config, dir string) (*Sinkhole, error) {
	if _, err := os.ReadDir(dir); err != nil {
		return nil, fmt.Errorf("%s: %w; want a folder", dir, cause(err))
	}
	s := newSinkhole(cfg, dir, list.MaxNotes)
	if err := s.load("", nil); err != nil {
		return nil, err
	}
	return s, nil
}

// OfflineFile reads the file at path as a list: of the category that the block
// has for its folder's name, of allow where it is called so, else of malware. An
// error says that it cannot be read at all.
func OfflineFile(cfg Config, path string) (control.List, error) {
	return listAt(cfg, path, placeOf(cfg, path))
}

// listAt reads the file at path as if it lay at rel in a drop folder.
func listAt(cfg Config, path, rel string) (control.List, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return control.List{}, fmt.Errorf("%s: no regular file; want a list", path)
	}
	if err != nil {
		return control.List{}, fmt.Errorf("%s: %w; want a list", path, cause(err))
	}
	s := newSinkhole(cfg, "", list.MaxNotes)
	defer s.cancel()
	_, detail, err := s.read(readingAt(path, rel))
	res, _ := detail.(list.Result)
	for i := range res.Notes {
		n := &res.Notes[i]
		if n.File == dropdir.Told(rel) || n.File == rel {
			n.File = path
			continue
		}
		n.File = filepath.Join(filepath.Dir(path), strings.TrimPrefix(n.File, rpzFolder+"/")) // a part
	}
	l := listOf(path, res, list.MaxNotes)
	l.Category = categoryIn(rel, res.Options)
	l.AgeSeconds = max(0, int64(time.Since(info.ModTime())/time.Second))
	l.SHA256 = sumOf(path)
	l.State = control.StateInForce
	switch {
	case err != nil:
		l.State, l.Reason = control.StateRefused, err.Error()
	case res.Options.Shadow && shadows(rel):
		l.State = control.StateShadow
	}
	return l, nil
}

// placeOf is where the file at path would lie in a drop folder: in the category
// that the block has for its folder's name, in allow or rpz where it is called
// so, else beside the folders.
func placeOf(cfg Config, path string) (rel string) {
	rel = filepath.Base(path)
	abs, err := filepath.Abs(path)
	if err != nil {
		return rel
	}
	folder := filepath.Base(filepath.Dir(abs))
	known := slices.ContainsFunc(cfg.Categories, func(c policy.Category) bool { return c.Name == folder })
	if known || folder == allowCategory || folder == rpzFolder {
		return folder + "/" + rel
	}
	return rel
}

// readingAt is the file at path as if it lay at rel in a drop folder, the parts
// of a zone beside it.
func readingAt(path, rel string) dropdir.Reading {
	return dropdir.Reading{
		Name: rel,
		Open: func() (io.ReadCloser, error) { return os.Open(path) },
		Part: func(part string) (io.ReadCloser, error) {
			beside, err := filepath.Rel(rpzFolder, part)
			if err != nil || !filepath.IsLocal(beside) {
				return nil, &fs.PathError{Op: "open", Path: part, Err: fs.ErrNotExist}
			}
			return os.Open(filepath.Join(filepath.Dir(path), beside))
		},
	}
}

// sumOf is the SHA-256 of a file, "" where it cannot be read.
func sumOf(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}
