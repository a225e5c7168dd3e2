package dropdir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"
)

const (
	// maxSeen is how many entries of the folder are looked at, those that are
	// passed over too: a look at so many takes about half a second.
	maxSeen = 100_000

	// maxDepth is how deep folders may lie in folders.
	maxDepth = 16

	// readAtOnce is how many names are read from a folder in one go.
	readAtOnce = 1024
)

// walked is what a walk saw.
type walked struct {
	err     error // the folder itself is not there, or cannot be read
	device  uint64
	entries int // in the folder itself, those passed over too
	files   map[string]found
	parts   map[string]found
	blind   map[string]error // folders inside that cannot be read, "" the folder itself
	over    bool             // maxSeen ended the walk
	took    time.Duration
}

// knows tells whether the walk would have seen the file of this name, were it
// there.
func (w *walked) knows(name string) bool {
	if w.err != nil || w.over {
		return false
	}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		if _, blind := w.blind[dir]; blind {
			return false
		}
		if dir == "." {
			return true
		}
	}
}

// walker is a walk under way.
type walker struct {
	folder
	walked
	want  func(rel string) bool
	part  func(rel string) bool
	watch func(dir string)
	seen  int
}

// walk looks at all of the folder. watch is called for each folder before its
// names are read, so that nothing comes in unnoticed between the two.
func walk(d folder, want, part func(rel string) bool, watch func(dir string)) walked {
	w := &walker{folder: d, want: want, part: part, watch: watch}
	w.files, w.parts, w.blind = map[string]found{}, map[string]found{}, map[string]error{}
	if info, err := d.root.Stat("."); err == nil {
		w.device = deviceOf(info)
	}
	begun := time.Now()
	w.dir(".", 0)
	w.took = time.Since(begun)
	w.err = w.blind["."]
	return w.walked
}

var (
	errOver = errors.New("over maxSeen") // ends a walk
	errDeep = fmt.Errorf("lies more than %d folders deep", maxDepth)
)

func (w *walker) dir(rel string, depth int) error {
	w.watch(filepath.Join(w.folder.dir, filepath.FromSlash(rel)))
	dir, err := w.root.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_DIRECTORY, 0)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) || rel == "." {
			w.blind[rel] = err
		}
		return nil
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(readAtOnce)
		for _, e := range entries {
			if err := w.entry(path.Join(rel, e.Name()), e, depth); err != nil {
				return err
			}
		}
		if rel == "." {
			w.entries += len(entries)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			w.blind[rel] = err
			return nil
		}
	}
}

func (w *walker) entry(rel string, e fs.DirEntry, depth int) error {
	if w.seen++; w.seen > maxSeen {
		w.over = true
		return errOver
	}
	if passedOver(strings.TrimSuffix(e.Name(), SignatureSuffix)) {
		return nil
	}
	t := e.Type()
	if t.IsDir() {
		if depth == maxDepth {
			w.blind[rel] = errDeep
			return nil
		}
		return w.dir(rel, depth+1)
	}
	if t != 0 && t != fs.ModeSymlink { // FIFOs, sockets, devices
		return nil
	}
	if t == fs.ModeSymlink && depth < maxDepth && w.mounted(rel) {
		return w.dir(rel, depth+1)
	}
	if !w.want(rel) {
		return nil
	}
	into := w.files
	if w.part(rel) {
		into = w.parts
	}
	info, err := w.stat(rel)
	if err == nil {
		err = regular(info)
	}
	switch link := t == fs.ModeSymlink; {
	case err == nil:
		into[rel] = foundOf(info)
	case !link && errors.Is(err, fs.ErrNotExist): // gone since
	default:
		into[rel] = found{why: whyNot(err, link)}
	}
	return nil
}

// mounted: a link to a folder that is passed over itself, as Kubernetes makes of
// a ConfigMap whose keys have folders (malware -> ..data/malware). It is as if
// the folder lay here. Other links to folders are not followed: they could lead
// in circles, and to the same files twice.
func (w *walker) mounted(rel string) bool {
	target, err := w.root.Readlink(rel)
	if err != nil || path.IsAbs(target) {
		return false
	}
	target = path.Join(path.Dir(rel), target)
	if target == "." || !filepath.IsLocal(target) || !hidden(target) {
		return false
	}
	info, err := w.root.Stat(rel)
	return err == nil && info.IsDir()
}

// deviceOf tells file systems apart; zero where they cannot be told.
func deviceOf(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Dev)
	}
	return 0
}

// Told is a name as programs are told it (JSON, labels of metrics): in UTF-8, and
// no two names alike. Octets that are no UTF-8 stand as \xNN, a backslash as two.
func Told(name string) string {
	if utf8.ValidString(name) && !strings.Contains(name, `\`) {
		return name
	}
	var b strings.Builder
	for i, r := range name {
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == utf8.RuneError && !strings.HasPrefix(name[i:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, name[i])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Printable is a name as a sentence holds it: one with odd octets quoted, for it
// may come from anywhere.
func Printable(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '"' || r >= 0x7f }) {
		return fmt.Sprintf("%q", name)
	}
	return name
}
