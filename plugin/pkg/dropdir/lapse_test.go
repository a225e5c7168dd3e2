package dropdir

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// clock is one that a test sets.
type clock struct{ now time.Time }

// lapses has files whose text begins with a letter, "d" of a day, lapse a day
// after their time, by a clock that is set.
func (s *stage) lapses() *clock {
	c := &clock{time.Now()}
	s.o.Now = func() time.Time { return c.now }
	s.o.Expires = func(detail any) time.Duration {
		if text, _ := detail.(string); strings.HasPrefix(text, "d") {
			return 24 * time.Hour
		}
		return 0
	}
	return c
}

func TestLapse(t *testing.T) {
	s := newStage(t).thaws()
	c := s.lapses()
	at := time.Date(2026, time.May, 1, 12, 0, 0, 0, time.UTC)
	for name, text := range map[string]string{"malware/a.txt": "day\n", "malware/b.txt": "ever\n"} {
		s.write(name, text)
		must(t, os.Chtimes(s.path(name), at, at))
	}
	both := map[string]string{"malware/a.txt": "day\n", "malware/b.txt": "ever\n"}
	one := map[string]string{"malware/b.txt": "ever\n"}
	const why = "not renewed since 2026-05-01 12:00, and it expires after 24h0m0s: none of its 1 entry is in force until it is"

	// The clock of the wall jumps forth and back, over a start too.
	c.now = at
	s.start()
	s.rested()
	for _, row := range []struct {
		what   string
		offset time.Duration
		want   map[string]string
	}{
		{"when it came", 0, both},
		{"a day later", 24 * time.Hour, both},
		{"a second after that", 24*time.Hour + time.Second, one},
		{"back by a minute", 24*time.Hour - time.Minute, both},
		{"a year forth", 365 * 24 * time.Hour, one},
		{"before it came", -365 * 24 * time.Hour, both},
		{"before there was Unix", -100 * 365 * 24 * time.Hour, both},
		{"in a thousand years", 200 * 365 * 24 * time.Hour, one},
	} {
		c.now = at.Add(row.offset)
		for _, see := range []func(){s.glance, s.start, s.glance} {
			see()
			s.want(row.want)
			switch _, in := row.want["malware/a.txt"]; in {
			case true:
				s.wantFile("malware/a.txt", InForce, "")
				s.wantWarning("")
			default:
				s.wantFile("malware/a.txt", Refused, why)
				s.wantWarning("malware/a.txt: refused: " + why)
			}
			if t.Failed() {
				t.Fatal(row.what)
			}
		}
	}
	if f := s.f.Files()[0]; !errors.Is(f.Err, ErrLapsed) || f.Refusal(nil) != "expired" || f.InForce != nil || f.Entries != 1 {
		t.Errorf("what lapsed is shown as %+v", f)
	}

	// Renewed by its time alone, or by another version; one that is refused
	// renews nothing.
	c.now = at.Add(25 * time.Hour)
	applies := s.applies
	s.glance()
	s.write("malware/a.txt", "bad\n")
	must(t, os.Chtimes(s.path("malware/a.txt"), c.now, c.now))
	s.look("")
	s.want(one)
	s.wantFile("malware/a.txt", Refused, "bad; "+why)
	if s.applies != applies {
		t.Errorf("%d sets were built of what did not change", s.applies-applies)
	}
	s.write("malware/a.txt", "day\n")
	must(t, os.Chtimes(s.path("malware/a.txt"), c.now, c.now))
	s.look("")
	s.want(both)
	s.wantWarning("")
	c.now = c.now.Add(25 * time.Hour)
	s.glance()
	s.want(one)
	s.write("malware/a.txt", "days\n")
	c.now = time.Now()
	s.look("")
	s.want(map[string]string{"malware/a.txt": "days\n", "malware/b.txt": "ever\n"})

	// What the shrink guard knows of it stays.
	s.write("malware/a.txt", strings.Repeat("d\n", 10))
	s.look("")
	c.now = c.now.Add(48 * time.Hour)
	s.look("")
	s.want(one)
	s.write("malware/a.txt", "d\n")
	s.look("")
	if f := s.f.Files()[0]; !strings.HasPrefix(f.Reason, "1 entries, where 10 are in force") {
		t.Errorf("a lapsed file may shrink: %s", f.Reason)
	}
}
