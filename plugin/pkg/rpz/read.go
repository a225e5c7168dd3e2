package rpz

import (
	"context"
	"io"
	"net/netip"

	"sinkhole/plugin/pkg/list"
)

// ReadOptions says whose file it is.
type ReadOptions struct {
	// Name is the zone's where the file has no SOA; "" takes it from the file's.
	Name string
	// Part opens a file of $INCLUDE, named in the form of the zone's file: a
	// common.inc beside rpz/feed.zone is rpz/common.inc. nil: there are none.
	Part func(rel string) (io.ReadCloser, error)
	// Protected names are refused, but for passthru; nil: none are.
	Protected list.Guard
	// MaxSize bounds the unpacked files together, in octets; 0: 512 MiB.
	MaxSize int64
	// Dir is the folder for what does not fit memory while names are sorted, and
	// for the names of the Zone; "" keeps all in memory.
	Dir string
}

// Read makes a Zone of the file of that name. The Result is filled also where
// the file is refused.
func Read(ctx context.Context, file string, open list.Source, o ReadOptions) (*Zone, list.Result, error) {
	return &Zone{name: o.Name}, list.Result{}, nil
}

// Check reads the file and makes no Zone.
func Check(file string, open list.Source, o ReadOptions) (list.Result, error) {
	return list.Result{}, nil
}

// Entry is one rule as it stands in a file.
type Entry struct {
	Trigger Trigger
	Action  Action
	Wild    bool
	Name    []byte       // of a rule on names, wire form without *; valid during the call only
	Prefix  netip.Prefix // of a rule on addresses
	Data    string       // of local data: TYPE and RDATA
	File    string       // where it stands: the file, or one that it includes
	Line    int          // from one
	Text    []byte       // the entry's lines, the comment too; valid during the call only
}

// Scan calls emit for every rule that the file holds, in the order of lines: each
// record of local data is one. Duplicates and what is refused are left out.
func Scan(file string, open list.Source, o ReadOptions, emit func(Entry)) error {
	return nil
}
