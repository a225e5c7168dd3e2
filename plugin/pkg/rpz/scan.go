package rpz

import (
	"bytes"
	"context"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/list"
)

// Entry is one rule as it stands in a file.
type Entry struct {
	Trigger Trigger
	Action  Action
	Wild    bool
	Name    []byte       // of a rule on names, wire form without *; valid during the call only
	Prefix  netip.Prefix // of a rule on addresses
	Data    string       // of local data: TTL, class, type and data
	File    string       // where it stands: the file, or one that it includes
	Line    int          // from one
	Text    []byte       // the lines of the entry, the comment too; valid during the call only
}

// Scan calls emit for every rule that the file holds, in the order of lines: each
// record of local data is one. Duplicates and what is refused are left out.
func Scan(file string, open list.Source, o ReadOptions, emit func(Entry)) error {
	var held []Entry // until it is sure which zone it is
	_, err := read(context.Background(), file, open, o, func(r *reader) {
		held = nil
		r.emit = func(f *found, text []byte) {
			e := r.entryOf(f, text)
			switch {
			case !r.fixed && r.records < maxBefore:
				e.Name, e.Text = bytes.Clone(e.Name), bytes.Clone(e.Text)
				held = append(held, e)
				return
			case held != nil:
				held = emitAll(held, emit)
			}
			emit(e)
		}
	})
	emitAll(held, emit)
	return err
}

func emitAll(held []Entry, emit func(Entry)) []Entry {
	for _, e := range held {
		emit(e)
	}
	return nil
}

func (r *reader) entryOf(f *found, text []byte) Entry {
	e := Entry{
		Trigger: f.trigger, Action: f.action, Wild: f.wild, Name: f.name, Prefix: f.prefix,
		File: r.at.file, Line: r.at.line, Text: text,
	}
	if bytes.IndexByte(text, '\n') >= 0 {
		e.Text = bytes.ReplaceAll(text, []byte("\n"), []byte(" "))
	}
	if f.action == Data {
		e.Data = dataText(f.record)
	}
	return e
}

// dataText is a packed record as people write it, less its owner.
func dataText(packed []byte) string {
	rr, _, err := dns.UnpackRR(packed, 0)
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(strings.TrimPrefix(rr.String(), ".")), " ")
}
