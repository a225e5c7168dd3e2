// Package blocklists holds a sample of each kind of list that the drop folder
// takes. The folder of this package is itself a drop folder: `make run` serves
// it, and what is dropped beside the samples is in force two seconds later.
//
// All names end in .example (RFC 6761) and all addresses are those of RFC 5737
// and RFC 3849, so nothing that exists is blocked by them. README.md says what
// each file shows.
package blocklists

import "embed"

// Samples are the files of the folder in its own layout: a folder a category,
// allow/, rpz/ for response policy zones, and clients/ with a folder a class.
//
//go:embed c2 malware phishing tracking allow rpz clients
var Samples embed.FS
