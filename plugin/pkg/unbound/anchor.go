package unbound

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// distributionAnchors is where Debian and Ubuntu keep the root's keys (package
// dns-root-data).
var distributionAnchors = "/usr/share/dns/root.key"

// maxAnchors bounds a file of anchors, in bytes; Debian's has 768.
const maxAnchors = 1 << 20

// Anchor is a key that is trusted: validation of all below Zone begins there.
type Anchor struct {
	Zone   string
	KeyTag uint16
}

func (a Anchor) String() string { return fmt.Sprintf("%s %d", a.Zone, a.KeyTag) }

// anchorFile is a file of DS and DNSKEY records as it was read.
type anchorFile struct {
	path    string
	records []dns.RR
}

// readAnchors reads the file at path, the distribution's when path is empty.
func readAnchors(path string) (anchorFile, error) {
	missing := "a file of DS and DNSKEY records"
	if path == "" {
		path = distributionAnchors
		missing += " (Debian, Ubuntu: apt-get install dns-root-data), or another with `trust-anchor FILE`"
	}
	text, err := readBounded(path, maxAnchors)
	if err != nil {
		return anchorFile{}, fmt.Errorf("trust-anchor %q: %w; want %s", path, cause(err), missing)
	}
	f := anchorFile{path: path}
	p := dns.NewZoneParser(strings.NewReader(string(text)), ".", "")
	p.SetDefaultTTL(3600)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		switch rr.(type) {
		case *dns.DS, *dns.DNSKEY:
			if inForce(p.Comment()) {
				f.records = append(f.records, rr)
			}
		}
	}
	if err := p.Err(); err != nil {
		return anchorFile{}, fmt.Errorf("trust-anchor %q: %w; want DS and DNSKEY records", path, err)
	}
	if len(f.records) == 0 {
		return anchorFile{}, fmt.Errorf("trust-anchor %q: holds no DS or DNSKEY record; without one nothing can be validated", path)
	}
	return f, nil
}

// inForce reads the state that a child notes behind each key of its own file:
// it trusts those that are VALID, or MISSING for now (RFC 5011, section 4).
func inForce(comment string) bool {
	_, state, noted := strings.Cut(comment, "state=")
	return !noted || strings.HasPrefix(state, "2") || strings.HasPrefix(state, "3")
}

// anchors are the keys that the records name, each once.
func (f anchorFile) anchors() []Anchor {
	var all []Anchor
	for _, rr := range f.records {
		a := Anchor{Zone: rr.Header().Name}
		switch rr := rr.(type) {
		case *dns.DS:
			a.KeyTag = rr.KeyTag
		case *dns.DNSKEY:
			a.KeyTag = rr.KeyTag()
		}
		if !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// trackedName is the child's own file of anchors (RFC 5011), in its state.
const trackedName = "root.key"

// seed makes the child's own file of anchors in dir, a folder that belongs to
// the child alone, and returns its path. What the child has learned stays,
// unless the distribution's file is newer than the last the child wrote: then it
// slept through a change, as after a year on a shelf.
func (f anchorFile) seed(dir string, owner *account) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	if err := owner.own(dir); err != nil {
		return "", err
	}
	path := filepath.Join(dir, trackedName)
	if mine, err := os.Lstat(path); err == nil && mine.Mode().IsRegular() && mine.Size() > 0 {
		theirs, err := os.Stat(f.path)
		if err == nil && !theirs.ModTime().After(mine.ModTime()) {
			return path, owner.own(path)
		}
	}
	var text strings.Builder
	for _, rr := range f.records {
		text.WriteString(rr.String() + "\n")
	}
	// Written anew and renamed: a link that stands there is not followed.
	temp, err := os.CreateTemp(dir, trackedName+".*")
	if err != nil {
		return "", err
	}
	defer os.Remove(temp.Name())
	_, err = temp.WriteString(text.String())
	if cerr := temp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = owner.own(temp.Name())
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	return path, err
}
