package census

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/seal"
	"sinkhole/plugin/pkg/subscriber"
)

// opened is the checkpoint in dir, unsealed.
func opened(t *testing.T, dir string) string {
	t.Helper()
	keys, err := seal.Open(filepath.Join(dir, keysDir))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, stateFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(&opener{from: f, keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRestart: what was counted before a stop is in the report after it.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := start(t, dir, "", newNetwork())
		b.asksMany("192.0.2.1", 12_000)
		b.asks("2001:db8::1", "c2.example.", 2)
		before := b.report(control.ReportRequest{})
		b.stop()
		time.Sleep(3 * time.Minute)
		b = start(t, dir, "", newNetwork())
		after := b.report(control.ReportRequest{})
		if said(before) != said(after) || said(after) == "" {
			t.Errorf("before\n%safter\n%s", said(before), said(after))
		}
		for i := range after.Clients {
			if after.Clients[i].Client != before.Clients[i].Client {
				t.Errorf("client %d is %s, was %s", i, after.Clients[i].Client, before.Clients[i].Client)
			}
		}
		b.asksMany("192.0.2.1", 100)
		expect(t, "counting goes on", b.report(control.ReportRequest{Limit: 2}),
			"watch listed name 30, 2 queries, 2 hits: c2-1 0/1",
			"watch heavy 15, 12100 queries, 0 hits: rate-3 0/12100")
	})
}

// TestKill copies the state while the census runs, as a kill would leave it: what
// is older than a minute is in it.
func TestKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, killed := t.TempDir(), t.TempDir()
		b := start(t, dir, "", newNetwork())
		b.asksMany("192.0.2.1", 11_000)
		time.Sleep(time.Minute)
		b.asksMany("192.0.2.1", 500)
		if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		b.stop()
		half := filepath.Join(killed, ".tmp-1234")
		if err := os.WriteFile(half, []byte("half a checkpoint"), 0o600); err != nil {
			t.Fatal(err)
		}
		b = start(t, killed, "", newNetwork())
		if _, err := os.Stat(half); !os.IsNotExist(err) {
			t.Errorf("what the kill left half written is still there (%v)", err)
		}
		expect(t, "after the kill", b.report(control.ReportRequest{}), "watch heavy 15, 11000 queries, 0 hits: rate-3 0/11000")
	})
}

// TestNothingNewIsNotWritten spares the disk of a machine where nobody asks.
func TestNothingNewIsNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "", newNetwork())
		b.asksMany("192.0.2.1", 10)
		time.Sleep(5 * time.Minute)
		before, err := os.Stat(filepath.Join(b.dir, stateFile))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		after, err := os.Stat(filepath.Join(b.dir, stateFile))
		if err != nil || !os.SameFile(before, after) {
			t.Errorf("the checkpoint was written again though nothing was counted (%v)", err)
		}
	})
}

// TestBadCheckpoint: whatever is wrong with it, counting begins anew, and the
// operator is told.
func TestBadCheckpoint(t *testing.T) {
	shape := func() *network {
		n := newNetwork()
		var err error
		if n.shape, err = subscriber.NewShape(24, 48, nil); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for name, test := range map[string]struct {
		spoil   func(t *testing.T, dir string)
		network func() *network
		why     string
	}{
		"one octet is another": {
			spoil: change(func(b []byte) []byte { b[len(b)/2] ^= 1; return b }),
			why:   "sealed state is broken, cut, or sealed by another node",
		},
		"it was cut": {
			spoil: change(func(b []byte) []byte { return b[:len(b)-7] }),
			why:   "sealed state is broken, cut, or sealed by another node",
		},
		"it was cut between two pieces": {
			spoil: change(func(b []byte) []byte { return b[:0] }),
			why:   "sealed state is broken, cut, or sealed by another node",
		},
		"it is no checkpoint": {
			spoil: change(func([]byte) []byte { return []byte("lines 32 56\nnothing sealed") }),
			why:   "sealed state is broken, cut, or sealed by another node",
		},
		"it is another node's": {
			spoil: func(t *testing.T, dir string) {
				if err := os.RemoveAll(filepath.Join(dir, keysDir)); err != nil {
					t.Fatal(err)
				}
			},
			why: "sealed state is broken, cut, or sealed by another node",
		},
		"a line was something else": {
			spoil:   func(*testing.T, string) {},
			network: shape,
			why:     "a line was something else when it was written",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				b := start(t, dir, "", newNetwork())
				b.asksMany("192.0.2.1", 11_000)
				b.stop()
				test.spoil(t, dir)
				n := newNetwork()
				if test.network != nil {
					n = test.network()
				}
				b = start(t, dir, "", n)
				expect(t, "the report", b.report(control.ReportRequest{}))
				w := b.gen.census.Warnings()
				if len(w) != 1 || !strings.HasPrefix(w[0], "census: census.state: "+test.why) || !strings.HasSuffix(w[0], "counting begins anew, and it is kept as census.state.broken") {
					t.Errorf("warnings %q", w)
				}
				if _, err := os.Stat(filepath.Join(dir, brokenFile)); err != nil {
					t.Error(err)
				}
				b.asksMany("192.0.2.1", 11_000)
				b.stop()
				b = start(t, dir, "", n)
				expect(t, "the next start", b.report(control.ReportRequest{}), "watch heavy 15, 11000 queries, 0 hits: rate-3 0/11000")
				for _, age := range []time.Duration{maxBroken - time.Minute, maxBroken} {
					b.gen.census.dropBroken(now().Add(age), false)
					if _, err := os.Stat(filepath.Join(dir, brokenFile)); os.IsNotExist(err) != (age == maxBroken) {
						t.Errorf("what was set aside, after %s: %v", age, err)
					}
				}
			})
		})
	}
}

func change(how func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(dir, stateFile)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, how(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPieces seals and opens more than one piece, in writes of odd lengths.
func TestPieces(t *testing.T) {
	keys, err := seal.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("c2.example 192.0.2.1 ", 150_000) // 3.15 million octets
	var sealed strings.Builder
	s := &sealer{to: &sealed, keys: keys}
	for rest := text; len(rest) > 0; {
		n := min(len(rest), 65_537)
		if _, err := io.WriteString(s, rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	if s.n != 4 {
		t.Errorf("%d pieces, want 4", s.n)
	}
	if strings.Contains(sealed.String(), "c2.example") {
		t.Error("it can be read")
	}
	got, err := io.ReadAll(&opener{from: strings.NewReader(sealed.String()), keys: keys})
	if err != nil || string(got) != text {
		t.Errorf("%d octets came back (%v), want %d", len(got), err, len(text))
	}
	// A piece in another's place does not open.
	first := 4 + len(keys.SealState(pieceKind(0), make([]byte, pieceLength)))
	swapped := sealed.String()[first:] + sealed.String()[:first]
	if _, err := io.ReadAll(&opener{from: strings.NewReader(swapped), keys: keys}); err == nil {
		t.Error("pieces out of order were taken")
	}
}

// TestStateThatCannotBeWritten: counting goes on, and the operator is told until
// it is well.
func TestStateThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, t.TempDir(), "", newNetwork())
		path := filepath.Join(b.dir, stateFile)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
			t.Fatal(err)
		}
		b.asksMany("192.0.2.1", 11_000)
		time.Sleep(time.Minute)
		w := b.gen.census.Warnings()
		if len(w) != 1 || !strings.HasPrefix(w[0], "census: census.state cannot be written: file exists; counts stay in memory, and the ones on disk are those of 2000-01-01T00:00:00Z") {
			t.Errorf("warnings %q", w)
		}
		if left, _ := filepath.Glob(filepath.Join(b.dir, ".tmp-*")); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
		expect(t, "the report", b.report(control.ReportRequest{}), "watch heavy 15, 11000 queries, 0 hits: rate-3 0/11000")
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if w := b.gen.census.Warnings(); len(w) != 0 {
			t.Errorf("once it is well: %q", w)
		}
	})
}

// FuzzPieces takes any octets as a sealed checkpoint, which ends in a refusal,
// and seals them in writes of any length, which gives them back.
func FuzzPieces(f *testing.F) {
	keys, err := seal.Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	var sealed bytes.Buffer
	s := &sealer{to: &sealed, keys: keys, piece: []byte("c2.example")}
	if err := s.flush(); err != nil {
		f.Fatal(err)
	}
	f.Add(sealed.Bytes(), uint16(3))
	f.Add([]byte("\xff\xff\xff\xff"), uint16(1))
	f.Fuzz(func(t *testing.T, data []byte, length uint16) {
		io.Copy(io.Discard, &opener{from: bytes.NewReader(data), keys: keys})
		var sealed bytes.Buffer
		s := &sealer{to: &sealed, keys: keys}
		for rest := data; len(rest) > 0; {
			n := min(len(rest), 1+int(length))
			if _, err := s.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := s.flush(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(&opener{from: &sealed, keys: keys})
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("got %q (%v), want %q", got, err, data)
		}
	})
}
