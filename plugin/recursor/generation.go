package recursor

import (
	"fmt"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"

	"sinkhole/plugin/pkg/option"
	"sinkhole/plugin/pkg/usagepool"
)

// pool holds the children of the Corefiles in force: one, and for the time of a
// reload that changes it, two.
var pool usagepool.Pool[*Recursor]

// generation is one Corefile: all its server blocks share one child.
type generation struct {
	c        *caddy.Controller
	settings settings
	place    option.Place // of the first block's directive
	blocks   []*Handler
}

// generationOf is the generation that c belongs to; the first block makes it.
func generationOf(c *caddy.Controller, s settings, place option.Place) (*generation, error) {
	return usagepool.GenerationOf(c, func() (*generation, error) {
		return &generation{c: c, settings: s, place: place}, nil
	})
}

// handler adds a server block.
func (g *generation) handler() plugin.Plugin {
	h := &Handler{}
	g.blocks = append(g.blocks, h)
	return func(next plugin.Handler) plugin.Handler {
		h.Next = next
		return h
	}
}

// Start runs before any listener opens, so nothing is asked of a child that is
// not there. A Corefile that changes nothing of the child keeps it.
func (g *generation) Start() error {
	s := g.settings.child(option.State(g.c))
	key, err := s.Fingerprint()
	if err != nil {
		return g.refuse(err)
	}
	r, err := pool.Take(g, key, func() (*Recursor, error) { return start(s) })
	if err != nil {
		return g.refuse(err)
	}
	for _, h := range g.blocks {
		h.recursor = r
	}
	return nil
}

func (g *generation) refuse(err error) error {
	return fmt.Errorf("%s: %s: %w", g.place, pluginName, err)
}

// Stop gives the child back; the last generation stops it.
func (g *generation) Stop() error { return pool.Release(g) }

// Keep goes on with this generation when a newcomer failed.
func (g *generation) Keep() error { return pool.Keep(g) }

// Active is the recursor of the Corefile in force.
func Active() (*Recursor, bool) { return pool.Latest() }
