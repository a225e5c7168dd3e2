package dropdir

import (
	"context"
	"maps"
	"os"
	"strings"
	"testing"
)

// rested has what lies there count as read, as a process does that lives for a
// while.
func (s *stage) rested() {
	s.t.Helper()
	s.o.Settle = 0
	s.f.look.Lock()
	s.f.o.Settle = 0
	s.f.look.Unlock()
	s.glance()
}

// TestUnchangedIsNotReadAtAStart: what lies there as an earlier process read it
// is in force without being opened.
func TestUnchangedIsNotReadAtAStart(t *testing.T) {
	s := newStage(t).thaws()
	s.write("malware/a.txt", "one\n")
	s.write("malware/b.txt", "two\n")
	s.move("malware/c.txt", "bad\n")
	s.start()
	s.rested()

	clear(s.reads)
	want := map[string]string{"malware/a.txt": "one\n", "malware/b.txt": "two\n"}
	opened := opens(t, s.path("malware/a.txt"))
	s.start()
	if n := opened(); n > 0 {
		t.Errorf("a file that lies there as it did was opened %d times", n)
	}
	s.want(want)
	s.wantFile("malware/a.txt", InForce, "")
	if s.reads["malware/a.txt"]+s.reads["malware/b.txt"] > 0 {
		t.Errorf("%v were judged again, want those that are not known alone", s.reads)
	}
	if f := s.f.Files()[0]; f.Detail != "one\n" || f.Entries != 1 {
		t.Errorf("what was found in it is %v with %d entries, want it as it was", f.Detail, f.Entries)
	}

	for name, change := range map[string]func(){
		"written to":              func() { s.write("malware/a.txt", "six\n") },
		"replaced by its like":    func() { s.move("malware/a.txt", "one\n") },
		"given back its old time": func() { s.write("malware/a.txt", "ten\n"); s.old(s.path("malware/a.txt")) },
		"touched":                 func() { s.old(s.path("malware/a.txt")) },
	} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			change()
			text, _ := os.ReadFile(s.path("malware/a.txt"))
			want := maps.Clone(want)
			want["malware/a.txt"] = string(text)
			s.start()
			s.look("")
			s.want(want)
			s.rested()
		})
	}
}

// TestAnotherKeyJudgesAnew: what was judged by other rules is judged again
// before it is in force, its last good version too.
func TestAnotherKeyJudgesAnew(t *testing.T) {
	s := newStage(t).thaws()
	s.o.Key = "one"
	s.write("malware/a.txt", "one\n")
	s.write("malware/b.txt", "two\n")
	s.start()
	s.rested()
	s.move("malware/b.txt", "bad\n")
	s.glance()

	clear(s.reads)
	s.start()
	if s.reads["malware/a.txt"] != 0 {
		t.Errorf("by the same key %v were judged", s.reads)
	}
	clear(s.reads)
	s.o.Key = "two"
	s.start()
	if s.reads["malware/a.txt"] != 1 || s.reads["malware/b.txt"] != 2 {
		t.Errorf("by another key %v were judged, want each version once", s.reads)
	}
	s.want(map[string]string{"malware/a.txt": "one\n", "malware/b.txt": "two\n"})
}

// TestBrokenCopies: copies are read some time after a start; one that is broken
// is said aloud and made anew, and one that cannot be made leaves its version in
// force.
func TestBrokenCopies(t *testing.T) {
	s := newStage(t).thaws()
	s.write("malware/a.txt", "one\n")
	s.write("malware/b.txt", "two\n")
	s.start()
	s.rested()
	s.move("malware/b.txt", "bad\n")
	s.glance()
	for _, text := range []string{"one\n", "two\n"} {
		sum, _ := sumOf(strings.NewReader(text))
		must(t, os.WriteFile(s.f.store.path(sum), []byte("rot\n"), 0o600))
	}

	apply := s.o.Apply
	s.o.Apply = func(_ context.Context, in []Version) error { // as one who needs no octets
		s.inForce = map[string]string{}
		for _, v := range in {
			s.inForce[v.Name] = v.Detail.(string)
		}
		return nil
	}
	s.start()
	want := map[string]string{"malware/a.txt": "one\n", "malware/b.txt": "two\n"}
	s.want(want)
	s.glance()
	if joined := strings.Join(s.f.Warnings(), "\n"); strings.Contains(joined, "copy") {
		t.Errorf("copies are read at once: %s", joined)
	}
	s.prove()
	s.glance()
	s.want(want)
	s.wantWarning("malware/a.txt: its copy in the state is broken; it is made anew from the folder")
	s.wantWarning("malware/b.txt: its copy in the state is broken; the folder holds no such version: this one is in force until the lists change or the server stops")
	if sum, _ := sumOf(strings.NewReader("one\n")); !s.f.store.sound(sum) {
		t.Error("the copy that could be made anew was not")
	}

	// An owner that needs the octets at a start goes without them.
	s.o.Apply = apply
	s.start()
	s.want(map[string]string{"malware/a.txt": "one\n"})
	s.wantFile("malware/b.txt", Refused, "bad")
}

// TestMissingOctetsAtAStart: an owner that needs octets of which there is no copy
// any more gets them from the folder, or goes without that file alone.
func TestMissingOctetsAtAStart(t *testing.T) {
	s := newStage(t).thaws()
	s.write("malware/a.txt", "one\n")
	s.write("malware/b.txt", "two\n")
	s.write("malware/c.txt", "three\n")
	s.start()
	s.rested()
	s.move("malware/b.txt", "bad\n")
	s.glance()
	for _, text := range []string{"one\n", "two\n", "three\n"} {
		sum, _ := sumOf(strings.NewReader(text))
		must(t, os.WriteFile(s.f.store.path(sum), []byte("rot\n"), 0o600))
	}
	s.start()
	s.want(map[string]string{"malware/a.txt": "one\n", "malware/c.txt": "three\n"})
	s.wantWarning("malware/a.txt: its copy in the state is broken; it is made anew from the folder")
	s.start()
	s.want(map[string]string{"malware/a.txt": "one\n", "malware/c.txt": "three\n"})
}
