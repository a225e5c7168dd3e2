package subscribers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	clog "github.com/coredns/coredns/plugin/pkg/log"

	"sinkhole/plugin/pkg/dropdir"
	"sinkhole/plugin/pkg/subscriber"
)

var log = clog.NewWithPlugin(pluginName)

// folder is the folder of classes: opt-out/, cgn/, mail/, business/, resolver/.
type folder struct {
	dir     string
	files   *dropdir.Folder
	inForce atomic.Pointer[subscriber.Classes]

	mu    sync.Mutex
	heard map[*Subscribers]struct{} // who is told of changes

	cancel  context.CancelFunc
	follows sync.WaitGroup
}

const (
	// prefix stands before the names of class files: they lie in the drop folder.
	prefix = "clients/"

	settle = 2 * time.Second // a file rests so long before it is read
	shrink = 50              // percent of its entries that a file may lose
)

// kept is where in the state the last good versions of the files in dir lie. Each
// folder has a place of its own: a Corefile that names another one, and is
// refused by what starts after us, leaves this one's as it is.
func kept(state, dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(state, "classes", hex.EncodeToString(sum[:4]))
}

// openFolder reads the folder dir, and returns once its files are in force and
// followed.
func openFolder(dir, state string) (*folder, error) {
	f := newFolder(dir, kept(state, dir), tell)
	if err := f.files.Start(context.Background()); err != nil {
		return nil, fmt.Errorf("classes %s: %w", dir, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	f.follows.Go(func() { f.files.Run(ctx) })
	return f, nil
}

// newFolder has not looked yet. kept "" keeps no last good versions.
func newFolder(dir, kept string, changed func(dropdir.File)) *folder {
	f := &folder{dir: dir, heard: map[*Subscribers]struct{}{}}
	f.files = dropdir.New(dropdir.Options{
		Dir:     dir,
		State:   kept,
		Settle:  settle,
		Shrink:  shrink,
		MaxSize: subscriber.MaxSize,
		Read:    readFile,
		Apply:   f.apply,
		Changed: changed,
	})
	return f
}

// Close implements usagepool's values: nobody follows the folder any more.
func (f *folder) Close() error {
	f.cancel()
	f.follows.Wait()
	return nil
}

// missing: nothing lies where the folder would.
func (f *folder) missing() bool {
	_, err := os.Stat(f.dir)
	return errors.Is(err, fs.ErrNotExist)
}

// errFolder: a file in the wrong place says nothing, and its owner thinks it does.
var errFolder = fmt.Errorf("lies in no folder of clients; want one of %s", strings.Join(subscriber.Folders(), ", "))

// readFile judges one version of a class file.
func readFile(v dropdir.Reading) (entries int, detail any, err error) {
	res, err := readEntries(v.Name, v.Open, func(subscriber.Entry) {})
	return res.Entries, res, err
}

func readEntries(rel string, open func() (io.ReadCloser, error), emit func(subscriber.Entry)) (subscriber.Result, error) {
	if _, ok := folderOf(rel); !ok {
		return subscriber.Result{}, errFolder
	}
	r, err := open()
	if err != nil {
		return subscriber.Result{}, err
	}
	defer r.Close()
	return subscriber.Read(prefix+rel, r, emit)
}

// folderOf is the folder of clients in which a file lies.
func folderOf(rel string) (name string, ok bool) {
	name, _, ok = strings.Cut(rel, "/")
	_, class := subscriber.ClassOf(name)
	return name, ok && (class || name == subscriber.OptOut)
}

// apply builds the classes of a set of files beside those in force, swaps, and
// tells of it.
func (f *folder) apply(ctx context.Context, in []dropdir.Version) error {
	var b subscriber.Builder
	counts := map[string]int{}
	for _, v := range in {
		name, _ := folderOf(v.Name)
		class, _ := subscriber.ClassOf(name)
		take := func(e subscriber.Entry) { b.Class(class, e) }
		if name == subscriber.OptOut {
			take = b.OptOut
		}
		res, err := readEntries(v.Name, v.Open, take)
		if err := errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("%s%s: %w", prefix, v.Name, err)
		}
		counts[name] += res.Entries
	}
	f.inForce.Store(b.Build())
	for _, name := range subscriber.Folders() {
		classEntries.WithLabelValues(name).Set(float64(counts[name]))
	}
	for _, s := range f.listeners() {
		s.classesChanged()
	}
	return nil
}

func (f *folder) join(s *Subscribers) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard[s] = struct{}{}
}

func (f *folder) leave(s *Subscribers) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.heard, s)
}

// only forgets all but s.
func (f *folder) only(s *Subscribers) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard = map[*Subscribers]struct{}{s: {}}
}

func (f *folder) listeners() (all []*Subscribers) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.heard {
		all = append(all, s)
	}
	return all
}

// tell logs what became of a file, and counts it where it was refused.
func tell(f dropdir.File) {
	name := prefix + dropdir.Printable(f.Name)
	if f.State != dropdir.LastGood && f.State != dropdir.Refused {
		log.Infof("%s: %s", name, f)
		return
	}
	log.Warningf("%s: %s", name, f)
	filesRefused.WithLabelValues(labelOf(f), f.Refusal(refusals)).Inc()
}
