package option

import "fmt"

// Storage is what all server blocks of one Corefile have in common;
// *caddy.Controller is one.
type Storage interface {
	Get(key any) any
	Set(key, val any)
}

// Place is a line of a Corefile.
type Place struct {
	File string
	Line int
}

func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// PlaceOf is the line that t is at.
func PlaceOf(t Tokens) Place { return Place{t.File(), t.Line()} }

type keyed string

type agreed[C any] struct {
	cfg   C
	place Place
}

// Agree holds all server blocks of one Corefile to one setting, named key: the
// first block's is kept, and a later one that differs is refused with both
// lines. place is the line of the directive in this block.
func Agree[C any](s Storage, key string, place Place, cfg C, same func(a, b C) bool) error {
	k := keyed("sinkhole " + key)
	first, ok := s.Get(k).(agreed[C])
	if !ok {
		s.Set(k, agreed[C]{cfg, place})
		return nil
	}
	if !same(first.cfg, cfg) {
		return fmt.Errorf("%s: %s differs from the one at %s; all server blocks share one: make them the same (a snippet and import keep them so)",
			place, key, first.place)
	}
	return nil
}

// DefaultState is where the state lies unless a Corefile says otherwise.
const DefaultState = "/var/lib/sinkhole"

const stateKey = "state"

// SetState notes the state directory of this Corefile; it may be said in any of
// our directives, and must be the same wherever it is said.
func SetState(s Storage, place Place, dir string) error {
	return Agree(s, stateKey, place, dir, func(a, b string) bool { return a == b })
}

// ReadState reads the option of that name, which all our directives have, and
// notes it.
func ReadState(t Tokens, s Storage) error {
	place := PlaceOf(t)
	dir, err := One(t, "a directory")
	if err != nil {
		return err
	}
	return SetState(s, place, dir)
}

// State is the state directory of this Corefile. It is complete once the setup
// of all directives has run, so from OnStartup on.
func State(s Storage) string {
	if first, ok := s.Get(keyed("sinkhole " + stateKey)).(agreed[string]); ok {
		return first.cfg
	}
	return DefaultState
}
