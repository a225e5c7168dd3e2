package feed

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestTransfer: what is in the zone after these records came, or why they are
// none. A number is the SOA of that serial, and ours is 5: a, b and c.
func TestTransfer(t *testing.T) {
	const (
		a, b, c, d = "a CNAME .", "b CNAME .", "c CNAME .", "d CNAME ."
		other      = "a CNAME *."
	)
	seq := func(lines ...string) []string { return lines }
	for _, row := range []struct {
		name string
		axfr bool // asked for
		came []string
		want string // owners, or part of the refusal
		kind Kind
	}{
		{"a zone", true, seq("7", a, d, "7"), "a d", AXFR},
		{"a zone in any order, with a record twice", true, seq("7", d, a, d, "7"), "a d", AXFR},
		{"a zone of nothing but its SOA", true, seq("7", "7"), "", AXFR},
		{"an older zone, by AXFR: the caller's to judge", true, seq("3", a, "3"), "a", AXFR},
		{"a zone that does not begin with its SOA", true, seq(a, "7", "7"), "the first record is no SOA", ""},
		{"a zone that ends with another SOA", true, seq("7", a, "8"), "it ends with another SOA than it begins with", ""},
		{"a record behind the end", true, seq("7", a, "7", d), "records behind its end", ""},
		{"a record out of the zone", true, seq("7", "x.other.example. A 192.0.2.1", "7"), `a record out of the zone: "x.other.example."`, ""},
		{"an SOA of a name below", true, seq("7", "sub SOA . . 1 1 1 1 1", "7"), "an SOA of another name", ""},
		{"an SOA of another zone", true, seq("x. SOA . . 1 1 1 1 1"), "a record out of the zone", ""},
		{"another class", true, seq("7", "a CH TXT x", "7"), "a record of class CH", ""},
		{"upper case, and a TTL", true, seq("7", "A 60 IN CNAME Target.EXAMPLE.", "7"), "a", AXFR},

		{"nothing new", false, seq("5"), "a b c", ""},
		{"an older SOA alone", false, seq("4"), "a b c", ""},
		{"one sequence", false, seq("6", "5", a, "6", d, "6"), "b c d", IXFR},
		{"nothing removed", false, seq("6", "5", "6", d, "6"), "a b c d", IXFR},
		{"nothing added", false, seq("6", "5", b, "6", "6"), "a c", IXFR},
		{"nothing but a serial", false, seq("6", "5", "6", "6"), "a b c", IXFR},
		{"two sequences", false, seq("7", "5", a, "6", d, "6", b, d, "7", a, "7"), "a c", IXFR},
		{"removed and added again", false, seq("7", "5", a, "6", "6", "7", a, "7"), "a b c", IXFR},
		{"condensed", false, seq("9", "5", a, b, c, "9", d, "9"), "d", IXFR},
		{"another action for a name", false, seq("6", "5", a, "6", other, "6"), "a b c", IXFR},
		{"an AXFR's answer", false, seq("6", d, "6"), "d", AXFR},
		{"an AXFR's answer of one SOA", false, seq("6", "6"), "", AXFR},
		{"over the end of the serials", false, seq("2147483651", "5", a, "2147483651", "2147483651"), "b c", IXFR},

		{"from another serial than ours", false, seq("7", "6", a, "7", "7"), "they begin with serial 6, ours is 5", ""},
		{"removed what is not there", false, seq("6", "5", d, "6", "6"), "is removed, and is not there", ""},
		{"removed with another TTL", false, seq("6", "5", "a 60 CNAME .", "6", "6"), "is removed, and is not there", ""},
		{"added what is there", false, seq("6", "5", "6", a, "6"), "is added, and is there", ""},
		{"removed twice", false, seq("6", "5", a, a, "6", "6"), "is removed, and is not there", ""},
		{"added twice", false, seq("6", "5", "6", d, d, "6"), "is added, and is there", ""},
		{"a sequence that leads back", false, seq("7", "5", a, "4", "4"), "from serial 5 to 4", ""},
		{"a sequence that leads nowhere", false, seq("7", "5", a, "5", "5"), "from serial 5 to 5", ""},
		{"a gap between sequences", false, seq("8", "5", a, "6", "7", b, "8", "8"), "a sequence ends at serial 6, the next begins at 7", ""},
		{"the end before its serial is reached", false, seq("8", "5", a, "6", "8"), "a sequence ends at serial 6, the next begins at 8", ""},
		{"a record out of the zone, removed", false, seq("6", "5", "x.example. A 192.0.2.1", "6", "6"), "a record out of the zone", ""},
		{"half of it", false, seq("6", "5", a), "not at its end", ""},
		{"half a zone", true, seq("6", a), "not at its end", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			path, old := zoneFile(t, dir, 5, a, b, c)
			if row.axfr {
				old = nil
			}
			f := New(Options{Zone: zoneName, File: path, State: dir})
			to := newTransfer(apex, old, 1<<20, dir)
			defer to.close()
			var err error
			for _, r := range records(t, row.came...) {
				if err = to.add(r); err != nil {
					break
				}
			}
			if err == nil && to.step != ended {
				err = fmt.Errorf("not at its end")
			}
			kind := Kind("")
			if err == nil && !to.same() {
				kind = to.kind()
				_, err = f.write(to, Primary{}, old)
			}
			if err != nil {
				if row.want == "" || !strings.Contains(err.Error(), row.want) {
					t.Errorf("got  %v\nwant %s", err, row.want)
				}
				if got := owners(t, path); !slices.Equal(got, []string{"a", "b", "c"}) {
					t.Errorf("what was refused is in the file: %q", got)
				}
				return
			}
			if got := strings.Join(owners(t, path), " "); got != row.want || kind != row.kind {
				t.Errorf("got %q by %q, want %q by %q", got, kind, row.want, row.kind)
			}
		})
	}
}

// TestTransferSize: a zone that does not end is no zone.
func TestTransferSize(t *testing.T) {
	to := newTransfer(apex, nil, 1<<10, t.TempDir())
	defer to.close()
	err := to.add(soa(t, 7))
	for i := 0; err == nil && i < 100; i++ {
		err = to.add(rr(t, fmt.Sprintf("n%d CNAME .", i)))
	}
	if reasonOf(err) != TooLarge {
		t.Errorf("got %v", err)
	}
}

// FuzzIXFR applies changes both ways: record by record to a set, which is what
// RFC 1995 means, and by a delta to the lines of the file. Both refuse, or both
// have the zone that an AXFR would bring.
func FuzzIXFR(f *testing.F) {
	f.Add([]byte{0x01, 0x02}, []byte{0x81, 0x03, 0xff, 0x83})
	f.Add([]byte{}, []byte{0x01, 0xff, 0xff, 0x81})
	f.Add([]byte{0x01, 0x02, 0x03}, []byte{0x81, 0x82, 0x83, 0x04, 0x05, 0xff, 0x84, 0x01})
	f.Fuzz(func(t *testing.T, start, ops []byte) {
		if len(start) > 64 || len(ops) > 256 {
			return
		}
		record := func(b byte) string { return fmt.Sprintf("n%d CNAME .", b&0x7f) }
		set := map[string]bool{}
		for _, b := range start {
			set[record(b)] = true
		}
		old := &base{soa: soa(t, 5), line: lineOf(t, soa(t, 5))}
		had := linesOf(t, set)

		// An octet below 128 adds a name, one above removes it, 255 ends a sequence.
		came := []string{"", "5"}
		serial, fits := 6, true
		var added []string
		turn := func() {
			came = append(came, fmt.Sprint(serial))
			came = append(came, added...)
			added = nil
		}
		for _, b := range ops {
			switch {
			case b == 0xff:
				turn()
				came = append(came, fmt.Sprint(serial))
				serial++
			case b > 0x7f && len(added) == 0: // removals come before additions
				came = append(came, record(b))
				fits = fits && set[record(b)]
				delete(set, record(b))
			case b <= 0x7f:
				added = append(added, record(b))
				fits = fits && !set[record(b)]
				set[record(b)] = true
			}
		}
		turn()
		came = append(came, fmt.Sprint(serial))
		came[0] = fmt.Sprint(serial)

		to := newTransfer(apex, old, 1<<20, "")
		var err error
		for _, r := range records(t, came...) {
			if err = to.add(r); err != nil {
				break
			}
		}
		var has []string
		if err == nil {
			left := had
			err = to.delta.apply(func() ([]byte, error) {
				if len(left) == 0 {
					return nil, nil
				}
				defer func() { left = left[1:] }()
				return []byte(left[0]), nil
			}, func(line []byte) error { has = append(has, string(line)); return nil })
		}
		if (err == nil) != fits {
			t.Fatalf("got %v, the set says %v", err, fits)
		}
		if want := linesOf(t, set); err == nil && !slices.Equal(has, want) {
			t.Errorf("by IXFR %q, by AXFR %q", has, want)
		}
	})
}

func lineOf(t testing.TB, r dns.RR) []byte {
	line, err := appendLine(nil, r)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// linesOf is a zone as an AXFR brings it into the file.
func linesOf(t testing.TB, set map[string]bool) (lines []string) {
	s := newSorter("")
	for record := range set {
		if err := s.add(lineOf(t, rr(t, record))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.each(func(line []byte) error { lines = append(lines, string(line)); return nil }); err != nil {
		t.Fatal(err)
	}
	return lines
}
