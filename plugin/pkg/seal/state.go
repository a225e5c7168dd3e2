package seal

import (
	"crypto/rand"
	"errors"
)

// ErrState says that sealed state is not what this node sealed under this kind.
var ErrState = errors.New("sealed state is broken, cut, or sealed by another node")

// stateMagic starts every sealed state; its last digit is the form's version.
const stateMagic = "sinkhole sealed 1\n"

// SealState seals data for this node. kind names what it is: state sealed under
// one kind does not open under another. A 96-bit random nonce serves 2^32
// messages (NIST SP 800-38D); one each 30 s needs 4,000 years for them.
func (k *Keys) SealState(kind string, data []byte) []byte {
	nonce := make([]byte, k.node.NonceSize())
	rand.Read(nonce)
	out := make([]byte, 0, len(stateMagic)+len(nonce)+len(data)+k.node.Overhead())
	out = append(out, stateMagic...)
	out = append(out, nonce...)
	return k.node.Seal(out, nonce, data, []byte(kind))
}

// OpenState opens what SealState sealed under the same kind.
func (k *Keys) OpenState(kind string, sealed []byte) ([]byte, error) {
	head := len(stateMagic) + k.node.NonceSize()
	if len(sealed) < head || string(sealed[:len(stateMagic)]) != stateMagic {
		return nil, ErrState
	}
	data, err := k.node.Open(nil, sealed[len(stateMagic):head], sealed[head:], []byte(kind))
	if err != nil {
		return nil, ErrState
	}
	return data, nil
}
