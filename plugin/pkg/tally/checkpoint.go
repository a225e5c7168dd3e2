package tally

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"io"

	"sinkhole/plugin/pkg/subscriber"
)

// A checkpoint is, little-endian:
//
//	"sinkhole tally 1\n" | pane 4B | ahead 4B | lines … | end 1B = 0 | CRC-64/ECMA 8B
//
//	line       1 | line 8B | proven 1B | six panes of 2B, the running one first
//	           2 | line 8B | record | sightings 1B | sighting …
//	record     proven 1B | first 4B | last 4B | pane 4B | queries 150×4B | proven 150×2B |
//	           storms 3×8B | peaks 13×4B | three marks of 4B + 1B
//	sighting   weight 1B | first 4B | two sets of panes 16×8B + 4B | hits 32×4B + 4B |
//	           category 1B + … | name 2B + …
//
// The leading names of the running pane are left out: they are hashes under a
// key of the process. The caller seals it: it holds addresses of subscribers.
const (
	checkpointTitle = "sinkhole tally 1\n"

	tagEnd, tagSlot, tagRecord = 0, 1, 2

	maxCategory = 255
	maxListed   = 1 << 12 // octets of a listed name's text
)

var (
	// ErrVersion: the checkpoint is of another version, or none.
	ErrVersion = errors.New("no checkpoint of this version")
	// ErrBroken: the checkpoint is cut off or was changed.
	ErrBroken = errors.New("the checkpoint is broken")
)

var crcTable = crc64.MakeTable(crc64.ECMA)

// Save writes all that is known, as of pane p of the clock. Counting goes on
// meanwhile: a shard is held for a few thousand lines at a time.
func (t *Tally) Save(w io.Writer, p Pane) error {
	now := t.at(p)
	sum := crc64.New(crcTable)
	out := io.MultiWriter(w, sum)
	head := append([]byte(nil), checkpointTitle...)
	head = binary.LittleEndian.AppendUint32(head, uint32(now))
	head = binary.LittleEndian.AppendUint32(head, t.ahead.Load())
	if _, err := out.Write(head); err != nil {
		return err
	}
	var buf []byte
	for i := range t.shards {
		s := &t.shards[i]
		for first := 0; first < len(s.buckets); first += sweepBuckets {
			buf = t.appendLines(buf[:0], s, first, now)
			if _, err := out.Write(buf); err != nil {
				return err
			}
		}
	}
	if _, err := out.Write([]byte{tagEnd}); err != nil {
		return err
	}
	_, err := w.Write(binary.LittleEndian.AppendUint64(nil, sum.Sum64()))
	return err
}

func (t *Tally) appendLines(dst []byte, s *shard, first int, now Pane) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for b := first; b < min(first+sweepBuckets, len(s.buckets)); b++ {
		for i := range s.buckets[b] {
			switch sl := &s.buckets[b][i]; {
			case sl.key == 0:
			case sl.word.promoted():
				dst = t.appendRecord(dst, s, &s.records[sl.word.record()])
			default:
				w := sl.word.at(now)
				dst = binary.LittleEndian.AppendUint64(append(dst, tagSlot), uint64(sl.key))
				dst = append(dst, oneIf(w.proven()))
				for n := range panes {
					dst = binary.LittleEndian.AppendUint16(dst, uint16(w.back(n)))
				}
			}
		}
	}
	return dst
}

func (t *Tally) appendRecord(dst []byte, s *shard, r *record) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint64(append(dst, tagRecord), uint64(r.line))
	dst = append(dst, oneIf(r.proven))
	for _, p := range []Pane{r.first, r.last, r.pane} {
		dst = le.AppendUint32(dst, uint32(p))
	}
	for _, n := range r.queries {
		dst = le.AppendUint32(dst, n)
	}
	for _, n := range r.sure {
		dst = le.AppendUint16(dst, n)
	}
	for _, bits := range r.storm {
		dst = le.AppendUint64(dst, bits)
	}
	for _, n := range r.peaks {
		dst = le.AppendUint32(dst, n)
	}
	for _, m := range r.marks {
		dst = append(le.AppendUint32(dst, uint32(m.Pane)), m.Score)
	}
	at := len(dst)
	dst = append(dst, 0)
	for link := r.head; link != 0; link = s.sightings[link-1].next {
		dst[at]++
		dst = t.appendSighting(dst, &s.sightings[link-1])
	}
	return dst
}

func (t *Tally) appendSighting(dst []byte, sg *sighting) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint32(append(dst, sg.weight), uint32(sg.first))
	for _, set := range []*PaneSet{&sg.panes, &sg.proven} {
		for _, bits := range set.bits {
			dst = le.AppendUint64(dst, bits)
		}
		dst = le.AppendUint32(dst, uint32(set.newest))
	}
	for _, n := range sg.hits.blocks {
		dst = le.AppendUint32(dst, n)
	}
	dst = le.AppendUint32(dst, uint32(sg.hits.newest))
	name, category := t.names.name(sg.name)
	category, name = category[:min(len(category), maxCategory)], name[:min(len(name), maxListed)]
	dst = append(append(dst, byte(len(category))), category...)
	return append(le.AppendUint16(dst, uint16(len(name))), name...)
}

func oneIf(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// Load puts a checkpoint in the place of what t knows, as of pane now of the
// clock. A Tally with less memory keeps the heaviest lines. On an error t is
// empty. Nobody may use t meanwhile.
func (t *Tally) Load(r io.Reader, now Pane) error {
	t.reset()
	in := &loader{r: bufio.NewReaderSize(r, 1<<16), sum: crc64.New(crcTable)}
	if err := t.load(in, now); err != nil {
		t.reset()
		return err
	}
	t.Turn(now)
	return nil
}

func (t *Tally) reset() {
	for i := range t.shards {
		s := &t.shards[i]
		clear(s.buckets)
		clear(s.records)
		clear(s.sightings)
		s.counts = counts{}
		s.refill()
	}
	t.names = newListed(int64(t.names.memory))
	t.pane.Store(0)
	t.ahead.Store(0)
	t.swept = 0
}

func (t *Tally) load(in *loader, now Pane) error {
	if title := in.bytes(len(checkpointTitle)); in.err != nil || !bytes.Equal(title, []byte(checkpointTitle)) {
		return ErrVersion
	}
	saved, ahead := Pane(in.u32()), Pane(in.u32())
	if in.err != nil {
		return ErrBroken
	}
	// What was ahead of the clock stays so, and more where the clock went back.
	pane := max(saved, now+ahead)
	if ahead > pane || pane < now {
		return ErrBroken
	}
	t.ahead.Store(uint32(pane - now))
	t.pane.Store(uint32(pane))
	t.swept = pane
	for {
		switch in.u8() {
		case tagSlot:
			t.loadSlot(in, saved, pane)
		case tagRecord:
			t.loadRecord(in, saved, pane)
		case tagEnd:
			want := in.sum.Sum64()
			if got := in.u64(); in.err != nil || got != want {
				return ErrBroken
			}
			return nil
		default:
			return ErrBroken
		}
		if in.err != nil {
			return fmt.Errorf("%w: cut off", ErrBroken)
		}
	}
}

func (t *Tally) loadSlot(in *loader, saved, now Pane) {
	l, proven := subscriber.Line(in.u64()), in.u8() == 1
	var old [panes]uint32
	for n := range old {
		old[n] = uint32(in.u16())
	}
	var counts [panes]uint32
	for n := range old {
		if at := n + int(min(now-saved, Pane(panes))); at < panes {
			counts[at] = old[n]
		}
	}
	w := pack(now, counts, proven)
	if in.err != nil || l == 0 || w.sum() == 0 {
		return
	}
	s, b := t.place(l)
	if i := s.settle(b, l, w.weight(), now); i >= 0 {
		s.buckets[b][i].word = w
	}
}

// settle finds a slot for a line that is loaded, if need be that of a lighter
// one; -1 where there is none.
func (s *shard) settle(b int, l subscriber.Line, weight uint32, now Pane) int {
	bucket := &s.buckets[b]
	for i := range bucket {
		if bucket[i].key == l {
			return -1 // a line stands once in a checkpoint
		}
	}
	i := s.least(bucket, now)
	if i < 0 {
		return -1
	}
	if bucket[i].key != 0 {
		if bucket[i].word.at(now).weight() >= weight {
			return -1
		}
		s.counts.lines--
	}
	bucket[i] = slot{key: l}
	s.counts.lines++
	return i
}

func (t *Tally) loadRecord(in *loader, saved, now Pane) {
	r := record{line: subscriber.Line(in.u64()), proven: in.u8() == 1}
	r.first, r.last, r.pane = Pane(in.u32()), Pane(in.u32()), Pane(in.u32())
	for i := range r.queries {
		r.queries[i] = in.u32()
	}
	for i := range r.sure {
		r.sure[i] = in.u16()
	}
	for i := range r.storm {
		r.storm[i] = in.u64()
	}
	for i := range r.peaks {
		r.peaks[i] = in.u32()
	}
	for i := range r.marks {
		r.marks[i] = Mark{Pane(in.u32()), in.u8()}
	}
	var seen [maxSightings]loaded
	n := int(in.u8())
	if n > len(seen) || r.pane > saved || r.last > saved || r.first > r.last {
		in.fail()
	}
	for i := range min(n, len(seen)) {
		seen[i] = in.sighting(saved)
	}
	if in.err != nil || r.line == 0 {
		return
	}
	t.keepRecord(&r, seen[:n], now)
}

// keepRecord gives what was loaded a slot and a record, where there is room for
// what it is worth.
func (t *Tally) keepRecord(r *record, seen []loaded, now Pane) {
	r.enter(now)
	r.day = r.highest(now.Less(Day - 1))
	s, b := t.place(r.line)
	word := pack(now, r.six(), r.proven)
	i := s.settle(b, r.line, 1<<32-1, now)
	if i < 0 {
		return
	}
	s.buckets[b][i].word = word
	w := worthOf(max(r.sum(now), r.day))
	for k := range seen {
		w |= worthOfHit(int(seen[k].weight))
	}
	fresh, ok := s.promote(b, i, w, now)
	if !ok {
		return
	}
	r.slot, r.head = fresh.slot, 0
	*fresh = *r
	for k := range seen {
		if len(s.unused) == 0 {
			break
		}
		at := s.unused[len(s.unused)-1]
		s.unused = s.unused[:len(s.unused)-1]
		sg := seen[k].sighting
		sg.name = t.names.number(seen[k].category, []byte(seen[k].name), nil, sg.panes.newest)
		sg.next = fresh.head
		s.sightings[at] = sg
		fresh.head = at + 1
		fresh.listed = fresh.listed || sg.weight > 0
	}
}

// loaded is a sighting with its name.
type loaded struct {
	sighting
	category, name string
}

// loader reads a checkpoint; after the first error all it reads is zero.
type loader struct {
	r   *bufio.Reader
	sum hash.Hash64
	err error
	buf [maxListed]byte
}

func (in *loader) fail() {
	if in.err == nil {
		in.err = ErrBroken
	}
}

func (in *loader) bytes(n int) []byte {
	b := in.buf[:n]
	if in.err == nil {
		_, in.err = io.ReadFull(in.r, b)
	}
	if in.err != nil {
		clear(b)
		return b
	}
	in.sum.Write(b)
	return b
}

func (in *loader) u8() byte    { return in.bytes(1)[0] }
func (in *loader) u16() uint16 { return binary.LittleEndian.Uint16(in.bytes(2)) }
func (in *loader) u32() uint32 { return binary.LittleEndian.Uint32(in.bytes(4)) }
func (in *loader) u64() uint64 { return binary.LittleEndian.Uint64(in.bytes(8)) }

func (in *loader) sighting(saved Pane) (l loaded) {
	l.weight, l.first = min(in.u8(), 100), Pane(in.u32())
	for _, set := range []*PaneSet{&l.panes, &l.proven} {
		for i := range set.bits {
			set.bits[i] = in.u64()
		}
		if set.newest = Pane(in.u32()); set.newest > saved {
			in.fail()
		}
	}
	for i := range l.hits.blocks {
		l.hits.blocks[i] = in.u32()
	}
	if l.hits.newest = Pane(in.u32()); l.hits.newest > saved/hitBlock {
		in.fail()
	}
	l.category = string(in.bytes(int(in.u8())))
	n := int(in.u16())
	if n > maxListed {
		in.fail()
		n = 0
	}
	l.name = string(in.bytes(n))
	return l
}
