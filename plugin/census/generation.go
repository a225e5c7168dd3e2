package census

import (
	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"sinkhole/plugin/pkg/option"
	"sinkhole/plugin/pkg/usagepool"
)

// pool holds the census over reloads.
var pool usagepool.Pool[*Census]

// generation is one Corefile: all its server blocks share one census.
type generation struct {
	c      *caddy.Controller
	cfg    Config
	blocks []*Handler

	census *Census
	lines  lines
}

// generationOf is the generation that c belongs to; the first block makes it.
func generationOf(c *caddy.Controller, cfg Config) (*generation, error) {
	return usagepool.GenerationOf(c, func() (*generation, error) { return &generation{c: c, cfg: cfg}, nil })
}

// handler adds a server block.
func (g *generation) handler(config *dnsserver.Config) plugin.Plugin {
	h := &Handler{config: config}
	g.blocks = append(g.blocks, h)
	return func(next plugin.Handler) plugin.Handler {
		h.Next = next
		return h
	}
}

// Start runs before any listener opens, and when all blocks have been set up.
func (g *generation) Start() error {
	for _, h := range g.blocks {
		if l, ok := h.config.Handler("subscribers").(lines); ok {
			return g.start(l)
		}
	}
	return g.start(unknown{})
}

func (g *generation) start(l lines) error {
	dir, shape := option.State(g.c), l.Shape().String()
	census, err := pool.Take(g, key(dir, shape, g.cfg.Memory), func() (*Census, error) {
		return open(dir, shape, g.cfg.Memory)
	})
	if err != nil {
		return plugin.Error(pluginName, err)
	}
	l.OnClasses(census.reclassed)
	census.adopt(g.cfg, l)
	g.census, g.lines = census, l
	for _, h := range g.blocks {
		h.census = census
	}
	return nil
}

// Stop gives the census back; the last generation closes it.
func (g *generation) Stop() error { return pool.Release(g) }

// Keep goes on with this generation when a newcomer failed.
func (g *generation) Keep() error {
	if g.census != nil {
		g.census.adopt(g.cfg, g.lines)
	}
	return pool.Keep(g)
}

// Active is the census of the Corefile in force.
func Active() (*Census, bool) { return pool.Latest() }
