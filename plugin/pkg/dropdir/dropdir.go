// Package dropdir follows a folder into which people and programs drop files:
// it notices them, waits until they rest, opens them safely, has them judged,
// and keeps the last good version of each.
//
// What a file means is the owner's: Options.Read judges one version of one
// file, Options.Apply puts a set of accepted versions in force. Both run on the
// goroutine of Start, Run or Look; their calls never overlap.
//
// # The way of a file
//
//	noticed   by fsnotify, or by the walk every 30 s: NFS, an overflown queue,
//	          a folder in the place of another (walkEvery)
//	settled   its size and time have rested for Settle, or it was moved in with
//	          a time that old (entry.due)
//	opened    inside the folder only, never blocking, regular files only (open.go)
//	hashed    SHA-256; octets that are known are not judged again
//	judged    Options.Read, then the shrink guard
//	copied    to the state, under its hash (store.go)
//	in force  Options.Apply with one version of every file
//	indexed   the state says which copies belong to which files
//
// A file that changes on the way is read again. One that is refused is not read
// again until it changes; its last good version stays in force. One that is gone
// from the folder leaves the set, unless the folder itself is gone.
//
// # Parts
//
// A file may ask for others beside it (Reading.Part), as a zone does with
// $INCLUDE. They belong to its version: they are copied with it, and when one of
// them changes the file is read again, once all of them rest.
//
//	rpz/ours.zone           SHA-256 a1.. of the file
//	  rpz/hosts.inc         b2..
//	version                 SHA-256 of "a1..\nb2.. \"rpz/hosts.inc\"\n"
//
// # A start
//
// The index in the state keeps of each file how it was when it was read: inode,
// size and times (identity.go). A file that is still so is neither opened nor
// judged: with five million names in force, Start takes as long as Apply does.
// The copies are proven afterwards, by and by (Folder.prove).
//
// # Bounds
//
//	entries  100,000   of the folder, those passed over too (maxSeen)
//	depth    16        folders in folders (maxDepth)
//	file     512 MiB   as it lies there (Options.MaxSize)
//
// What lies beyond the first two is not looked at; what is in force of it stays,
// and a warning says so.
//
// # Cost
//
// A look at ten thousand resting files takes a tenth of a second (BenchmarkLook),
// most of it calls of stat. A new version is read four times: by the hash, twice
// by a reader of lists, by the copy. Many copies are put on the disk by one call
// of syncfs: one of fsync each took 2 ms (sync_linux.go).
package dropdir

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options say which folder is followed, and how.
type Options struct {
	// Dir is the folder. It need not be there.
	Dir string
	// State is the folder for last good versions; "" keeps none.
	State string
	// Settle is how long size and time of a file rest before it is read.
	Settle time.Duration
	// Shrink is how many percent of its entries a file may lose; 0 is any number.
	Shrink int
	// MaxSize bounds a file as it lies there, in octets; 0: 512 MiB.
	MaxSize int64

	// Want tells whether a file is ours: false passes it over. rel is its path
	// below Dir, with slashes.
	Want func(rel string) bool
	// Part tells whether a file of those that are ours is a part of others, and
	// none for itself: it is read only where Reading.Part asks for it. nil: none is.
	Part func(rel string) bool
	// Verify, where there is one, says whether a version may count at all, before
	// it is read; the signature is a part, NAME and SignatureSuffix. serial is kept
	// with the name, also when the file goes: a version of a lower one is refused.
	Verify func(r Reading) (serial uint64, err error)
	// Signer names the key that Verify goes by: what another one has vouched for
	// must be signed anew.
	Signer string
	// Read judges one version of a file. An error refuses it whole; detail is
	// kept and handed back in File and Version.
	Read func(r Reading) (entries int, detail any, err error)
	// Thaw, where there is one, gives back a detail that was kept in the state as
	// JSON, so that what an earlier process has judged is not judged again. Key
	// says by which rules Read judges: another one has all judged anew.
	Thaw func(text []byte) (detail any, err error)
	Key  string
	// Expires, where there is one, tells by its detail for how long a version
	// counts after its time; 0: for ever. An older one lapses: it leaves the set
	// until the file is renewed.
	Expires func(detail any) time.Duration
	// Now is the clock on the wall; nil: time.Now.
	Now func() time.Time
	// Pause is called before each piece of a file is read, at most 64 KiB mostly,
	// by what reads versions that Apply was given too: who serves meanwhile may
	// let others have the processor. nil: nothing.
	Pause func()
	// Apply puts a set of versions in force, sorted by name. On an error the set
	// before stays in force, the error is shown, and the next look tries again.
	Apply func(ctx context.Context, in []Version) error
	// Changed, where there is one, hears of each file whose state, version or
	// reason is another than before; of one that is gone with an empty State.
	Changed func(File)
}

const defaultMaxSize = 512 << 20 // octets

// SignatureSuffix ends the name of a signature, which lies beside its file.
const SignatureSuffix = ".minisig"

// Reading is one version of a file that is to be judged.
type Reading struct {
	Name string // path below the folder, with slashes
	// Open gives its octets from the beginning; it may be called more than once.
	Open func() (io.ReadCloser, error)
	// Part opens a part, by its path below the folder. What was opened belongs to
	// the version: it is kept with it, and another version of the part makes
	// another version of the file. An error wraps fs.ErrNotExist where there is no
	// part of that name.
	Part func(rel string) (io.ReadCloser, error)
}

// Version is one accepted version of a file.
type Version struct {
	Name string // path below the folder, with slashes
	// Open gives exactly the octets that were accepted.
	Open func() (io.ReadCloser, error)
	// Part gives exactly the octets of a part with which it was accepted.
	Part     func(rel string) (io.ReadCloser, error)
	SHA256   string    // of the octets, in hexadecimal; with parts, of all of them
	Time     time.Time // when the file was last changed
	Entries  int       // as Read counted them
	Detail   any       // as Read gave it
	LastGood bool      // the folder holds another version, or none that can be read

	content content
}

// The states of a File.
const (
	InForce  = "in force"  // the file as it lies there
	LastGood = "last good" // an earlier version of it; Reason says why
	Refused  = "refused"   // no version of it; Reason says why
)

// File is what became of one file.
type File struct {
	Name    string // path below the folder, with slashes
	State   string // InForce, LastGood or Refused
	Entries int    // of the version in force; of the one refused where there is none
	SHA256  string // of the same
	Time    time.Time
	Reason  string   // why the newest version is not in force
	Err     error    // the same, as Read or Verify said it; ErrHeld, ErrLapsed, ErrSerial, ErrSignature, ErrSize
	Detail  any      // of the newest version that was read
	InForce *Version // nil: none
}

// Why a file is not in force, beside what Read and Verify say.
var (
	ErrHeld   = errors.New("nothing but the shrink guard holds it back")
	ErrLapsed = errors.New("older than it says that it counts for")
	ErrSerial = errors.New("a serial must not fall")
	ErrSize   = errors.New("over the size limit")
)

// ErrNoFile: the file to accept is not in the folder.
var ErrNoFile = errors.New("no such file in the folder")

// Folder is a folder that is followed.
type Folder struct {
	o     Options
	store store

	look    sync.Mutex // one look at a time; guards what follows
	entries map[string]*entry
	parts   map[string]*entry
	serials map[string]uint64
	last    walked // what the last walk found
	device  uint64 // the file system of the folder when it was last there

	applied    bool // Apply has run once
	fresh      bool // something was accepted, or is gone, since Apply last ran
	applyErr   error
	applyAgain time.Time // when it is tried again

	named      map[string]bool // copies that the index in the state names
	unproven   []string        // files of which no copy has been read in this process
	proveAt    time.Time       // when that is done
	unsaved    bool            // the index is not what is in force
	indexErr   error           // why an earlier process' index could not be read
	stateErr   error           // why the state cannot be written to
	stateAgain time.Time       // when that is tried again

	watch    func(dir string) error // has changes in the folder at dir noticed; nil: nothing does
	watchErr error

	told  []File // what Changed has heard of
	shown atomic.Pointer[shown]
}

// shown is what others see while a look goes on.
type shown struct {
	files    []File
	warnings []string
}

// New is a folder that nobody has looked at yet.
func New(o Options) *Folder {
	if o.MaxSize <= 0 {
		o.MaxSize = defaultMaxSize
	}
	if o.Want == nil {
		o.Want = func(string) bool { return true }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Pause == nil {
		o.Pause = func() {}
	}
	f := &Folder{o: o, store: store{o.State}, entries: map[string]*entry{}, parts: map[string]*entry{}, serials: map[string]uint64{}}
	f.shown.Store(&shown{})
	return f
}

// Start takes the last good versions from the state, looks at the folder, and
// returns once Apply has run. What lies there as an earlier process read it is
// not read again. Files without a last good version are read at once, whether
// they rest or not.
func (f *Folder) Start(ctx context.Context) error {
	f.look.Lock()
	defer f.look.Unlock()
	f.recall()
	f.proveAt = time.Now().Add(proveAfter)
	if err := f.round(ctx, time.Now(), haste{starting: true}); err != nil {
		return err
	}
	return f.applyErr
}

// Look looks at the folder now, without waiting for files to rest, and returns
// when each is in force or refused. accept, a name or a path, is the file that
// the shrink guard lets pass this once.
func (f *Folder) Look(ctx context.Context, accept string) ([]File, error) {
	f.look.Lock()
	defer f.look.Unlock()
	h := haste{now: true}
	if accept != "" {
		name, ok := f.nameOf(accept)
		if !ok {
			return nil, &acceptError{accept}
		}
		h.accept = name
	}
	if err := f.round(ctx, time.Now(), h); err != nil {
		return nil, err
	}
	return f.Files(), nil
}

// Files are all files that were read, sorted by name.
func (f *Folder) Files() []File { return slices.Clone(f.shown.Load().files) }

// Warnings are sentences about what is not as it should be.
func (f *Folder) Warnings() []string { return slices.Clone(f.shown.Load().warnings) }

// nameOf finds the file that is meant by its name, as it is or as Told, or by a
// path to it.
func (f *Folder) nameOf(accept string) (string, bool) {
	names := []string{filepath.ToSlash(filepath.Clean(accept))}
	for _, abs := range []func(string) (string, error){filepath.Abs, resolved} {
		dir, err := abs(f.o.Dir)
		path, err2 := abs(accept)
		if err != nil || err2 != nil {
			continue
		}
		if rel, err := filepath.Rel(dir, path); err == nil {
			names = append(names, filepath.ToSlash(rel))
		}
	}
	for _, name := range names {
		if _, ok := f.entries[name]; ok {
			return name, true
		}
		// A file dropped just now: the look to come will find it.
		if f.o.Want(name) && f.exists(name) {
			return name, true
		}
	}
	for name := range f.entries {
		if Told(name) == accept {
			return name, true
		}
	}
	return "", false
}
