package list

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"sinkhole/plugin/pkg/dnsname"
)

// Condition says when a rule holds; nil: always. It is immutable, and rules of
// one file that say the same may share one.
type Condition struct {
	Types     []uint16 // the rule is for these types of question; none: for all but NotTypes
	NotTypes  []uint16 // not for these; empty where there are Types
	DenyAllow [][]byte // wire names: these and all below are not meant
	NotName   []byte   // wire name: this very name is not meant (dnsmasq's /*.x/); nil: none
}

// Holds tells whether the rule is meant for a question of that name and type.
func (c *Condition) Holds(name []byte, qtype uint16) bool {
	if !c.holdsType(qtype) {
		return false
	}
	if c == nil {
		return true
	}
	if c.NotName != nil && bytes.Equal(name, c.NotName) {
		return false
	}
	for _, zone := range c.DenyAllow {
		if dnsname.Under(name, zone) {
			return false
		}
	}
	return true
}

func (c *Condition) holdsType(qtype uint16) bool {
	switch {
	case c == nil:
		return true
	case len(c.Types) > 0:
		return slices.Contains(c.Types, qtype)
	}
	return !slices.Contains(c.NotTypes, qtype)
}

// holdsFor tells whether the rule is meant for an answer's record of addr.
func (c *Condition) holdsFor(addr netip.Addr) bool {
	qtype := dns.TypeAAAA
	if addr.Is4() {
		qtype = dns.TypeA
	}
	return c.holdsType(qtype) && (c == nil || len(c.DenyAllow) == 0)
}

// Key is c as its file would say it, sorted: equal for conditions that mean the
// same. "dnstype=A|AAAA", "dnstype=~TXT,denyallow=ok.example".
func (c *Condition) Key() string {
	if c == nil {
		return ""
	}
	var parts []string
	switch {
	case len(c.Types) > 0:
		parts = append(parts, "dnstype="+typeList(c.Types, ""))
	case len(c.NotTypes) > 0:
		parts = append(parts, "dnstype="+typeList(c.NotTypes, "~"))
	}
	if c.NotName != nil {
		parts = append(parts, "notname="+dnsname.String(c.NotName))
	}
	if len(c.DenyAllow) > 0 {
		var names []string
		for _, name := range c.DenyAllow {
			names = append(names, dnsname.String(name))
		}
		slices.Sort(names)
		parts = append(parts, "denyallow="+strings.Join(slices.Compact(names), "|"))
	}
	return strings.Join(parts, ",")
}

func typeList(types []uint16, mark string) string {
	types = slices.Compact(slices.Sorted(slices.Values(types)))
	var text []string
	for _, t := range types {
		name, ok := dns.TypeToString[t]
		if !ok {
			name = "TYPE" + strconv.Itoa(int(t))
		}
		text = append(text, mark+name)
	}
	return strings.Join(text, "|")
}

// modifiers are what stands behind the $ of a rule. A repeated one replaces the
// one before it, as in AdGuard.
type modifiers struct {
	important bool
	badfilter bool
	cond      *Condition
	rewrite   *Rewrite
}

// noAnswer is $dnsrewrite without a value in a rule that is no exception: AdGuard
// Home answers NODATA.
var noAnswer = &Rewrite{}

func (m *modifiers) rewriteIn(except bool) *Rewrite {
	if m.rewrite != nil && m.rewrite.Rcode == RcodeAny && !except {
		return noAnswer
	}
	return m.rewrite
}

const (
	// maxModifiers and maxModifierText bound what is kept of a file's
	// modifiers: how many that differ, and how long they are together, in
	// octets. AdGuard Home's own lists have six.
	maxModifiers    = 65_536
	maxModifierText = 16 << 20

	// maxBadfilters bounds the rules of a file that take others away. All of
	// AdGuard's browser lists together have about a hundred.
	maxBadfilters = 65_536
)

var (
	whyModifiers  = fmt.Sprintf("over %d different modifiers, or %d MiB of them, in one file; want several files", maxModifiers, maxModifierText>>20)
	whyBadfilters = fmt.Sprintf("over %d rules with $badfilter in one file; want the rules themselves taken out", maxBadfilters)
)

const (
	whyDNSType   = "no type of records; want names like A, AAAA or ~HTTPS between |"
	whyNoType    = "every type is excluded again; want at least one that is not"
	whyDenyAllow = "no name; want whole names between |"
	whyEmpty     = "no value; want one behind ="
)

// splitModifiers divides a rule at the last $ that is not escaped. One at the
// very end divides nothing, and in a regular expression it is an anchor.
func splitModifiers(rule []byte) (pattern, text []byte) {
	if n := len(rule); n > 1 && rule[0] == '/' && rule[n-1] == '/' {
		return rule, nil
	}
	for i := len(rule) - 2; i >= 0; i-- {
		if rule[i] == '$' && (i == 0 || rule[i-1] != '\\') {
			return rule[:i], rule[i+1:]
		}
	}
	return rule, nil
}

// nextModifier takes the text up to a comma that is not escaped.
func nextModifier(text []byte) (modifier, rest []byte) {
	for i, c := range text {
		if c == ',' && (i == 0 || text[i-1] != '\\') {
			return text[:i], text[i+1:]
		}
	}
	return text, nil
}

// modifierKind says why a rule with these modifiers says nothing here: one of
// them is for some clients only, or not of the DNS syntax. Their letter case
// counts; an empty one is none.
func modifierKind(text []byte) passReason {
	why := passNot
	for len(text) > 0 {
		var m []byte
		m, text = nextModifier(text)
		name, _ := cutValue(m)
		switch string(name) {
		case "", "important", "badfilter", "dnstype", "denyallow", "dnsrewrite":
		case "client", "ctag":
			why = passClient
		default:
			return passModifier
		}
	}
	return why
}

// cutValue divides name=value. An = in front divides nothing.
func cutValue(m []byte) (name, value []byte) {
	if i := bytes.IndexByte(m, '='); i > 0 {
		return m[:i], m[i+1:]
	}
	return m, nil
}

var noModifiers = &modifiers{}

// modifiersOf reads the modifiers of a rule, all of them of the DNS syntax. Many
// rules of a file have the same: each text is read once.
func (r *reader) modifiersOf(text []byte) (*modifiers, string) {
	if len(text) == 0 {
		return noModifiers, ""
	}
	if m, ok := r.modifiers[string(text)]; ok {
		return m, ""
	}
	if len(r.modifiers) == maxModifiers || r.modifierText+len(text) > maxModifierText {
		return nil, whyModifiers
	}
	m, why := parseModifiers(text)
	if why != "" {
		return nil, why
	}
	if r.modifiers == nil {
		r.modifiers = map[string]*modifiers{}
	}
	r.modifiers[string(text)] = m
	r.modifierText += len(text)
	return m, ""
}

func parseModifiers(text []byte) (*modifiers, string) {
	var m modifiers
	var c Condition
	for len(text) > 0 {
		var one []byte
		one, text = nextModifier(text)
		name, raw := cutValue(one)
		value := unescape(raw)
		why := ""
		switch string(name) {
		case "important":
			m.important = true
		case "badfilter":
			m.badfilter = true
		case "dnstype":
			c.Types, c.NotTypes, why = parseTypes(value)
		case "denyallow":
			c.DenyAllow, why = parseDenyAllow(value)
		case "dnsrewrite":
			m.rewrite, why = parseRewrite(value)
		}
		if why != "" {
			return nil, fmt.Sprintf("$%s: %s", name, why)
		}
	}
	if len(c.Types)+len(c.NotTypes)+len(c.DenyAllow) > 0 {
		m.cond = &c
	}
	return &m, ""
}

// unescape takes away the backslashes in front of commas and dollars, and one at
// the end. Others stay: a value may have escapes of its own.
func unescape(value []byte) string {
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value)
	}
	var b strings.Builder
	for i, c := range value {
		if c == '\\' && (i+1 == len(value) || value[i+1] == ',' || value[i+1] == '$' || value[i+1] == '\\') {
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// parseTypes reads A|AAAA or ~A|~AAAA. Where both kinds stand there, the types
// that are named without ~ are the only ones that count.
func parseTypes(value string) (types, not []uint16, why string) {
	if value == "" {
		return nil, nil, whyEmpty
	}
	for name := range strings.SplitSeq(value, "|") {
		name, excluded := strings.CutPrefix(name, "~")
		t, ok := dns.StringToType[strings.ToUpper(name)]
		switch {
		case !ok || t == dns.TypeNone || t == dns.TypeReserved:
			return nil, nil, whyDNSType
		case excluded:
			not = append(not, t)
		default:
			types = append(types, t)
		}
	}
	if len(types) == 0 {
		return nil, not, ""
	}
	types = slices.DeleteFunc(types, func(t uint16) bool { return slices.Contains(not, t) })
	if len(types) == 0 {
		return nil, nil, whyNoType
	}
	return types, nil, ""
}

// parseDenyAllow reads x.example|y.example. AdGuard takes x.* for every
// registry's x too, which names cannot say.
func parseDenyAllow(value string) (names [][]byte, why string) {
	if value == "" {
		return nil, whyEmpty
	}
	for text := range strings.SplitSeq(value, "|") {
		name, why := appendName(nil, []byte(text))
		if why != "" || len(name) < 2 {
			return nil, whyDenyAllow
		}
		names = append(names, name)
	}
	return names, ""
}

// ruleKey is a rule without its $badfilter, as text: rules that say the same
// have the same. The order of modifiers does not count, nor does letter case.
func ruleKey(except bool, pattern []byte, m *modifiers) string {
	var b strings.Builder
	if except {
		b.WriteString("@@")
	}
	b.Write(bytes.ToLower(pattern))
	if m.important {
		b.WriteString("$important")
	}
	if m.cond != nil {
		b.WriteString("$" + m.cond.Key())
	}
	if m.rewrite != nil {
		b.WriteString("$dnsrewrite=" + m.rewrite.Key())
	}
	return b.String()
}

// takenAway tells whether a rule of the file has $badfilter and is else like
// this one.
func (r *reader) takenAway(except bool, pattern []byte, m *modifiers) bool {
	return len(r.badfilters) > 0 && r.badfilters[ruleKey(except, pattern, m)]
}

// surveyBadfilter keeps what a rule with $badfilter takes away, in the first
// reading of the file. What is wrong with such a rule is said in the second.
func (r *reader) surveyBadfilter(text []byte) {
	e := unquote(cutComment(trim(text)))
	rule, except := bytes.CutPrefix(e, []byte("@@"))
	pattern, mods := splitModifiers(rule)
	if len(mods) == 0 || spaced(pattern) || modifierKind(mods) != passNot {
		return
	}
	m, why := r.modifiersOf(mods)
	if why != "" || !m.badfilter {
		return
	}
	if r.badfilters == nil {
		r.badfilters = map[string]bool{}
	}
	if len(r.badfilters) < maxBadfilters {
		r.badfilters[ruleKey(except, pattern, m)] = true
	}
}
