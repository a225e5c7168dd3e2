package seal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

func entry(n int) Entry {
	return Entry{
		At:      start.Add(time.Duration(n) * time.Minute).UTC(),
		Who:     "uid 1000",
		Action:  "reveal",
		Reason:  fmt.Sprintf("ticket %d", n),
		Clients: []string{client},
	}
}

// writeLog appends n entries to a new log and gives its path.
func writeLog(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.log")
	a := OpenAudit(path)
	for i := range n {
		if err := a.Append(entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func readLog(t testing.TB, path string) ([]Entry, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return ReadAudit(f)
}

func TestAudit(t *testing.T) {
	path := writeLog(t, 3)
	got, err := readLog(t, path)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range got {
		want := entry(i)
		want.Prev = e.Prev
		if !reflect.DeepEqual(e, want) {
			t.Errorf("entry %d: got %+v, want %+v", i, e, want)
		}
		if (e.Prev == "") != (i == 0) {
			t.Errorf("entry %d: prev is %q", i, e.Prev)
		}
	}
	if st, _ := os.Stat(path); len(got) != 3 || st.Mode().Perm()&^0o640 != 0 {
		t.Errorf("got %d entries, mode %v; want 3 and at most 0640", len(got), st.Mode().Perm())
	}
}

// TestAuditChain changes a log of four lines in ways that must show, and says
// where.
func TestAuditChain(t *testing.T) {
	const changed = ": the line before it was changed or taken out"
	for name, row := range map[string]struct {
		change  func(lines []string) []string
		entries int
		want    string
	}{
		"nothing": {func(l []string) []string { return l }, 4, ""},
		"a word changed": {func(l []string) []string {
			l[1] = strings.Replace(l[1], "ticket", "target", 1)
			return l
		}, 4, "audit log:3" + changed},
		"a line taken out":       {func(l []string) []string { return append(l[:1], l[2:]...) }, 3, "audit log:2" + changed},
		"the first taken out":    {func(l []string) []string { return l[1:] }, 3, "audit log:1" + changed},
		"two lines in new order": {func(l []string) []string { return []string{l[0], l[2], l[1], l[3]} }, 4, "audit log:2" + changed + "\naudit log:3" + changed + "\naudit log:4" + changed},
		"a line put in":          {func(l []string) []string { return append(l[:1], append([]string{l[0]}, l[1:]...)...) }, 5, "audit log:2" + changed},
		"a line that is none":    {func(l []string) []string { l[2] = "{" + l[2][20:]; return l }, 3, "audit log:3: no entry; a write was cut short\naudit log:4" + changed},
		"an empty line":          {func(l []string) []string { return append(l[:2], append([]string{""}, l[2:]...)...) }, 4, "audit log:3: no entry; a write was cut short\naudit log:4" + changed},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(writeLog(t, 4))
			if err != nil {
				t.Fatal(err)
			}
			lines := row.change(strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"))
			entries, err := ReadAudit(strings.NewReader(strings.Join(lines, "\n") + "\n"))
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != row.want || len(entries) != row.entries {
				t.Errorf("got %d entries, %q\nwant %d, %q", len(entries), got, row.entries, row.want)
			}
		})
	}
}

// TestAuditAfterPowerCut: half a line stays where it is, is told from an entry,
// and the chain goes on behind it.
func TestAuditAfterPowerCut(t *testing.T) {
	for _, cut := range []int{1, 5, 60} {
		path := writeLog(t, 2)
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, st.Size()-int64(cut)); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(path)
		if err := OpenAudit(path).Append(entry(2)); err != nil {
			t.Fatal(err)
		}
		after, _ := os.ReadFile(path)
		if !bytes.HasPrefix(after, before) {
			t.Fatalf("cut by %d: what was there was changed", cut)
		}
		entries, err := readLog(t, path)
		want, n := "audit log:2: no entry; a write was cut short", 2
		if cut == 1 { // only the line's end was missing
			want, n = "", 3
		}
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want || len(entries) != n || entries[n-1].Reason != "ticket 2" {
			t.Errorf("cut by %d: got %d entries, %q; want %d, %q", cut, len(entries), got, n, want)
		}
	}
}

// TestAuditFaults: what cannot be written is an error, and the log is as before.
func TestAuditFaults(t *testing.T) {
	t.Run("no directory", func(t *testing.T) {
		a := OpenAudit(filepath.Join(t.TempDir(), "gone", "audit.log"))
		err := a.Append(entry(0))
		if err == nil || !strings.HasSuffix(err.Error(), "no such file or directory; nothing is revealed without it") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a full disk", func(t *testing.T) {
		// Every write to this device fails with ENOSPC.
		if _, err := os.Stat("/dev/full"); err != nil {
			t.Skip("needs /dev/full")
		}
		path := filepath.Join(t.TempDir(), "audit.log")
		if err := os.Symlink("/dev/full", path); err != nil {
			t.Fatal(err)
		}
		err := OpenAudit(path).Append(entry(0))
		if err == nil || !strings.HasSuffix(err.Error(), "no space left on device; nothing is revealed without it") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("an entry too long to be read again", func(t *testing.T) {
		path := writeLog(t, 1)
		before, _ := os.ReadFile(path)
		e := entry(1)
		e.Reason = strings.Repeat("x", maxAuditLine)
		err := OpenAudit(path).Append(e)
		if err == nil || !strings.HasPrefix(err.Error(), "audit log: an entry of ") || !strings.Contains(err.Error(), "want at most 1048576: reveal fewer lines at once") {
			t.Errorf("got %v", err)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(after, before) {
			t.Error("the log was written to")
		}
	})
	t.Run("the longest entry", func(t *testing.T) {
		path := writeLog(t, 1)
		a := OpenAudit(path)
		e := entry(1)
		e.Reason = strings.Repeat("x", maxAuditLine-400)
		for _, e := range []Entry{e, entry(2)} {
			if err := a.Append(e); err != nil {
				t.Fatal(err)
			}
		}
		if entries, err := readLog(t, path); err != nil || len(entries) != 3 {
			t.Errorf("got %d entries, %v; want 3", len(entries), err)
		}
	})
}

// TestAuditTogether: entries of many goroutines follow each other, whole.
func TestAuditTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	a := OpenAudit(path)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 4 {
				if err := a.Append(entry(i*4 + j)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if entries, err := readLog(t, path); err != nil || len(entries) != 32 {
		t.Errorf("got %d entries, %v; want 32", len(entries), err)
	}
}

func FuzzReadAudit(f *testing.F) {
	text, err := os.ReadFile(writeLog(f, 3))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[:len(text)-9])
	f.Add([]byte("null\n{}\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		entries, err := ReadAudit(bytes.NewReader(log))
		lines := bytes.Count(log, []byte{'\n'}) + 1
		if len(entries) > lines {
			t.Errorf("%d entries in %d lines", len(entries), lines)
		}
		// A log in order stays in order when one more is appended.
		if err != nil || len(log) > maxAuditLine {
			return
		}
		path := filepath.Join(t.TempDir(), "audit.log")
		if err := os.WriteFile(path, log, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := OpenAudit(path).Append(entry(9)); err != nil {
			t.Fatal(err)
		}
		if again, err := readLog(t, path); err != nil || len(again) != len(entries)+1 {
			t.Errorf("%q: %d entries, with one more %d, %v", log, len(entries), len(again), err)
		}
	})
}
