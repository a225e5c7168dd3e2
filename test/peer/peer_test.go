package peer

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

var (
	first  = flag.Uint64("first", 1, "draw the first zones from seed `N`")
	rounds = flag.Int("rounds", 4, "draw zones `N` times")
)

// TestBesideBIND: under the same zones both answer the same.
func TestBesideBIND(t *testing.T) {
	if _, err := lookUp("named"); err != nil {
		t.Skip("needs named, which make test installs")
	}
	binary := filepath.Join(t.TempDir(), "sinkhole")
	if out, err := exec.Command("go", "build", "-o", binary, "sinkhole/cmd/sinkhole").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w := newWorld()
	upstream, stop, err := w.listen()
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for seed := *first; seed < *first+uint64(*rounds); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			zones := drawZones(rand.New(rand.NewPCG(seed, 9)), w)
			peer, err := bind(t.TempDir(), upstream, zones)
			if err != nil {
				t.Fatal(err)
			}
			defer peer.stop()
			if err := w.delegations(peer.addr); err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			ours, err := sinkhole(binary, dir, upstream, zones)
			if err != nil {
				t.Fatal(err)
			}
			defer ours.stop()
			compare(t, w, peer, ours)
			if t.Failed() {
				t.Logf("zones:\n%s", strings.ReplaceAll(strings.Join(zones, "\n"), zoneHead, ""))
				os.RemoveAll(dir)
			}
		})
	}
}

// compare asks both everything, many questions at a time: those that are dropped
// take long.
func compare(t *testing.T, w *world, peer, ours *server) {
	questions := make(chan question)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for q := range questions {
				want, got := ask(peer.addr, q), ask(ours.addr, q)
				for n := 0; got != want && n < 3; n++ { // a loaded machine is slow, and silence is an answer here
					want, got = ask(peer.addr, q), ask(ours.addr, q)
				}
				if got != want && accepted(q, got, want) == "" {
					t.Errorf("%s:\n got %s\nwant %s, as BIND says", q, got, want)
				}
			}
		})
	}
	for _, q := range w.questions() {
		questions <- q
	}
	close(questions)
	all.Wait()
}

// accepted says why the two may differ here; "" where they may not.
func accepted(q question, got, want string) string {
	if q.qtype == dns.TypeCNAME && strings.Contains(got, " cname ") && strings.TrimPrefix(got, "NOERROR") == strings.TrimPrefix(want, "NXDOMAIN") {
		return "a question for a CNAME ends with it; BIND goes on to the target of its own"
	}
	if self := q.name + " cname " + q.name; strings.Contains(want, self) && got == without(want, self) {
		return "a rule that leads a name to itself lets it pass, as one on the name always did; BIND answers a loop where the rule is on an address or a server"
	}
	return ""
}

// without is an answer less one record.
func without(answer, record string) string {
	rest := strings.Split(answer, "; ")
	return strings.Join(slices.DeleteFunc(rest, func(r string) bool { return r == record }), "; ")
}
