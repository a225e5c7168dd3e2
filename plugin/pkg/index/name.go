package index

import "sinkhole/plugin/pkg/dnsname"

// maxLabels is how many labels a name of 255 octets has at most, beside the root.
const maxLabels = (dnsname.MaxLen - 1) / 2

// starts says where the last eight labels of a name begin, an octet each: the
// last label, beside the root, in the lowest one.
type starts uint64

// split finds the labels of name and counts them; -1 is no whole wire name. all
// is their lengths, or-ed.
func split(name []byte) (at starts, count int, all byte) {
	if len(name) > dnsname.MaxLen {
		return 0, -1, 0
	}
	for i := 0; i < len(name); count++ {
		c := int(name[i])
		if c == 0 {
			if i != len(name)-1 {
				return 0, -1, 0
			}
			return at, count, all
		}
		if c > dnsname.MaxLabel {
			return 0, -1, 0
		}
		at, all = at<<8|starts(i), all|byte(c)
		i += c + 1
	}
	return 0, -1, 0
}

// nth is where the level-th label from the right begins, of count; 1 is the last
// one beside the root. Beyond the eighth the name is gone through again.
func (at starts) nth(level int, name []byte, count int) int {
	if level <= 8 {
		return int(uint8(at >> (8 * (level - 1))))
	}
	i := 0
	for skip := count - level; skip > 0; skip-- {
		i += int(name[i]) + 1
	}
	return i
}
