// Package usagepool keeps values that outlive a reload of the Corefile: a child
// process, the lists, the counters.
//
// A value is held by generations. CoreDNS starts the new generation before it
// stops the old one, and calls no hook of a newcomer that fails later, so:
//
//	OnStartup         Take(gen, key, make)   the same key gives the same value
//	OnShutdown        Release(gen)           closes what nobody holds any more
//	OnRestartFailed   Keep(gen)              drops what a failed newcomer took
//
// A generation is any comparable value that names one Corefile in force;
// GenerationOf keeps one for all server blocks, with these hooks.
package usagepool

import (
	"errors"
	"sync"
)

// Pool holds values of one kind. The zero Pool is ready; any number of
// goroutines may use it.
type Pool[V interface{ Close() error }] struct {
	mu    sync.Mutex
	items map[string]*item[V]
	// latest is the generation that took last.
	latest any
}

type item[V any] struct {
	value   V
	holders map[any]struct{}
}

// Take gives the value of key to generation gen, made by make when there is
// none. Taking twice in a generation holds once. When make fails, nothing is
// held. make runs under the pool's lock: it must not use the pool.
func (p *Pool[V]) Take(gen any, key string, make func() (V, error)) (V, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	it, ok := p.items[key]
	if !ok {
		v, err := make()
		if err != nil {
			return v, err
		}
		it = &item[V]{value: v, holders: map[any]struct{}{}}
		if p.items == nil {
			p.items = map[string]*item[V]{}
		}
		p.items[key] = it
	}
	it.holders[gen] = struct{}{}
	p.latest = gen
	return it.value, nil
}

// Release drops all that gen holds and closes what nobody holds then.
func (p *Pool[V]) Release(gen any) error {
	return p.drop(func(holder any) bool { return holder == gen })
}

// Keep drops all that generations other than gen hold, and closes what nobody
// holds then.
func (p *Pool[V]) Keep(gen any) error {
	err := p.drop(func(holder any) bool { return holder != gen })
	p.mu.Lock()
	p.latest = gen
	p.mu.Unlock()
	return err
}

func (p *Pool[V]) drop(which func(holder any) bool) error {
	var idle []V
	p.mu.Lock()
	for key, it := range p.items {
		for h := range it.holders {
			if which(h) {
				delete(it.holders, h)
			}
		}
		if len(it.holders) == 0 {
			delete(p.items, key)
			idle = append(idle, it.value)
		}
	}
	p.mu.Unlock()
	var errs []error
	for _, v := range idle {
		errs = append(errs, v.Close())
	}
	return errors.Join(errs...)
}

// Latest is a value of the generation that took last, for those outside the
// query path who ask about the running server.
func (p *Pool[V]) Latest() (v V, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, it := range p.items {
		if _, held := it.holders[p.latest]; held {
			return it.value, true
		}
	}
	return v, false
}

// Len is the number of values held.
func (p *Pool[V]) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.items)
}
