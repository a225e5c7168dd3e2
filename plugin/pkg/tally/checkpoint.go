package tally

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A checkpoint is blocks, each with its length and its checksum (CRC-32C), all
// little-endian:
//
//	| "sinkhole tally 1\n" | length 4B, checksum 4B, block | … |
//
//	first   pane, ahead of the clock
//	others  pane, then lines as of it:
//	        0 or 2 | line 8B | six panes, the running one first
//	        1 or 3 | line 8B | record | number of sightings | sighting …
//	last    pane, and no lines
//
// Numbers are unsigned varints; 2 and 3 are proven lines. A block is a slice of
// buckets, so that counting waits for no more than that, and a line is in one
// block whole. The leading names of the running pane are left out: they are
// hashes under a key of the process. Whoever keeps a checkpoint seals it, for it
// holds subscribers.
const (
	checkpointTitle = "sinkhole tally 1\n"

	// blockBuckets is how many buckets make a block: 64 octets each, and 1.4 KB
	// more for a record.
	blockBuckets = 64
	// maxBlock is more than the block of 256 lines with records and eight
	// sightings each can take.
	maxBlock = 8 << 20
)

var (
	errTitle  = fmt.Errorf("no checkpoint of counts of this version; want %q", checkpointTitle)
	errCut    = errors.New("checkpoint of counts: cut off; want its last block")
	errBroken = errors.New("checkpoint of counts: broken; want blocks that hold what was counted")

	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// Save writes all that is known, as of pane p of the clock. Counting goes on
// meanwhile.
func (t *Tally) Save(w io.Writer, p Pane) error {
	t.clock.look(p)
	now, ahead := t.clock.read()
	if _, err := io.WriteString(w, checkpointTitle); err != nil {
		return err
	}
	e := encoder{}
	e.uint(uint64(now))
	e.uint(uint64(ahead))
	if err := e.flush(w); err != nil {
		return err
	}
	for i := range t.shards {
		s := &t.shards[i]
		for from := 0; from < len(s.buckets); from += blockBuckets {
			// The clock may run on; no block is of an earlier pane than the last.
			if now, _ = t.clock.read(); s.encode(from, now, &e) {
				if err := e.flush(w); err != nil {
					return err
				}
			}
		}
	}
	e.uint(uint64(t.clock.look(p)))
	return e.flush(w)
}

// encode writes the lines of some buckets; false where there are none.
func (s *shard) encode(from int, now Pane, e *encoder) (some bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(now)
	if s.lines == 0 {
		return false
	}
	e.uint(uint64(s.pane))
	for b := from; b < min(from+blockBuckets, len(s.buckets)); b++ {
		for i := range s.buckets[b] {
			sl := &s.buckets[b][i]
			if sl.key == 0 {
				continue
			}
			some = true
			if sl.word.promoted() {
				s.encodeRecord(&s.records[sl.word.record()], e)
				continue
			}
			e.kind(kindSlot, sl.word.proven())
			e.fixed(uint64(sl.key))
			for _, c := range sl.word.at(s.pane).counts() {
				e.uint(uint64(c))
			}
		}
	}
	if !some {
		e.buf = e.buf[:0]
	}
	return some
}

const (
	kindSlot   = 0
	kindRecord = 1
	kindProven = 2
)

func (s *shard) encodeRecord(r *record, e *encoder) {
	c := *r
	c.noteStorm()
	e.kind(kindRecord, c.proven)
	e.fixed(uint64(c.line))
	c.walk(e)
	n := 0
	for i := c.head; i != 0; i = s.sightings[i-1].next {
		n++
	}
	e.uint(uint64(n))
	for i := c.head; i != 0; i = s.sightings[i-1].next {
		si := s.sightings[i-1]
		text, category := s.names.name(si.name)
		e.text(category)
		e.text(text)
		si.walk(e)
	}
}

// coder is either side: it writes numbers from where they stand, or reads them
// to there.
type coder interface {
	pane(*Pane)
	u8(*uint8)
	u16(*uint16)
	u32(*uint32)
	u64(*uint64)
}

// walk goes through what a checkpoint holds of a record, in order.
func (r *record) walk(c coder) {
	c.pane(&r.first)
	c.pane(&r.last)
	c.pane(&r.pane)
	for i := range r.queries {
		c.u32(&r.queries[i])
	}
	for i := range r.sure {
		c.u16(&r.sure[i])
	}
	for i := range r.storm {
		c.u64(&r.storm[i])
	}
	for i := range r.peaks {
		c.u32(&r.peaks[i])
	}
	c.u32(&r.peak)
	for i := range r.marks {
		c.pane(&r.marks[i].Pane)
		c.u8(&r.marks[i].Score)
	}
}

func (s *sighting) walk(c coder) {
	c.u8(&s.weight)
	c.pane(&s.first)
	for _, set := range []*PaneSet{&s.panes, &s.proven} {
		c.pane(&set.newest)
		for i := range set.bits {
			c.u64(&set.bits[i])
		}
	}
	c.pane(&s.hits.newest)
	for i := range s.hits.blocks {
		c.u32(&s.hits.blocks[i])
	}
}

type encoder struct{ buf []byte }

func (e *encoder) uint(n uint64)  { e.buf = binary.AppendUvarint(e.buf, n) }
func (e *encoder) fixed(n uint64) { e.buf = binary.LittleEndian.AppendUint64(e.buf, n) }
func (e *encoder) pane(p *Pane)   { e.uint(uint64(*p)) }
func (e *encoder) u8(n *uint8)    { e.uint(uint64(*n)) }
func (e *encoder) u16(n *uint16)  { e.uint(uint64(*n)) }
func (e *encoder) u32(n *uint32)  { e.uint(uint64(*n)) }
func (e *encoder) u64(n *uint64)  { e.uint(*n) }

func (e *encoder) kind(k byte, proven bool) {
	if proven {
		k |= kindProven
	}
	e.buf = append(e.buf, k)
}

func (e *encoder) text(s string) {
	e.uint(uint64(len(s)))
	e.buf = append(e.buf, s...)
}

// flush writes a block.
func (e *encoder) flush(w io.Writer) error {
	var head [8]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(e.buf)))
	binary.LittleEndian.PutUint32(head[4:], crc32.Checksum(e.buf, castagnoli))
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(e.buf)
	e.buf = e.buf[:0]
	return err
}

// Load makes what Save wrote the content, as of pane now of the clock. Where the
// memory is another, the heaviest lines stay. After an error the tally is empty.
// Load is for a tally in which nobody counts yet.
func (t *Tally) Load(r io.Reader, now Pane) error {
	t.clear()
	if err := t.load(bufio.NewReader(r)); err != nil {
		t.clear()
		return err
	}
	t.clock.tick(now)
	return nil
}

// clear forgets all.
func (t *Tally) clear() {
	t.clock.set(0, 0)
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for k := range s.records {
			if s.records[k].line != 0 {
				s.release(uint32(k))
			}
		}
		clear(s.buckets)
		s.pool.clear()
		s.sights.clear()
		s.pane, s.swept, s.tidied, s.lines = 0, 0, 0, 0
		s.waiting, s.overflow = [panes]levels{}, [panes]uint64{}
		s.mu.Unlock()
	}
}

func (t *Tally) load(r *bufio.Reader) error {
	title := make([]byte, len(checkpointTitle))
	if _, err := io.ReadFull(r, title); err != nil || string(title) != checkpointTitle {
		return errTitle
	}
	d := decoder{}
	if err := d.next(r); err != nil {
		return err
	}
	d.latest = 2 * maxPane
	var running, ahead Pane
	d.pane(&running)
	d.pane(&ahead)
	if d.bad || len(d.rest) > 0 || ahead > running {
		return errBroken
	}
	t.clock.set(running, ahead)
	for {
		if err := d.next(r); err != nil {
			return err
		}
		d.latest = running + Week // the clock ran on while it was written
		var p Pane
		d.pane(&p)
		if d.bad || p < running {
			return errBroken
		}
		running = p
		t.clock.set(running, ahead)
		if len(d.rest) == 0 {
			break
		}
		d.latest = p
		for len(d.rest) > 0 {
			if !t.decode(&d, p) {
				return errBroken
			}
		}
	}
	if _, err := r.ReadByte(); err != io.EOF {
		return errBroken
	}
	return nil
}

// decode takes one line in, as of pane p.
func (t *Tally) decode(d *decoder, p Pane) bool {
	kind := d.kind()
	e := entry{record: record{proven: kind&kindProven != 0}}
	d.fixed(&e.line)
	if kind&^kindProven == kindSlot {
		var counts [panes]uint32
		for i := range counts {
			d.u32(&counts[i])
		}
		if d.bad {
			return false
		}
		t.takeLine(e.line, pack(p, counts, e.proven), p)
		return true
	}
	e.walk(d)
	n := uint32(0)
	d.u32(&n)
	if d.bad || n > maxSightings || e.first > e.last || e.last > e.pane {
		return false
	}
	for range n {
		var si savedSighting
		si.category, si.text = string(d.text(maxCategory)), d.text(maxText)
		si.walk(d)
		if d.bad || si.hits.newest > p/hitBlock || si.proven.newest > si.panes.newest {
			return false
		}
		e.sightings = append(e.sightings, si)
	}
	t.takeRecord(&e, p)
	return true
}

// decoder reads a block. Once something is wrong, bad stays true and all that is
// read is zero.
type decoder struct {
	buf, rest []byte
	bad       bool
	latest    Pane // no pane is later
}

// next reads the next block.
func (d *decoder) next(r io.Reader) error {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return cut(err)
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > maxBlock {
		return errBroken
	}
	if int(n) > cap(d.buf) {
		d.buf = make([]byte, n)
	}
	d.buf = d.buf[:n]
	if _, err := io.ReadFull(r, d.buf); err != nil {
		return cut(err)
	}
	if crc32.Checksum(d.buf, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return errBroken
	}
	d.rest = d.buf
	return nil
}

// cut tells an end that comes too early from a reader's own trouble.
func cut(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errCut
	}
	return err
}

func (d *decoder) uint(limit uint64) uint64 {
	n, k := binary.Uvarint(d.rest)
	if k <= 0 || n > limit {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[k:]
	return n
}

func (d *decoder) pane(p *Pane)  { *p = Pane(d.uint(uint64(d.latest))) }
func (d *decoder) u8(n *uint8)   { *n = uint8(d.uint(1<<8 - 1)) }
func (d *decoder) u16(n *uint16) { *n = uint16(d.uint(1<<16 - 1)) }
func (d *decoder) u32(n *uint32) { *n = uint32(d.uint(1<<32 - 1)) }
func (d *decoder) u64(n *uint64) { *n = d.uint(1<<64 - 1) }

func (d *decoder) bytes(n int) []byte {
	if n > len(d.rest) {
		d.bad, d.rest = true, nil
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) text(limit uint64) []byte { return d.bytes(int(d.uint(limit))) }

func (d *decoder) kind() byte {
	b := d.bytes(1)
	if d.bad || b[0] > kindRecord|kindProven {
		d.bad, d.rest = true, nil
		return 0
	}
	return b[0]
}
