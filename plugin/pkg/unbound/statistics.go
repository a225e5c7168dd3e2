package unbound

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Statistics are Unbound's own, over all threads, since this child began. The
// names in brackets are those of unbound-control.
type Statistics struct {
	Queries     uint64 // [total.num.queries]
	CacheHits   uint64 // [total.num.cachehits]
	CacheMiss   uint64 // [total.num.cachemiss]
	Prefetch    uint64 // [total.num.prefetch]
	ListMax     uint64 // [total.requestlist.max]
	ListAverage float64
	Exceeded    uint64 // [total.requestlist.exceeded]
	Overwritten uint64 // [total.requestlist.overwritten]
	// Recursion counts what had to be asked for by how long it took; bucket i
	// ends at BucketEnd(i). [histogram]
	Recursion [Buckets]uint64
	// RecursionTime is the sum of these times. [total.recursion.time.avg times count]
	RecursionTime time.Duration
}

// Buckets is how many classes of time Unbound tells apart.
const Buckets = 40

// microsecondBuckets are the first: up to 1, 2, 4, ... 524,288 microseconds, and
// one up to a second; then come 2, 4, ... seconds.
const microsecondBuckets = 20

// BucketEnd is the longest time of bucket i.
func BucketEnd(i int) time.Duration {
	if i < microsecondBuckets {
		return time.Microsecond << i
	}
	return time.Second << (i - microsecondBuckets)
}

// gathering reads the statistics as the child writes them: every thread its own
// lines, in a row, for the lock of the log is taken a line at a time and threads
// report one after the other most of the time only. Each line says whose it is,
// but for those about recursion, which go to the thread that spoke last.
type gathering struct {
	threads map[int]*Statistics
	current *Statistics
}

// maxThread bounds the numbers of threads that are believed.
const maxThread = 1024

func (g *gathering) line(text string) {
	if rest, ok := strings.CutPrefix(text, "server stats for thread "); ok {
		g.thread(rest)
	} else if g.current == nil {
		return
	} else if rest, ok := strings.CutPrefix(text, "average recursion processing time "); ok {
		if seconds, err := strconv.ParseFloat(strings.TrimSuffix(rest, " sec"), 64); err == nil && seconds >= 0 && seconds < 1e6 {
			g.current.RecursionTime = time.Duration(seconds * float64(time.Second)) // the average, until total
		}
	} else if text == "histogram of recursion processing times" {
		g.current.Recursion = [Buckets]uint64{}
	} else {
		g.bucket(text)
	}
}

// thread reads what stands behind "server stats for thread ":
//
//	0: 3 queries, 1 answers from cache, 2 recursions, 0 prefetch, 0 rejected by ip ratelimiting
//	0: requestlist max 2 avg 1 exceeded 0 jostled 0
func (g *gathering) thread(text string) {
	number, rest, ok := strings.Cut(text, ": ")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 0 || n > maxThread {
		return
	}
	if g.threads == nil {
		g.threads = map[int]*Statistics{}
	}
	s := g.threads[n]
	if s == nil {
		s = new(Statistics)
		g.threads[n] = s
	}
	g.current = s
	if list, ok := strings.CutPrefix(rest, "requestlist "); ok {
		f := strings.Fields(list)
		for i := 0; i+1 < len(f); i += 2 {
			s.list(f[i], f[i+1])
		}
		return
	}
	for part := range strings.SplitSeq(rest, ", ") {
		count, what, _ := strings.Cut(part, " ")
		v, err := strconv.ParseUint(count, 10, 64)
		if err != nil {
			continue
		}
		switch what {
		case "queries":
			s.Queries = v
		case "answers from cache":
			s.CacheHits = v
		case "recursions":
			s.CacheMiss = v
		case "prefetch":
			s.Prefetch = v
		}
	}
}

func (s *Statistics) list(what, value string) {
	if what == "avg" {
		if v, err := strconv.ParseFloat(value, 64); err == nil && v >= 0 && !math.IsInf(v, 0) {
			s.ListAverage = v
		}
		return
	}
	v, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return
	}
	switch what {
	case "max":
		s.ListMax = v
	case "exceeded":
		s.Exceeded = v
	case "jostled":
		s.Overwritten = v
	}
}

// bucket reads a line of the histogram: from, to, and how many.
//
//	0.016384    0.032768 12
func (g *gathering) bucket(text string) {
	f := strings.Fields(text)
	if len(f) != 3 {
		return
	}
	to, err := strconv.ParseFloat(f[1], 64)
	n, err2 := strconv.ParseUint(f[2], 10, 64)
	if err != nil || err2 != nil {
		return
	}
	for i := range Buckets {
		if math.Abs(BucketEnd(i).Seconds()-to) < 1e-6/2 {
			g.current.Recursion[i] = n
			return
		}
	}
}

// total adds the threads up; false when none has reported yet.
func (g *gathering) total() (Statistics, bool) {
	var t Statistics
	var list float64
	for _, s := range g.threads {
		t.Queries += s.Queries
		t.CacheHits += s.CacheHits
		t.CacheMiss += s.CacheMiss
		t.Prefetch += s.Prefetch
		t.ListMax = max(t.ListMax, s.ListMax)
		list += s.ListAverage * float64(s.CacheMiss)
		t.Exceeded += s.Exceeded
		t.Overwritten += s.Overwritten
		var replies uint64
		for i, n := range s.Recursion {
			t.Recursion[i] += n
			replies += n
		}
		t.RecursionTime += s.RecursionTime * time.Duration(replies)
	}
	if t.CacheMiss > 0 {
		t.ListAverage = list / float64(t.CacheMiss)
	}
	return t, len(g.threads) > 0
}
