package list

import (
	"bytes"

	"github.com/miekg/dns"
)

const (
	whyUnbound     = `no statement of Unbound; want local-zone: "name" TYPE or local-data: "name A address"`
	whyUnboundType = "no type of a local-zone; want one of always_deny always_nodata always_null always_nxdomain always_refuse always_transparent block_a deny inform inform_deny inform_redirect noview redirect refuse static transparent typetransparent"
	whyUnboundData = `no record; want local-data: "name A address"`
)

// zoneEffect is what a type of local-zone does to the names in the zone.
type zoneEffect uint8

const (
	zoneUnknown zoneEffect = iota
	zoneBlocks
	zoneBlocksA    // A alone
	zoneBlocksAAAA // AAAA alone
	zoneOpens      // resolved as ever, also under a zone that blocks
	zoneNothing    // the type makes no zone
)

// zoneEffects: of all zones that a name is in, Unbound takes the lowest, and
// with it the type. (unbound.conf(5) of 1.26, tried with 1.17.1.)
var zoneEffects = map[string]zoneEffect{
	"always_deny": zoneBlocks, "always_nodata": zoneBlocks, "always_null": zoneBlocks, "always_nxdomain": zoneBlocks, "always_refuse": zoneBlocks,
	"deny": zoneBlocks, "refuse": zoneBlocks, "static": zoneBlocks, "redirect": zoneBlocks,
	"inform_deny": zoneBlocks, "inform_redirect": zoneBlocks, // and log
	"block_a": zoneBlocksA, "block_aaaa": zoneBlocksAAAA,
	"transparent": zoneOpens, "typetransparent": zoneOpens, "always_transparent": zoneOpens, "noview": zoneOpens,
	"inform":    zoneOpens,                         // and logs
	"nodefault": zoneNothing, "ipset": zoneNothing, // one takes a built-in zone away, the other fills a set of addresses
}

var (
	onlyA    = &Condition{Types: []uint16{dns.TypeA}}
	onlyAAAA = &Condition{Types: []uint16{dns.TypeAAAA}}
)

// unboundClauses begin a part of the file; unboundOptions are those that stand in
// published lists without one.
var (
	unboundClauses = wordSet("server: remote-control: forward-zone: stub-zone: auth-zone: rpz: view: python: dynlib: cachedb: redis: dnstap: dnscrypt: ipset:")
	unboundOptions = wordSet("local-zone-override: local-zone-tag: domain-insecure: private-domain: include: include-toplevel: name:")
)

// unbound reads a line of Unbound's file: one statement or several. False where
// e is none. Outside of lists of names a line is known by its clause only.
//
//	local-zone: "bad.example." always_null      the name and all below
//	local-zone: "ok.bad.example" transparent    opened again under a blocked name
//	local-data: "bad.example. 60 IN A 192.0.2.1"  that name only
//
// A zone of a view is for some clients only, and is passed over.
func (r *reader) unbound(e []byte) bool {
	if c := e[0]; c < 'a' || c > 'z' {
		return false
	}
	key, rest := unboundKey(e)
	if key == nil || !r.unboundKnown(key) {
		return false
	}
	for key != nil {
		switch {
		case string(key) == "local-zone:":
			rest = r.localZone(rest)
		case string(key) == "local-data:":
			rest = r.localData(rest)
		default:
			if unboundClauses[string(key)] {
				r.inUnbound.clause, r.inUnbound.view = true, string(key) == "view:"
			}
			r.pass(passUnbound)
			for len(rest) > 0 && !statement(rest) {
				_, rest = unboundValue(rest)
			}
		}
		if key, rest = unboundKey(rest); key == nil && len(rest) > 0 {
			r.refuse(e, whyUnbound)
		}
	}
	return true
}

func (r *reader) unboundKnown(key []byte) bool {
	switch string(key) {
	case "local-zone:", "local-data:", "local-data-ptr:":
		return true
	}
	return unboundClauses[string(key)] || unboundOptions[string(key)] || r.inUnbound.clause
}

// statement tells whether a known keyword begins here, behind another statement.
func statement(e []byte) bool {
	key, _ := unboundKey(e)
	switch string(key) {
	case "local-zone:", "local-data:", "local-data-ptr:":
		return true
	}
	return unboundClauses[string(key)]
}

// unboundKey takes a keyword and its colon. White space, a quote or the end must
// be behind it, as in no host with a port, unless the keyword is one of ours.
func unboundKey(e []byte) (key, rest []byte) {
	for i, c := range e {
		switch {
		case c == ':' && i > 0 && (i+1 == len(e) || space(e[i+1]) || e[i+1] == '"' || e[i+1] == '\'' || bytes.HasPrefix(e, []byte("local-"))):
			return e[:i+1], unboundTrim(e[i+1:])
		case c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9'):
			return nil, e
		}
	}
	return nil, e
}

// unboundValue takes a value: a word, or what stands between quotes of one kind.
func unboundValue(e []byte) (value, rest []byte) {
	if len(e) == 0 {
		return nil, nil
	}
	if q := e[0]; q == '"' || q == '\'' {
		for i := 1; i < len(e); i++ {
			switch e[i] {
			case '\\':
				i++
			case q:
				return e[1:i], unboundTrim(e[i+1:])
			}
		}
		return nil, nil // no end
	}
	i := 0
	for i < len(e) && !space(e[i]) && e[i] != '"' && e[i] != '\'' {
		i++
	}
	return e[:i], unboundTrim(e[i:])
}

// unboundTrim takes white space away, and all if it is a comment.
func unboundTrim(e []byte) []byte {
	e = bytes.TrimLeft(e, " \t\v\f\r")
	if len(e) > 0 && e[0] == '#' {
		return nil
	}
	return e
}

// localZone reads NAME TYPE.
func (r *reader) localZone(e []byte) (rest []byte) {
	text, rest := unboundValue(e)
	kind, rest := unboundValue(rest)
	effect := zoneEffects[string(kind)]
	switch {
	case len(text) == 0 || len(kind) == 0:
		r.refuse(r.text, whyUnbound)
		return rest
	case effect == zoneUnknown:
		r.refuse(kind, whyUnboundType)
		return rest
	case r.inUnbound.view || effect == zoneNothing:
		r.pass(passUnbound)
		return rest
	case bytes.IndexByte(text, '*') >= 0: // that label, and no other
		r.pass(passPattern)
		return rest
	}
	says := Rule{Reach: Subtree}
	var ok bool
	if says.Name, ok = r.unboundName(text); !ok {
		return rest
	}
	switch effect {
	case zoneBlocksA:
		says.Cond = onlyA
	case zoneBlocksAAAA:
		says.Cond = onlyAAAA
	case zoneOpens:
		says.Except, says.Reopens = true, !r.o.Allow
	}
	r.rule(says, true, text)
	if says.Cond != nil && !r.o.Allow { // other types are open, also under a zone that blocks
		says.Cond, says.Except, says.Reopens = nil, true, true
		r.rule(says, true, text)
	}
	return rest
}

// localData reads a record: its name is answered by it, and for other types by
// nothing, so that it is blocked; not what is below.
func (r *reader) localData(e []byte) (rest []byte) {
	record, rest := unboundValue(e)
	text, record := cutField(trim(record))
	qtype, class := "", "IN"
	for len(record) > 0 && qtype == "" {
		var field []byte
		field, record = cutField(record)
		if digits(field) {
			continue // its TTL
		}
		word := string(bytes.ToUpper(field))
		if _, ok := dns.StringToClass[word]; ok && word != "ANY" {
			class = word
			continue
		}
		if _, ok := dns.StringToType[word]; !ok && !(len(word) > 4 && word[:4] == "TYPE" && digits(field[4:])) {
			break
		}
		qtype = word
	}
	switch {
	case qtype == "":
		r.refuse(r.text, whyUnboundData)
	case r.inUnbound.view || class != "IN" || qtype == "PTR": // a PTR tells the name of an address
		r.pass(passUnbound)
	case bytes.IndexByte(text, '*') >= 0:
		r.pass(passPattern)
	default:
		if name, ok := r.unboundName(text); ok {
			r.block(name, Exact, true, false, text)
		}
	}
	return rest
}

func (r *reader) unboundName(text []byte) (name []byte, ok bool) {
	if isLocal(text) {
		r.pass(passLocal)
		return nil, false
	}
	name, why := r.name(text)
	if why != "" {
		r.refuse(text, why)
		return nil, false
	}
	return name, true
}
