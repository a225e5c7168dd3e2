package sinkhole

import (
	"time"

	"sinkhole/plugin/pkg/control"
	"sinkhole/plugin/pkg/feed"
)

// FeedStatus is every zone that is fetched, in the order of the Corefile.
func (s *Sinkhole) FeedStatus() []control.Feed {
	var all []control.Feed
	for _, f := range s.Feeds() {
		to := control.Feed{Zone: f.Zone, State: string(f.State), Serial: f.Serial, Records: f.Records, Primary: f.Primary}
		to.LastSuccess, to.NextRefresh = moment(f.LastSuccess), moment(f.NextRefresh)
		if f.LastFailure != nil && f.State != feed.Current {
			to.Reason = f.LastFailure.Text
		}
		all = append(all, to)
	}
	return all
}

// moment is a time as JSON shows it; nil: there is none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
