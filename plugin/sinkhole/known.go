package sinkhole

import (
	"sync"
	"time"
)

const (
	// maxKnown is how many answers about servers are remembered, of each of two
	// generations; about 200 octets each.
	maxKnown = 1 << 15
	// maxKnownFor bounds how long, whatever the TTL.
	maxKnownFor = 5 * time.Minute
)

// known remembers what was learnt of servers, as long as it lives: without it a
// query under zones that look at servers would ask the cache below some 60 times.
// Failures are not remembered. The zero value is empty.
//
// Where one generation is full, it becomes the old one, and the old one is gone.
type known struct {
	mu       sync.Mutex
	new, old map[string]learnt
}

// learnt is what was learnt of one name.
type learnt struct {
	until   time.Time
	servers [][]byte  // of the zone whose apex it is
	apex    []byte    // of the zone that it is in, where it is no apex and that is known
	addrs   addresses // of a server
}

// get is what is known of a key at the time now.
func (k *known) get(key string, now time.Time) (l learnt, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if l, ok = k.new[key]; !ok {
		if l, ok = k.old[key]; ok {
			k.put(key, l)
		}
	}
	return l, ok && now.Before(l.until)
}

// learn remembers l for ttl seconds.
func (k *known) learn(key string, l learnt, ttl uint32, now time.Time) {
	if ttl == 0 {
		return
	}
	l.until = now.Add(min(time.Duration(ttl)*time.Second, maxKnownFor))
	k.mu.Lock()
	defer k.mu.Unlock()
	k.put(key, l)
}

func (k *known) put(key string, l learnt) {
	if len(k.new) >= maxKnown || k.new == nil {
		k.new, k.old = make(map[string]learnt), k.new
	}
	k.new[key] = l
}
