package feed

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFile: the file is the same whichever way the records came, and whole.
func TestFile(t *testing.T) {
	path, b := zoneFile(t, t.TempDir(), 7, "b CNAME .", "a CNAME .", "*.a CNAME .")
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "; rpz.example: fetched by zone transfer, what is changed here is lost\n" +
		"; serial 7 from invalid AddrPort\n" +
		"; sha256 " + b.sum + "\n" +
		"rpz.example.\t300\tIN\tSOA\tns.example. hostmaster.example. 7 3600 600 86400 60\n" +
		"*.a.rpz.example.\t300\tIN\tCNAME\t.\n" +
		"a.rpz.example.\t300\tIN\tCNAME\t.\n" +
		"b.rpz.example.\t300\tIN\tCNAME\t.\n"
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if b.records != 4 || b.soa.Serial != 7 {
		t.Errorf("got %d records of serial %d", b.records, b.soa.Serial)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("got %v, %v", info.Mode(), err)
	}
	other, _ := zoneFile(t, t.TempDir(), 7, "a CNAME .", "*.a CNAME .", "b CNAME .", "b CNAME .")
	if again, err := os.ReadFile(other); err != nil || !bytes.Equal(again, got) {
		t.Errorf("in another order %q, %v", again, err)
	}
}

// TestFileUnchanged: a zone that has not changed is a file that has not.
func TestFileUnchanged(t *testing.T) {
	dir := t.TempDir()
	path, _ := zoneFile(t, dir, 7, "a CNAME .")
	long := time.Now().Add(-time.Hour).Round(time.Second)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	b, err := readBase(path, apex)
	if err != nil {
		t.Fatal(err)
	}
	to := newTransfer(apex, nil, 1<<20, dir)
	defer to.close()
	for _, r := range records(t, "7", "a CNAME .", "7") {
		if err := to.add(r); err != nil {
			t.Fatal(err)
		}
	}
	f := New(Options{Zone: zoneName, File: path, State: dir})
	f.base = b
	if got, err := f.write(to, Primary{}, nil); err != nil || got != b {
		t.Errorf("got %+v, %v", got, err)
	}
	if !b.same(path) {
		t.Error("the file was written anew")
	}
}

// TestReadBase: a file that is not to the octet what was written is not built on.
func TestReadBase(t *testing.T) {
	path, _ := zoneFile(t, t.TempDir(), 7, "a CNAME .", "b CNAME .")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(whole)
	for name, changed := range map[string]string{
		"a record is gone":     strings.Replace(text, "a.rpz.example.\t300\tIN\tCNAME\t.\n", "", 1),
		"a record is added":    text + "c.rpz.example.\t300\tIN\tCNAME\t.\n",
		"the end is missing":   text[:len(text)-1],
		"another serial":       strings.Replace(text, "serial 7", "serial 8", 1),
		"no head":              text[strings.Index(text, "rpz.example.\t"):],
		"no SOA":               strings.Replace(text, "\tSOA\t", "\tTXT\t", 1),
		"nothing but the head": text[:strings.Index(text, "rpz.example.\t")],
		"empty":                "",
		"a zone of others":     "$ORIGIN rpz.example.\n@ SOA . . 7 1 1 1 1\na CNAME .\n",
		"a line of megabytes":  strings.Repeat("x", 3*maxLine),
		"another zone":         strings.ReplaceAll(text, "rpz.example", "rpy.example"),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
				t.Fatal(err)
			}
			if b, err := readBase(path, apex); !errors.Is(err, errNotOurs) {
				t.Errorf("got %+v, %v", b, err)
			}
		})
	}
	if _, err := readBase(filepath.Join(t.TempDir(), "none"), apex); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
}

// TestSweep: what a killed process left goes, what another writes stays.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rpz.example.zone")
	for name, age := range map[string]time.Duration{
		".rpz.example.zone.1.tmp": 2 * leftOver, ".rpz.example.zone.2.tmp": 0, "other.zone": 2 * leftOver, ".other.zone.1.tmp": 2 * leftOver,
	} {
		at := time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(filepath.Join(dir, name), nil, 0o644), os.Chtimes(filepath.Join(dir, name), at, at)); err != nil {
			t.Fatal(err)
		}
	}
	sweep(path, time.Now())
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3 || left[1].Name() != ".rpz.example.zone.2.tmp" {
		t.Errorf("left is %v, %v", left, err)
	}
}

// FuzzReadBase: no file whatever is taken for ours but one that we wrote.
func FuzzReadBase(f *testing.F) {
	path, _ := zoneFile(f, f.TempDir(), 7, "a CNAME .")
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte("; rpz.example"))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "zone")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := readBase(path, apex)
		if err != nil {
			return
		}
		next, end, closeFile, err := b.lines(path)
		if err != nil {
			t.Fatalf("%q was read, and then: %v", text, err)
		}
		defer closeFile()
		lines := 1
		for line, err := next(); line != nil; line, err = next() {
			if err != nil {
				return // a line that is too long, or without an end
			}
			lines++
		}
		if err := end(); err == nil && lines != b.records {
			t.Fatalf("%q: %d records, and then %d", text, b.records, lines)
		}
	})
}
