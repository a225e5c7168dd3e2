package rpz

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/list"
)

// realDir holds real zones, beside the repository on some machines. Elsewhere
// the tests read the zones of testdata.
var realDir = filepath.Join("..", "..", "..", "..", "shared", "lists")

func realSource(t testing.TB, name string) list.Source {
	t.Helper()
	path := filepath.Join(realDir, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skip("no real lists here")
	}
	return func() (io.ReadCloser, error) { return os.Open(path) }
}

// TestRealZones: what check says of real zones, and of those in which the peers
// keep their odd cases, in numbers: the names in them are other people's.
func TestRealZones(t *testing.T) {
	for file, want := range map[string]string{
		"bind-checkzone-bad-prefix.db":        "bind-checkzone-bad-prefix [0 0 1 0 0], refused [], warned [4], passed over 2, <nil>",
		"bind-clientip2.db":                   "bind-clientip2 [1 1 0 0 0], refused [], warned [15], passed over 2, <nil>",
		"bind-invalid-prefix.db":              "bind-invalid-prefix [0 1 0 0 0], refused [16], warned [15], passed over 2, <nil>",
		"bind-ns2-bl.tld2.db":                 "bind-ns2-bl.tld2 [0 2 1 0 0], refused [], warned [7 8], passed over 3, <nil>",
		"bind-ns3-base.db":                    "bind-ns3-base [0 1 0 0 0], refused [], warned [11 13], passed over 3, <nil>",
		"bind-ns3-include.db":                 " [0 0 0 0 0], refused [3], warned [], passed over 0, not one entry can be read; delete the file to take a list away",
		"bind-ns3-mixed-case.db":              "bind-ns3-mixed-case [0 1 0 0 0], refused [], warned [], passed over 2, <nil>",
		"bind-ns3-outofzone.db":               "bind-ns3-outofzone [0 1 0 0 0], refused [24], warned [], passed over 2, <nil>",
		"bind-ns3-wild-cname.db":              "bind-ns3-wild-cname [0 1 0 0 0], refused [], warned [], passed over 2, <nil>",
		"hagezi-dyndns-2024-cut.txt":          "hagezi-dyndns-2024-cut [0 74 0 0 0], refused [], warned [30 31 68 69 78 79 84 85 86 87], passed over 2, <nil>",
		"hagezi-spam-tlds-2026.txt":           "hagezi-spam-tlds-2026 [0 126 0 0 0], refused [], warned 125 lines from 15 to 140, passed over 2, <nil>",
		"knot-policy-test.rpz":                "testdomain [0 10 0 0 0], refused [], warned [6 7 8 9 10 11 12], passed over 2, <nil>",
		"pdns-basic.rpz":                      "domain.example.com [2 11 1 3 0], refused [], warned [], passed over 2, <nil>",
		"urlhaus-2022-cut.rpz":                "urlhaus-2022-cut [0 4 0 0 0], refused [], warned [], passed over 2, <nil>",
		"urlhaus-filter-online-2021-cut.conf": "urlhaus-filter-online-2021-cut [0 32 0 0 0], refused [], warned [], passed over 2, <nil>",
	} {
		t.Run(file, func(t *testing.T) {
			open := realSource(t, "rpz/"+file)
			z, res, err := Read(context.Background(), "rpz/"+file, open, ReadOptions{})
			got := fmt.Sprintf("%s %v, refused %v, warned %v, passed over %d, %v", z.Name(), z.Stats().Rules,
				linesOf(res.Notes, false), linesOf(res.Notes, true), res.PassedOver, err)
			if got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// linesOf are the lines of notes; of many, how many there are.
func linesOf(notes []list.Note, warnings bool) string {
	var lines []int
	for _, n := range notes {
		if n.Warning == warnings {
			lines = append(lines, n.Line)
		}
	}
	if len(lines) > 10 {
		return fmt.Sprintf("%d lines from %d to %d", len(lines), lines[0], lines[len(lines)-1])
	}
	return fmt.Sprint(lines)
}

// TestRealOtherReading compares the records of real zones with what miekg/dns
// makes of the whole file.
func TestRealOtherReading(t *testing.T) {
	for _, file := range []string{
		"bind-clientip2.db", "bind-ns2-bl.tld2.db", "bind-ns3-base.db", "bind-ns3-mixed-case.db", "bind-ns3-wild-cname.db",
		"hagezi-dyndns-2024-cut.txt", "hagezi-spam-tlds-2026.txt", "knot-policy-test.rpz", "pdns-basic.rpz",
		"urlhaus-2022-cut.rpz", "urlhaus-filter-online-2021-cut.conf",
	} {
		t.Run(file, func(t *testing.T) {
			open := realSource(t, "rpz/"+file)
			f, err := open()
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			text, err := io.ReadAll(f)
			if err != nil {
				t.Fatal(err)
			}
			zone, got := wire(t, nameOf(file)), []string{}
			z, _, err := Read(context.Background(), "rpz/"+file, open, ReadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if z.SOA() != nil {
				zone = wire(t, z.Name())
			}
			err = Scan("rpz/"+file, open, ReadOptions{}, func(e Entry) {
				got = append(got, strings.TrimSuffix(ownerText(e)+" "+actionText(e), "."))
			})
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, s := range otherReading(t, string(text), dnsname.String(zone)+".") {
				owner, data, _ := strings.Cut(s, " ")
				ttl, rest, _ := strings.Cut(data, " ")
				if strings.HasPrefix(rest, "IN CNAME") && actionOf(rest) != Data {
					want = append(want, owner+" "+strings.TrimSuffix(strings.TrimPrefix(rest, "IN CNAME "), "."))
					continue
				}
				want = append(want, strings.TrimSuffix(owner+" "+ttl+" "+rest, "."))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q\nwant %q", got, want)
			}
		})
	}
}

var actionTargets = map[Action]string{NXDOMAIN: ".", NODATA: "*.", Passthru: "rpz-passthru.", Drop: "rpz-drop.", TCPOnly: "rpz-tcp-only."}

func actionOf(data string) Action {
	for a, target := range actionTargets {
		if data == "IN CNAME "+target {
			return a
		}
	}
	return Data
}

func actionText(e Entry) string {
	if e.Action == Data {
		return e.Data
	}
	return actionTargets[e.Action]
}

// ownerText is the owner of a rule, less the zone's name.
func ownerText(e Entry) string {
	mark := ""
	if e.Trigger != QName {
		mark = "." + marked(e.Trigger)
	}
	if e.Name == nil {
		return encode(e.Prefix) + mark
	}
	return dnsname.String([]byte(e.owner())) + mark
}

// realMillion is a zone of a million real names.
func realMillion(b *testing.B, line string) list.Source {
	b.Helper()
	f, err := realSource(b, "plain/real-million.txt.zst")()
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	packed, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	if err != nil {
		b.Fatal(err)
	}
	defer packed.Close()
	names, err := io.ReadAll(packed)
	if err != nil {
		b.Fatal(err)
	}
	var text strings.Builder
	text.WriteString("$TTL 60\n@ SOA localhost. root.localhost. 1 2 3 4 5\n  NS localhost.\n")
	for name := range strings.Lines(string(names)) {
		fmt.Fprintf(&text, line, strings.TrimSpace(name))
	}
	return fileOf(text.String())
}

// BenchmarkReadReal makes zones of a million real names; an op is all of it.
func BenchmarkReadReal(b *testing.B) {
	for name, line := range map[string]string{"nxdomain": "%s CNAME .\n", "pairs": "%[1]s CNAME .\n*.%[1]s CNAME .\n", "garden": "%s CNAME garden.example.\n"} {
		open := realMillion(b, line)
		b.Run(name+"/check", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Check("rpz/test.zone", open, ReadOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/read", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				z, _, err := Read(context.Background(), "rpz/test.zone", open, ReadOptions{Dir: b.TempDir()})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(z.Stats().Bytes), "zone-B")
			}
		})
	}
}

// BenchmarkQName asks a zone of a million real names, listed and not.
func BenchmarkQName(b *testing.B) {
	z, _, err := Read(context.Background(), "rpz/test.zone", realMillion(b, "%s CNAME .\n"), ReadOptions{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	var listed, unlisted [][]byte
	for name := range z.trees[0].names.All() {
		if len(listed)&1023 == len(unlisted)&1023 || len(listed) < 200_000 {
			listed = append(listed, slices.Clone(name))
			unlisted = append(unlisted, append([]byte("\x01x"), name...))
		}
	}
	for what, names := range map[string][][]byte{"listed": listed, "below": unlisted} {
		b.Run(what, func(b *testing.B) {
			i := 0
			for b.Loop() {
				z.QName(names[i])
				if i++; i == len(names) {
					i = 0
				}
			}
		})
	}
}
