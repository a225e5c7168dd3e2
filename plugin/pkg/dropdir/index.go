package dropdir

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// index is what the state says of its copies: which file they belong to, how
// that file lay there when it was read, and what was read in it.
//
//	sinkhole last good 2 SHA-256-OF-WHAT-FOLLOWS
//	{"device":7,"key":"...","files":[
//	{"name":"\"malware/a.txt\"","octets":"3f2a...","entries":12,"time":1795335240,
//	 "as":{"inode":42,"size":180,"time":...,"changed":...},"detail":{...}},
//	...],"serials":[{"name":"...","serial":5}]}
//
// Names of files hold any octet; here they are quoted as in Go.
type index struct {
	Device  uint64   `json:"device"` // of the folder
	Key     string   `json:"key"`    // Options.Key
	Signer  string   `json:"signer,omitempty"`
	Files   []kept   `json:"files"`
	Serials []serial `json:"serials,omitempty"`
}

// kept is the last good version of one file.
type kept struct {
	Name    quoted          `json:"name"`
	Octets  string          `json:"octets"` // SHA-256
	Parts   []part          `json:"parts,omitempty"`
	Entries int             `json:"entries"`
	Time    int64           `json:"time"`           // in seconds since 1970
	As      *identity       `json:"as,omitempty"`   // of the file that it is; none: the folder holds another version
	Uses    []keptUse       `json:"uses,omitempty"` // of what it asked for
	Detail  json.RawMessage `json:"detail,omitempty"`
}

type keptUse struct {
	Name quoted    `json:"name"`
	As   *identity `json:"as,omitempty"` // none: it was not there
}

type serial struct {
	Name   quoted `json:"name"`
	Serial uint64 `json:"serial"`
}

const (
	indexName  = "index"
	indexTitle = "sinkhole last good 2 "
)

var errIndex = errors.New("broken, or of another version")

func (x index) format() ([]byte, error) {
	body, err := json.Marshal(x)
	if err != nil {
		return nil, err
	}
	sum, _ := sumOf(bytes.NewReader(body))
	return append([]byte(indexTitle+sum+"\n"), body...), nil
}

// parseIndex reads an index, or nothing of it.
func parseIndex(text []byte) (x index, err error) {
	head, body, _ := bytes.Cut(text, []byte("\n"))
	sum, titled := bytes.CutPrefix(head, []byte(indexTitle))
	if is, _ := sumOf(bytes.NewReader(body)); !titled || is != string(sum) {
		return index{}, errIndex
	}
	if json.Unmarshal(body, &x) != nil {
		return index{}, errIndex
	}
	for _, k := range x.Files {
		if !k.valid() {
			return index{}, errIndex
		}
	}
	return x, nil
}

func (k kept) valid() bool {
	for _, p := range k.Parts {
		if p.Name == "" || p.Sum != "" && !isSum(p.Sum) {
			return false
		}
	}
	return k.Name != "" && k.Entries >= 0 && isSum(k.Octets)
}

// isSum: it is a SHA-256 in hexadecimal, and so a name in the store.
func isSum(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == sumLen
}

// keptOf is what the index says of an entry.
func (f *Folder) keptOf(e *entry) kept {
	v := e.kept
	if e.force != nil && e.force.SHA256 == v.SHA256 {
		v = e.force // it may have been touched since
	}
	k := kept{Name: quoted(e.name), Octets: v.content.octets, Parts: v.content.parts, Entries: v.Entries, Time: v.Time.Unix()}
	if e.judged && f.o.Thaw != nil && v == e.force {
		k.Detail, _ = json.Marshal(v.Detail) // without it, it is judged again
	}
	if e.newest.why == "" && e.newest.sum == v.SHA256 && e.read.there() && !f.unread(e) {
		k.As = &e.read.id
		for _, u := range e.uses {
			use := keptUse{Name: quoted(u.name)}
			if u.found.there() {
				use.As = &u.found.id
			}
			k.Uses = append(k.Uses, use)
		}
	}
	return k
}

// entryOf is the entry that was kept. known: it need not be judged again.
func (f *Folder) entryOf(k kept, key bool) *entry {
	n := newest{content: contentOf(k.Octets, k.Parts), time: time.Unix(k.Time, 0), entries: k.Entries}
	e := &entry{name: string(k.Name)}
	if key && f.o.Thaw != nil {
		detail, err := f.o.Thaw(k.Detail)
		e.judged, n.detail = err == nil && k.Detail != nil, detail
	}
	e.force = f.version(e.name, n)
	e.kept = e.force
	if e.judged && k.As != nil {
		e.newest, e.read = n, found{id: *k.As, time: n.time}
		for _, u := range k.Uses {
			use := use{name: string(u.Name)}
			if u.As != nil {
				use.found.id = *u.As
			}
			e.uses = append(e.uses, use)
		}
	}
	return e
}

// quoted is a name in JSON, which holds text alone.
type quoted string

func (q quoted) MarshalText() ([]byte, error) { return strconv.AppendQuoteToASCII(nil, string(q)), nil }

func (q *quoted) UnmarshalText(text []byte) error {
	s, err := strconv.Unquote(string(text))
	*q = quoted(s)
	return err
}
