package dropdir

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestParts(t *testing.T) {
	s := newStage(t).thaws()
	s.mkdir("rpz/more")
	s.write("rpz/a.zone", "one\ninclude rpz/b.inc\n")
	s.write("rpz/b.inc", "two\ninclude rpz/more/c.inc\n")
	s.write("rpz/more/c.inc", "three\n")
	s.start()
	s.want(map[string]string{"rpz/a.zone": "one\ntwo\nthree\n"})
	s.wantFile("rpz/b.inc", "", "") // no file for itself
	if got := s.copies(); got != 3 {
		t.Errorf("the state holds %d copies, want 3", got)
	}
	sum := s.f.Files()[0].SHA256
	s.rested()

	// A change of a part is a change of the file.
	s.move("rpz/more/c.inc", "four\n")
	s.glance()
	s.want(map[string]string{"rpz/a.zone": "one\ntwo\nfour\n"})
	if s.f.Files()[0].SHA256 == sum {
		t.Error("another part makes no other hash")
	}
	if got := s.copies(); got != 3 {
		t.Errorf("the state holds %d copies, want 3", got)
	}

	// After a start nothing is read, and a part that is broken since leaves the
	// whole last good version in force, parts and all.
	s.rested()
	clear(s.reads)
	opened := opens(t, s.path("rpz/b.inc"))
	s.start()
	if n := opened(); n > 0 || s.reads["rpz/a.zone"] > 0 {
		t.Errorf("at a start the part was opened %d times, the file judged %d times", n, s.reads["rpz/a.zone"])
	}
	s.want(map[string]string{"rpz/a.zone": "one\ntwo\nfour\n"})
	s.move("rpz/b.inc", "include rpz/gone.inc\n")
	for range 2 {
		s.start()
		s.rested()
		s.want(map[string]string{"rpz/a.zone": "one\ntwo\nfour\n"})
		s.wantFile("rpz/a.zone", LastGood, "open rpz/gone.inc: no such file or directory")
	}

	// What was missing comes.
	s.move("rpz/gone.inc", "five\n")
	s.glance()
	s.want(map[string]string{"rpz/a.zone": "one\nfive\n"})
	if got := s.copies(); got != 3 {
		t.Errorf("the state holds %d copies, want 3", got)
	}
	s.remove("rpz/a.zone")
	s.glance()
	s.want(map[string]string{})
	if got := s.copies(); got != 0 {
		t.Errorf("the state holds %d copies, want none", got)
	}
}

// TestPartThatWasMissing: a version that was accepted without a part is read
// without it, though the part has come since.
func TestPartThatWasMissing(t *testing.T) {
	s := newStage(t)
	s.mkdir("rpz")
	s.write("rpz/a.zone", "one\n")
	read := s.o.Read
	s.o.Read = func(v Reading) (int, any, error) {
		v.Part("rpz/gone.inc")
		return read(v)
	}
	s.start()
	s.want(map[string]string{"rpz/a.zone": "one\n"})
	s.write("rpz/gone.inc", "two\n")
	if _, err := s.f.Files()[0].InForce.Part("rpz/gone.inc"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
}

// TestPartsOfNothing: what is no part is opened for nobody, and neither is what
// lies outside.
func TestPartsOfNothing(t *testing.T) {
	s := newStage(t)
	s.write("malware/plain.txt", "plain\n")
	must(t, os.Symlink("/etc/hostname", s.path("malware/link.inc")))
	s.write("malware/.hidden.inc", "hidden\n")
	names := []string{"malware/plain.txt", "../x.inc", "/etc/x.inc", "malware/link.inc", "malware/.hidden.inc", "malware", "", "malware/\x00.inc"}
	errs := map[string]error{}
	read := s.o.Read
	s.o.Read = func(v Reading) (int, any, error) {
		for _, name := range names {
			_, errs[name] = v.Part(name)
		}
		return read(v)
	}
	s.start()
	s.want(map[string]string{"malware/plain.txt": "plain\n"})
	for _, name := range names {
		if errs[name] == nil {
			t.Errorf("%q was opened as a part", name)
		}
	}
	if !errors.Is(errs["malware/plain.txt"], fs.ErrNotExist) {
		t.Errorf("a file that is no part: %v, want %v", errs["malware/plain.txt"], fs.ErrNotExist)
	}
}

// A part that is being written holds its file up, one that nobody knew of too.
func TestPartRests(t *testing.T) {
	bubble(t, func(t *testing.T, s *stage, notice func()) {
		s.writeAt("malware/a.txt", "one\ninclude malware/p.inc\n", -time.Hour)
		for i := range 5 {
			s.writeAt("malware/p.inc", strings.Repeat("x\n", i+1), 0)
			notice()
			time.Sleep(time.Second)
			synctest.Wait()
			s.want(map[string]string{})
		}
		s.after(time.Second, "one\n"+strings.Repeat("x\n", 5))
		for i := range 5 {
			s.writeAt("malware/p.inc", strings.Repeat("y\n", i+5), 0)
			notice()
			time.Sleep(time.Second)
			synctest.Wait()
			s.want(map[string]string{"malware/a.txt": "one\n" + strings.Repeat("x\n", 5)})
		}
		s.after(time.Second, "one\n"+strings.Repeat("y\n", 9))
	})
}

// vouch takes a signature "good SERIAL" for good.
func (s *stage) vouch() *stage {
	s.o.Verify = func(r Reading) (serial uint64, err error) {
		sig, err := r.Part(r.Name + SignatureSuffix)
		if err != nil {
			return 0, errors.New("unsigned")
		}
		defer sig.Close()
		text, err := io.ReadAll(sig)
		if err != nil {
			return 0, err
		}
		digit, ok := strings.CutPrefix(string(text), "good ")
		if !ok {
			return 0, errors.New("forged")
		}
		return uint64(digit[0] - '0'), nil
	}
	return s
}

func TestVerify(t *testing.T) {
	s := newStage(t).thaws()
	s.write("malware/a.txt", "one\n")
	s.start()
	s.rested()

	// What came unsigned counts no more once it must be signed.
	s.vouch()
	s.start()
	s.want(map[string]string{})
	s.wantFile("malware/a.txt", Refused, "unsigned")
	s.move("malware/a.txt"+SignatureSuffix, "good 5")
	s.glance()
	s.want(map[string]string{"malware/a.txt": "one\n"})
	if f := s.f.Files()[0]; f.SHA256 != "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806" {
		t.Errorf("a signed file has the hash %s, want that of its octets", f.SHA256)
	}
	s.rested()
	s.start()
	s.want(map[string]string{"malware/a.txt": "one\n"})
	s.wantFile("malware/a.txt", InForce, "")

	const lower = "its serial 4 is lower than 5, which came before: a serial must not fall"
	for _, row := range []struct{ text, sig, want, why string }{
		{"two\n", "forged", "one\n", "forged"},
		{"two\n", "good 4", "one\n", lower},
		{"one\n", "forged", "one\n", "forged"},
		{"two\n", "good 5", "two\n", ""},
		{"three\n", "", "two\n", "unsigned"},
		{"three\n", "good 6", "three\n", ""},
	} {
		s.remove("malware/a.txt" + SignatureSuffix)
		if row.sig != "" {
			s.move("malware/a.txt"+SignatureSuffix, row.sig)
		}
		s.move("malware/a.txt", row.text)
		s.look("")
		s.want(map[string]string{"malware/a.txt": row.want})
		state := InForce
		if row.why != "" {
			state = LastGood
		}
		s.wantFile("malware/a.txt", state, row.why)
	}

	// Not even by way of a deletion and a start.
	s.remove("malware/a.txt")
	s.look("")
	s.want(map[string]string{})
	s.start()
	s.move("malware/a.txt"+SignatureSuffix, "good 5")
	s.move("malware/a.txt", "one\n")
	s.look("")
	s.want(map[string]string{})
	s.wantFile("malware/a.txt", Refused, strings.ReplaceAll(strings.Replace(lower, "5", "6", 1), "4", "5"))
	if label := s.f.Files()[0].Refusal(nil); label != "serial" {
		t.Errorf("its label is %q, want serial", label)
	}
}
