package policy

import (
	"net/netip"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Category is what happens to queries for its names.
type Category struct {
	Name     string
	Action   Action     // Pass: Sinkhole
	Addr4    netip.Addr // of Sinkhole for A; not valid: NODATA
	Addr6    netip.Addr // of Sinkhole for AAAA; not valid: NODATA
	TTL      uint32     // in seconds
	EDE      int        // extended error code (RFC 8914); negative: 4 with a sinkhole address, else 15
	EDEText  string     // "": the name
	CodeOnly bool       // no text at all
	Record   bool       // hits are evidence of the line that asked
}

const (
	allowFolder = "allow"
	rootFolder  = "malware" // the category of files beside the folders
)

// otherFolders hold no lists of this package.
var otherFolders = []string{"clients", "rpz"}

// CategoryOf says whose rules a file holds, by its name in the drop folder: its
// first folder is the category, and a file beside the folders belongs to
// malware. want is false for files that are no lists of this package. A file's
// own comments may name another category, see list.Options.
func CategoryOf(rel string) (category string, allow, want bool) {
	folder, _, inside := strings.Cut(path.Clean(rel), "/")
	switch {
	case !inside:
		return rootFolder, false, true
	case slices.Contains(otherFolders, folder):
		return "", false, false
	case folder == allowFolder:
		return "", true, true
	}
	return categoryName(folder), false, true
}

// categoryName is a folder's name as a client may see it: text without control
// characters.
func categoryName(folder string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == utf8.RuneError {
			return '_'
		}
		return c
	}, folder)
}

// categoriesOf are those of the Corefile in their order, and behind them those
// that only files name, by name.
func categoriesOf(cfg Config, named []string) []Category {
	all := slices.Clone(cfg.Categories)
	known := make(map[string]bool)
	for _, c := range all {
		known[c.Name] = true
	}
	for _, name := range slices.Sorted(slices.Values(named)) {
		if !known[name] {
			known[name] = true
			c := cfg.Default
			c.Name = name
			all = append(all, c)
		}
	}
	for i := range all {
		c := &all[i]
		if c.Action == Pass {
			c.Action = Sinkhole
		}
		if c.EDEText == "" {
			c.EDEText = c.Name
		}
	}
	return all
}
