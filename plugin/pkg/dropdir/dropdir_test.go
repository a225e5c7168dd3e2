package dropdir

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// stage is a drop folder with an owner that reads its files as lines. A file
// whose first line is "bad" is refused, and so is an empty one.
type stage struct {
	t   testing.TB
	dir string
	o   Options
	f   *Folder

	mu      sync.Mutex
	inForce map[string]string // name to octets, as Apply last had it
	applies int
	reads   map[string]int
	changed []string
	refuse  error // what Apply says
}

func newStage(t testing.TB) *stage {
	t.Helper()
	s := &stage{t: t, dir: filepath.Join(t.TempDir(), "lists"), reads: map[string]int{}}
	s.mkdir("malware")
	s.o = Options{
		Dir:    s.dir,
		State:  filepath.Join(t.TempDir(), "kept"),
		Settle: time.Hour,
		Shrink: 50,
		Want:   func(rel string) bool { return !strings.HasPrefix(rel, "clients/") },
		Part:   func(rel string) bool { return strings.HasSuffix(rel, ".inc") },
		Read:   s.read,
		Apply:  s.apply,
		Changed: func(f File) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.changed = append(s.changed, f.Name+": "+f.State)
		},
	}
	return s
}

func (s *stage) read(v Reading) (int, any, error) {
	s.mu.Lock()
	s.reads[v.Name]++
	s.mu.Unlock()
	var text []byte
	for range 2 { // as a reader of lists does
		var err error
		if text, err = whole(v.Open, v.Part); err != nil {
			return 0, nil, err
		}
	}
	switch entries := bytes.Count(text, []byte("\n")); {
	case bytes.HasPrefix(text, []byte("bad\n")):
		return entries, nil, errors.New("bad")
	case bytes.HasPrefix(text, []byte("fault\n")):
		panic("of a reader")
	case entries == 0:
		return 0, nil, errors.New("empty")
	default:
		return entries, string(text), nil
	}
}

// whole is a file with its parts: a line "include NAME" stands for the part.
func whole(open func() (io.ReadCloser, error), part func(string) (io.ReadCloser, error)) ([]byte, error) {
	r, err := open()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(r)
	r.Close()
	if err != nil {
		return nil, err
	}
	var all []byte
	for line := range bytes.Lines(text) {
		name, ok := bytes.CutPrefix(line, []byte("include "))
		if !ok {
			all = append(all, line...)
			continue
		}
		rel := string(bytes.TrimSpace(name))
		more, err := whole(func() (io.ReadCloser, error) { return part(rel) }, part)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// thaws has the details kept in the state.
func (s *stage) thaws() *stage {
	s.o.Thaw = func(text []byte) (any, error) {
		var detail string
		err := json.Unmarshal(text, &detail)
		return detail, err
	}
	return s
}

func (s *stage) apply(_ context.Context, in []Version) error {
	set := map[string]string{}
	for _, v := range in {
		text, err := whole(v.Open, v.Part)
		if err != nil {
			return err
		}
		if sum, _ := sumOf(bytes.NewReader(text)); v.content.parts == nil && sum != v.SHA256 {
			s.t.Errorf("%s: its octets have the hash %s, want %s", v.Name, sum, v.SHA256)
		}
		if v.Detail != string(text) {
			s.t.Errorf("%s: its detail is %q, want %q", v.Name, v.Detail, text)
		}
		set[v.Name] = string(text)
	}
	if !slices.IsSortedFunc(in, func(a, b Version) int { return strings.Compare(a.Name, b.Name) }) {
		s.t.Error("Apply was given a set that is not sorted")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applies++
	if s.refuse != nil {
		return s.refuse
	}
	s.inForce = set
	return nil
}

func (s *stage) path(rel string) string { return filepath.Join(s.dir, filepath.FromSlash(rel)) }

func (s *stage) mkdir(rel string) {
	s.t.Helper()
	if err := os.MkdirAll(s.path(rel), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

// write puts text into the file rel, as cp does.
func (s *stage) write(rel, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(rel), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// old has the file at path look as if nobody had written to it for a day.
func (s *stage) old(path string) {
	s.t.Helper()
	yesterday := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(path, yesterday, yesterday); err != nil {
		s.t.Fatal(err)
	}
}

// move puts text into the file rel as mv does, with a time of yesterday.
func (s *stage) move(rel, text string) {
	s.t.Helper()
	tmp := s.path(".upload")
	if err := os.WriteFile(tmp, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.old(tmp)
	if err := os.Rename(tmp, s.path(rel)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) remove(rel string) {
	s.t.Helper()
	if err := os.RemoveAll(s.path(rel)); err != nil {
		s.t.Fatal(err)
	}
}

// start begins anew with what lies there, as a new process does.
func (s *stage) start() {
	s.t.Helper()
	s.f = New(s.o)
	if err := s.f.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) look(accept string) {
	s.t.Helper()
	if _, err := s.f.Look(s.t.Context(), accept); err != nil {
		s.t.Fatal(err)
	}
}

// prove is the look of follow that reads the copies.
func (s *stage) prove() {
	s.t.Helper()
	s.f.proveAt = time.Time{}
	s.glance()
}

// glance is a look of follow: what does not rest is left alone.
func (s *stage) glance() {
	s.t.Helper()
	s.f.next(s.t.Context())
}

// want compares what is in force.
func (s *stage) want(want map[string]string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !maps.Equal(s.inForce, want) {
		s.t.Errorf("in force is %q, want %q", s.inForce, want)
	}
}

// wantFile compares state and reason of one file; state "" wants it unknown.
func (s *stage) wantFile(name, state, reason string) {
	s.t.Helper()
	for _, f := range s.f.Files() {
		if f.Name == name {
			if f.State != state || f.Reason != reason {
				s.t.Errorf("%s is %s (%s), want %s (%s)", name, f.State, f.Reason, state, reason)
			}
			return
		}
	}
	if state != "" {
		s.t.Errorf("%s is unknown, want %s (%s)", name, state, reason)
	}
}

// wantWarning wants a warning that holds text; "" wants none.
func (s *stage) wantWarning(text string) {
	s.t.Helper()
	all := s.f.Warnings()
	if text == "" && len(all) > 0 || text != "" && !strings.Contains(strings.Join(all, "\n"), text) {
		s.t.Errorf("the warnings are %q, want %q", all, text)
	}
}

func TestStartReadsAtOnce(t *testing.T) {
	s := newStage(t)
	s.write("malware/a.txt", "one\n") // it does not rest yet
	s.write("root.txt", "two\n")
	s.mkdir("clients")
	s.write("clients/x", "three\n")
	s.start()
	s.want(map[string]string{"malware/a.txt": "one\n", "root.txt": "two\n"})
	s.wantFile("malware/a.txt", InForce, "")
	s.wantWarning("")
}

func TestNothingThereIsASetToo(t *testing.T) {
	s := newStage(t)
	s.remove(".")
	s.start()
	s.want(map[string]string{})
	if s.applies != 1 {
		t.Errorf("Apply ran %d times, want once", s.applies)
	}
	s.wantWarning(s.dir + ": is not there; want a folder; nothing is in force")
}

func TestPassedOver(t *testing.T) {
	s := newStage(t)
	s.mkdir(".git")
	s.mkdir("phishing.bak")
	for _, name := range []string{
		".hidden", "a~", "a.tmp", "a.part", "a.partial", "a.swp", "a.new", "a.bak", "README.md", "embed.go",
		".git/config", "phishing.bak/list.txt", "clients.txt",
	} {
		s.write(name, "x\n")
	}
	s.mkdir("list.txt") // a folder with a file's name
	s.start()
	s.want(map[string]string{"clients.txt": "x\n"})
	s.wantWarning("")
}

func TestRest(t *testing.T) {
	s := newStage(t)
	s.start()
	s.write("malware/a.txt", "one\n")
	s.glance()
	s.want(map[string]string{})
	s.wantFile("malware/a.txt", "", "")

	s.move("malware/b.txt", "two\n")
	s.glance()
	s.want(map[string]string{"malware/b.txt": "two\n"})

	// In place of another, moved in with an older time: at once. Written to in
	// its place with an older time: only its rest is believed.
	s.move("malware/b.txt", "three\n")
	s.glance()
	s.want(map[string]string{"malware/b.txt": "three\n"})
	s.write("malware/b.txt", "four\n")
	s.old(s.path("malware/b.txt"))
	s.glance()
	s.want(map[string]string{"malware/b.txt": "three\n"})

	s.look("")
	s.want(map[string]string{"malware/a.txt": "one\n", "malware/b.txt": "four\n"})
}

func TestRefused(t *testing.T) {
	s := newStage(t)
	s.write("malware/a.txt", "bad\n")
	s.write("malware/b.txt", "one\n")
	s.start()
	s.want(map[string]string{"malware/b.txt": "one\n"})
	s.wantFile("malware/a.txt", Refused, "bad")
	s.wantWarning("malware/a.txt: refused: bad")

	s.write("malware/b.txt", "bad\nagain\n")
	s.look("")
	s.want(map[string]string{"malware/b.txt": "one\n"})
	s.wantFile("malware/b.txt", LastGood, "bad")
	s.wantWarning("malware/b.txt: bad; the version of ")
	s.wantWarning("with 1 entry stays in force")

	// What is refused is not read again until it changes.
	reads := s.reads["malware/a.txt"]
	s.look("")
	s.old(s.path("malware/a.txt")) // another time, the same octets
	s.look("")
	if s.reads["malware/a.txt"] != reads {
		t.Errorf("the refused file was judged %d times, want %d", s.reads["malware/a.txt"], reads)
	}
	s.wantFile("malware/a.txt", Refused, "bad")
	s.write("malware/a.txt", "good\n")
	s.look("")
	s.want(map[string]string{"malware/a.txt": "good\n", "malware/b.txt": "one\n"})
}

func TestTouchedIsNotJudgedAgain(t *testing.T) {
	s := newStage(t)
	s.write("malware/a.txt", "one\n")
	s.start()
	s.old(s.path("malware/a.txt"))
	s.look("")
	if s.applies != 1 || s.reads["malware/a.txt"] != 1 {
		t.Errorf("%d sets and %d judgements, want one each", s.applies, s.reads["malware/a.txt"])
	}
	if age := time.Since(s.f.Files()[0].Time); age < 23*time.Hour {
		t.Errorf("its age is %s, want a day", age)
	}
}

func TestFaultOfAReaderRefuses(t *testing.T) {
	s := newStage(t)
	s.write("malware/a.txt", "fault\n")
	s.start()
	s.wantFile("malware/a.txt", Refused, "a fault of this program: its reader stopped with of a reader")
}

func TestShrink(t *testing.T) {
	s := newStage(t)
	s.write("malware/a.txt", strings.Repeat("x\n", 10))
	s.start()
	s.write("malware/a.txt", strings.Repeat("y\n", 5))
	s.look("")
	s.want(map[string]string{"malware/a.txt": strings.Repeat("y\n", 5)})

	s.write("malware/a.txt", "z\nz\n")
	const why = "2 entries, where 5 are in force: it lost more than 50%; to take it all the same: sinkhole reload --accept malware/a.txt"
	s.look("")
	s.want(map[string]string{"malware/a.txt": strings.Repeat("y\n", 5)})
	s.wantFile("malware/a.txt", LastGood, why)

	// The guard knows what was in force before a restart.
	s.start()
	s.want(map[string]string{"malware/a.txt": strings.Repeat("y\n", 5)})
	s.look("")
	s.wantFile("malware/a.txt", LastGood, why)

	for _, name := range []string{"malware/b.txt", ".", "malware", "../x", "/etc/hostname"} {
		if _, err := s.f.Look(t.Context(), name); !errors.Is(err, ErrNoFile) {
			t.Errorf("accepting %s, which is no file there: %v, want %v", name, err, ErrNoFile)
		}
	}
	s.write("malware/c.txt", "bad\n")
	s.look("malware/c.txt")
	s.wantFile("malware/c.txt", Refused, "bad")
	for _, accept := range []string{"malware/a.txt", "./malware/a.txt", s.path("malware/a.txt"), relative(t, s.path("malware/a.txt"))} {
		s.write("malware/a.txt", strings.Repeat("y\n", 5))
		s.look(accept)
		s.write("malware/a.txt", "z\nz\n")
		s.look("")
		s.wantFile("malware/a.txt", LastGood, why)
		s.look(accept)
		s.want(map[string]string{"malware/a.txt": "z\nz\n"})
		s.wantFile("malware/a.txt", InForce, "")
	}
}

func relative(t *testing.T, path string) string {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

func TestDeletion(t *testing.T) {
	s := newStage(t)
	s.mkdir("c2")
	for _, name := range []string{"malware/a.txt", "malware/b.txt", "c2/c.txt", "c2/d.txt"} {
		s.write(name, name+"\n")
	}
	s.start()
	s.remove("malware/a.txt")
	s.glance()
	s.want(map[string]string{"malware/b.txt": "malware/b.txt\n", "c2/c.txt": "c2/c.txt\n", "c2/d.txt": "c2/d.txt\n"})
	s.remove("c2")
	s.glance()
	s.want(map[string]string{"malware/b.txt": "malware/b.txt\n"})
	if got := s.copies(); got != 1 {
		t.Errorf("the state holds %d copies, want 1", got)
	}

	// Also one that is deleted while nobody looks.
	s.remove("malware/b.txt")
	s.start()
	s.want(map[string]string{})
	if got := s.copies(); got != 0 {
		t.Errorf("the state holds %d copies, want none", got)
	}
	if !slices.Contains(s.changed, "malware/a.txt: ") {
		t.Errorf("Changed heard %q, want that malware/a.txt is gone", s.changed)
	}
}

// copies counts the last good versions in the state.
func (s *stage) copies() (n int) {
	entries, _ := os.ReadDir(s.o.State)
	for _, e := range entries {
		if e.Name() != indexName {
			n++
		}
	}
	return n
}

func TestVanishedFolderIsNotDeletion(t *testing.T) {
	s := newStage(t)
	s.write("malware/a.txt", "one\n")
	s.start()
	away := s.dir + "-away"
	if err := os.Rename(s.dir, away); err != nil {
		t.Fatal(err)
	}
	s.glance()
	s.want(map[string]string{"malware/a.txt": "one\n"})
	s.wantFile("malware/a.txt", LastGood, "the folder is not there")
	s.wantWarning(s.dir + ": is not there; want a folder; the last good versions of 1 files with 1 entries stay in force")

	s.start()
	s.want(map[string]string{"malware/a.txt": "one\n"})
	s.wantFile("malware/a.txt", LastGood, "the folder is not there")

	// A file in its place is no folder either.
	s.write(".", "x\n")
	s.glance()
	s.want(map[string]string{"malware/a.txt": "one\n"})
	s.wantFile("malware/a.txt", LastGood, "the folder cannot be read: not a directory")
	s.remove(".")

	if err := os.Rename(away, s.dir); err != nil {
		t.Fatal(err)
	}
	s.glance()
	s.wantFile("malware/a.txt", InForce, "")
	s.wantWarning("")
}

func TestReplacedFolder(t *testing.T) {
	s := newStage(t)
	s.write("malware/a.txt", "one\n")
	s.start()
	if err := os.Rename(s.dir, s.dir+"-old"); err != nil {
		t.Fatal(err)
	}
	s.mkdir("phishing")
	s.move("phishing/b.txt", "two\n")
	s.glance()
	s.want(map[string]string{"phishing/b.txt": "two\n"})
}

// An unmounted volume leaves an empty folder on another file system.
func TestEmptyFolderOnAnotherFileSystem(t *testing.T) {
	s := newStage(t)
	s.write("malware/a.txt", "one\n")
	s.start()
	s.remove("malware")
	s.f.device++ // as if the folder had been on another one
	s.glance()
	s.want(map[string]string{"malware/a.txt": "one\n"})
	s.wantWarning("is empty and on another file system than before")
	s.f.device--
	s.glance()
	s.want(map[string]string{})
}

func TestRestartWithBrokenFile(t *testing.T) {
	s := newStage(t)
	s.write("malware/a.txt", "one\n")
	s.write("malware/b.txt", "two\n")
	s.start()
	s.write("malware/a.txt", "bad\n")
	s.old(s.path("malware/a.txt"))
	s.start()
	s.want(map[string]string{"malware/a.txt": "one\n", "malware/b.txt": "two\n"})
	s.wantFile("malware/a.txt", LastGood, "bad")

	// One that was broken just now is said at once, too.
	s.write("malware/b.txt", "bad\n")
	s.start()
	s.want(map[string]string{"malware/a.txt": "one\n", "malware/b.txt": "two\n"})
	s.wantFile("malware/b.txt", LastGood, "bad")
	s.wantWarning("malware/b.txt: bad; the version of ")
	s.write("malware/b.txt", "two\n")

	// A new version that does not rest waits, the last good one serves.
	s.write("malware/a.txt", "new\n")
	s.start()
	s.want(map[string]string{"malware/a.txt": "one\n", "malware/b.txt": "two\n"})
	s.wantFile("malware/a.txt", InForce, "")
	s.look("")
	s.want(map[string]string{"malware/a.txt": "new\n", "malware/b.txt": "two\n"})
}

func TestBrokenState(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, state string){
		"the index is cut off": func(t *testing.T, state string) { must(t, os.Truncate(filepath.Join(state, indexName), 100)) },
		"the index is another text": func(t *testing.T, state string) {
			must(t, os.WriteFile(filepath.Join(state, indexName), []byte("x"), 0o600))
		},
		"a copy holds other octets": func(t *testing.T, state string) {
			sum, _ := sumOf(strings.NewReader("one\n"))
			must(t, os.WriteFile(filepath.Join(state, sum), []byte("two\n"), 0o600))
		},
		"a copy is gone": func(t *testing.T, state string) {
			sum, _ := sumOf(strings.NewReader("one\n"))
			must(t, os.Remove(filepath.Join(state, sum)))
		},
		"the state is gone": func(t *testing.T, state string) { must(t, os.RemoveAll(state)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			s.write("malware/a.txt", "one\n")
			s.start()
			damage(t, s.o.State)
			s.start()
			s.want(map[string]string{"malware/a.txt": "one\n"})
			s.prove()
			s.write("malware/a.txt", "bad\n")
			s.start()
			s.want(map[string]string{"malware/a.txt": "one\n"})
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestUnwritableState has a file where the state should be: root may write to a
// folder of mode 0500.
func TestUnwritableState(t *testing.T) {
	s := newStage(t)
	must(t, os.WriteFile(s.o.State, nil, 0o600))
	s.write("malware/a.txt", "one\n")
	s.start()
	s.want(map[string]string{"malware/a.txt": "one\n"})
	s.wantWarning(s.o.State + ": last good versions cannot be kept: not a directory")

	// The set can be built anew as long as the file is there.
	s.write("malware/b.txt", "two\n")
	s.look("")
	s.want(map[string]string{"malware/a.txt": "one\n", "malware/b.txt": "two\n"})

	// Once it can be written to, it is.
	must(t, os.Remove(s.o.State))
	s.f.stateAgain = time.Time{}
	s.glance()
	s.wantWarning("")
	s.write("malware/a.txt", "bad\n")
	s.start()
	s.want(map[string]string{"malware/a.txt": "one\n", "malware/b.txt": "two\n"})
}

// Without a copy the accepted octets can only be had from the file; when that
// has changed, no set is built from others.
func TestNoStateNeverMixesVersions(t *testing.T) {
	s := newStage(t)
	s.o.State = ""
	s.write("malware/a.txt", "one\n")
	s.start()
	s.write("malware/a.txt", "bad\n")
	s.move("malware/b.txt", "two\n")
	s.glance()
	s.want(map[string]string{"malware/a.txt": "one\n"})
	s.wantFile("malware/b.txt", Refused, "accepted, and not put in force: a.txt: its accepted version has no copy, and it changes while it is read")
	s.wantWarning("what changed is not in force")
	s.write("malware/a.txt", "three\n")
	s.look("")
	s.want(map[string]string{"malware/a.txt": "three\n", "malware/b.txt": "two\n"})
	s.wantWarning("")
}

func TestApplyRefuses(t *testing.T) {
	s := newStage(t)
	s.write("malware/a.txt", "one\n")
	s.start()
	s.refuse = errors.New("no room")
	s.write("malware/a.txt", "two\n")
	s.write("malware/b.txt", "three\n")
	s.look("")
	s.want(map[string]string{"malware/a.txt": "one\n"})
	s.wantFile("malware/a.txt", LastGood, "accepted, and not put in force: no room")
	s.wantFile("malware/b.txt", Refused, "accepted, and not put in force: no room")
	applies := s.applies
	s.glance() // not again so soon
	if s.applies != applies {
		t.Error("Apply was called again at the next look")
	}
	s.refuse = nil
	s.look("")
	s.want(map[string]string{"malware/a.txt": "two\n", "malware/b.txt": "three\n"})
	s.wantFile("malware/a.txt", InForce, "")

	// What could not be put in force and is not wanted any more is forgotten.
	s.refuse = errors.New("no room")
	s.write("malware/a.txt", "four\n")
	s.look("")
	s.wantWarning("no room")
	s.write("malware/a.txt", "bad\n")
	s.look("")
	s.wantFile("malware/a.txt", LastGood, "bad")
	if w := s.f.Warnings(); len(w) != 1 {
		t.Errorf("the warnings are %q, want one, about the file", w)
	}

	s.f = New(s.o)
	if err := s.f.Start(t.Context()); err != s.refuse {
		t.Errorf("Start says %v, want %v", err, s.refuse)
	}
}

func TestEndedContextJudgesNothing(t *testing.T) {
	s := newStage(t)
	s.start()
	s.write("malware/a.txt", "one\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.f.Look(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("Look says %v, want %v", err, context.Canceled)
	}
	s.wantFile("malware/a.txt", "", "")
	s.look("")
	s.want(map[string]string{"malware/a.txt": "one\n"})
}

func TestTooLarge(t *testing.T) {
	s := newStage(t)
	s.o.MaxSize = 8
	s.write("malware/a.txt", "12345678\n")
	s.start()
	s.wantFile("malware/a.txt", Refused, "9 octets, over the size limit of 8")
}

func TestTenThousandFiles(t *testing.T) {
	s := newStage(t)
	s.o.State = "" // ten thousand times fsync would be a test of the disk
	want := s.many(10_000)
	s.start()
	s.want(want)
}

// many writes so many files, and says what is in them.
func (s *stage) many(n int) map[string]string {
	all := map[string]string{}
	for i := range n {
		name := fmt.Sprintf("malware/%05d.txt", i)
		all[name] = fmt.Sprintf("%d\n", i)
		s.write(name, all[name])
	}
	return all
}

// BenchmarkLook looks at ten thousand files that rest.
func BenchmarkLook(b *testing.B) {
	s := newStage(b)
	s.o.State, s.o.Settle = "", 0
	s.many(10_000)
	s.start()
	for b.Loop() {
		s.f.next(b.Context())
	}
}

func TestOddNames(t *testing.T) {
	s := newStage(t)
	want := map[string]string{}
	for _, name := range []string{"a b.txt", "a\nb.txt", "<b>.txt", "日本.txt", "\xff\xfe.txt", "a\"b\\.txt", "-rf", "..x"[1:] + "y", strings.Repeat("n", 255)} {
		if !passedOver(name) {
			want["malware/"+name] = name + "\n"
		}
		s.write("malware/"+name, name+"\n")
	}
	s.start()
	s.want(want)
	must(t, os.Rename(s.dir, s.dir+"-away"))
	s.start()
	s.want(want)
	must(t, os.Rename(s.dir+"-away", s.dir))
	s.write("malware/a\nb.txt", "bad\n")
	s.look("")
	s.wantWarning(`"malware/a\nb.txt": bad; the version of `)
}

// TestTold: no two names are told alike, and what is told is accepted.
func TestTold(t *testing.T) {
	for name, want := range map[string]string{
		"c2/a b\n.txt":   "c2/a b\n.txt",
		"日本.txt":         "日本.txt",
		"\xff.txt":       `\xff.txt`,
		"\xfe\ufffd.txt": `\xfe` + "\ufffd.txt",
		`\xff.txt`:       `\\xff.txt`,
		"\xe6\x97本.txt":  `\xe6\x97本.txt`,
		"malware/ok.txt": "malware/ok.txt",
	} {
		if got := Told(name); got != want {
			t.Errorf("Told(%q) = %q, want %q", name, got, want)
		}
	}

	s := newStage(t)
	s.write("malware/\xff.txt", strings.Repeat("x\n", 10))
	s.start()
	s.write("malware/\xff.txt", "x\n")
	s.look(`malware/\xff.txt`)
	s.want(map[string]string{"malware/\xff.txt": "x\n"})
}

// TestUnseen: of a file that the state knows and that could not be looked at, the
// reason is that.
func TestUnseen(t *testing.T) {
	s := newStage(t)
	s.mkdir("c2/more")
	s.write("c2/more/c.txt", "three\n")
	s.start()
	s.f.look.Lock()
	defer s.f.look.Unlock()
	e := s.f.entries["c2/more/c.txt"]
	e.newest = newest{} // as after a start
	for want, blind := range map[string]map[string]error{
		"its folder cannot be read: permission denied; the version of ": {"c2": &fs.PathError{Op: "open", Path: "c2", Err: fs.ErrPermission}},
		"its folder lies more than 16 folders deep; the version of ":    {"c2/more": errDeep},
		"not looked at; the version of ":                                nil,
	} {
		s.f.last.blind = blind
		if file, ok := s.f.fileOf(e); !ok || file.State != LastGood || !strings.HasPrefix(file.String(), want) {
			t.Errorf("got  %s\nwant %s...", file, want)
		}
	}
}

// TestBrokenIndex: that last good versions are lost is said as long as the process
// lives, though the index is written anew at once.
func TestBrokenIndex(t *testing.T) {
	s := newStage(t)
	s.write("malware/a.txt", "one\n")
	s.start()
	path := filepath.Join(s.o.State, indexName)
	text, err := os.ReadFile(path)
	must(t, err)
	text[len(text)-3] ^= 1
	must(t, os.WriteFile(path, text, 0o600))
	s.start()
	for range 2 {
		s.want(map[string]string{"malware/a.txt": "one\n"})
		s.wantWarning(s.o.State + ": the index of last good versions could not be read at the start: broken, or of another version")
		s.look("")
	}
	s.start()
	s.wantWarning("")
}
