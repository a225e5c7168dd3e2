package census

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"sinkhole/plugin/pkg/seal"
	"sinkhole/plugin/pkg/statedir"
	"sinkhole/plugin/pkg/tally"
)

// The checkpoint is STATE/census.state: pieces, each sealed with the node's key
// under its number, so that none can be read, changed, or moved:
//
//	| length of the sealed piece 4B | sealed piece | …
//
// Unsealed and joined they are one line that says what a line is, and what
// tally.Save wrote, which ends in a checksum and so shows a piece that is gone.
//
// Pieces keep memory bounded: the counts of ten million lines are half a
// gigabyte, and sealing them whole would take that twice again.
const (
	pieceLength = 1 << 20
	sealedRoom  = 1 << 10 // what sealing adds is far less
	maxShape    = 1 << 16
)

func pieceKind(n int) string { return fmt.Sprintf("census piece %d", n) }

// sealer seals what is written to it, in pieces.
type sealer struct {
	to    io.Writer
	keys  *seal.Keys
	piece []byte
	n     int
}

func (s *sealer) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		k := min(len(p), pieceLength-len(s.piece))
		s.piece, p = append(s.piece, p[:k]...), p[k:]
		if len(s.piece) == pieceLength {
			if err := s.flush(); err != nil {
				return 0, err
			}
		}
	}
	return written, nil
}

func (s *sealer) flush() error {
	sealed := s.keys.SealState(pieceKind(s.n), s.piece)
	s.n, s.piece = s.n+1, s.piece[:0]
	if err := binary.Write(s.to, binary.BigEndian, uint32(len(sealed))); err != nil {
		return err
	}
	_, err := s.to.Write(sealed)
	return err
}

// opener opens what sealer sealed.
type opener struct {
	from  io.Reader
	keys  *seal.Keys
	piece []byte
	n     int
}

func (o *opener) Read(p []byte) (int, error) {
	for len(o.piece) == 0 {
		var length uint32
		if err := binary.Read(o.from, binary.BigEndian, &length); err != nil {
			return 0, err
		}
		if length > pieceLength+sealedRoom {
			return 0, seal.ErrState
		}
		sealed := make([]byte, length)
		if _, err := io.ReadFull(o.from, sealed); err != nil {
			return 0, seal.ErrState
		}
		var err error
		if o.piece, err = o.keys.OpenState(pieceKind(o.n), sealed); err != nil {
			return 0, err
		}
		o.n++
	}
	n := copy(p, o.piece)
	o.piece = o.piece[n:]
	return n, nil
}

// saved is what is known of the last checkpoint.
type saved struct {
	at      time.Time
	queries uint64 // counted when it was written
	dirty   bool   // something else than a query changed what it should hold
}

// save writes the checkpoint, unless nothing changed or another Census owns the
// state. The caller holds c.work.
func (c *Census) save(now time.Time) error {
	queries := c.tally.Stats().Queries
	if owner.Load() != c || !c.saved.dirty && !c.saved.at.IsZero() && queries == c.saved.queries {
		return nil
	}
	if err := c.write(now); err != nil {
		checkpointFailures.Inc()
		c.warn(stateFile, "%s cannot be written: %v; counts stay in memory, and the ones on disk are those of %s",
			stateFile, cause(err), c.saved.stamp())
		return fmt.Errorf("%s: %w", stateFile, cause(err))
	}
	c.well(stateFile)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.saved = saved{at: now, queries: queries}
	return nil
}

func (s saved) stamp() string {
	if s.at.IsZero() {
		return "the last run"
	}
	return s.at.UTC().Format(time.RFC3339)
}

func (c *Census) write(now time.Time) error {
	f, err := statedir.CreateTemp(c.dir, 0o600)
	if err != nil {
		return err
	}
	s := &sealer{to: f, keys: c.keys}
	buf := bufio.NewWriter(s)
	err = func() error {
		if _, err := fmt.Fprintf(buf, "%s\n", c.shape); err != nil {
			return err
		}
		if err := c.tally.Save(buf, tally.PaneOf(now)); err != nil {
			return err
		}
		if err := buf.Flush(); err != nil {
			return err
		}
		return s.flush()
	}()
	if err != nil {
		statedir.Discard(f)
		return err
	}
	return statedir.Commit(f, filepath.Join(c.dir, stateFile))
}

var errShape = errors.New("a line was something else when it was written (subscribers: lines, ports)")

// load reads the checkpoint, where there is one.
func (c *Census) load(now time.Time) error {
	f, err := os.Open(filepath.Join(c.dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return cause(err)
	}
	defer f.Close()
	in := bufio.NewReader(&opener{from: bufio.NewReaderSize(f, 1<<16), keys: c.keys})
	shape, err := in.ReadString('\n')
	if err != nil || len(shape) > maxShape {
		return seal.ErrState
	}
	if shape != c.shape+"\n" {
		return errShape
	}
	return c.tally.Load(in, tally.PaneOf(now))
}

// setAside keeps a checkpoint that cannot be taken for somebody to look at, and
// lets the counting begin anew.
func (c *Census) setAside(why error, now time.Time) {
	broken := filepath.Join(c.dir, brokenFile)
	if err := os.Rename(filepath.Join(c.dir, stateFile), broken); err != nil {
		c.warn("load", "%s: %v; counting begins anew, and it is overwritten", stateFile, why)
		return
	}
	os.Chtimes(broken, now, now) // from when on it is kept; failing, it goes a little earlier
	c.warn("load", "%s: %v; counting begins anew, and it is kept as %s", stateFile, why, brokenFile)
}

// maxBroken is how long a checkpoint that was set aside is kept: what is in it
// would have been forgotten by then.
const maxBroken = 7 * 24 * time.Hour

// dropBroken removes what was set aside once its time is over, or at once: who
// opted out has left a trace in it.
func (c *Census) dropBroken(now time.Time, atOnce bool) {
	path := filepath.Join(c.dir, brokenFile)
	st, err := os.Stat(path)
	if err != nil || !atOnce && now.Sub(st.ModTime()) < maxBroken {
		return
	}
	if os.Remove(path) == nil {
		c.well("load")
	}
}

// handOver writes the checkpoint for a Census that takes over from c.
func (c *Census) handOver(now time.Time) {
	c.work.Lock()
	defer c.work.Unlock()
	c.mu.Lock()
	c.saved.dirty = true
	c.mu.Unlock()
	c.save(now)
}
