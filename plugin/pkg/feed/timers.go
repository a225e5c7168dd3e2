package feed

import (
	"time"

	"github.com/miekg/dns"
)

// Bounds of what an SOA may ask for. A list of threats that is a day old is an
// old one; a zone that wants to be asked every second is a mistake, and so is
// one that expires before it is refreshed.
const (
	minRefresh, maxRefresh = 30 * time.Second, 24 * time.Hour
	minRetry, maxRetry     = 10 * time.Second, time.Hour
	minExpire, maxExpire   = time.Hour, 365 * 24 * time.Hour

	notifyGap = time.Second // between refreshes that a NOTIFY asks for: anybody can forge one
)

// refreshAfter is when to look again after a refresh that went well: up to a
// tenth sooner than the SOA says, so that many secondaries do not come at once.
// random is from 0 to 1.
func refreshAfter(soa *dns.SOA, random float64) time.Duration {
	return early(bounded(soa.Refresh, minRefresh, maxRefresh), random)
}

// retryAfter is when to look again after failures in a row: each time twice as
// late, but not later than a refresh would be.
func retryAfter(soa *dns.SOA, failures int, random float64) time.Duration {
	d, most := minRetry, maxRetry
	if soa != nil {
		d = bounded(soa.Retry, minRetry, maxRetry)
		most = min(maxRetry, max(d, bounded(soa.Refresh, minRefresh, maxRefresh)))
	}
	for ; failures > 1 && d < most; failures-- {
		d *= 2
	}
	return early(min(d, most), random)
}

func expireAfter(soa *dns.SOA) time.Duration { return bounded(soa.Expire, minExpire, maxExpire) }

func bounded(seconds uint32, low, high time.Duration) time.Duration {
	return min(max(time.Duration(seconds)*time.Second, low), high)
}

func early(d time.Duration, random float64) time.Duration {
	return d - time.Duration(random*float64(d)/10)
}
