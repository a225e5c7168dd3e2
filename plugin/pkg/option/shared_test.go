package option

import "testing"

// store is what all server blocks of a Corefile have in common.
type store map[any]any

func (s store) Get(key any) any  { return s[key] }
func (s store) Set(key, val any) { s[key] = val }

func same(a, b string) bool { return a == b }

func TestAgree(t *testing.T) {
	s := store{}
	for _, step := range []struct {
		key, cfg string
		line     int
		wantErr  string
	}{
		{"lists", "/srv/lists", 3, ""},
		{"lists", "/srv/lists", 12, ""},
		{"census", "/srv/lists", 14, ""}, // another setting
		{"lists", "/srv/other", 21, "Corefile:21: lists differs from the one at Corefile:3; " +
			"all server blocks share one: make them the same (a snippet and import keep them so)"},
		{"lists", "/srv/lists", 30, ""}, // the first one's stays
	} {
		err := Agree(s, step.key, Place{"Corefile", step.line}, step.cfg, same)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != step.wantErr {
			t.Errorf("line %d: got %q, want %q", step.line, got, step.wantErr)
		}
	}
	if err := Agree(store{}, "lists", Place{"Corefile", 1}, "/srv/other", same); err != nil {
		t.Errorf("another Corefile is held to the first one's: %v", err)
	}
}

func TestState(t *testing.T) {
	s := store{}
	if got := State(s); got != DefaultState {
		t.Errorf("said nowhere: got %q, want %q", got, DefaultState)
	}
	if err := SetState(s, Place{"Corefile", 5}, "/srv/state"); err != nil {
		t.Fatal(err)
	}
	if err := SetState(s, Place{"Corefile", 9}, "/srv/state"); err != nil {
		t.Error(err)
	}
	if got := State(s); got != "/srv/state" {
		t.Errorf("got %q, want /srv/state", got)
	}
	err := SetState(s, Place{"Corefile", 11}, "/srv/elsewhere")
	want := "Corefile:11: state differs from the one at Corefile:5; " +
		"all server blocks share one: make them the same (a snippet and import keep them so)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if got := State(s); got != "/srv/state" {
		t.Errorf("after a refusal: got %q, want /srv/state", got)
	}
	// Agree on a setting that is called state as well does not touch it.
	if err := Agree(s, "state of lists", Place{"Corefile", 12}, "/srv", same); err != nil {
		t.Error(err)
	}
}
