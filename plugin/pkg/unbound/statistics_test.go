package unbound

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What Unbound 1.17.1 with two threads wrote.
const written = `[1795611956] unbound[13996:0] info: start of service (unbound 1.17.1).
[1795611958] unbound[13996:0] info: server stats for thread 0: 30 queries, 10 answers from cache, 20 recursions, 1 prefetch, 0 rejected by ip ratelimiting
[1795611958] unbound[13996:0] info: server stats for thread 0: requestlist max 7 avg 1.5 exceeded 2 jostled 3
[1795611958] unbound[13996:0] info: average recursion processing time 0.250000 sec
[1795611958] unbound[13996:0] info: histogram of recursion processing times
[1795611958] unbound[13996:0] info: [25%]=0.1 median[50%]=0.2 [75%]=0.3
[1795611958] unbound[13996:0] info: lower(secs) upper(secs) recursions
[1795611958] unbound[13996:0] info:    0.131072    0.262144 15
[1795611958] unbound[13996:0] info:    1.000000    2.000000 5
[1795611958] unbound[13996:1] info: server stats for thread 1: 12 queries, 2 answers from cache, 10 recursions, 0 prefetch, 0 rejected by ip ratelimiting
[1795611958] unbound[13996:1] info: server stats for thread 1: requestlist max 9 avg 3 exceeded 0 jostled 1
[1795611958] unbound[13996:1] info: average recursion processing time 0.100000 sec
[1795611958] unbound[13996:1] info: histogram of recursion processing times
[1795611958] unbound[13996:1] info: [25%]=0.1 median[50%]=0.1 [75%]=0.1
[1795611958] unbound[13996:1] info: lower(secs) upper(secs) recursions
[1795611958] unbound[13996:1] info:    0.065536    0.131072 10
`

func TestStatistics(t *testing.T) {
	want := Statistics{
		Queries: 42, CacheHits: 12, CacheMiss: 30, Prefetch: 1,
		ListMax: 9, ListAverage: 2, Exceeded: 2, Overwritten: 4,
		RecursionTime: 6 * time.Second, // 20 of 0.25 s and 10 of 0.1 s
	}
	want.Recursion[17] = 10
	want.Recursion[18] = 15
	want.Recursion[21] = 5
	j := new(journal)
	if _, ok := j.statistics(); ok {
		t.Error("there are statistics before any were written")
	}
	for range 2 { // every report replaces the one before
		feed(j, written, 7)
		if got, ok := j.statistics(); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	if words := j.lastWords(); len(words) != 0 {
		t.Errorf("statistics are no last words: %q", words)
	}
}

// feed writes text in pieces of n bytes, as a pipe may bring it.
func feed(j *journal, text string, n int) {
	for len(text) > 0 {
		k := min(n, len(text))
		j.Write([]byte(text[:k]))
		text = text[k:]
	}
}

func TestBucketEnd(t *testing.T) {
	for i, want := range map[int]float64{0: 1e-6, 1: 2e-6, 17: 0.131072, 19: 0.524288, 20: 1, 21: 2, 39: 524288} {
		if got := BucketEnd(i).Seconds(); got != want {
			t.Errorf("bucket %d ends at %v s, want %v", i, got, want)
		}
	}
}

var (
	slowCounts = regexp.MustCompile(`^server stats for thread (\d{1,4}): (\d{1,18}) queries, (\d{1,18}) answers from cache, (\d{1,18}) recursions, (\d{1,18}) prefetch, \d{1,18} rejected by ip ratelimiting$`)
	slowList   = regexp.MustCompile(`^server stats for thread (\d{1,4}): requestlist max (\d{1,18}) avg (\d{1,9}(?:\.\d{1,9})?) exceeded (\d{1,18}) jostled (\d{1,18})$`)
)

// slowStatistics reads reports that are whole and well formed, by their grammar.
func slowStatistics(lines []string) map[int]Statistics {
	all := map[int]Statistics{}
	n := func(s string) uint64 { v, _ := strconv.ParseUint(s, 10, 64); return v }
	for _, line := range lines {
		if m := slowCounts.FindStringSubmatch(line); m != nil {
			s := all[int(n(m[1]))]
			s.Queries, s.CacheHits, s.CacheMiss, s.Prefetch = n(m[2]), n(m[3]), n(m[4]), n(m[5])
			all[int(n(m[1]))] = s
		}
		if m := slowList.FindStringSubmatch(line); m != nil {
			s := all[int(n(m[1]))]
			s.ListMax, s.Exceeded, s.Overwritten = n(m[2]), n(m[4]), n(m[5])
			s.ListAverage, _ = strconv.ParseFloat(m[3], 64)
			all[int(n(m[1]))] = s
		}
	}
	return all
}

func TestStatisticsAgainstSlow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var lines []string
		for range r.IntN(8) {
			thread := r.IntN(4)
			lines = append(lines,
				fmt.Sprintf("server stats for thread %d: %d queries, %d answers from cache, %d recursions, %d prefetch, %d rejected by ip ratelimiting",
					thread, r.Uint32(), r.Uint32(), r.Uint32(), r.Uint32(), r.Uint32()),
				fmt.Sprintf("server stats for thread %d: requestlist max %d avg %g exceeded %d jostled %d",
					thread, r.Uint32(), math.Round(r.Float64()*1e6)/1e3, r.Uint32(), r.Uint32()))
		}
		var g gathering
		for _, line := range lines {
			g.line(line)
		}
		want := slowStatistics(lines)
		if len(want) != len(g.threads) {
			t.Fatalf("%d threads, want %d", len(g.threads), len(want))
		}
		for n, s := range want {
			if got := *g.threads[n]; got != s {
				t.Fatalf("thread %d: got %+v, want %+v", n, got, s)
			}
		}
	}
}

// FuzzJournal: whatever the child says, in whatever pieces, is the same, bounded,
// and does no harm.
func FuzzJournal(f *testing.F) {
	f.Add(written, 1)
	f.Add("[1] unbound[2:0] fatal error: could not bind\n", 3)
	f.Add("[1] unbound[2:0] info: server stats for thread 99999999999: 1 queries\n", 5)
	f.Add("[1] unbound[2:0] info: server stats for thread 0: requestlist max -1 avg NaN exceeded +Inf\n", 5)
	f.Add(strings.Repeat("x", 3*maxLine)+"\n\n\r\n", 9)
	f.Fuzz(func(t *testing.T, text string, n int) {
		whole, pieces := new(journal), new(journal)
		feed(whole, text, max(1, len(text)))
		feed(pieces, text, 1+int(uint(n)%64))
		got, want := pieces.lastWords(), whole.lastWords()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("in pieces %q, whole %q", got, want)
		}
		if len(want) > keptLines {
			t.Errorf("%d last words are kept", len(want))
		}
		for _, w := range want {
			if len(w) > maxLine {
				t.Errorf("a last word of %d bytes", len(w))
			}
		}
		s, _ := pieces.statistics()
		if s2, _ := whole.statistics(); !reflect.DeepEqual(s, s2) && !math.IsNaN(s.ListAverage) {
			t.Errorf("in pieces %+v, whole %+v", s, s2)
		}
		if s.RecursionTime < 0 {
			t.Errorf("a negative time: %s", s.RecursionTime)
		}
	})
}

func TestLastWords(t *testing.T) {
	j := new(journal)
	for i := range 10 {
		fmt.Fprintf(j, "[1] unbound[2:0] error: number %d\n", i)
	}
	if got := strings.Join(j.lastWords(), "|"); got != "error: number 4|error: number 5|error: number 6|error: number 7|error: number 8|error: number 9" {
		t.Errorf("got %q", got)
	}
	// Once it answers it knows what people asked: only what kills it is kept.
	j.settle()
	fmt.Fprint(j, "[1] unbound[2:0] error: SERVFAIL <private.example. A IN>: all servers failed\n[1] unbound[2:0] fatal error: out of memory\nfree(): invalid pointer\n")
	if got := strings.Join(j.lastWords(), "|"); got != "fatal error: out of memory|free(): invalid pointer" {
		t.Errorf("after the first answer: got %q", got)
	}
}
