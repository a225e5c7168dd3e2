package subscriber

import (
	"net/netip"
	"testing"
)

func TestServed(t *testing.T) {
	s := NewServed(append(Private(), netip.MustParsePrefix("192.0.2.7/24"), netip.MustParsePrefix("::ffff:198.51.100.0/120")))
	for _, tt := range []struct {
		addr string
		want bool
	}{
		{"127.0.0.1", true},
		{"127.255.255.255", true},
		{"::1", true},
		{"::2", false},
		{"10.1.2.3", true},
		{"11.0.0.0", false},
		{"172.16.0.1", true},
		{"172.32.0.1", false},
		{"192.168.1.1", true},
		{"100.64.0.1", true},
		{"100.128.0.1", false},
		{"fd00::1", true},
		{"fe80::1%eth0", true},
		{"fec0::1", false},
		{"2001:db8::1", false},
		{"192.0.2.255", true}, // the bits behind a prefix do not count
		{"192.0.3.0", false},
		{"::ffff:192.0.2.1", true}, // v4-mapped
		{"::ffff:192.0.3.1", false},
		{"198.51.100.1", true}, // a v4-mapped prefix
	} {
		if got := s.Has(netip.MustParseAddr(tt.addr)); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.addr, got, tt.want)
		}
	}
	if s.Has(netip.Addr{}) {
		t.Error("no address is served")
	}
}
