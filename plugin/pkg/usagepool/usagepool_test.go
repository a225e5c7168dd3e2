package usagepool

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// thing is a value that says when it is closed.
type thing struct {
	name   string
	closed *[]string
	err    error
}

func (t *thing) Close() error {
	*t.closed = append(*t.closed, t.name)
	return t.err
}

// TestLife walks through what happens to a Corefile: each row is a list of steps
// by generation, and what is then held and closed.
//
//	1+a   generation 1 takes a       1-   it is released
//	1!    all but 1 are dropped      2xa  2 takes a, and making it fails
func TestLife(t *testing.T) {
	for name, row := range map[string]struct {
		steps  string
		held   int
		closed string
		latest string // a value of it, or none
	}{
		"nothing":                {"", 0, "", ""},
		"start":                  {"1+a", 1, "", "a"},
		"five server blocks":     {"1+a 1+a 1+a 1+a 1+a", 1, "", "a"},
		"start and stop":         {"1+a 1+b 1-", 0, "a b", ""},
		"two values":             {"1+a 1+b", 2, "", "*"},
		"a good reload":          {"1+a 2+a 1-", 1, "", "a"},
		"a reload to another":    {"1+a 2+b 1-", 1, "a", "b"},
		"a reload that adds":     {"1+a 2+a 2+b 1-", 2, "", "*"},
		"a reload that drops":    {"1+a 1+b 2+b 1-", 1, "a", "b"},
		"a later setup fails":    {"1+a 1!", 1, "", "a"},
		"a later start fails":    {"1+a 2+a 2+b 1!", 1, "b", "a"},
		"making fails":           {"1+a 2xb 1!", 1, "", "a"},
		"a failure, then a good": {"1+a 2+b 1! 3+a 3+b 1-", 2, "b", "*"},
		"two failures":           {"1+a 2+b 1! 3+c 1!", 1, "b c", "a"},
		"reloads and stop":       {"1+a 2+a 1- 3+a 2- 3-", 0, "a", ""},
		"released twice":         {"1+a 1- 1-", 0, "a", ""},
		"taken anew":             {"1+a 1- 2+a", 1, "a", "a"},
		"nobody's is kept":       {"1+a 2!", 0, "a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var closed []string
			var p Pool[*thing]
			for _, step := range strings.Fields(row.steps) {
				gen, key := step[:1], step[2:]
				var err error
				switch step[1] {
				case '+':
					var v *thing
					v, err = p.Take(gen, key, func() (*thing, error) { return &thing{name: key, closed: &closed}, nil })
					if err == nil && v.name != key {
						t.Errorf("%s: got %s", step, v.name)
					}
				case 'x':
					if _, err := p.Take(gen, key, func() (*thing, error) { return nil, errors.New("no luck") }); err == nil {
						t.Errorf("%s: no error", step)
					}
				case '-':
					err = p.Release(gen)
				case '!':
					err = p.Keep(gen)
				}
				if err != nil {
					t.Errorf("%s: %v", step, err)
				}
			}
			slices.Sort(closed)
			if got := strings.Join(closed, " "); got != row.closed {
				t.Errorf("closed %q, want %q", got, row.closed)
			}
			if got := p.Len(); got != row.held {
				t.Errorf("%d held, want %d", got, row.held)
			}
			v, ok := p.Latest()
			switch {
			case ok != (row.latest != ""):
				t.Errorf("latest: got %v, want %q", v, row.latest)
			case ok && row.latest != "*" && v.name != row.latest:
				t.Errorf("latest: got %q, want %q", v.name, row.latest)
			}
		})
	}
}

// TestOneValue: a key's value is made once, and is the same for all.
func TestOneValue(t *testing.T) {
	var closed []string
	var p Pool[*thing]
	made := 0
	newThing := func() (*thing, error) { made++; return &thing{name: "a", closed: &closed}, nil }
	first, _ := p.Take(1, "a", newThing)
	second, _ := p.Take(2, "a", newThing)
	if first != second || made != 1 {
		t.Errorf("made %d times, the same: %t", made, first == second)
	}
}

// TestCloseErrors: all are closed, whatever one of them says.
func TestCloseErrors(t *testing.T) {
	var closed []string
	var p Pool[*thing]
	for _, name := range []string{"a", "b", "c"} {
		_, err := p.Take(1, name, func() (*thing, error) {
			return &thing{name, &closed, fmt.Errorf("%s would not close", name)}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err := p.Release(1)
	if len(closed) != 3 || p.Len() != 0 {
		t.Errorf("closed %q, %d left; want all", closed, p.Len())
	}
	for _, name := range []string{"a", "b", "c"} {
		if err == nil || !strings.Contains(err.Error(), name+" would not close") {
			t.Errorf("got %v, want what %s said in it", err, name)
		}
	}
}

// counted says how many of its kind are open.
type counted struct{ open *atomic.Int64 }

func (c counted) Close() error { c.open.Add(-1); return nil }

// TestMany has generations come and go at once: in the end none is held, and
// none is open.
func TestMany(t *testing.T) {
	var p Pool[counted]
	var open atomic.Int64
	var wg sync.WaitGroup
	for gen := range 16 {
		wg.Go(func() {
			for range 200 {
				for _, key := range []string{"a", "b"} {
					if _, err := p.Take(gen, key, func() (counted, error) { open.Add(1); return counted{&open}, nil }); err != nil {
						t.Error(err)
					}
				}
				p.Latest()
				if err := p.Release(gen); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if p.Len() != 0 || open.Load() != 0 {
		t.Errorf("%d held and %d open, want none", p.Len(), open.Load())
	}
}
