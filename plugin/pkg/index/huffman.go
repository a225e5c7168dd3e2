package index

import (
	"cmp"
	"slices"
)

// huffman is the length of each symbol's word, of at most most bits, for symbols
// that come as often as weight says. Where a word would be longer the weights
// are made more alike.
func huffman(weight []int, most int) []uint8 {
	weight = slices.Clone(weight)
	for {
		lengths := tree(weight)
		if int(slices.Max(lengths)) <= most {
			return lengths
		}
		for i := range weight {
			weight[i] = weight[i]/2 + 1
		}
	}
}

// tree joins the two lightest until one is left. Joined ones come in order of
// their weight, so two queues do.
func tree(weight []int) []uint8 {
	n := len(weight)
	leaves := make([]int, n)
	for i := range leaves {
		leaves[i] = i
	}
	slices.SortStableFunc(leaves, func(a, b int) int { return cmp.Compare(weight[a], weight[b]) })

	sum, parent := slices.Clone(weight), make([]int, 2*n)
	joined := n // first of those without a parent
	lightest := func() (i int) {
		if joined == len(sum) || len(leaves) > 0 && weight[leaves[0]] <= sum[joined] {
			i, leaves = leaves[0], leaves[1:]
			return i
		}
		joined++
		return joined - 1
	}
	for len(sum) < 2*n-1 {
		a, b := lightest(), lightest()
		parent[a], parent[b] = len(sum), len(sum)
		sum = append(sum, sum[a]+sum[b])
	}
	depth := make([]uint8, len(sum))
	for i := len(sum) - 2; i >= 0; i-- {
		depth[i] = depth[parent[i]] + 1
	}
	return depth[:n]
}

// leaveSpare lengthens the words of the rarest until spares holds.
func leaveSpare(lengths []uint8, weight []int) {
	rarest := make([]int, len(lengths))
	for i := range rarest {
		rarest[i] = i
	}
	slices.SortStableFunc(rarest, func(a, b int) int { return cmp.Compare(weight[a], weight[b]) })
	for _, i := range rarest {
		for ; lengths[i] < pairBits; lengths[i]++ {
			if spares(lengths) {
				return
			}
		}
	}
}
