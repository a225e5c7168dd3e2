package usagepool

// Instance is what all server blocks of one Corefile have in common;
// *caddy.Controller is one.
type Instance interface {
	Get(key any) any
	Set(key, val any)
	OnStartup(func() error)
	OnShutdown(func() error)
	OnRestartFailed(func() error)
}

// Generation is what one Corefile says to a plugin. CoreDNS calls its methods
// from one goroutine.
type Generation interface {
	// Start takes what the Corefile asks for, when all blocks have been set up and
	// before any listener opens. Where it fails no other method is called.
	Start() error
	// Stop gives it back, when the listeners are closed.
	Stop() error
	// Keep goes on with this generation, when a newcomer failed.
	Keep() error
}

// generationKey is where an Instance keeps its generation of type G.
type generationKey[G Generation] struct{}

// GenerationOf is the generation of type G that c belongs to. The first server
// block makes it, and so has it started and stopped once for all blocks; what
// make refuses is kept nowhere.
func GenerationOf[G Generation](c Instance, make func() (G, error)) (G, error) {
	if g, ok := c.Get(generationKey[G]{}).(G); ok {
		return g, nil
	}
	g, err := make()
	if err != nil {
		return g, err
	}
	c.Set(generationKey[G]{}, g)
	c.OnStartup(g.Start)
	c.OnShutdown(g.Stop)
	c.OnRestartFailed(g.Keep)
	return g, nil
}
