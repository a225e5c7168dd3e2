package query

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestLimit(t *testing.T) {
	for _, tt := range []struct {
		name   string
		size   int // of the OPT; -1: none
		stream bool
		want   int
	}{
		{"no EDNS is 512", -1, false, 512},
		{"less than 512 is 512", 0, false, 512},
		{"what the client says", 600, false, 600},
		{"and no more than crosses a network whole", 4096, false, 1232},
		{"a stream has no limit", 512, true, 65535},
		{"a stream without EDNS has none", -1, true, 65535},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := new(dns.Msg).SetQuestion("host.example.", dns.TypeA)
			if tt.size >= 0 {
				m.SetEdns0(uint16(tt.size), false)
			}
			if got := Limit(m, tt.stream); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

// reply has so many TXT records of 100 octets and an extended error with a text.
func reply(records, text int) *dns.Msg {
	m := new(dns.Msg).SetQuestion("host.example.", dns.TypeTXT)
	m.Response = true
	for i := range records {
		m.Answer = append(m.Answer, &dns.TXT{
			Hdr: dns.RR_Header{Name: "host.example.", Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60},
			Txt: []string{fmt.Sprintf("%0100d", i)},
		})
	}
	o := OPT(false)
	o.Option = []dns.EDNS0{&dns.EDNS0_EDE{InfoCode: 15, ExtraText: strings.Repeat("t", text)}}
	m.Extra = []dns.RR{o}
	return m
}

func TestFit(t *testing.T) {
	for _, tt := range []struct {
		name          string
		records, text int
		limit         int
		wantRecords   int
		wantText      int
		wantTC        bool
	}{
		{"what fits stays as it is", 2, 20, 512, 2, 20, false},
		{"names are compressed first", 4, 0, 526, 4, 0, false},
		{"then the text goes", 3, 200, 512, 3, 0, false},
		{"then records do, and TC is set", 10, 20, 512, 4, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := reply(tt.records, tt.text)
			Fit(m, tt.limit)
			wire, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			text := len(m.IsEdns0().Option[0].(*dns.EDNS0_EDE).ExtraText)
			if len(wire) > tt.limit || len(m.Answer) != tt.wantRecords || text != tt.wantText || m.Truncated != tt.wantTC {
				t.Errorf("got %d octets, %d records, a text of %d, TC %v", len(wire), len(m.Answer), text, m.Truncated)
			}
		})
	}
}

// TestFitLeavesOthersAlone: options may belong to an answer that is given again.
func TestFitLeavesOthersAlone(t *testing.T) {
	m := reply(10, 20)
	kept := m.IsEdns0().Option[0].(*dns.EDNS0_EDE)
	Fit(m, 512)
	if kept.ExtraText == "" {
		t.Error("the option itself was changed")
	}
}

func TestSource(t *testing.T) {
	if s := SourceOf(context.Background()); s != nil {
		t.Errorf("without a gate: got %v, want none", s)
	}
	want := &Source{Proven: true}
	if got := SourceOf(WithSource(context.Background(), want)); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestFits holds Fits to what packing makes of a message.
func TestFits(t *testing.T) {
	for _, compress := range []bool{false, true} {
		for _, m := range []*dns.Msg{reply(0, 0), reply(1, 30), reply(8, 0), new(dns.Msg)} {
			m.Compress = compress
			wire, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			for _, limit := range []int{len(wire) - 1, len(wire), dns.MinMsgSize, UDPSize} {
				if got, want := Fits(m, limit), len(wire) <= limit; got != want {
					t.Errorf("%d octets, compressed %v, into %d: got %v, want %v", len(wire), compress, limit, got, want)
				}
				if m.Compress != compress {
					t.Fatal("the message was changed")
				}
			}
		}
	}
}

func TestFitsAllocatesNothing(t *testing.T) {
	m := reply(3, 0)
	m.Compress, m.Extra = true, []dns.RR{OPT(true)}
	if n := testing.AllocsPerRun(100, func() { Fits(m, UDPSize) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFits(b *testing.B) {
	m := reply(3, 0)
	m.Compress, m.Extra = true, []dns.RR{OPT(true)}
	b.ReportAllocs()
	for b.Loop() {
		Fits(m, UDPSize)
	}
}
