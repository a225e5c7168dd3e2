package tally

import (
	"strings"
	"sync"
)

// listed holds the listed names that were hit, once each, under small numbers.
// Names that are on no list never come here. Bounded in names and octets; a name
// that no sighting holds any more is gone at once.
//
// Number 0 is "no room": the category is lost with the name.
type listed struct {
	mu    sync.Mutex
	ids   map[string]uint32
	names []listedName
	free  []uint32
	room  int // octets left

	unnamed map[string]uint32 // category to the number of "a name of it"
}

type listedName struct {
	text, category string
	held           int // by so many sightings; names without text are kept
}

const (
	// nameCost is what an interned name takes beside its text, twice (as a key of
	// the map and in the table): headers, map cell and category, in octets.
	nameCost = 128
	// maxUnnamed bounds the categories that may have names without text.
	maxUnnamed = 64
	// maxText and maxCategory bound what is taken, in octets: a name is 1,016 at
	// most when each of its octets is written \DDD.
	maxText     = 1 << 10
	maxCategory = 1 << 7
)

func newListed(memory int64) *listed {
	return &listed{
		ids:     map[string]uint32{},
		names:   make([]listedName, 1),
		room:    int(memory),
		unnamed: map[string]uint32{},
	}
}

// find is the number of a name that is held.
func (l *listed) find(category string, text []byte) (id uint32, ok bool) {
	var buf [maxCategory + 1 + maxText]byte
	key := appendKey(buf[:0], category, text)
	l.mu.Lock()
	defer l.mu.Unlock()
	id, ok = l.ids[string(key)]
	return id, ok
}

func appendKey(key []byte, category string, text []byte) []byte {
	return append(append(append(key, category...), 0), text...)
}

// take is the number of a name, for one sighting more.
func (l *listed) take(category string, text []byte) uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := string(appendKey(nil, category, text))
	if id, ok := l.ids[key]; ok {
		l.names[id].held++
		return id
	}
	cost := 2*len(key) + nameCost
	if cost > l.room || len(text) == 0 {
		return l.noText(category)
	}
	l.room -= cost
	return l.put(key, listedName{text: string(text), category: strings.Clone(category), held: 1})
}

// takeUnnamed is the number that stands for any name of a category.
func (l *listed) takeUnnamed(category string) uint32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.noText(category)
}

func (l *listed) noText(category string) uint32 {
	if id, ok := l.unnamed[category]; ok {
		return id
	}
	if len(l.unnamed) == maxUnnamed {
		return 0
	}
	own := strings.Clone(category) // the caller's stays on its stack
	l.names = append(l.names, listedName{category: own})
	id := uint32(len(l.names) - 1)
	l.unnamed[own] = id
	return id
}

func (l *listed) put(key string, n listedName) uint32 {
	var id uint32
	if k := len(l.free); k > 0 {
		id = l.free[k-1]
		l.free = l.free[:k-1]
		l.names[id] = n
	} else {
		id = uint32(len(l.names))
		l.names = append(l.names, n)
	}
	l.ids[key] = id
	return id
}

// drop gives up what one sighting held.
func (l *listed) drop(id uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := &l.names[id]
	if n.text == "" {
		return
	}
	if n.held--; n.held > 0 {
		return
	}
	key := string(appendKey(nil, n.category, []byte(n.text)))
	l.room += 2*len(key) + nameCost
	*n = listedName{}
	delete(l.ids, key)
	l.free = append(l.free, id)
}

func (l *listed) name(id uint32) (text, category string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.names[id].text, l.names[id].category
}
