package list

import "bytes"

// wildcard reads *.x and .x: the name and all below it, as those who publish
// such lists mean it. (In a zone *.x is not x: those stand in rpz/.)
func (r *reader) wildcard(e []byte) {
	name := bytes.TrimPrefix(e, []byte("*"))
	switch {
	case len(name) == 0 || string(name) == ".":
		r.refuseByGuard(e, whyRoot)
		return
	case name[0] != '.': // *ads.example
		r.pass(passPattern)
		return
	}
	name = name[1:]
	switch {
	case spaced(name) && zoneRecord(e):
		r.refuse(e, whyRecord)
		return
	case spaced(name):
		r.refuse(e, whySpace)
		return
	case bytes.ContainsAny(name, "*^|$"):
		r.pass(passPattern)
		return
	}
	if why := foreign(name); why != passNot {
		r.pass(why)
		return
	}
	wire, why := r.name(name)
	if why != "" {
		r.refuse(e, why)
		return
	}
	r.block(wire, Subtree, true, false, e)
}
