package list

import (
	"bytes"
	"net/netip"
	"unicode/utf8"

	"sinkhole/plugin/pkg/dnsname"
)

const (
	whyNoName  = "no name between the marks; want ||name^"
	warnNarrow = "without ^ it means every name that begins so; taken for this name only; want ||name^ for it and all below"
	whyAnswers = "an answer in a file of what is never blocked; want it in a category's folder"
)

// adblock reads rules of AdGuard's DNS syntax:
//
//	[@@] pattern [$ modifier [, modifier]...]
//
// Of the patterns those that are a name between anchors are taken. What a
// modifier changes stands in the Rule; a rule with one that is not of the DNS
// syntax is passed over whole, for ||click.example^$image is about images on
// pages.
func (r *reader) adblock(e []byte) {
	rule, except := bytes.CutPrefix(e, []byte("@@"))
	pattern, text := splitModifiers(rule)
	if spaced(pattern) {
		r.refuse(e, whySpace)
		return
	}
	if why := modifierKind(text); why != passNot {
		r.pass(why)
		return
	}
	shape, name := patternShape(pattern)
	switch {
	case shape.pass != passNot:
		r.pass(shape.pass)
		return
	case shape.why != "":
		r.refuse(e, shape.why)
		return
	}
	m, why := r.modifiersOf(text)
	switch {
	case why != "":
		r.refuse(e, why)
	case m.badfilter && !r.takenAway(except, pattern, m):
		r.refuse(e, whyBadfilters)
	case r.takenAway(except, pattern, m):
		r.pass(passBadfilter)
	case r.o.Allow && m.rewrite != nil:
		r.refuse(e, whyAnswers)
	default:
		r.adblockRule(e, name, shape, except, m)
	}
}

// shape is what a pattern is: a name, or what it is instead.
type shape struct {
	reach Reach
	bare  bool // the pattern does not say where the name ends
	pass  passReason
	why   string // it is refused
}

// patternShape finds the text of the name in a pattern. The marks of its end
// are ^ and |; behind ^ a * says nothing (it may stand for no octet), and /* is
// read as ^, as AdGuard reads it.
func patternShape(pattern []byte) (s shape, name []byte) {
	rest := pattern
	switch {
	case bytes.HasPrefix(rest, []byte("||")):
		rest, s.reach = rest[2:], Subtree
	case bytes.HasPrefix(rest, []byte("|")):
		rest = rest[1:]
	case len(rest) == 0:
		return shape{why: whyNoName}, nil
	default:
		return shape{pass: unanchored(rest)}, nil
	}
	name = rest[:hostLen(rest)]
	if i := bytes.IndexByte(rest, '^'); i > len(name) && isAddr6(rest[:i]) { // its colons stand in no host's name
		name = rest[:i]
	}
	switch tail := rest[len(name):]; string(tail) {
	case "^", "^|", "|", "^*", "/*":
	case "":
		s.bare, s.reach = true, Exact
	default:
		s.pass, s.why = oddTail(tail)
	}
	if s.pass == passNot && s.why == "" && len(name) == 0 {
		s.why = whyNoName
	}
	return s, name
}

// oddTail is what follows a name and is more than its end.
func oddTail(tail []byte) (pass passReason, why string) {
	switch {
	case tail[0] == '/' || tail[0] == ':':
		return passPath, ""
	case bytes.IndexByte([]byte(patternOctets), tail[0]) >= 0:
		return passPattern, ""
	}
	return passNot, whyNoHost(tail[:1])
}

// patternOctets stand in patterns for URLs (RFC 3986) and nowhere in a name.
const patternOctets = "^*|?&=%~,;@!'()[]+#$"

// unanchored says what a pattern without | in front is.
func unanchored(pattern []byte) passReason {
	switch {
	case len(pattern) > 1 && pattern[0] == '/' && pattern[len(pattern)-1] == '/': // a regular expression
		return passPattern
	case bytes.Contains(pattern, []byte("://")):
		return passURL
	case bytes.IndexByte(pattern, '/') >= 0:
		return passPath
	}
	return passPattern
}

// adblockRule takes a rule on a name or an address.
func (r *reader) adblockRule(e, text []byte, s shape, except bool, m *modifiers) {
	if !s.bare && r.adblockAddress(e, text, except, m) {
		return
	}
	if s.bare && text[len(text)-1] == '.' { // ||ads. is but a beginning
		r.pass(passPattern)
		return
	}
	name, why := r.name(text)
	switch {
	case s.bare && (why == whyNumber || why == "" && dnsname.Labels(name) < 2): // and so is ||ad
		r.pass(passPattern)
	case why != "":
		r.refuse(e, why)
	default:
		rule := Rule{Except: except, Important: m.important, Reach: s.reach, Name: name, Cond: m.cond, Rewrite: m.rewriteIn(except)}
		if r.rule(rule, true, e) && s.bare {
			r.warn(e, warnNarrow)
		}
	}
}

// adblockAddress takes ||192.0.2.7^; false where text is no address. AdGuard
// asks such rules for addresses in answers, whose record is of one type; there
// $denyallow never holds, and no answer is rewritten.
func (r *reader) adblockAddress(e, text []byte, except bool, m *modifiers) bool {
	if m.cond == nil && m.rewrite == nil && !m.important {
		return r.address(text, true, except)
	}
	inside := text
	if n := len(text); n > 2 && text[0] == '[' && text[n-1] == ']' {
		inside = text[1 : n-1]
	}
	addr, ok := parseAddr(inside)
	switch addr = addr.Unmap(); {
	case !ok:
		return false
	case addr.Zone() != "":
		r.refuse(e, whyZone)
	case m.rewrite != nil || !m.cond.holdsFor(addr):
		r.pass(passModifier)
	default:
		r.prefixRule(Rule{Except: except, Important: m.important, Prefix: netip.PrefixFrom(addr, addr.BitLen())}, e)
	}
	return true
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
