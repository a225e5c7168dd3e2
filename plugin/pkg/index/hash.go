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

// mix is the hash of a name whose first label is b and whose rest has the hash
// h. b begins with the length octet, so that no label reads like another of
// other length. Short labels take one multiplication, as most do.
func (k *key) mix(h uint64, b []byte) uint64 {
	switch n := len(b); {
	case n > 8:
		for len(b) > 16 {
			h = fold(binary.LittleEndian.Uint64(b)^h, binary.LittleEndian.Uint64(b[8:])^k[1])
			b = b[min(16, len(b)-8):]
		}
		return fold(binary.LittleEndian.Uint64(b)^h, binary.LittleEndian.Uint64(b[len(b)-8:])^k[1])
	case n >= 4:
		lo, hi := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[n-4:])
		return fold((uint64(lo)|uint64(hi)<<32)^h, k[1])
	case n >= 2:
		return fold((uint64(b[0])|uint64(b[1])<<8|uint64(b[n-1])<<16)^h, k[1])
	}
	return h
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
		last, till = k.mix(last, name[from:till]), from
		h[l-1] = last
	}
}
