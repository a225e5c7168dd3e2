// Package dropdir follows a folder into which people and programs drop files:
// it notices, waits until a file rests, opens it safely, has it judged, and
// keeps the last good version of each.
//
// What a file means is the owner's: Options.Read judges one version of one
// file, Options.Apply puts a set of accepted versions in force.
package dropdir

import (
	"context"
	"errors"
	"io"
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
	// Read judges one version of a file. An error refuses it whole; detail is
	// kept and handed back in File and Version. open may be called more than once.
	Read func(rel string, open func() (io.ReadCloser, error)) (entries int, detail any, err error)
	// Apply puts a set of versions in force, sorted by name. Calls never overlap.
	// On an error the set before stays in force, and the error is shown.
	Apply func(ctx context.Context, in []Version) error
	// Changed, where there is one, hears of each file whose state, version or
	// reason is another than before; of one that is gone with an empty State.
	Changed func(File)
}

// Version is one accepted version of a file.
type Version struct {
	Name string // path below the folder, with slashes
	// Open gives exactly the octets that were accepted.
	Open     func() (io.ReadCloser, error)
	SHA256   string    // of the octets, in hexadecimal
	Time     time.Time // when the file was last changed
	Entries  int       // as Read counted them
	Detail   any       // as Read gave it
	LastGood bool      // the folder holds another version, or none that can be read
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
	SHA256  string
	Time    time.Time
	Reason  string   // why the newest version is not in force
	Held    bool     // nothing but the shrink guard holds the newest version back
	Detail  any      // of the newest version that was read
	InForce *Version // nil: none
}

// ErrNoFile: the file to accept is not in the folder.
var ErrNoFile = errors.New("no such file in the folder")

// Folder is a folder that is followed.
type Folder struct {
	o Options
}

// New is a folder that nobody has looked at yet.
func New(o Options) *Folder { return &Folder{o: o} }

// Start takes the last good versions from the state, looks at the folder, and
// returns once Apply has run. Files without a last good version are read at
// once, whether they rest or not.
func (f *Folder) Start(ctx context.Context) error { return nil }

// Run follows the folder until ctx ends.
func (f *Folder) Run(ctx context.Context) error { return nil }

// Look looks at the folder now, without waiting for files to rest, and returns
// when each is in force or refused. accept, a name or a path, is the file that
// the shrink guard lets pass this once.
func (f *Folder) Look(ctx context.Context, accept string) ([]File, error) { return nil, nil }

// Files are all files that were read, sorted by name.
func (f *Folder) Files() []File { return nil }

// Warnings are sentences about what is not as it should be.
func (f *Folder) Warnings() []string { return nil }
