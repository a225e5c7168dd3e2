package house

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// family is the first line of a metric in a scrape.
var family = regexp.MustCompile(`(?m)^# TYPE (coredns_([a-z0-9]+)_[a-z0-9_]+) `)

// TestScrape reads the metrics of a running server, which also shows those that
// get their names at run time: they are linted, hold no client and no name that
// was asked, and stand in the README of their plugin.
func TestScrape(t *testing.T) {
	needsUnbound(t)
	tree := loadTree(t)
	dir := shortDir(t)
	port, metrics := freePort(t), freePort(t)
	list := filepath.Join(dir, "lists", "c2", "list.txt")
	if err := os.MkdirAll(filepath.Dir(list), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, []byte("listed.example\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "Corefile")
	text := fmt.Sprintf(`.:%s {
    bind 127.0.0.1
    prometheus 127.0.0.1:%s
    subscribers
    census
    sinkhole {
        lists %s
        state %s
        category c2 {
            record
        }
    }
    recursor
}
`, port, metrics, filepath.Join(dir, "lists"), filepath.Join(dir, "state"))
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := serve(t, dir, conf)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}()
	for _, name := range []string{"listed.example.", "www.listed.example.", "unlisted.invalid."} {
		m := new(dns.Msg).SetQuestion(name, dns.TypeA)
		if _, _, err := new(dns.Client).Exchange(m, "127.0.0.1:"+port); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}

	scrape := get(t, "http://127.0.0.1:"+metrics+"/metrics")
	for _, leaked := range []string{"listed.example", "unlisted.invalid", `="127.0.0.1"`} {
		if strings.Contains(scrape, leaked) {
			t.Errorf("the metrics hold %q", leaked)
		}
	}
	ours := map[string]bool{}
	for _, dir := range tree.Plugins() {
		ours[filepath.Base(dir)] = true
	}
	examined := 0
	for _, m := range family.FindAllStringSubmatch(scrape, -1) {
		name, plugin := m[1], m[2]
		if !ours[plugin] {
			continue
		}
		examined++
		readme := "plugin/" + plugin + "/README.md"
		if s := section(tree.Files[readme], "Metrics"); s == nil || !slices.Contains(metricWord.FindAllString(string(s.Body), -1), name) {
			t.Errorf("%s: the section Metrics lacks %s, which the server shows", readme, name)
		}
	}
	if examined == 0 {
		t.Error("examined nothing")
	}
	for _, problem := range lint(scrape) {
		if m := regexp.MustCompile(`^coredns_([a-z0-9]+)_`).FindStringSubmatch(problem); m != nil && ours[m[1]] {
			t.Error(problem)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
