package seal

import (
	"bytes"
	"errors"
	"testing"
)

func TestState(t *testing.T) {
	k, stranger := open(t, t.TempDir()), open(t, t.TempDir())
	for name, data := range map[string][]byte{"nothing": nil, "little": []byte("counts"), "much": bytes.Repeat([]byte("x"), 1<<20)} {
		t.Run(name, func(t *testing.T) {
			sealed := k.SealState("census", data)
			got, err := k.OpenState("census", sealed)
			if err != nil || !bytes.Equal(got, data) {
				t.Fatalf("got %d octets, %v; want %d", len(got), err, len(data))
			}
			if len(data) > 0 && bytes.Contains(sealed, data) {
				t.Error("the data stand in it in clear")
			}
			if again := k.SealState("census", data); bytes.Equal(again, sealed) {
				t.Error("sealed twice it is the same: a nonce came twice")
			}
			if _, err := k.OpenState("cases", sealed); !errors.Is(err, ErrState) {
				t.Errorf("under another kind: got %v, want %v", err, ErrState)
			}
			if _, err := stranger.OpenState("census", sealed); !errors.Is(err, ErrState) {
				t.Errorf("on another node: got %v, want %v", err, ErrState)
			}
		})
	}
}

// TestStateBroken flips every octet and cuts at every length: nothing of it opens.
func TestStateBroken(t *testing.T) {
	k := open(t, t.TempDir())
	sealed := k.SealState("census", []byte("counts"))
	for i := range sealed {
		broken := bytes.Clone(sealed)
		broken[i] ^= 1
		if got, err := k.OpenState("census", broken); !errors.Is(err, ErrState) || got != nil {
			t.Errorf("octet %d flipped: got %q, %v", i, got, err)
		}
		if got, err := k.OpenState("census", sealed[:i]); !errors.Is(err, ErrState) || got != nil {
			t.Errorf("cut to %d octets: got %q, %v", i, got, err)
		}
	}
	if _, err := k.OpenState("census", append(sealed, 0)); !errors.Is(err, ErrState) {
		t.Errorf("an octet more: got %v, want %v", err, ErrState)
	}
}

func FuzzOpenState(f *testing.F) {
	k := open(f, f.TempDir())
	f.Add([]byte(stateMagic))
	f.Add([]byte("sinkhole sealed 2\n0123456789ab0123456789abcdef"))
	f.Add(append([]byte(stateMagic), make([]byte, 64)...))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if got, err := k.OpenState("census", sealed); !errors.Is(err, ErrState) || got != nil {
			t.Errorf("%q opened to %q, %v", sealed, got, err)
		}
	})
}
