package feed

import (
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestTimers(t *testing.T) {
	at := func(refresh, retry, expire uint32) *dns.SOA {
		return &dns.SOA{Refresh: refresh, Retry: retry, Expire: expire}
	}
	for _, row := range []struct {
		name string
		got  time.Duration
		want time.Duration
	}{
		{"a refresh as the SOA says", refreshAfter(at(3600, 600, 86400), 0), time.Hour},
		{"up to a tenth sooner", refreshAfter(at(3600, 600, 86400), 1), 54 * time.Minute},
		{"a zone that wants to be asked all the time", refreshAfter(at(0, 0, 0), 0), minRefresh},
		{"a zone that wants to be asked never", refreshAfter(at(1<<31, 0, 0), 0), maxRefresh},
		{"the first try after a failure", retryAfter(at(3600, 600, 86400), 1, 0), 10 * time.Minute},
		{"the second", retryAfter(at(3600, 600, 86400), 2, 0), 20 * time.Minute},
		{"the third", retryAfter(at(3600, 600, 86400), 3, 0), 40 * time.Minute},
		{"no later than a refresh", retryAfter(at(3600, 600, 86400), 400, 0), time.Hour},
		{"a retry that is longer than the refresh", retryAfter(at(60, 600, 86400), 9, 0), 10 * time.Minute},
		{"a refresh of a minute keeps the tries close", retryAfter(at(60, 20, 86400), 99, 0), time.Minute},
		{"nothing known yet", retryAfter(nil, 1, 0), 10 * time.Second},
		{"nothing known for long", retryAfter(nil, 99, 0), time.Hour},
		{"tries are early, too", retryAfter(nil, 1, 1), 9 * time.Second},
		{"expiry as the SOA says", expireAfter(at(3600, 600, 604800)), 7 * 24 * time.Hour},
		{"a zone that expires before it is refreshed", expireAfter(at(3600, 600, 1)), minExpire},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.got != row.want {
				t.Errorf("got %s, want %s", row.got, row.want)
			}
		})
	}
}
