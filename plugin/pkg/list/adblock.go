package list

import (
	"bytes"
	"unicode/utf8"

	"sinkhole/plugin/pkg/dnsname"
)

const (
	whyNoName  = "no name between the marks; want ||name^"
	warnNarrow = "without ^ it means every name that begins so; taken for this name only; want ||name^ for it and all below"
)

// adblock reads rules of AdGuard's DNS syntax that begin with @@ or |: what is
// a name between anchors. Of the rest (modifiers, paths, patterns) none can be
// said by names, and a rule with a modifier that we do not know must be ignored
// whole: ||click.example^$image is about images on pages.
func (r *reader) adblock(e []byte) {
	rule, except := bytes.CutPrefix(e, []byte("@@"))
	reach := Exact
	switch {
	case bytes.HasPrefix(rule, []byte("||")):
		rule, reach = rule[2:], Subtree
	case bytes.HasPrefix(rule, []byte("|")):
		rule = rule[1:]
	case spaced(rule) || len(rule) == 0:
		r.refuse(e, whyNoName)
		return
	default:
		r.pass(unanchored(rule))
		return
	}
	text := rule[:hostLen(rule)]
	if i := bytes.IndexByte(rule, '^'); i > len(text) && isAddr6(rule[:i]) { // its colons stand in no host's name
		text = rule[:i]
	}
	switch tail := rule[len(text):]; string(tail) {
	case "^", "^|", "|":
		r.adblockName(e, text, reach, except)
	case "":
		r.adblockBare(e, text, except)
	default:
		r.adblockTail(e, tail)
	}
}

// adblockName takes ||name^ and |name^, also for an address.
func (r *reader) adblockName(e, text []byte, reach Reach, except bool) {
	if len(text) == 0 {
		r.refuse(e, whyNoName)
		return
	}
	if r.address(text, true, except) {
		return
	}
	name, why := r.name(text)
	if why != "" {
		r.refuse(e, why)
		return
	}
	r.block(name, reach, true, except, e)
}

// adblockBare takes ||name: a pattern for all names that begin so. Where it is
// a whole name, that one is surely meant; ||ads. and ||ad are but beginnings.
func (r *reader) adblockBare(e, text []byte, except bool) {
	if len(text) == 0 {
		r.refuse(e, whyNoName)
		return
	}
	if text[len(text)-1] == '.' {
		r.pass(passPattern)
		return
	}
	name, why := r.name(text)
	switch {
	case why == whyNumber || why == "" && dnsname.Labels(name) < 2:
		r.pass(passPattern)
	case why != "":
		r.refuse(e, why)
	default:
		entries := r.res.Entries
		r.block(name, Exact, true, except, e)
		if r.res.Entries > entries {
			r.warn(e, warnNarrow)
		}
	}
}

// adblockTail passes over what follows a name and is more than its end.
func (r *reader) adblockTail(e, tail []byte) {
	switch {
	case spaced(e):
		r.refuse(e, whySpace)
	case tail[0] == '$' || bytes.HasPrefix(tail, []byte("^$")) || bytes.HasPrefix(tail, []byte("|$")) || bytes.HasPrefix(tail, []byte("^|$")):
		r.pass(passModifier)
	case tail[0] == '/' || tail[0] == ':':
		r.pass(passPath)
	case bytes.IndexByte([]byte(patternOctets), tail[0]) >= 0:
		r.pass(passPattern)
	default:
		r.refuse(e, whyNoHost(tail[:1]))
	}
}

// patternOctets stand in patterns for URLs (RFC 3986) and nowhere in a name.
const patternOctets = "^*|?&=%~,;@!'()[]+#$"

// unanchored says what a rule without | in front is.
func unanchored(rule []byte) passReason {
	switch {
	case bytes.Contains(rule, []byte("://")):
		return passURL
	case bytes.IndexByte(rule, '$') > 0:
		return passModifier
	case bytes.IndexByte(rule, '/') >= 0:
		return passPath
	}
	return passPattern
}

// hostLen is how much of a rule can be a name's text.
func hostLen(rule []byte) int {
	for i, c := range rule {
		if host[c] == 0 && c != '.' && c != '\\' && c < utf8.RuneSelf {
			return i
		}
	}
	return len(rule)
}
