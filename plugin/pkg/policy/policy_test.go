package policy

import (
	"bytes"
	"io"
	"testing"

	"sinkhole/plugin/pkg/dnsname"
	"sinkhole/plugin/pkg/list"
)

// source is a file with that text.
func source(text string) list.Source {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewBufferString(text)), nil }
}

// wire makes a name for a test.
func wire(t testing.TB, text string) []byte {
	t.Helper()
	name, err := dnsname.Append(nil, text)
	if err != nil {
		t.Fatalf("Append(%q): %v", text, err)
	}
	return name
}

func TestSmoke(t *testing.T) {
	p, err := Build(Config{}, []File{{Name: "c2/a.txt", Open: source("bad.example\n@@||ok.bad.example^\n192.0.2.0/24\n")}, {Name: "allow/a.txt", Open: source("x.bad.example\n")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"bad.example", "www.bad.example", "ok.bad.example", "x.bad.example", "example"} {
		e, err := p.Explain(Query{Name: wire(t, n)})
		t.Log(n, p.Decide(Query{Name: wire(t, n)}), e, err)
	}
	t.Log(p.Stats())
}
