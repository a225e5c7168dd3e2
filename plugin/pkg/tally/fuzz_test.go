package tally

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"sinkhole/plugin/pkg/subscriber"
)

// FuzzTally does whatever the octets say, and holds the tally to what is always
// true and to never knowing more than was asked.
func FuzzTally(f *testing.F) {
	f.Add([]byte("0123456789abcdefghijklmnopqrstuvwxyz"))
	f.Add(bytes.Repeat([]byte{0, 200, 3, 40, 5, 7}, 40))
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		ops := make([]byte, 200)
		for i := range ops {
			ops[i] = byte(rng.Uint32())
		}
		f.Add(ops)
	}
	f.Fuzz(func(t *testing.T, ops []byte) {
		tl := fixed(4096, 1)
		tl.shards[0].pool, tl.shards[0].sights = newPool(3), newSights(5, tl.names)
		asked := map[subscriber.Line]uint64{}
		p := Pane(someDay)
		for i := 0; i+1 < len(ops) && i < 400; i += 2 {
			n := int(ops[i+1])
			l := someLine(n % 64)
			switch ops[i] % 10 {
			case 0, 1, 2:
				tl.counts(l, 4*n, p)
				asked[l] += uint64(4 * n)
			case 3:
				tl.Hit(l, "c2", []byte{'a' + ops[i]%20}, 100, n%2 == 0, p)
			case 4:
				tl.Hit(l, "malware", []byte{'a' + ops[i]%20}, 25*(n%3), n%2 == 0, p)
			case 5:
				p += Pane(n) / 16
				tl.Turn(p)
			case 6:
				p += Pane(n) - 128
			case 7:
				tl.Mark(l, n%Levels, Mark{p, ops[i]})
			case 8:
				tl.Forget(func(o subscriber.Line) bool { return o == l })
				asked[l] = 0
			case 9:
				if err := tl.Load(bytes.NewReader(saved(t, tl, p)), p+Pane(n)/16); err != nil {
					t.Fatal(err)
				}
			}
			check(t, tl)
		}
		tl.Turn(p)
		for rec := range tl.Records() {
			use(rec)
			if rec.Pane()-p+1 > 2 {
				t.Fatalf("the record's pane is %d, the clock's %d", rec.Pane(), p)
			}
		}
		for l, n := range asked {
			if got := known(tl, l); got > n {
				t.Fatalf("line %x asked %d times, known are %d", l, n, got)
			}
		}
	})
}
