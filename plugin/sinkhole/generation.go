package sinkhole

import (
	"path/filepath"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/plugin"

	"sinkhole/plugin/pkg/option"
	"sinkhole/plugin/pkg/usagepool"
)

// pool holds the lists over reloads.
var pool usagepool.Pool[*Sinkhole]

// generation is one Corefile: all its server blocks share one set of lists.
type generation struct {
	c      *caddy.Controller
	cfg    Config
	blocks []*Handler
}

// generationOf is the generation that c belongs to; the first block makes it.
func generationOf(c *caddy.Controller, cfg Config) (*generation, error) {
	return usagepool.GenerationOf(c, func() (*generation, error) { return &generation{c: c, cfg: cfg}, nil })
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

// Start runs before any listener opens, and when all blocks have been set up. A
// Corefile that changes nothing of the lists keeps those that are in force.
func (g *generation) Start() error {
	state := option.State(g.c)
	s, err := pool.Take(g, g.cfg.key()+"\x00"+state, func() (*Sinkhole, error) { return open(g.cfg, state) })
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	for _, h := range g.blocks {
		h.lists = s
	}
	return nil
}

// Stop gives the lists back; the last generation closes them.
func (g *generation) Stop() error { return pool.Release(g) }

// Keep goes on with this generation when a newcomer failed.
func (g *generation) Keep() error { return pool.Keep(g) }

// Active is the lists of the Corefile in force.
func Active() (*Sinkhole, bool) { return pool.Latest() }

// Folder is the drop folder of this block, in a state directory.
func (c Config) Folder(state string) string {
	if c.Lists != "" {
		return c.Lists
	}
	return filepath.Join(state, "lists")
}
