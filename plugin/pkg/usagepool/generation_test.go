package usagepool

import (
	"errors"
	"slices"
	"testing"
)

// instance is a Corefile that notes its hooks.
type instance struct {
	values            map[any]any
	start, stop, keep []func() error
}

func newInstance() *instance { return &instance{values: map[any]any{}} }

func (i *instance) Get(key any) any                { return i.values[key] }
func (i *instance) Set(key, val any)               { i.values[key] = val }
func (i *instance) OnStartup(f func() error)       { i.start = append(i.start, f) }
func (i *instance) OnShutdown(f func() error)      { i.stop = append(i.stop, f) }
func (i *instance) OnRestartFailed(f func() error) { i.keep = append(i.keep, f) }

// diary is a generation that notes what is called.
type diary struct{ did []string }

func (d *diary) Start() error { d.did = append(d.did, "start"); return nil }
func (d *diary) Stop() error  { d.did = append(d.did, "stop"); return nil }
func (d *diary) Keep() error  { d.did = append(d.did, "keep"); return nil }

// other is the generation of another plugin.
type other struct{ diary }

func TestGenerationOf(t *testing.T) {
	c := newInstance()
	made := 0
	make := func() (*diary, error) { made++; return &diary{}, nil }
	first, err := GenerationOf(c, make)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := GenerationOf(c, make); again != first || made != 1 || err != nil {
		t.Errorf("a second server block has a generation of its own, %v; %d were made", err, made)
	}
	if _, err := GenerationOf(c, func() (*other, error) { return &other{}, nil }); err != nil || len(c.start) != 2 {
		t.Errorf("two plugins have %d hooks, %v; want one each", len(c.start), err)
	}
	if next, _ := GenerationOf(newInstance(), make); next == first {
		t.Error("the next Corefile has the generation of the one before")
	}
	for _, hooks := range [][]func() error{c.start, c.keep, c.stop} {
		for _, f := range hooks {
			f()
		}
	}
	if want := []string{"start", "keep", "stop"}; !slices.Equal(first.did, want) {
		t.Errorf("got %q, want %q", first.did, want)
	}
}

// TestGenerationRefused: what cannot be made leaves no hook.
func TestGenerationRefused(t *testing.T) {
	c := newInstance()
	refused := errors.New("no line has 129 bits")
	if _, err := GenerationOf(c, func() (*diary, error) { return nil, refused }); err != refused {
		t.Errorf("got %v, want %v", err, refused)
	}
	if len(c.start)+len(c.stop)+len(c.keep)+len(c.values) != 0 {
		t.Error("something is left of it")
	}
}
