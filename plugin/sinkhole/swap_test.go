package sinkhole

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

const swapNames = 500

// TestSwaps asks without a pause while the list is swapped fifty times between
// two versions that differ in everything that an answer shows. Each answer is
// one version's whole, none is missing, none is the upstream's, and the counters
// agree with what was answered.
func TestSwaps(t *testing.T) {
	cfg := Defaults()
	cfg.Categories = categories("red", "nxdomain")
	cfg.Categories[0].TTL, cfg.Categories[1].TTL = 61, 62
	version := func(category string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "# sinkhole: category=%s\n", category)
		for i := range swapNames {
			fmt.Fprintf(&b, "n%d.example\n", i)
		}
		return b.String()
	}
	swap(t, lists(t, cfg, map[string]string{"x/list.txt": version("red")}), "x/list.txt", version, 62)
}

// TestSwapsOfZones is the same of a zone whose part is swapped, and all that
// stands in it with it: its name and its rules.
func TestSwapsOfZones(t *testing.T) {
	version := func(zone string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "$ORIGIN %s.\n@ 60 SOA a. b. 1 1 1 1 60\n", zone)
		rule := map[string]string{"red": "61 A 192.0.2.61", "nxdomain": "CNAME ."}[zone]
		for i := range swapNames {
			fmt.Fprintf(&b, "n%d.example %s\n", i, rule)
		}
		return b.String()
	}
	files := map[string]string{"rpz/z.zone": "$TTL 60\n$INCLUDE body.inc\n", "rpz/body.inc": version("red")}
	swap(t, lists(t, Defaults(), files), "rpz/body.inc", version, 60)
}

// swap swaps a file of one list or zone between its versions red and nxdomain, of
// which the latter has that TTL.
func swap(t *testing.T, s *Sinkhole, file string, version func(string) string, ttl int) {
	const (
		swaps  = 50
		askers = 4
		names  = swapNames
	)
	before := counts(t)

	var ended atomic.Bool
	var red, nx, other atomic.Int64
	var wg sync.WaitGroup
	for asker := range askers {
		wg.Go(func() {
			// Every second question is answered by what the upstream's reveals.
			u := &upstream{}
			h := &Handler{Next: u, lists: s}
			for i := asker; !ended.Load(); i++ {
				name := fmt.Sprintf("n%d.example", i%names)
				asked := name
				if i%2 == 0 {
					asked = "www.example"
					u.records = []string{"www.example. 300 IN CNAME " + name + ".", name + ". 300 IN A 192.0.2.1"}
				}
				m, _ := ask(t, h, asked, "A", nil)
				switch got := whole(m); got {
				case "NOERROR 61 " + name + ". red":
					red.Add(1)
				case fmt.Sprintf("NXDOMAIN %d %s. nxdomain", ttl, name):
					nx.Add(1)
				default:
					other.Add(1)
					t.Errorf("%s: %q is no version's answer", asked, got)
					return
				}
			}
		})
	}
	path := filepath.Join(s.dir, file)
	for n := range swaps {
		if err := os.WriteFile(path+".new", []byte(version([]string{"nxdomain", "red"}[n%2])), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		if all, err := s.Look(context.Background(), ""); err != nil || all[0].State != "in force" {
			t.Fatalf("swap %d: %+v (%v)", n, all, err)
		}
	}
	ended.Store(true)
	wg.Wait()
	if got := s.swaps.Load(); got != swaps+1 {
		t.Errorf("%d sets came in force, want %d", got, swaps+1)
	}
	after := counts(t)
	var counted float64
	for labels, v := range after {
		counted += v - before[labels]
	}
	if total := red.Load() + nx.Load(); counted != float64(total) || red.Load() == 0 || nx.Load() == 0 {
		t.Errorf("%d answers of one version and %d of the other, %v counted", red.Load(), nx.Load(), counted)
	}
}

// whole is what tells versions apart in an answer: rcode, the TTL of the last
// record, its owner, the text of the extended error.
func whole(m *dns.Msg) string {
	if m == nil {
		return "nothing"
	}
	all := append(append([]dns.RR{}, m.Answer...), m.Ns...)
	if len(all) == 0 {
		return "empty"
	}
	last := all[len(all)-1].Header()
	text := ""
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if ede, ok := o.(*dns.EDNS0_EDE); ok {
				text = ede.ExtraText
			}
		}
	}
	return fmt.Sprintf("%s %d %s %s", dns.RcodeToString[m.Rcode], last.Ttl, last.Name, text)
}
