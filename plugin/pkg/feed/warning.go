package feed

import (
	"fmt"
	"time"
)

// warnings are what an operator should see to, s being the status.
//
// A zone that has expired stays in force all the same: a secondary server stops
// answering from such a zone because others have newer data, but nobody blocks in
// our place, and whoever keeps us from the primary for long enough would take the
// blocking away. It is the operator's to end it, by deleting the file.
func (f *Feed) warnings(s Status) (all []string) {
	switch {
	case s.State == Expired:
		all = append(all, fmt.Sprintf("feed %s: expired: not refreshed since %s, its SOA allows %s; serial %d stays in force until %s is deleted; %s",
			s.Zone, stamp(s.LastSuccess), expireAfter(f.soa), s.Serial, f.o.File, s.LastFailure.sentence()))
	case s.State == Failing:
		all = append(all, fmt.Sprintf("feed %s: not refreshed since %s; serial %d stays in force; %s",
			s.Zone, stamp(s.LastSuccess), s.Serial, s.LastFailure.sentence()))
	case s.State == Waiting && s.LastFailure != nil:
		all = append(all, fmt.Sprintf("feed %s: not fetched yet; %s", s.Zone, s.LastFailure.sentence()))
	}
	for _, p := range f.o.Primaries {
		if p.KeyFile == "" {
			continue
		}
		if _, open, err := ReadKey(p.KeyFile); err == nil && open {
			all = append(all, fmt.Sprintf("feed %s: key file %s may be read by everybody; want mode 0600 or 0640", s.Zone, p.KeyFile))
		}
	}
	return all
}

func (w *Failure) sentence() string {
	if w == nil {
		return ""
	}
	return fmt.Sprintf("%s: %s", w.Primary, w.Text)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
