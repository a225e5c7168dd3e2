package index

import (
	"cmp"
	"maps"
	"slices"
)

const (
	// tailUses is how many names of the sample must have a tail: fewer do not
	// save what it takes.
	tailUses = 4
	// valueUses likewise, for a value that gets a word.
	valueUses = 2
)

// learn makes the code for names and values like these, in three steps of some
// milliseconds each with a pause between them.
func learn(k key, nodes []node, arena []byte, pause func()) *coder {
	c := &coder{key: k, tails: make([]tail, 1)}
	values, tails := map[uint32]int{}, map[string]int{}
	for _, n := range nodes {
		if n.size == 0 {
			continue
		}
		values[n.value]++
		name := arena[n.at : n.at+n.size]
		at, count, _ := split(name)
		for l := 1; l <= min(count, tailLabels); l++ {
			tails[string(name[at.nth(l, name, count):])]++
		}
	}
	pause()
	c.values = frequent(values, valueUses, maxValues, cmp.Compare[uint32])
	for _, name := range frequent(tails, tailUses, maxTails, func(a, b string) int { return cmp.Compare(len(a), len(b)) }) {
		c.addTail([]byte(name))
	}
	c.placeTails()
	pause()
	if err := c.setWords(c.learnWords(nodes, arena)); err != nil {
		panic("index: a code of its own making: " + err.Error())
	}
	return c
}

// frequent are the keys with the most uses, at most so many with at least so
// many uses each. Of those with as many uses before sorts.
func frequent[K cmp.Ordered](uses map[K]int, least, most int, before func(a, b K) int) []K {
	keys := slices.DeleteFunc(slices.Collect(maps.Keys(uses)), func(k K) bool { return uses[k] < least })
	slices.Sort(keys)
	slices.SortStableFunc(keys, func(a, b K) int { return cmp.Or(cmp.Compare(uses[b], uses[a]), before(a, b)) })
	return keys[:min(len(keys), most)]
}

// prior is how many uses of all symbols a symbol is taken to have behind each
// other one before any was seen, spread as in all labels.
const prior = 4

// learnWords counts tails and pairs of symbols, and gives words to them.
func (c *coder) learnWords(nodes []node, arena []byte) (tails []uint8, pairs *[symbols * symbols]uint8) {
	uses := make([]int, len(c.tails))
	uses[0] = 1
	var count [symbols * symbols]int
	var all [symbols]int
	total := symbols
	var h hashes
	for _, n := range nodes {
		if n.size == 0 {
			continue
		}
		name := arena[n.at : n.at+n.size]
		at, labels, _ := split(name)
		c.key.hashes(&h, name, at, labels)
		tail, known := c.longest(&h, name, at, labels, labels)
		uses[tail]++
		before, from := end, 0
		for l := labels; l > known; l-- {
			if l < labels {
				count[before*symbols+end]++
				before = end
			}
			label := name[from+1 : from+1+int(name[from])]
			for _, o := range label {
				s := int(symbol[o])
				count[before*symbols+s]++
				before = s
			}
			from += 1 + len(label)
		}
	}
	for i, n := range count {
		all[i%symbols] += n
		total += n
	}
	pairs = new([symbols * symbols]uint8)
	for row := 0; row < len(count); row += symbols {
		weight := count[row : row+symbols]
		for s := range weight {
			weight[s] = weight[s]*total + prior*(all[s]+1)
		}
		lengths := huffman(weight, pairBits)
		leaveSpare(lengths, weight)
		copy(pairs[row:], lengths)
	}
	if len(uses) > 1 {
		tails = huffman(uses, tailBits)
	}
	return tails, pairs
}
