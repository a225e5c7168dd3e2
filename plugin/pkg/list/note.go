package list

import (
	"fmt"
	"unicode/utf8"
)

const (
	// MaxNotes is how many notes a Result keeps.
	MaxNotes = 1000

	// maxText is how much of a text a note quotes, in octets.
	maxText = 80
)

// Note is a refusal or a warning about one entry.
type Note struct {
	File    string
	Line    int    // from one
	Text    string // the entry, cut at 80 octets
	Why     string // what is wrong, and what would be accepted
	Guard   bool   // a guard refused what could be read
	Warning bool   // the rule was taken
	Passed  bool   // it is understood, and makes no rule
}

// String is the note as editors and grep want it: file:line: "text": why.
func (n Note) String() string {
	switch {
	case n.Warning:
		return fmt.Sprintf("%s:%d: %q: warning: %s", n.File, n.Line, n.Text, n.Why)
	case n.Passed:
		return fmt.Sprintf("%s:%d: %q: passed over: %s", n.File, n.Line, n.Text, n.Why)
	}
	return fmt.Sprintf("%s:%d: %q: %s", n.File, n.Line, n.Text, n.Why)
}

func (r *reader) refuse(text []byte, why string) { r.note(Note{Why: why}, text) }

func (r *reader) refuseByGuard(text []byte, why string) { r.note(Note{Why: why, Guard: true}, text) }

func (r *reader) warn(text []byte, why string) { r.note(Note{Why: why, Warning: true}, text) }

// note notes something about text on the line at hand.
func (r *reader) note(n Note, text []byte) {
	n.File, n.Line = r.file, r.line
	r.res.Note(n, text)
}

// cut is the beginning of a text, not ending inside a character.
func cut(text []byte) string {
	if len(text) <= maxText {
		return string(text)
	}
	end := maxText
	for end > maxText-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return string(text[:end])
}

// passReason is why an entry that is understood makes no rule.
type passReason uint8

const (
	passNot passReason = iota // not to be passed over
	passCosmetic
	passModifier
	passClient
	passBadfilter
	passPattern
	passPath
	passURL
	passPort
	passDnsmasq
	passUnbound
	passCSV
	passHacked
	passHosts
	passLocal
	passReasons // how many there are
)

// passTexts are the reasons as check shows them beside a count.
var passTexts = [passReasons]string{
	passCosmetic:  "cosmetic rules for pages",
	passModifier:  "rules with modifiers for pages",
	passClient:    "rules for some clients",
	passBadfilter: "rules with $badfilter and what they take away",
	passPattern:   "patterns",
	passPath:      "paths",
	passURL:       "URLs",
	passPort:      "hosts with ports",
	passDnsmasq:   "dnsmasq options",
	passUnbound:   "Unbound options",
	passCSV:       "CSV rows",
	passHacked:    "rows of sites marked as compromised",
	passHosts:     "hosts lines for real addresses",
	passLocal:     "names of the machine itself",
}

// passWhys are the reasons beside an entry.
var passWhys = [passReasons]string{
	passCosmetic:  "about the elements of pages",
	passModifier:  "a modifier that is not of the DNS syntax, or not of rules for addresses; such a rule must be ignored whole",
	passClient:    "for some clients only",
	passBadfilter: "$badfilter takes it away, or it has $badfilter itself",
	passPattern:   "a pattern; an exact index knows whole names",
	passPath:      "about a part of what a host serves; its name would block all of it",
	passURL:       "about a page, not its host; urls=hosts takes hosts",
	passPort:      "a host with a port",
	passDnsmasq:   "an option of dnsmasq that blocks nothing",
	passUnbound:   "an option of Unbound that blocks nothing",
	passCSV:       "a row without a host, a name or an address where one is expected",
	passHacked:    "the site is marked as compromised, not as bad itself",
	passHosts:     "a name's real address; only 0.0.0.0, :: and loopback ones block",
	passLocal:     "a name or an address of the machine itself",
}

type passCounts [passReasons]int

func (c *passCounts) byReason() map[string]int {
	m := make(map[string]int)
	for reason, n := range c {
		if n > 0 {
			m[passTexts[reason]] = n
		}
	}
	return m
}

func (r *reader) pass(why passReason) {
	r.res.PassedOver++
	r.passed[why]++
	if r.o.PassedOver != nil {
		r.o.PassedOver(Note{File: r.file, Line: r.line, Text: cut(trim(r.text)), Why: passWhys[why], Passed: true})
	}
}
