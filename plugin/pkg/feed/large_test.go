package feed

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// messages are n rules of a zone as a primary sends them by AXFR, 500 a message,
// packed once.
func messages(tb testing.TB, n int) (wires [][]byte) {
	tb.Helper()
	s := soa(tb, 1)
	all := []dns.RR{s}
	send := func() {
		m := &dns.Msg{MsgHdr: dns.MsgHdr{Response: true}, Compress: true, Answer: all}
		wire, err := m.Pack()
		if err != nil {
			tb.Fatal(err)
		}
		wires, all = append(wires, wire), nil
	}
	for i := range n {
		// Not in the order of the file: names of a real feed look as if drawn.
		name := fmt.Sprintf("h%08x.site%d.example.%s", uint32(i)*2654435761, i%9973, apex)
		all = append(all, &dns.CNAME{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 300}, Target: "."})
		if len(all) == 500 {
			send()
		}
	}
	all = append(all, dns.Copy(s))
	send()
	return wires
}

// receive reads messages into a zone's file, as a feed does behind the network.
func receive(tb testing.TB, wires [][]byte, f *Feed) *base {
	to := newTransfer(apex, nil, f.o.MaxSize, f.o.State)
	defer to.close()
	for _, wire := range wires {
		m := new(dns.Msg)
		if err := m.Unpack(wire); err != nil {
			tb.Fatal(err)
		}
		for _, r := range m.Answer {
			if err := to.add(r); err != nil {
				tb.Fatal(err)
			}
		}
	}
	b, err := f.write(to, Primary{}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestLargeZone: memory does not grow with the zone. Of a file of 36 MB it holds
// the room of the sorter, which grows by doubling, and a buffer for each run.
func TestLargeZone(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a run without -short: it writes a zone of 600,000 records")
	}
	const records, most = 600_000, 24 << 20 // octets
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	dir := t.TempDir()
	f := New(Options{Zone: zoneName, File: filepath.Join(dir, "z.zone"), State: dir})
	wires := messages(t, records)
	debug.FreeOSMemory()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		most := uint64(0)
		for {
			select {
			case <-stop:
				peak <- most
				return
			case <-time.After(5 * time.Millisecond):
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapAlloc)
			}
		}
	}()
	b := receive(t, wires, f)
	close(stop)
	if got := <-peak - before.HeapAlloc; got > most {
		t.Errorf("%d MiB at the most, want %d", got>>20, most>>20)
	}
	if b.records != records+1 {
		t.Errorf("got %d records", b.records)
	}
	if info, err := os.Stat(f.o.File); err != nil || info.Size() < 30<<20 {
		t.Errorf("got %v, %v", info, err)
	}
	again, err := readBase(f.o.File, apex)
	if err != nil || again.sum != b.sum || again.records != b.records {
		t.Errorf("read back %+v, %v", again, err)
	}
}

// BenchmarkAXFR is a zone of a million records, from the wire to the disk.
func BenchmarkAXFR(b *testing.B) {
	const records = 1_000_000
	wires := messages(b, records)
	dir := b.TempDir()
	f := New(Options{Zone: zoneName, File: filepath.Join(dir, "z.zone"), State: dir})
	b.ResetTimer()
	for b.Loop() {
		receive(b, wires, f)
	}
	b.ReportMetric(float64(b.N)*records/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkIXFR changes a hundred records of a million.
func BenchmarkIXFR(b *testing.B) {
	dir := b.TempDir()
	f := New(Options{Zone: zoneName, File: filepath.Join(dir, "z.zone"), State: dir})
	f.base = receive(b, messages(b, 1_000_000), f)
	b.ResetTimer()
	for serial := uint32(1); b.Loop(); serial++ {
		to := newTransfer(apex, f.base, f.o.MaxSize, dir)
		came := []dns.RR{soa(b, serial+1), soa(b, serial), soa(b, serial+1)}
		for i := range 100 {
			came = append(came, rr(b, fmt.Sprintf("n%d-%d CNAME .", serial, i)))
		}
		for _, r := range append(came, soa(b, serial+1)) {
			if err := to.add(r); err != nil {
				b.Fatal(err)
			}
		}
		var err error
		if f.base, err = f.write(to, Primary{}, f.base); err != nil {
			b.Fatal(err)
		}
	}
}
