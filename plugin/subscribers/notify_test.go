package subscribers

import (
	"context"
	"net"
	"net/netip"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/miekg/dns"
)

// feeds is a plugin sinkhole that follows a zone of one primary.
type feeds struct{ heard int }

func (f *feeds) Notify(from netip.Addr, r *dns.Msg, _ error) *dns.Msg {
	if from != netip.MustParseAddr("203.0.113.53") || r.Question[0].Name != "rpz.example." {
		return nil
	}
	f.heard++
	return new(dns.Msg).SetReply(r)
}

func (c *client) TsigStatus() error { return nil }

// TestNotify: a NOTIFY of a primary passes the gate, though it is no subscriber;
// all others get what they always got.
func TestNotify(t *testing.T) {
	const nobody = -1
	for _, row := range []struct {
		name, from, zone string
		opcode           int
		alone            bool // no plugin follows zones
		want             int
		heard            int
	}{
		{name: "a primary", from: "203.0.113.53", zone: "rpz.example.", opcode: dns.OpcodeNotify, want: dns.RcodeSuccess, heard: 1},
		{name: "a primary, for another zone", from: "203.0.113.53", zone: "other.example.", opcode: dns.OpcodeNotify, want: dns.RcodeRefused},
		{name: "a stranger", from: "203.0.113.54", zone: "rpz.example.", opcode: dns.OpcodeNotify, want: dns.RcodeRefused},
		{name: "a subscriber", from: "192.0.2.7", zone: "rpz.example.", opcode: dns.OpcodeNotify, want: dns.RcodeNotImplemented},
		{name: "a primary that asks", from: "203.0.113.53", zone: "rpz.example.", opcode: dns.OpcodeQuery, want: dns.RcodeRefused},
		{name: "a primary that wants to update", from: "203.0.113.53", zone: "rpz.example.", opcode: dns.OpcodeUpdate, want: dns.RcodeRefused},
		{name: "nobody follows zones", from: "203.0.113.53", zone: "rpz.example.", opcode: dns.OpcodeNotify, alone: true, want: dns.RcodeRefused},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := handler(t, plugin.HandlerFunc(func(context.Context, dns.ResponseWriter, *dns.Msg) (int, error) {
				t.Error("it passed the gate")
				return 0, nil
			}))
			f := &feeds{}
			if !row.alone {
				h.feeds = f
			}
			m := new(dns.Msg).SetNotify(row.zone)
			m.Opcode = row.opcode
			c := &client{remote: &net.UDPAddr{IP: net.ParseIP(row.from), Port: 53}}
			if _, err := h.ServeDNS(t.Context(), c, m); err != nil {
				t.Fatal(err)
			}
			got, reply := nobody, new(dns.Msg)
			if len(c.wire) == 1 && reply.Unpack(c.wire[0]) == nil {
				got = reply.Rcode
			}
			if got != row.want || f.heard != row.heard {
				t.Errorf("got %d, heard %d times; want %d, %d", got, f.heard, row.want, row.heard)
			}
		})
	}
}
