package dropdir

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// model says what is in force, in the fewest words: of each file that is there
// the newest version that was good when somebody looked.
type model map[string]string

func (m model) look(dir string, accept string) {
	here := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		if rel != "." && hidden(rel) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		real, _ := filepath.EvalSymlinks(path)
		if info, err := os.Stat(real); err == nil && info.Mode().IsRegular() && strings.HasPrefix(real, dir+"/") {
			text, _ := os.ReadFile(real)
			here[rel] = string(text)
		} else if !d.IsDir() {
			here[rel] = "bad\n"
		}
		return nil
	})
	if err != nil {
		return // the folder is away
	}
	for name := range m {
		if _, ok := here[name]; !ok {
			delete(m, name)
		}
	}
	for name, text := range here {
		n := strings.Count(text, "\n")
		had, known := m[name]
		tooFew := known && 2*n < strings.Count(had, "\n") && name != accept
		if n > 0 && !strings.HasPrefix(text, "bad\n") && !tooFew {
			m[name] = text
		}
	}
}

// TestModel does at random what people, programs and disks do to a drop folder,
// and compares after every look. The seed is in the name of a failing test.
func TestModel(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 8))
			s := newStage(t)
			if seed%2 == 1 {
				s.thaws()
			}
			s.start()
			m := model{}
			for range 120 {
				accept := s.disturb(r)
				if r.IntN(3) == 0 {
					continue
				}
				s.f.Look(t.Context(), accept) // an unknown file to accept is no look
				s.look("")
				m.look(s.dir, accept)
				if r.IntN(6) == 0 {
					s.restart(r)
				}
				s.want(m)
				for _, f := range s.f.Files() {
					if _, in := m[f.Name]; in != (f.State != Refused) || in != (f.InForce != nil) {
						t.Errorf("%s is %s, and in the model: %v", f.Name, f.State, in)
					}
				}
				if t.Failed() {
					return
				}
			}
		})
	}
}

var modelNames = []string{"root.txt", "malware/a.txt", "malware/b.txt", "c2/c.txt", "c2/deep/d.txt", ".hidden", "malware/e.part"}

// disturb does one thing to the folder, and says which file to accept.
func (s *stage) disturb(r *rand.Rand) (accept string) {
	name := modelNames[r.IntN(len(modelNames))]
	away := s.dir + "-away"
	if _, err := os.Lstat(s.dir); err != nil {
		if r.IntN(2) == 0 {
			os.Rename(away, s.dir)
		}
		return ""
	}
	os.MkdirAll(filepath.Dir(s.path(name)), 0o755)
	if info, err := os.Lstat(s.path(name)); err == nil && !info.Mode().IsRegular() {
		os.RemoveAll(s.path(name))
	}
	text := strings.Repeat(fmt.Sprintf("%d\n", r.IntN(9)), r.IntN(9))
	if r.IntN(5) == 0 {
		text = "bad\n" + text
	}
	switch r.IntN(12) {
	case 0, 1, 2:
		s.write(name, text)
	case 3, 4:
		s.move(name, text)
	case 5:
		os.RemoveAll(s.path(name))
	case 6:
		os.RemoveAll(filepath.Dir(s.path(name)))
		os.MkdirAll(s.dir, 0o755)
	case 7:
		os.Rename(s.dir, away)
	case 8:
		os.RemoveAll(s.path(name))
		os.Symlink([]string{"root.txt", "../root.txt", "/etc/hostname", "nothing", s.path("root.txt")}[r.IntN(5)], s.path(name))
	case 9:
		os.RemoveAll(s.path(name))
		os.Mkdir(s.path(name), 0o755)
	case 10:
		os.Chtimes(s.path(name), time.Time{}, time.Now().Add(time.Duration(r.IntN(100)-50)*time.Hour))
	case 11:
		return name
	}
	return ""
}

// restart begins anew; where the folder holds all that is in force, now and then
// without what the state knew.
func (s *stage) restart(r *rand.Rand) {
	if len(s.f.Warnings()) == 0 && r.IntN(4) == 0 {
		os.Remove(filepath.Join(s.o.State, indexName))
	}
	s.start()
}
