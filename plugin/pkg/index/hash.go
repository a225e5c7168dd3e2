package index

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// key makes hashes of one file unlike those of any other. It is drawn when a
// Builder is made and stands in the file: who writes lists or asks names does
// not know it, so cannot make names that crowd one line.
type key [2]uint64

func newKey() (k key) {
	var b [16]byte
	rand.Read(b[:]) // cannot fail (crypto/rand)
	return key{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}
}

// root is the hash of the root, from which all others grow label by label.
func (k *key) root() uint64 { return k[0] }

// mix is the hash of a name whose first label, with its length octet, is
// name[from:till] and whose rest has the hash h. The length is part of the label,
// so that none reads like another. Up to 16 octets there is no branch that hangs
// on the length: two words that may overlap, the second only of more than 8.
func (k *key) mix(h uint64, name []byte, from, till int) uint64 {
	for ; till-from > 16; from += 16 {
		h = fold(binary.LittleEndian.Uint64(name[from:])^h, binary.LittleEndian.Uint64(name[from+8:])^k[1])
	}
	n := till - from
	if till < 8 {
		return fold(few(name[from:till])^h, k[1])
	}
	last := binary.LittleEndian.Uint64(name[till-8:]) >> (64 - 8*uint(min(n, 8)))
	first := binary.LittleEndian.Uint64(name[min(from, len(name)-8):])
	return fold(last^h, first&uint64(int64(8-n)>>63)^k[1])
}

// few reads up to eight octets as a number.
func few(b []byte) (x uint64) {
	for i, o := range b {
		x |= uint64(o) << (8 * i)
	}
	return x
}

// fold multiplies and brings both halves of the product together.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// hashes fills h for a name of count labels.
func (k *key) hashes(h *hashes, name []byte, at starts, count int) {
	last, till := k.root(), len(name)-1
	for l := 1; l <= min(count, tailLabels); l++ {
		from := at.nth(l, name, count)
		last, till = k.mix(last, name, from, till), from
		h[l-1] = last
	}
}
