package dnsname_test

import (
	"testing"

	"sinkhole/plugin/pkg/dnsname"
)

// TestAppendAllocatesNothing holds for callers in other packages, with room of
// their own.
func TestAppendAllocatesNothing(t *testing.T) {
	n := testing.AllocsPerRun(100, func() {
		var room [dnsname.MaxLen]byte
		if name, err := dnsname.Append(room[:0], "www.Bad.example."); err != nil || len(name) != 17 {
			t.Fatal(len(name), err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
