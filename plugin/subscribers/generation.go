package subscribers

import (
	"sync/atomic"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"

	"sinkhole/plugin/pkg/option"
	"sinkhole/plugin/pkg/usagepool"
)

// pool holds the folder of classes over reloads.
var pool usagepool.Pool[*folder]

// active is the Subscribers of the Corefile in force.
var active atomic.Pointer[Subscribers]

// generation is one Corefile: all its server blocks share one Subscribers.
type generation struct {
	c      *caddy.Controller
	shared *Subscribers
	blocks []*Handler
}

// generationOf is the generation that c belongs to; the first block makes it.
func generationOf(c *caddy.Controller, cfg Config) (*generation, error) {
	return usagepool.GenerationOf(c, func() (*generation, error) {
		s, err := New(cfg)
		if err != nil {
			return nil, err
		}
		g := &generation{c: c, shared: s}
		c.OnRestart(g.Leave)
		return g, nil
	})
}

// handler adds a server block.
func (g *generation) handler(config *dnsserver.Config) plugin.Plugin {
	h := &Handler{Subscribers: g.shared, config: config}
	g.blocks = append(g.blocks, h)
	return func(next plugin.Handler) plugin.Handler {
		h.Next = next
		return h
	}
}

// Start runs before any listener opens, and when all blocks have been set up.
func (g *generation) Start() error {
	for _, h := range g.blocks {
		h.chaos = h.config.Handler("chaos") != nil
		h.feeds, _ = h.config.Handler("sinkhole").(follower)
	}
	if dir := g.shared.cfg.Classes; dir != "" {
		state := option.State(g.c)
		f, err := pool.Take(g, dir+"\x00"+state, func() (*folder, error) { return openFolder(dir, state) })
		if err != nil {
			return plugin.Error(pluginName, err)
		}
		g.shared.follow(f)
	}
	active.Store(g.shared)
	return nil
}

// Leave runs before another generation is set up.
func (g *generation) Leave() error {
	g.shared.Drain()
	return nil
}

// Stop gives the folder back; the last generation closes it.
func (g *generation) Stop() error {
	active.CompareAndSwap(g.shared, nil)
	if f := g.shared.folder.Load(); f != nil {
		f.leave(g.shared)
	}
	return pool.Release(g)
}

// Keep goes on with this generation when a newcomer failed.
func (g *generation) Keep() error {
	active.Store(g.shared)
	g.shared.draining.Store(false)
	if f := g.shared.folder.Load(); f != nil {
		f.only(g.shared)
	}
	return pool.Keep(g)
}

// Active is the Subscribers of the Corefile in force.
func Active() (*Subscribers, bool) {
	s := active.Load()
	return s, s != nil
}
